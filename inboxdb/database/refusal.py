"""Why no connection can be made, by SQLSTATE, errno and class: words of a message depend on language and pooler."""

import ctypes
import errno
import os
import re
import socket
import ssl
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from select import select
from tempfile import TemporaryFile
from time import monotonic
from typing import IO

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

TIMEOUT = 5.0  # seconds, for finding out why a connection failed

# By SQLSTATE or its class, the longer first; what waiting does not mend. Any other code may pass (D100).
FINAL = {
    "28P01": "the server refused the user or the password",
    "28": "the server has no such role, or does not let this user in from here",
    "3D": "the server has no such database",
    "42501": "the role may not connect to that database",
    "42": "the server does not know a parameter or setting that the connection string or PGOPTIONS asks for",
    "22": "the server does not take the value of a parameter that the connection string or PGOPTIONS asks for",
    "0A": "the server does not support what the connection string or PGOPTIONS asks for",
}
PASSING = {
    "57P03": "the server is starting up, shutting down or recovering",
    "57P": "the server is shutting down, or ended the connection",
    "53300": "the server has no connection left",
    "53": "the server has no memory, no disk or no connection left",
    "55000": "the database takes no connections at present",
    "08": "the server or a pooler has no connection left, or cannot reach what is behind it",
}

# The verbosity of libpq that puts the SQLSTATE alone in place of the server's words.
SQLSTATE_ONLY = 3
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
NO_HOST = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)}


@dataclass(frozen=True)
class Refusal:
    """Why a connection could not be made, and whether waiting may help; `sqlstate` is None where no server said one."""

    reason: str
    may_pass: bool
    sqlstate: str | None = None


UNUSABLE_VALUE = Refusal("the connection string has a parameter with a value that libpq does not take", may_pass=False)


def why(error: psycopg.OperationalError, conninfo: str) -> Refusal:
    """Find out why a connection failed, by trying again where the error does not tell.

    Parameters: error, of psycopg.connect; conninfo, which it was called with.
    """
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return Refusal("it did not answer in time", may_pass=True)
    if error.sqlstate:
        return by_sqlstate(error.sqlstate)
    give_up_at = monotonic() + TIMEOUT
    connection = pq.PGconn.connect_start(conninfo.encode())
    try:
        if connection.status == pq.ConnStatus.BAD and _is_unusable(conninfo):
            return UNUSABLE_VALUE
        messages = _connect(connection, give_up_at)
        if monotonic() >= give_up_at:
            return Refusal("it did not answer in time", may_pass=True)
        codes = re.findall(r":\s+([0-9A-Z]{5})$", connection.get_error_message(), re.MULTILINE)
        if "08P01" in codes and re.search(r"\tSASLResponse\t[^\n]*\n[^\n]*\tErrorResponse\t", messages):
            # PgBouncer before 1.20 refuses a password by the code that stands for all of its errors
            return by_sqlstate("28P01")
        said = [by_sqlstate(code) for code in codes]
        if said:
            # of several hosts: a password that one refuses is wrong
            return next((refusal for refusal in said if not refusal.may_pass), said[-1])
        if connection.needs_password:
            return Refusal("the server wants a password", may_pass=False)
        host, port = (connection.hostaddr or connection.host).decode(), connection.port.decode() or "5432"
    finally:
        connection.finish()
    return _by_socket(host, int(port), conninfo, give_up_at) if port.isdecimal() else UNUSABLE_VALUE


def by_sqlstate(sqlstate: str) -> Refusal:
    """Say what a server or a pooler that refuses a connection with this code means."""
    for meanings in (FINAL, PASSING):
        for code, reason in meanings.items():
            if sqlstate.startswith(code):
                return Refusal(reason, meanings is PASSING, sqlstate)
    return Refusal("the server or a pooler cannot take the connection at present", may_pass=True, sqlstate=sqlstate)


def _libpq() -> ctypes.CDLL:
    """Load psycopg's libpq for two functions: psycopg lacks one, and holds the interpreter's lock in the other.

    Raises OSError or AttributeError where libpq is not to be had.
    """
    module = sys.modules[pq.PGconn.__module__].__file__ or ""
    return ctypes.CDLL(pq.misc.find_libpq_full_path() if module.endswith(".py") else module)


