"""inbox_api.inbox_counts: the caller's own counts, how fresh they are, and nothing without access."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import Connection, errors
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from tests.rows import GLOBAL, Counts, Host, live_counts, new_id, set_clock, stored_counts
from tests.servers import MEMBER, MONITOR, Database
from tests.test_identity import assert_malformed, fields_of

ANN = "00000000-0000-4000-8000-00000000000a"  # owns HERE
SUE = "00000000-0000-4000-8000-00000000000b"  # a setter with a lead
SAM = "00000000-0000-4000-8000-00000000000c"  # a setter without
POL = "00000000-0000-4000-8000-00000000000d"  # CLIENT_PORTAL
EVE = "00000000-0000-4000-8000-00000000000e"  # owns THERE, and nothing else

HERE = "00000000-0000-4000-8000-00000000c001"
THERE = "00000000-0000-4000-8000-00000000c002"

NOW = "2025-03-01 12:00:00+00"
SECONDS_14_AGO = "2025-03-01 11:59:46+00"
SECONDS_15_AGO = "2025-03-01 11:59:45+00"
SECONDS_16_AGO = "2025-03-01 11:59:44+00"

WHOLE = Counts(all_responses=1, total_non_blacklisted=2, awaiting_reply=2, total=2)
OWN = Counts(total_non_blacklisted=1, awaiting_reply=1, total=1)


class Tenants(NamedTuple):
    """Two workspaces, drained when the clock stood at NOW, where it stays."""

    database: Database
    owner: Connection[Any]
    host: Host
    assigned: str  # a lead of SUE's


def prepare(database: Database) -> str:
    """Make the two workspaces; return SUE's lead in HERE."""
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    host.workspace(id=HERE, userId=ANN)
    for user, role in ((SUE, "SETTER"), (SAM, "SETTER"), (POL, "CLIENT_PORTAL")):
        host.member(HERE, user, role)
    host.lead(HERE, lastInboundAt=SECONDS_14_AGO)
    assigned = host.lead(HERE, assignedToUserId=SUE)
    host.workspace(id=THERE, userId=EVE)
    host.lead(THERE, status="needs_repair", assignedToUserId=SUE)
    owner.execute("call inboxdb.drain_dirty()")
    return assigned


@pytest.fixture
def tenants(database: Database, owner: Connection[Any], host: Host) -> Tenants:
    set_collected(owner, 0)  # the template that this database is a copy of may be minutes old
    return Tenants(database, owner, host, database.prepared)


def ask(connection: Connection[Any], workspace: str) -> dict[str, Any]:
    """Ask for the caller's counts of a workspace."""
    cursor = connection.cursor(row_factory=dict_row)
    [row] = cursor.execute("select * from inbox_api.inbox_counts(%s)", [workspace]).fetchall()
    return row


def counts_of(row: Mapping[str, Any]) -> tuple[str, Counts]:
    """Return whose counts an answer has, and the counts."""
    return str(row["scope_user_id"]), Counts(*(row[name] for name in Counts._fields))


def refusal(connection: Connection[Any], workspace: str) -> dict[str, str]:
    """Ask for counts that are refused; return every field of the error."""
    with pytest.raises(psycopg.Error) as raised:
        ask(connection, workspace)
    return fields_of(raised.value)


def value(connection: Connection[Any], query: str, *parameters: Any) -> Any:
    """Run a query for one value."""
    [(found,)] = connection.execute(query.encode(), parameters).fetchall()
    return found


def go_live(owner: Connection[Any], source: str = "live") -> None:
    """Have counts read live, as docs say, or stored again."""
    owner.execute("select inboxdb.set_setting('counts_source', %s)", [source])


def set_dirty(owner: Connection[Any], since: str) -> None:
    """Have HERE wait for the drain since then."""
    owner.execute("delete from inboxdb.inbox_counts_dirty")
    owner.execute(
        "insert into inboxdb.inbox_counts_dirty (client_id, dirty_since, next_attempt_at) values (%s, %s, 'infinity')",
        [HERE, since],
    )


