"""A streaming standby of a server of the test's own."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.interleave import DEADLINE, until
from tests.servers import SETTINGS, new_folder


@contextmanager
def standby(primary: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a hot standby of a primary, for as long as the `with` block lasts.

    Parameters: primary, the superuser's connection string of a server of `embedded.server`; settings,
    the standby's, besides those of SETTINGS.
    Yields the superuser's connection string.
    """
    home = Path(str(conninfo_to_dict(primary)["host"]))
    folder = new_folder()
    owner = os.stat(home / "data")
    os.chown(folder, owner.st_uid, owner.st_gid)
    # the primary's programs, where its user can get at them
    programs = Path(f"/proc/{(home / 'data' / 'postmaster.pid').read_text().split()[0]}/exe").resolve().parent
    identity: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    data = folder / "data"
    subprocess.run(
        [programs / "pg_basebackup", "-D", data, "-d", primary, "--write-recovery-conf", "--checkpoint=fast"],
        check=True, capture_output=True, cwd=folder, timeout=60, **identity,
    )  # fmt: skip
    options = {**SETTINGS, **(settings or {}), "unix_socket_directories": folder, "listen_addresses": ""}
    process = subprocess.Popen(
        [programs / "postgres", "-D", data, *(f"-c{name}={value}" for name, value in options.items())],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **identity,
    )  # fmt: skip
    try:
        address = make_conninfo(primary, host=str(folder))
        until(lambda: _answers(address))
        yield address
    finally:
        process.terminate()
        process.wait(DEADLINE)
        shutil.rmtree(folder)


def caught_up(primary: str, secondary: str) -> None:
    """Wait until a standby has replayed all commits of the primary so far."""
    with psycopg.connect(primary) as connection:
        [(written,)] = connection.execute("select pg_current_wal_insert_lsn()::text").fetchall()
    with psycopg.connect(secondary, autocommit=True) as watcher:
        query = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
        until(lambda: watcher.execute(query, [written]).fetchone() == (True,))


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True
