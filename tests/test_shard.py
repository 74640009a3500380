"""The shard's functions: each read in one call, the request as arguments, a refusal as data, else as a direct call."""

import json
import re
from typing import Any, NamedTuple

import pytest
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL

from inboxdb.install import lists
from tests import routing
from tests.asking import DAYS, Outcome, Request, arguments, ask, call, signed_in
from tests.rows import Host, new_id, set_clock
from tests.servers import MEMBER, ROUTER, Database
from tests.tenants import ACME, PEOPLE, move_in
from tests.test_api import set_collected

READS = {read.name: read for read in routing.reads()}
OWNER = PEOPLE[0].user  # of Acme

# Besides those that a read asks for: pages and filters, and what is refused by name.
CHOSEN: dict[str, list[dict[str, Any]]] = {
    "conversations": [
        {"filter": "responses", "page_size": 1, "channels": ["sms"], "sentiment_tags": [None, "Interested"]},
        {"search": "some body"},
        {"filter": "no filter"},
        {"page_size": 0},
        {"after": "no cursor"},
    ],
    "conversation_messages": [{"channel": "email", "page_size": 1}, {"channel": "no channel"}],
    "crm_rows": [DAYS, {"mode": "no mode"}, {"after": "no cursor"}],
    "analytics_days": [{"to_day": None}, {"to_day": "2024-05-01"}, {"to_day": "infinity"}],
}

SETTINGS = """
select name, current_setting(name, true)
from unnest(array[
  'request.jwt.claims', 'request.jwt.claim.sub', 'request.headers', 'request.method', 'response.headers',
  'response.status'
]) as name
"""


class Tenants(NamedTuple):
    """The two workspaces with their members, on a host with lists and analytics, while the clock stands."""

    database: Database
    member: Connection[Any]  # in role authenticated
    router: Connection[Any]
    workspace: str  # Acme, of OWNER
    lead: str  # of OWNER, in Acme

    def direct(self, request: Request, read: str, **chosen: Any) -> Outcome:
        """Call a read for Acme as PostgREST does."""
        return ask(self.member, request, read, arguments(READS[read], self.workspace, self.lead, **chosen))

    def by_shard(self, request: Request, read: str, **chosen: Any) -> Outcome:
        """Call the shard's function of a read for Acme."""
        return ask_shard(self.router, request, read, arguments(READS[read], self.workspace, self.lead, **chosen))


def ask_shard(router: Connection[Any], request: Request, read: str, given: dict[str, Any]) -> Outcome:
    """Call the shard's function of a read."""
    given = {**request._asdict(), **given}
    cursor = router.cursor(row_factory=dict_row)
    query = SQL("select * from inboxdb.{}").format(call(f"shard_{read}", given))
    [row] = cursor.execute(query, given).fetchall()
    headers, refusal = row["response_headers"], None
    if row["sqlstate"] is not None:
        refusal = (row["sqlstate"], row["message"], row["detail"], row["hint"])
    return Outcome(row["answer"], json.loads(headers) if headers else None, row["response_status"], refusal)


def prepare(database: Database) -> dict[str, str]:
    """Let the tenants move in, and build the indexes of lists; return the workspaces by name."""
    workspaces = move_in(database)
    lists.build(database.direct_dsn)
    set_clock(database.connect(), "2024-06-15 12:00:00+00")
    set_collected(database.connect(), 3600)  # stale, and so it stays
    return workspaces


@pytest.fixture
def tenants(database: Database, owner: Connection[Any]) -> Tenants:
    member = database.connect(MEMBER, direct=True)
    member.execute("set role authenticated")
    workspace = database.prepared[ACME]
    query = """select id::text from public."Lead" where "clientId"::text = %s and "assignedToUserId"::text = %s"""
    [(lead,)] = owner.execute(query, [workspace, OWNER]).fetchall()
    return Tenants(database, member, database.connect(ROUTER, direct=True), workspace, lead)


pytestmark = pytest.mark.host_variants("wide-text", "wide-uuid")


def test_each_read_of_the_catalog_has_a_function_of_the_shards(owner: Connection[Any]) -> None:
    """With its parameters behind those of the request, ids as text, for routers alone."""
    query = """
        select
          p.proname::text, pg_get_function_arguments(p.oid), p.prorettype::regtype::text, p.prosecdef,
          array(
            select e.grantee::regrole::text from aclexplode(p.proacl) as e where e.grantee <> p.proowner order by 1
          )
        from pg_proc as p
        where p.pronamespace = %s::regnamespace and p.proname not in ('shard_workspaces', 'note_reads')
          and p.proname like %s
    """
    read = {name: parameters for name, parameters, *_ in owner.execute(query, ["inbox_api", "%"])}
    assert read.keys() == READS.keys()
    expected = {
        f"shard_{name}": (
            f"claims text, headers text, method text, {re.sub(r'inboxdb.(client|lead)_id', 'text', parameters)}",
            "inboxdb.shard_answer",
            True,
            ["inboxdb_router"],
        )
        for name, parameters in read.items()
    }
    found = owner.execute(query, ["inboxdb", r"shard\_%"]).fetchall()
    assert {name: tuple(facts) for name, *facts in found} == expected


def test_a_read_without_a_function_of_the_shards_is_noticed(tmp_path: Any) -> None:
    folder = tmp_path / "api"
    folder.mkdir()
    (tmp_path / "shard").mkdir()
    (folder / "new.sql").write_text(
        "create or replace function inbox_api.new(\n  lead_id inboxdb.lead_id, tags text[] default null\n)\n"
        "returns setof inboxdb.new_answer\nas $$\n  select * from inboxdb.read_new(lead_id, tags)\n$$;\n"
    )
    [(file, text)] = routing.written(tmp_path).items()
    assert file == tmp_path / "shard/shard_new.sql"
    assert "  claims text, headers text, method text, lead_id text, tags text[] default null\n" in text
    assert "inboxdb.read_new(\n        lead_id::inboxdb.lead_id, tags\n      ) as r\n" in text