def set_collected(owner: Connection[Any], seconds_ago: int | None) -> None:
    """Have the last collector looked so many seconds ago, by the server's own clock; or none ever."""
    owner.execute(
        "update inboxdb.drain_state set collected_at = clock_timestamp() - make_interval(secs => %s)", [seconds_ago]
    )


# Whose counts


@pytest.mark.all_hosts
def test_each_member_reads_their_scope(tenants: Tenants) -> None:
    expected = {ANN: (GLOBAL, WHOLE), POL: (GLOBAL, WHOLE), SUE: (SUE, OWN), SAM: (SAM, Counts())}
    [(version, computed_at)] = tenants.owner.execute(
        """
        select v.version, s.computed_at
        from inboxdb.cache_version as v join inboxdb.inbox_counts as s on v.client_id = s.client_id and s.is_global
        where v.client_id = %s and v.family = 'inbox'
        """,
        [HERE],
    ).fetchall()
    for user, (scope, counts) in expected.items():
        row = ask(tenants.database.signed_in(user), HERE)
        assert counts_of(row) == (scope, counts)
        assert (row["version"], row["computed_at"]) == (version, computed_at), "also where the scope has no row"
        assert (row["dirty_since"], row["is_stale"], row["source"]) == (None, False, "stored")
    assert counts_of(ask(tenants.database.signed_in(EVE), THERE)) == (
        GLOBAL,
        Counts(total_non_blacklisted=1, awaiting_reply=1, needs_repair=1, total=1),
    )


@pytest.mark.all_hosts
def test_the_scope_follows_the_role_at_once(tenants: Tenants) -> None:
    """The stored counts do not change meanwhile."""
    connection = tenants.database.signed_in(SUE)
    manager = tenants.host.member(HERE, SUE, "INBOX_MANAGER")
    assert counts_of(ask(connection, HERE)) == (GLOBAL, WHOLE)
    tenants.host.delete("ClientMember", manager)
    assert counts_of(ask(connection, HERE)) == (SUE, OWN)
    tenants.host.update("Client", HERE, userId=SUE)
    assert counts_of(ask(connection, HERE)) == (GLOBAL, WHOLE)
    assert refusal(tenants.database.signed_in(ANN), HERE)["sqlstate"] == "IB007"


@pytest.mark.all_hosts
def test_a_workspace_that_was_never_counted_reads_zeros_as_of_never(tenants: Tenants) -> None:
    workspace = tenants.host.workspace(userId=ANN)
    tenants.host.member(workspace, SUE, "SETTER")
    tenants.host.lead(workspace, assignedToUserId=SUE)
    for user, scope in ((ANN, GLOBAL), (SUE, SUE)):
        row = ask(tenants.database.signed_in(user), workspace)
        assert counts_of(row) == (scope, Counts())
        assert (row["computed_at"], row["version"], row["dirty_since"]) == (None, None, None)


# Refusals


@pytest.mark.all_hosts
@pytest.mark.parametrize("user", [None, "", GLOBAL])
def test_without_an_identity_there_is_an_error_and_never_zeros(tenants: Tenants, user: str | None) -> None:
    connection = tenants.database.signed_in(user)
    answers = [refusal(connection, workspace) for workspace in (HERE, new_id())]
    assert answers[0]["sqlstate"] == "IB006"
    assert answers[0] == answers[1]


