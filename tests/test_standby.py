"""On a streaming standby: every read works and answers what the primary would, every write says where to go instead."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from inboxdb import cli
from inboxdb.database import sources
from inboxdb.demo import embedded
from inboxdb.drain.run import drain
from inboxdb.install import access, lists
from tests.rows import Host, new_id, set_slice
from tests.running import own_postgres
from tests.servers import MEMBER, MONITOR, OWNER, SETTINGS, Database, Server, new_folder
from tests.standby import caught_up, standby

READ_ONLY = "25006"


@dataclass(frozen=True)
class Pair:
    """A database on a primary, the same on its standby, and a workspace with an owner, a setter and two leads."""

    primary: Database
    standby: str
    workspace: str
    owner: str
    setter: str

    def dsn(self, role: str) -> str:
        """Return a role's connection string for the standby, once that has all that is committed."""
        caught_up(self.primary.server.dsn, self.standby)
        return make_conninfo(self.standby, dbname=self.primary.name, user=role, password=self.primary.server.password)

    def invoke(self, *arguments: str, role: str = OWNER) -> Result:
        """Run a command on the standby."""
        result = CliRunner().invoke(cli.main, [*arguments, "--json", "--dsn", self.dsn(role)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    def answer(self, *arguments: str, role: str = OWNER) -> Any:
        """Run a command on the standby that has to go well; return its answer."""
        result = self.invoke(*arguments, role=role)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def ask(self, user: str, query: str, *, on: str | None = None) -> list[Any]:
        """Query as a signed-in user, on the standby if no other connection string is given."""
        with psycopg.connect(on or self.dsn(MEMBER)) as connection:
            connection.execute("set local role authenticated")
            connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": user})])
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with embedded.server(new_folder(), own_postgres(request.config), settings=SETTINGS) as dsn:
        server = Server(dsn, secrets.token_hex(16))
        with server.database("wide-text", installed=True) as database, standby(dsn) as address:
            host = Host(database.writer())
            owner, setter = new_id(), new_id()
            workspace = host.workspace(userId=owner)
            host.member(workspace, setter, "SETTER")
            host.lead(workspace, assignedToUserId=setter)
            host.lead(workspace)
            host.row("WorkspaceSettings", clientId=workspace, timezone="Pacific/Kiritimati")
            database.connect().execute('grant select on "Lead" to authenticated')
            access.turn_on(database.dsn, access.Named(trusted=["app_writer"], restricted=["authenticated"]))
            drain(database.dsn)
            lists.build(database.dsn)
            yield Pair(database, address, workspace, owner, setter)
        server.close()


QUERIES = [
    "select * from inboxdb.inbox_counts order by scope_user_id",
    "select client_id, family, version from inboxdb.cache_version order by family",
    'select id from public."Lead" order by id',
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("who", ["owner", "setter"])
def test_rows_are_those_that_the_primary_shows(pair: Pair, query: str, who: str) -> None:
    user = getattr(pair, who)
    there = pair.ask(user, query, on=pair.primary.dsn_of(MEMBER))
    assert pair.ask(user, query) == there != []


@pytest.mark.parametrize("source", ["stored", "live"])
def test_counts_through_the_api(pair: Pair, source: str) -> None:
    setting = f"select inboxdb.set_setting('counts_source', '{source}')"
    pair.primary.connect().execute(setting)
    counts = f"select scope_user_id, total, version, source from inbox_api.inbox_counts('{pair.workspace}')"
    for user, total in ((pair.owner, 2), (pair.setter, 1)):
        [answer] = pair.ask(user, counts)
        assert answer[1::2] == (total, source)
        assert [answer] == pair.ask(user, counts, on=pair.primary.dsn_of(MEMBER))
    pair.primary.connect().execute(setting.replace(source, "stored"))


def test_lists_through_the_api(pair: Pair) -> None:
    """Pages, a conversation and its messages, and a cursor of the primary's."""
    primary = pair.primary.dsn_of(MEMBER)
    for name in ("all", "attention", "needs_repair", "ai_sent"):
        page = f"select * from inbox_api.conversations('{pair.workspace}', filter => '{name}', page_size => 1)"
        for user in (pair.owner, pair.setter):
            assert pair.ask(user, page) == pair.ask(user, page, on=primary)
    [(found, cursor, has_more, _, _)] = pair.ask(pair.owner, page.replace(name, "all"), on=primary)
    assert has_more
    [(rest, *_)] = pair.ask(
        pair.owner, f"select * from inbox_api.conversations('{pair.workspace}', after => '{cursor}')"
    )
    assert len({one["lead_id"] for one in found + rest}) == 2
    lead = found[0]["lead_id"]
    for read in (f"conversation('{lead}')", f"conversation_messages('{lead}')"):
        assert pair.ask(pair.owner, f"select * from inbox_api.{read}") != []
    [(campaigns, unattributed, _)] = pair.ask(
        pair.setter, f"select * from inbox_api.conversation_filters('{pair.workspace}')"
    )
    assert (campaigns, unattributed) == ([], 1)


def test_commands_that_read(pair: Pair) -> None:
    assert pair.answer("counts", pair.workspace)["total"] == 2
    assert len(pair.answer("conversations", pair.workspace)["conversations"]) == 2
    figures = pair.answer("analytics", pair.workspace)
    assert (figures["time_zone"], figures["overview"]["leads_created"]) == ("Pacific/Kiritimati", 2)
    assert pair.answer("status", role=MONITOR)["dirty_workspaces"] == 0
    assert "inboxdb_late_workspaces 0.0" in pair.answer("metrics", role=MONITOR)["metrics"]
    checks = pair.answer("doctor", role="postgres")["checks"]
    assert "not looked at" not in {one["status"] for one in checks}
    assert pair.answer("verify")["drifted"] == 0
    assert pair.answer("migrate", "verify")["healthy"]
    assert {one["state"] for one in pair.answer("migrate", "status")["migrations"]} == {"applied"}
    assert pair.answer("migrate", "apply", "--dry-run") == {"would_apply": []}
    assert pair.answer("rls", "plan")["decided"] == "enabled"


def refused_as_read_only(result: Result) -> bool:
    """Tell whether a command said where to go instead."""
    error = json.loads(result.stderr.splitlines()[-1])
    return (result.exit_code, error["sqlstate"]) == (1, READ_ONLY) and "connect to the primary" in error["error"]


def test_what_waits_is_seen_and_not_compared(pair: Pair) -> None:
    """A workspace with changes waiting is drained before it is compared, which a standby cannot do."""
    workspace = Host(pair.primary.writer()).workspace()
    assert pair.answer("status")["dirty_workspaces"] == 1
    assert refused_as_read_only(pair.invoke("verify"))
    drain(pair.primary.dsn)
    assert pair.answer("verify")["unverified"] == 0
    assert pair.answer("counts", workspace)["total"] == 0


@pytest.mark.parametrize(
    "command",
    [
        "drain-dirty", "mark --all", "requeue --all", "recompute {workspace}", "roles", "rls off", "publication on",
        "noted-updates changed",
        "migrate apply", "migrate rollback",
    ],
)  # fmt: skip
def test_commands_that_write_say_where_to_go(pair: Pair, command: str) -> None:
    assert refused_as_read_only(pair.invoke(*command.format(workspace=pair.workspace).split()))


def test_the_procedure_is_refused(pair: Pair) -> None:
    with (
        psycopg.connect(pair.dsn(OWNER), autocommit=True) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("call inboxdb.drain_dirty()")


def test_emptying_a_slice_cancels_nobody_on_the_standby(pair: Pair) -> None:
    """A dump of the standby has every table locked; where a lock of the primary's is replayed, it is cancelled."""
    server = pair.primary.server
    owner = pair.primary.connect()
    try:
        with psycopg.connect(make_conninfo(pair.standby, dbname=pair.primary.name)) as dump:
            for number in range(4):
                dump.execute(f"lock table inboxdb.change_{number} in access share mode".encode())
                assert leave_dead_rows(owner, number, rows=20_000, length=10) > 2**20
                assert empty_slice(owner, number) is False
                owner.execute(f"vacuum inboxdb.change_{number}".encode())
            caught_up(server.dsn, pair.standby)
            dump.execute("select 1")

        # past 64 MB the disk is worth more
        owner.execute("alter table inboxdb.change_0 alter column lead_id set storage plain")
        assert leave_dead_rows(owner, 0, rows=40_000, length=2000) > 2**26
        assert empty_slice(owner, 0) is True
    finally:
        # other tests look at this pair, before or after
        owner.execute((sources.SQL / "log" / "current_slice.sql").read_bytes())
        owner.execute("alter table inboxdb.change_0 alter column lead_id set storage extended")


def leave_dead_rows(owner: Connection[Any], number: int, *, rows: int, length: int) -> int:
    """Note changes of leads with ids of a length in a slice, and take them; return the slice's size."""
    noted = (
        f"insert into inboxdb.change_{number} (lead_id) select repeat('l', %s) || n from generate_series(1, %s) as n"
    )
    owner.execute(noted.encode(), [length, rows])
    owner.execute(f"delete from inboxdb.change_{number}".encode())
    [(size,)] = owner.execute("select pg_relation_size(%s)", [f"inboxdb.change_{number}"]).fetchall()
    return int(size)


def empty_slice(owner: Connection[Any], number: int) -> bool:
    """Empty a slice, as when the one two behind is in use."""
    set_slice(owner, f"{(number + 2) % 4}")
    return owner.execute("select inboxdb.empty_slice()").fetchone() == (True,)


def test_plan_names_the_standby(pair: Pair) -> None:
    result = pair.invoke("migrate", "plan")
    assert result.exit_code == 3
    [finding] = [one for one in json.loads(result.stdout)["findings"] if one["severity"] == "obstacle"]
    assert finding["check"] == "server"
    assert finding["evidence"] == "the server is a standby"
