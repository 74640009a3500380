"""Databases in other encodings than UTF8, and terminals in others: all works, or is refused by name."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import pq
from psycopg.sql import SQL, Identifier
from redis import Redis

from inboxdb import cli
from inboxdb.cli.app import NOT_HEALTHY
from tests import hosts
from tests.redis_server import redis_server
from tests.rows import Host
from tests.servers import OWNER, WRITER, Database, Server
from tests.test_cli import answer, refusal

# A workspace's id in each encoding of a server: its name for PostgreSQL and for Python, and characters that it has.
ENCODINGS = {
    "SQL_ASCII": ("utf-8", "café 東京"),
    "LATIN1": ("latin-1", "café"),
    "EUC_JP": ("euc_jp", "東京"),
    "WIN1252": ("cp1252", "“café”"),
    "LATIN5": ("iso8859-9", "İstanbul ığ"),
    "EUC_KR": ("euc_kr", "서울"),
    "KOI8R": ("koi8-r", "Москва"),
    "WIN1256": ("cp1256", "القاهرة"),
    "UTF8": ("utf-8", "東京 🏯"),
}
OFTEN = ("SQL_ASCII", "LATIN1", "EUC_JP")


@contextmanager
def encoded(server: Server, encoding: str, locale: str = "lc_collate 'C' lc_ctype 'C'") -> Iterator[Database]:
    """A new database in an encoding, with the host's tables, and one workspace and lead written in that encoding."""
    name = f"inboxdb_test_{encoding.lower()}_{os.getpid()}"
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0 encoding '{encoding}' {locale} strategy file_copy")
        try:
            admin.execute(SQL("grant create on database {} to {}").format(Identifier(name), Identifier(OWNER)))
            with ExitStack() as connections:
                database = Database(server, name, "text", connections)
                superuser = database.superuser(client_encoding="UTF8")
                superuser.execute(f"grant create on schema public to {OWNER}")
                superuser.execute(f"set role {OWNER}")
                superuser.execute(hosts.tables("text"))
                superuser.execute(f"grant select, insert, update, delete on all tables in schema public to {WRITER}")
                yield database
        finally:
            admin.execute(f"drop database {name} with (force)")


def write(database: Database, workspace: bytes) -> None:
    """Write a workspace and a lead as a client of the database's own encoding does."""
    writer = database.writer()
    writer.execute("select set_config('client_encoding', current_setting('server_encoding'), false)")
    for table, columns, ids in (("Client", 'id, "userId"', 2), ("Lead", 'id, "clientId", "assignedToUserId"', 3)):
        named = ', name, "updatedAt"' if table == "Client" else ', status, "updatedAt"'
        statement = f"insert into public.\"{table}\" ({columns}{named}) values ({'%b, ' * ids}'new', now())".encode()
        done = writer.pgconn.exec_(statement.replace(b"%b", b"'%b'" % workspace))
        assert done.status == pq.ExecStatus.COMMAND_OK, done.error_message


@pytest.mark.parametrize(
    "encoding", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in ENCODINGS]
)
def test_database_in_another_encoding(server: Server, encoding: str) -> None:
    """Every command works, as often as one likes: the text of migrations, too, comes back as it was sent."""
    codec, workspace = ENCODINGS[encoding]
    with encoded(server, encoding) as database:
        assert answer(database, "migrate", "apply", "--without-rls")["applied"]
        write(database, workspace.encode(codec))
        drained = answer(database, "drain-dirty")
        assert (drained["refreshed"], drained["failed"], drained["remaining"]) == (1, 0, 0)
        for scope in ((), ("--setter", workspace)):
            assert answer(database, "counts", workspace, *scope)["total"] == 1
        assert answer(database, "verify")["drifted"] == 0
        assert answer(database, "migrate", "verify")["healthy"]
        assert {one["state"] for one in answer(database, "migrate", "status")["migrations"]} == {"applied"}
        assert answer(database, "migrate", "apply", "--without-rls")["applied"] == []
        wrong = ("problem", "warning")
        # horizon is about the whole server, which others' tests share
        checks = [check for check in answer(database, "doctor")["checks"] if check["check"] != "horizon"]
        assert [check for check in checks if check["status"] in wrong] == []
        answer(database, "migrate", "suspend")
        answer(database, "migrate", "resume")
        database.connect().execute("call inboxdb.drain_dirty()")
        answer(database, "recompute", workspace)
        assert answer(database, "status")["dirty_workspaces"] == 0
        if encoding in ("LATIN1", "EUC_JP"):
            with redis_server() as redis:
                assert answer(database, "publish", "--redis-url", redis.url)["published"] == 3
                assert f"inbox:v1:ver:{workspace}" in redis.contents(), "as UTF-8"
            assert "has characters that the database's encoding lacks" in refusal(database, "mark", "🏯")
        if encoding == "SQL_ASCII":
            write(database, b"caf\xe9")
            failed = answer(database, "drain-dirty", status=NOT_HEALTHY)
            assert [(one["client_id"], one["error"]) for one in failed["failures"]] == [
                ("caf\udce9", "22021: an id of the workspace has characters that UTF8 lacks")
            ]
            write(database, b"cafe")
            with redis_server() as redis:
                done = answer(database, "drain-dirty", "--redis-url", redis.url, status=NOT_HEALTHY)
                assert done["refreshed"] == 1, "nobody else is held up"
                keys = set(Redis.from_url(redis.url).scan_iter())
                assert keys >= {b"jobs:v1:recompute-inbox-counts:caf\xe9", b"inbox:v1:ver:cafe"}
                assert f"inbox:v1:ver:{workspace}".encode() in keys
                assert answer(database, "status", status=NOT_HEALTHY)["unpublished_keys"] == 0
        answer(database, "uninstall", "--yes")


def test_terminal_in_another_encoding(database: Database) -> None:
    """Characters that the terminal lacks are printed as escapes; what was typed in none is no id."""
    workspace = Host(database.writer()).workspace(id="東京")

    def printed(*arguments: str) -> str:
        """Run a command as on a terminal in cp1252, of which click makes no other encoding."""
        result = CliRunner(charset="cp1252").invoke(cli.main, [*arguments, "--dsn", database.dsn])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result.output

    printed("drain-dirty")
    assert "\\u6771\\u4eac" in printed("counts", workspace)
    assert "\\u6771\\u4eac" in printed("counts", workspace, "--json")
    assert "\\u6771" in printed("counts", "東")
    for command in ("counts", "mark", "recompute", "requeue"):
        assert "has characters that the database's encoding lacks" in printed(command, "\udcff")