def _is_unusable(conninfo: str) -> bool:
    """Say whether libpq makes no attempt to connect, because it does not take a parameter's value.

    For connections that failed at once: libpq may ping each of several hosts, each for a time.
    """
    with suppress(OSError, AttributeError):
        ping = _libpq().PQping
        ping.argtypes = [ctypes.c_char_p]
        return bool(ping(make_conninfo(conninfo, connect_timeout=int(TIMEOUT)).encode()) == pq.Ping.NO_ATTEMPT)
    return False


def _connect(connection: pq.abc.PGconn, give_up_at: float) -> str:
    """Go on connecting, so that errors are told by SQLSTATE; return libpq's list of messages."""
    with suppress(OSError, AttributeError):  # no such function: then nothing is known by SQLSTATE, and all may pass
        verbosity = _libpq().PQsetErrorVerbosity
        verbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]
        verbosity(getattr(connection, "pgconn_ptr"), SQLSTATE_ONLY)  # noqa: B009 - its protocol leaves it out
    with _memory() as file:  # never on a disk, because libpq's list holds a password that the server wants as it is
        with suppress(psycopg.NotSupportedError):
            connection.trace(file.fileno())
        while connection.status != pq.ConnStatus.BAD and monotonic() < give_up_at:
            match connection.connect_poll():
                case pq.PollingStatus.READING:
                    select([connection.socket], [], [], _left(give_up_at))
                case pq.PollingStatus.WRITING:
                    select([], [connection.socket], [], _left(give_up_at))
                case _:
                    break
        connection.untrace()
        file.seek(0)
        return file.read().decode(errors="replace")


def _left(give_up_at: float) -> float:
    return max(give_up_at - monotonic(), 0.001)


def _memory() -> IO[bytes]:
    """Open a file in memory; on systems without such files libpq lists no messages, and the file stays empty."""
    return open(os.memfd_create("inboxdb"), "w+b") if hasattr(os, "memfd_create") else TemporaryFile()


def _by_socket(host: str, port: int, conninfo: str, give_up_at: float) -> Refusal:
    """Say what the network answers at that place, where no server said a code."""
    try:
        with _socket(host, port, give_up_at) as connected:
            return _by_tls(connected, conninfo, give_up_at)
    except socket.gaierror as error:
        if error.errno in NO_HOST:
            return Refusal("there is no such host", may_pass=False)
        return Refusal("its name cannot be looked up at present", may_pass=True)
    except TimeoutError:
        return Refusal("it did not answer in time", may_pass=True)
    except OSError as error:
        if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
            return Refusal("nothing listens there", may_pass=True)
        if error.errno == errno.EACCES:
            return Refusal("the socket is closed to this user", may_pass=False)
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return Refusal("there is no way to that host from here", may_pass=True)
    return Refusal("it closed the connection", may_pass=True)


def _socket(host: str, port: int, give_up_at: float) -> socket.socket:
    if not host.startswith(("/", "@")):
        return socket.create_connection((host, port), _left(give_up_at))
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(_left(give_up_at))
    path = f"{host}/.s.PGSQL.{port}"
    try:
        connected.connect("\0" + path[1:] if path.startswith("@") else path)
    except BaseException:
        connected.close()
        raise
    return connected


def _by_tls(connected: socket.socket, conninfo: str, give_up_at: float) -> Refusal:
    """Tell whether TLS is what the two sides do not agree on."""
    closed = Refusal("it closed the connection", may_pass=True)
    defaults = {option.keyword: option.val for option in pq.Conninfo.get_defaults()}
    given = {option.keyword: option.val for option in pq.Conninfo.parse(conninfo.encode())}
    wanted = given.get(b"sslmode") or defaults.get(b"sslmode")
    if connected.family == socket.AF_UNIX or wanted not in (b"require", b"verify-ca", b"verify-full"):
        return closed
    connected.settimeout(_left(give_up_at))
    connected.sendall(SSL_REQUEST)
    answer = connected.recv(1)
    if answer == b"N":
        return Refusal("the two sides do not agree on SSL (see sslmode)", may_pass=False)
    if answer != b"S":
        return closed
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    connected.settimeout(_left(give_up_at))
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(connected).close()
    except ssl.SSLEOFError:
        return closed
    except ssl.SSLError:
        return Refusal("the two sides do not agree on SSL (see sslmode)", may_pass=False)
    # the handshake is made where no certificate is looked at
    if wanted == b"require":
        return closed
    return Refusal("the server's certificate was not accepted", may_pass=False)