def test_sql_has_a_function_of_the_shards_as_each_read_is_now() -> None:
    assert routing.written() == {}, "run `make migration`"


def test_everybody_gets_what_a_direct_call_gives(tenants: Tenants) -> None:
    """Of both workspaces, of one that is not there, and of an id that is none: answers and refusals, word for word."""
    unlike = []
    ids = [*tenants.database.prepared.values(), new_id(), "no id"]
    for person in PEOPLE:
        for read in READS.values():
            for client_id in ids:
                given = arguments(read, client_id, tenants.lead if client_id == tenants.workspace else client_id)
                request = signed_in(person.user)
                direct = ask(tenants.member, request, read.name, given)
                if ask_shard(tenants.router, request, read.name, given) != direct:
                    unlike.append((person.name, read.name, client_id))
    assert unlike == []


def test_each_argument_goes_along(tenants: Tenants) -> None:
    seen = set()
    for read, calls in CHOSEN.items():
        for chosen in calls:
            direct = tenants.direct(signed_in(OWNER), read, **chosen)
            assert tenants.by_shard(signed_in(OWNER), read, **chosen) == direct, (read, chosen)
            seen.add(direct.refusal and direct.refusal[0])
    assert seen == {None, "IB016", "IB021"}
    first = tenants.by_shard(signed_in(OWNER), "conversations", page_size=1).answer
    assert first
    after = {"page_size": 1, "after": first["cursor"]}
    second = tenants.by_shard(signed_in(OWNER), "conversations", **after)
    assert second == tenants.direct(signed_in(OWNER), "conversations", **after)
    assert second.answer
    assert second.answer["conversations"] != first["conversations"]


def test_answers_are_tagged_and_not_modified_as_direct_ones(tenants: Tenants) -> None:
    """In transactions that only read, too, as PostgREST's for GET."""
    tenants.router.execute("set default_transaction_read_only = on")
    for read in READS:
        direct = tenants.direct(signed_in(OWNER, accept="application/json"), read)
        assert tenants.by_shard(signed_in(OWNER, accept="application/json"), read) == direct
        again = tenants.by_shard(signed_in(OWNER, **{"if-none-match": direct.tag}), read)
        assert again == direct._replace(status="304")
        posted = signed_in(OWNER, **{"if-none-match": direct.tag})._replace(method="POST")
        assert tenants.by_shard(posted, read) == direct
    for headers in ("x", "[]", "null"):
        request = signed_in(OWNER)._replace(headers=headers, method="GET")
        assert tenants.by_shard(request, "inbox_counts") == tenants.direct(request, "inbox_counts")


@pytest.mark.parametrize("claims", ["x", "[]", '{"sub": 1}', '{"sub": ""}', "null", "", None])
def test_claims_that_name_nobody(tenants: Tenants, claims: str | None) -> None:
    refused = tenants.by_shard(Request(claims), "inbox_counts")  # type: ignore[arg-type]
    assert refused == tenants.direct(Request(claims or ""), "inbox_counts")
    assert refused.refusal
    assert refused.refusal[0] in ("IB005", "IB006")


@pytest.mark.parametrize("user", [OWNER, None])
def test_nothing_of_a_request_is_left_in_its_transaction(tenants: Tenants, user: str | None) -> None:
    """Answered or refused, the settings are empty afterwards; those of the session come back with its end."""
    router = tenants.router
    own = {name: f"own {name}" for name, _ in router.execute(SETTINGS).fetchall()}
    own["request.jwt.claim.sub"] = OWNER or ""
    for name, value in own.items():
        router.execute("select set_config(%s, %s, false)", [name, value])
    with router.transaction():
        outcome = tenants.by_shard(signed_in(user, accept="*/*"), "inbox_counts")
        assert (outcome.refusal or ("answered",))[0] == ("answered" if user else "IB006")
        assert {value for _, value in router.execute(SETTINGS)} == {""}
    assert dict(router.execute(SETTINGS).fetchall()) == own


def test_a_call_out_of_time_is_refused_as_a_direct_one(tenants: Tenants) -> None:
    with tenants.database.connect() as other, other.transaction():
        other.execute('lock table public."Client"')
        for connection in (tenants.router, tenants.member):
            connection.execute("set statement_timeout = 50")
        late = tenants.by_shard(signed_in(OWNER), "inbox_counts")
        assert late == tenants.direct(signed_in(OWNER), "inbox_counts")
        assert late.refusal
        assert late.refusal[0] == "57014"
    assert {value for _, value in tenants.router.execute(SETTINGS)} <= {None, ""}
    tenants.router.execute("set statement_timeout = 0")
    assert tenants.by_shard(signed_in(OWNER), "inbox_counts").answer


def test_an_answer_grows_in_place(tenants: Tenants, owner: Connection[Any]) -> None:
    """A later migration adds a column: in sessions from before, too."""
    before = tenants.by_shard(signed_in(OWNER), "inbox_counts")
    assert before.answer
    owner.execute("alter type inboxdb.counts_answer add attribute meetings integer")
    after = tenants.by_shard(signed_in(OWNER), "inbox_counts")
    assert after.answer == before.answer | {"meetings": None}


def test_a_shard_says_which_workspaces_it_has(tenants: Tenants, host: Host) -> None:
    there = {id_ for (id_,) in host.connection.execute('select id::text from public."Client"')}
    query = "select inboxdb.shard_workspaces()"
    assert {id_ for (id_,) in tenants.router.execute(query)} == there == {*tenants.database.prepared.values()}