@pytest.mark.all_hosts
@pytest.mark.parametrize("source", ["stored", "live"])
def test_no_access_and_no_such_workspace_are_told_in_the_same_words(tenants: Tenants, source: str) -> None:
    go_live(tenants.owner, source)
    deleted = tenants.host.workspace(userId=ANN)
    tenants.host.lead(deleted)
    tenants.owner.execute("call inboxdb.drain_dirty()")
    tenants.host.delete("Client", deleted)  # its counts stand until the next drain
    assert deleted in stored_counts(tenants.owner)
    connection = tenants.database.signed_in(ANN)
    foreign, unknown, gone = (refusal(connection, workspace) for workspace in (THERE, new_id(), deleted))
    assert foreign["sqlstate"] == "IB007"
    assert foreign == unknown == gone
    assert {"message_primary", "message_detail", "message_hint", "context"} <= foreign.keys()

    membership = tenants.host.member(HERE, EVE, "ADMIN")
    removed = tenants.database.signed_in(EVE)
    ask(removed, HERE)
    tenants.host.delete("ClientMember", membership)
    assert refusal(removed, HERE) == foreign


@pytest.mark.all_hosts
def test_no_workspace_is_none_of_anybodys(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    with pytest.raises(psycopg.Error) as raised:
        connection.execute("select * from inbox_api.inbox_counts(null)")
    assert raised.value.sqlstate == "IB007"


@pytest.mark.all_hosts
def test_malformed_claims_are_an_error(tenants: Tenants) -> None:
    connection = tenants.database.claiming('{"sub": ["hush"]}')
    for workspace in (HERE, new_id()):
        assert_malformed(connection, f"select * from inbox_api.inbox_counts('{workspace}')")


@pytest.mark.parametrize("role", ["anon", None])
def test_who_is_not_signed_in_as_a_user_has_no_right_to_ask(tenants: Tenants, role: str | None) -> None:
    """Whatever the claims say."""
    connection = tenants.database.signed_in(ANN, "anon") if role else tenants.database.writer()
    with connection.transaction():
        connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": ANN})])
        with pytest.raises(errors.InsufficientPrivilege):
            ask(connection, HERE)


# Freshness


@pytest.mark.parametrize(
    ("dirty_since", "collected_seconds_ago", "is_stale"),
    [
        (None, 0, False),
        (None, 5, False),
        (None, 16, True),
        (None, None, True),
        (SECONDS_14_AGO, 0, False),
        (SECONDS_15_AGO, 0, False),
        (SECONDS_16_AGO, 0, True),
        (SECONDS_16_AGO, 16, True),
        (SECONDS_14_AGO, 16, True),
        (SECONDS_14_AGO, None, True),
    ],
)
def test_counts_are_stale_when_dirty_or_uncollected_for_over_15_seconds(
    tenants: Tenants, dirty_since: str | None, collected_seconds_ago: int | None, is_stale: bool
) -> None:
    if dirty_since:
        set_dirty(tenants.owner, dirty_since)
    set_collected(tenants.owner, collected_seconds_ago)
    noted = value(tenants.owner, "select dirty_since from inboxdb.inbox_counts_dirty") if dirty_since else None
    for user in (ANN, SUE, SAM):
        row = ask(tenants.database.signed_in(user), HERE)
        assert (row["dirty_since"], row["is_stale"]) == (noted, is_stale)


def test_where_the_drains_state_is_lost_counts_are_stale(tenants: Tenants) -> None:
    """Nobody knows whether anybody collects; the setting is as it was."""
    users = {user: tenants.database.signed_in(user) for user in (ANN, SUE, SAM)}
    before = {user: ask(connection, HERE) for user, connection in users.items()}
    tenants.owner.execute("delete from inboxdb.drain_state")
    for user, connection in users.items():
        assert ask(connection, HERE) == before[user] | {"is_stale": True}
    go_live(tenants.owner)
    for connection in users.values():
        row = ask(connection, HERE)
        assert (row["is_stale"], row["source"]) == (False, "live")


def test_a_workspace_made_anew_has_its_version_before_it_is_counted(tenants: Tenants) -> None:
    """From the table of versions, since there is no row of counts to find it in."""
    tenants.owner.execute("delete from inboxdb.inbox_counts where client_id = %s", [HERE])
    version = value(
        tenants.owner, "select version from inboxdb.cache_version where client_id = %s and family = 'inbox'", HERE
    )
    for user in (ANN, SUE):
        row = ask(tenants.database.signed_in(user), HERE)
        assert (row["version"], row["computed_at"], row["total"]) == (version, None, 0)


def test_a_dirty_workspace_makes_no_other_stale(tenants: Tenants) -> None:
    set_dirty(tenants.owner, SECONDS_16_AGO)
    row = ask(tenants.database.signed_in(EVE), THERE)
    assert (row["dirty_since"], row["is_stale"]) == (None, False)


def test_what_is_drained_is_fresh(tenants: Tenants) -> None:
    """From a change on: noted, collected, refreshed."""
    connection = tenants.database.signed_in(ANN)
    before = ask(connection, HERE)
    set_clock(tenants.owner, SECONDS_16_AGO)
    tenants.host.update("Lead", tenants.assigned, status="blacklisted")
    set_clock(tenants.owner, NOW)
    assert ask(connection, HERE) == before, "nobody has looked at the log"
    tenants.owner.execute("select inboxdb.collect()")
    row = ask(connection, HERE)
    assert (row["dirty_since"], row["is_stale"]) == (
        value(tenants.owner, "select %s::timestamptz", SECONDS_16_AGO),
        True,
    )
    assert counts_of(row) == counts_of(before)
    tenants.owner.execute("call inboxdb.drain_dirty()")
    row = ask(connection, HERE)
    assert (row["dirty_since"], row["is_stale"]) == (None, False)
    assert row["version"] > before["version"]
    assert counts_of(row) == (GLOBAL, WHOLE._replace(total_non_blacklisted=1, awaiting_reply=1))


def test_a_reader_recomputes_nothing_and_waits_for_nobody(tenants: Tenants) -> None:
    """Not for a refresh of the workspace, either, and it may be a transaction that must not write."""
    connection = tenants.database.signed_in(ANN)
    before = ask(connection, HERE)
    tenants.host.update("Lead", tenants.assigned, status="blacklisted")
    refreshing = tenants.database.connect(autocommit=False)
    assert value(refreshing, "select inboxdb.try_lock_workspace(%s)", HERE)
    assert value(refreshing, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"
    refreshing.execute('lock table "Lead" in access exclusive mode')  # a reader of the log would wait

    with connection.transaction():
        connection.execute("set local lock_timeout = '2s'")
        assert ask(connection, HERE) == before
        connection.execute("set transaction read only")
        assert ask(connection, HERE) == before
    refreshing.commit()
    assert counts_of(ask(connection, HERE)) != counts_of(before)


# Live


@pytest.mark.all_hosts
def test_counts_can_be_switched_to_live_and_back_at_once(tenants: Tenants) -> None:
    """In the caller's scope, as of now, never stale."""
    users = {user: tenants.database.signed_in(user) for user in (ANN, POL, SUE, SAM)}
    stored = {user: ask(connection, HERE) for user, connection in users.items()}
    now = value(tenants.owner, "select inboxdb.clock()")
    tenants.host.update("Lead", tenants.assigned, lastInboundAt=NOW, sentimentTag="Interested")
    tenants.host.lead(HERE, assignedToUserId=SUE, status="blacklisted")
    set_dirty(tenants.owner, SECONDS_16_AGO)
    set_collected(tenants.owner, None)

    go_live(tenants.owner)
    live = live_counts(tenants.owner, HERE)
    assert live[GLOBAL] != WHOLE
    assert live[SUE] != OWN
    for user, connection in users.items():
        scope = str(stored[user]["scope_user_id"])
        row = ask(connection, HERE)
        assert counts_of(row) == (scope, live.get(scope, Counts()))
        assert row["version"] == stored[user]["version"]
        assert (row["computed_at"], row["dirty_since"], row["is_stale"], row["source"]) == (now, None, False, "live")
    assert refusal(users[ANN], THERE)["sqlstate"] == "IB007"
    assert refusal(tenants.database.signed_in(None), HERE)["sqlstate"] == "IB006"
    uncounted = tenants.host.workspace(userId=ANN)
    row = ask(users[ANN], uncounted)
    assert (counts_of(row), row["computed_at"], row["version"]) == ((GLOBAL, Counts()), now, None)

    go_live(tenants.owner, "stored")
    tenants.owner.execute("delete from inboxdb.inbox_counts_dirty")
    set_collected(tenants.owner, 0)
    assert {user: ask(connection, HERE) for user, connection in users.items()} == stored


def test_the_switch_is_in_force_from_its_commit_on(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    switching = tenants.database.connect(autocommit=False)
    go_live(switching)
    assert ask(connection, HERE)["source"] == "stored"
    switching.commit()
    assert ask(connection, HERE)["source"] == "live"


def test_the_switch_shows_in_the_status(tenants: Tenants) -> None:
    watcher = tenants.database.connect(MONITOR)
    for source in ("stored", "live", "stored"):
        go_live(tenants.owner, source)
        assert value(watcher, "select counts_source from inboxdb.drain_status()") == source


@pytest.mark.parametrize("source", ["LIVE", "", "both", "enabled", "live\n", "stored|live"])
def test_the_switch_has_two_positions(tenants: Tenants, source: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        go_live(tenants.owner, source)
    assert raised.value.sqlstate == "IB017"
    with pytest.raises(psycopg.Error, match="no setting 'counts_sourse'"):
        tenants.owner.execute("select inboxdb.set_setting('counts_sourse', 'live')")
    assert tenants.owner.execute("select from inboxdb.setting").rowcount == 0


def test_a_setting_goes_back_to_its_default(tenants: Tenants) -> None:
    go_live(tenants.owner)
    tenants.owner.execute("select inboxdb.set_setting('counts_source', null)")
    assert ask(tenants.database.signed_in(ANN), HERE)["source"] == "stored"
    assert tenants.owner.execute("select from inboxdb.setting").rowcount == 0


def test_defaults_are_values_that_may_be(tenants: Tenants) -> None:
    for name, default in tenants.owner.execute("select setting_name, default_value from inboxdb.setting_definition"):
        tenants.owner.execute("select inboxdb.set_setting(%s, %s)", [name, default])


@pytest.mark.parametrize("table", ["Lead", "Message", "AIDraft"])
def test_live_counts_that_a_policy_would_lower_are_an_error(tenants: Tenants, table: str) -> None:
    tenants.owner.execute(f'alter table "{table}" enable row level security, force row level security')
    connection = tenants.database.signed_in(ANN)
    assert counts_of(ask(connection, HERE)) == (GLOBAL, WHOLE), "stored counts do not need the table"
    go_live(tenants.owner)
    with pytest.raises(errors.InsufficientPrivilege):
        ask(connection, HERE)


# Conditional requests


class Response(NamedTuple):
    """The headers and status set for PostgREST, beside the row."""

    row: dict[str, Any]
    headers: list[dict[str, str]] | None
    status: str | None

    @property
    def tag(self) -> str:
        """The single ETag."""
        assert self.headers
        [tag] = [header["ETag"] for header in self.headers if "ETag" in header]
        return tag


@contextmanager
def as_postgrest(
    connection: Connection[Any], headers: Mapping[str, Any] | str, method: str | None = "GET"
) -> Iterator[None]:
    """Open a transaction as PostgREST does for a request."""
    with connection.transaction():
        settings = {"request.headers": headers if isinstance(headers, str) else json.dumps(headers)}
        if method:
            settings["request.method"] = method
        for name, setting in settings.items():
            connection.execute("select set_config(%s, %s, true)", [name, setting])
        yield


def response(connection: Connection[Any]) -> tuple[list[dict[str, str]] | None, str | None]:
    """Return the headers and the status set in this transaction."""
    [(headers, status)] = connection.execute(
        "select current_setting('response.headers', true), current_setting('response.status', true)"
    ).fetchall()
    return json.loads(headers) if headers else None, status or None


def request(
    connection: Connection[Any],
    workspace: str = HERE,
    headers: Mapping[str, Any] | str = {"accept": "application/json"},
    method: str | None = "GET",
) -> Response:
    """Ask as PostgREST does."""
    with as_postgrest(connection, headers, method):
        row = ask(connection, workspace)
        return Response(row, *response(connection))


def conditional(connection: Connection[Any], wanted: Any, method: str | None = "GET") -> str | None:
    """Ask with an If-None-Match; return the status."""
    return request(connection, headers={"if-none-match": wanted}, method=method).status


@pytest.mark.all_hosts
def test_an_answer_is_tagged(tenants: Tenants) -> None:
    answer = request(tenants.database.signed_in(ANN))
    assert answer.headers == [{"ETag": answer.tag}, {"Cache-Control": "private, no-cache"}]
    assert answer.tag.startswith('W/"')
    assert answer.tag.endswith('"')
    assert answer.tag[3:-1].isalnum()
    assert answer.tag.isascii()
    assert answer.status is None


@pytest.mark.all_hosts
def test_a_tag_hangs_on_workspace_scope_version_and_staleness(tenants: Tenants) -> None:
    """And on nothing else."""
    owner, host = tenants.owner, tenants.host
    ann, sue = tenants.database.signed_in(ANN), tenants.database.signed_in(SUE)
    host.member(THERE, ANN, "ADMIN")
    owner.execute("update inboxdb.inbox_counts set version = 1 where is_global")  # the same in both workspaces

    fresh = request(ann).tag
    assert request(ann).tag == request(tenants.database.signed_in(POL)).tag == fresh, "the same scope"
    differ = [fresh, request(ann, THERE).tag, request(sue).tag, request(tenants.database.signed_in(SAM)).tag]
    set_dirty(owner, SECONDS_14_AGO)
    owner.execute("update inboxdb.inbox_counts set computed_at = computed_at - interval '1 hour', updated_at = now()")
    assert request(ann).tag == fresh, "no more than dirty"
    set_dirty(owner, SECONDS_16_AGO)
    differ.append(request(ann).tag)
    set_collected(owner, None)
    assert request(ann).tag == differ[-1], "stale for another reason"
    set_dirty(owner, NOW)
    assert request(ann).tag == differ[-1]
    set_collected(owner, 0)
    assert request(ann).tag == fresh
    owner.execute("update inboxdb.cache_version set version = version + 1 where family = 'analytics'")
    assert request(ann).tag == fresh, "not of this family"
    owner.execute("update inboxdb.inbox_counts set version = 2 where is_global")
    differ += [request(ann).tag, request(sue).tag]
    owner.execute("update inboxdb.inbox_counts set version = null")
    owner.execute("delete from inboxdb.cache_version")
    differ.append(request(ann).tag)
    assert len(set(differ)) == len(differ)


@pytest.mark.all_hosts
def test_headers_that_were_set_before_are_kept(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    before = [{"X-One": "1"}, {"Set-Cookie": 'a="b"'}]
    with as_postgrest(connection, {}):
        connection.execute("select set_config('response.headers', %s, true)", [json.dumps(before)])
        ask(connection, HERE)
        headers, _ = response(connection)
    assert headers
    assert headers[:2] == before
    assert [list(header) for header in headers[2:]] == [["ETag"], ["Cache-Control"]]


def test_nothing_is_left_for_the_next_request(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    tag = request(connection).tag
    assert conditional(connection, tag) == "304"
    assert response(connection) == (None, None)


@pytest.mark.all_hosts
def test_a_client_that_has_the_answer_is_told_304(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    tag = request(connection).tag
    strong = tag.removeprefix("W/")
    other = f'"{hashlib.sha256().hexdigest()}"'
    for wanted in (tag, strong, "*", f"{other}, {tag}", f"W/{other},{strong}", f"  {tag}  ", f"{tag},"):
        for method in ("GET", "HEAD"):
            assert conditional(connection, wanted, method) == "304", (wanted, method)
    answer = request(connection, headers={"if-none-match": tag})
    assert answer.tag == tag
    assert counts_of(answer.row) == (GLOBAL, WHOLE), "PostgREST leaves the body out"

    no_match = [other, f"W/{other}", strong[1:-1], f'{strong[:-2]}"', f"x{tag}", "W/*", "**", "", '""']
    for unlike in (*no_match, None, 1, [tag]):
        assert conditional(connection, unlike) is None, unlike
    for unsafe in ("POST", "PUT", "get", "", None):
        for wanted in (tag, "*"):
            assert conditional(connection, wanted, unsafe) is None, unsafe
    for header in ("If-None-Match", "if-match", "if-none-match "):
        assert request(connection, headers={header: tag}).status is None, header


def test_a_client_that_has_an_older_answer_gets_a_new_one(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    tag = request(connection).tag
    tenants.host.update("Lead", tenants.assigned, status="blacklisted")
    assert conditional(connection, tag) == "304"
    tenants.owner.execute("call inboxdb.drain_dirty()")
    answer = request(connection, headers={"if-none-match": tag})
    assert answer.status is None
    assert conditional(connection, answer.tag) == "304"


@pytest.mark.parametrize(
    "headers",
    ["x", "{", "[]", "null", "1", '"if-none-match"', '{"if-none-match": {}}', '{"a": "\\u0000"}', "x" * 100_000],
)
def test_malformed_headers_are_no_condition(tenants: Tenants, headers: str) -> None:
    answer = request(tenants.database.signed_in(ANN), headers=headers)
    assert counts_of(answer.row) == (GLOBAL, WHOLE)
    assert answer.status is None
    assert answer.tag


@pytest.mark.all_hosts
def test_access_is_checked_before_anything_is_tagged(tenants: Tenants) -> None:
    """A savepoint would undo the tag, so the calls are counted."""
    count_calls = SQL("alter role {} in database {} set track_functions = 'all'")
    tenants.database.superuser().execute(count_calls.format(Identifier(MEMBER), Identifier(tenants.database.name)))
    calls = "select coalesce(sum(calls), 0) from pg_stat_xact_user_functions where funcname = 'not_modified'"
    theirs = request(tenants.database.signed_in(EVE), THERE).tag
    connection = tenants.database.signed_in(ANN)
    plain = refusal(connection, THERE)
    for wanted in (theirs, "*"):
        with as_postgrest(connection, {"if-none-match": wanted}):
            before = value(connection, calls)
            with pytest.raises(psycopg.Error) as raised, connection.transaction():
                ask(connection, THERE)
            assert fields_of(raised.value) == plain
            assert value(connection, calls) == before
            ask(connection, HERE)
            assert value(connection, calls) == before + 1


@pytest.mark.all_hosts
def test_nothing_is_tagged_without_a_request(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    with connection.transaction():
        connection.execute("set local request.method = 'GET'")
        ask(connection, HERE)
        assert response(connection) == (None, None)
        connection.execute("set local request.headers = ''")
        ask(connection, HERE)
        assert response(connection) == (None, None)


@pytest.mark.all_hosts
def test_live_answers_are_not_tagged(tenants: Tenants) -> None:
    connection = tenants.database.signed_in(ANN)
    tag = request(connection).tag
    go_live(tenants.owner)
    for wanted in (tag, "*"):
        answer = request(connection, headers={"if-none-match": wanted})
        assert (answer.row["source"], answer.headers, answer.status) == ("live", None, None)


@pytest.mark.host_variants("text")
@pytest.mark.parametrize(
    "odd", ['"', ",", "\n", '", "*', '"}, {"Set-Cookie": "x', "\\", "\r\nSet-Cookie: x", "é", "W/"]
)
def test_an_id_cannot_add_a_header(tenants: Tenants, odd: str) -> None:
    workspace = tenants.host.workspace(id=f"here{odd}", userId=f"ann{odd}")
    tenants.host.member(workspace, f"sue{odd}", "SETTER")
    tags = []
    for user in (f"ann{odd}", f"sue{odd}"):
        connection = tenants.database.signed_in(user)
        answer = request(connection, workspace)
        assert answer.headers == [{"ETag": answer.tag}, {"Cache-Control": "private, no-cache"}]
        assert answer.tag[3:-1].isalnum()
        assert request(connection, workspace, {"if-none-match": answer.tag}).status == "304"
        tags.append(answer.tag)
    assert len({*tags, request(tenants.database.signed_in(ANN)).tag}) == 3


# The answer's shape


def test_contracts_name_the_columns(tenants: Tenants) -> None:
    contracts = (Path(__file__).parents[1] / "docs" / "contracts.md").read_text()
    table = contracts.partition("`inbox_api.inbox_counts(client_id)` answers")[2].partition("\n\nErrors")[0]
    named = re.findall(r"^\| `(\w+)` \| ", table, re.MULTILINE)
    counted = contracts.partition("## What is counted")[2].partition("##")[0]
    rows = re.findall(r"^\| `(\w+)` \| (visible|snoozed) \| (.*) \|$", counted, re.MULTILINE)
    meanings = [(name, of == "snoozed", meaning) for name, of, meaning in rows]
    query = "select name, of_snoozed, meaning from inboxdb.count order by bit"
    assert meanings == tenants.owner.execute(query).fetchall()
    assert named + [name for name, *_ in meanings] == list(ask(tenants.database.signed_in(ANN), HERE))


def test_the_answer_grows_in_place(tenants: Tenants) -> None:
    """A later migration adds a column: members may go on asking, in sessions from before, too."""
    connection = tenants.database.signed_in(ANN)
    before = ask(connection, HERE)
    tenants.owner.execute("alter type inboxdb.counts_answer add attribute meetings integer")
    assert ask(connection, HERE) == before | {"meetings": None}


# Cost


@pytest.mark.all_hosts
def test_reading_costs_the_same_however_large_the_workspace(tenants: Tenants) -> None:
    owner, host = tenants.owner, tenants.host
    small, large = host.workspace(userId=ANN), host.workspace(userId=ANN)
    for workspace, leads in ((small, 10), (large, 20_000)):
        host.member(workspace, SUE, "SETTER")
        owner.execute(
            """
            insert into public."Lead" (id, "clientId", "assignedToUserId", "updatedAt")
            select gen_random_uuid(), c.id, case when mod(n, 2) = 0 then m."userId" end, now()
            from generate_series(1, %s) as n
            cross join public."Client" as c join public."ClientMember" as m on c.id = m."clientId"
            where c.id = %s
            """,
            [leads, workspace],
        )
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("vacuum analyze")
    for user in (ANN, SUE):
        connection = tenants.database.signed_in(user)
        totals, buffers = {}, {}
        for workspace in (small, large):
            for _ in range(7):  # the last with the session's plans and caches made
                totals[workspace] = ask(connection, workspace)["total"]
                read = f"select * from inbox_api.inbox_counts('{workspace}')"
                [([explained],)] = connection.execute(
                    f"explain (analyze, buffers, format json) {read}".encode()
                ).fetchall()
                plan = explained["Plan"]
                buffers[workspace] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        assert totals == ({small: 10, large: 20_000} if user == ANN else {small: 5, large: 10_000})
        assert buffers[small] == buffers[large] > 0
