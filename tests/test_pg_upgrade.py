"""pg_upgrade between two versions: inboxdb goes along, changes that wait included."""

import secrets
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from inboxdb.demo import embedded
from inboxdb.drain.run import drain
from inboxdb.install import access
from tests.clusters import Cluster
from tests.rows import Host, new_id
from tests.servers import SETTINGS, Server, new_folder
from tests.test_restore import NAMED, assert_sound, leave_waiting, next_xid, run, versions, waiting

OLD, NEW = 16, 18  # those at hand with a pg_upgrade and of one age: Debian's 15 is newer than either


@pytest.mark.slow
def test_inboxdb_goes_along() -> None:
    from_folder, to_folder = new_folder(), new_folder()
    with (
        embedded.server(from_folder, OLD, settings=SETTINGS) as dsn,
        embedded.server(to_folder, NEW, settings=SETTINGS),
    ):
        server = Server(dsn, secrets.token_hex(16))
        with server.database("mixed", installed=True) as database:
            access.turn_on(database.dsn, NAMED)
            with psycopg.connect(server.dsn_of(database.name), autocommit=True) as connection:
                host = Host(connection)
                workspace = host.workspace()
                host.ai_sent(host.lead(workspace, assignedToUserId=new_id(), lastInboundAt="2024-01-01 00:00:00+00"))
                drain(database.dsn)
                leave_waiting(host, workspace)
            with psycopg.connect(dsn, autocommit=True) as admin:
                admin.execute(f"create database upgraded template {database.name}".encode())
        server.close()
        before = versions(make_conninfo(dsn, dbname="upgraded"))
        counted = next_xid(dsn)

        was, now = Cluster(from_folder, OLD), Cluster(to_folder, NEW)
        was.stop()
        now.stop()
        # from 18 on a new cluster has them, and both have to agree
        subprocess.run(**now.command("pg_checksums", "--disable", "-D", now.data), check=True, capture_output=True)
        folders: list[str | Path] = [
            "-b",
            was.programs,
            "-B",
            now.programs,
            "-d",
            was.data,
            "-D",
            now.data,
            "-s",
            now.folder,
        ]
        result = subprocess.run(**now.command("pg_upgrade", *folders), capture_output=True, text=True)
        assert result.returncode == 0, result.stdout

        with now.started() as dsn:
            upgraded = make_conninfo(dsn, dbname="upgraded")
            assert next_xid(dsn) >= counted
            assert waiting(upgraded) > 300
            run(upgraded, "drain-dirty")
            assert_sound(upgraded)
            assert all(versions(upgraded)[key] >= version for key, version in before.items())
