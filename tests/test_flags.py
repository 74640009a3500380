"""Flags: reads are switched off for whom they should be, at once, and only members are told."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier

from tests import test_lists
from tests.interleave import Stage
from tests.rows import Host, new_id, set_clock
from tests.servers import DRAINER, MONITOR, OWNER, WRITER, Database
from tests.test_api import as_postgrest, response
from tests.test_cli import answer, invoke, refusal
from tests.test_identity import fields_of
from tests.test_lists import ANN, EVE, HERE, NOW, POL, SUE, THERE
from tests.test_long_ids import long_id

ROOT = Path(__file__).parents[1]

# The contract's flags, and the reads behind each.
FLAGS = {
    flag: re.findall(r"`(\w+)`", reads)
    for flag, reads in re.findall(
        r"^\| `(\w+_read)` \| (.+) \|$", (ROOT / "docs" / "contracts.md").read_text(), re.MULTILINE
    )
}
ALL_ON = dict.fromkeys(FLAGS, True)

# As they are now, so that no change can hide.
STATE = """
select
  (select coalesce(jsonb_agg(f order by f.flag_name), '[]') from inboxdb.flag as f),
  (select coalesce(jsonb_agg(o order by o.flag_name, o.client_id), '[]') from inboxdb.flag_override as o),
  (select coalesce(jsonb_agg(h order by h.flag_name, h.number), '[]') from inboxdb.flag_history as h)
"""

# Every read of inbox_api, with a call of each: of a workspace or a lead, in June, and all else by default.
CALLS = """
select
  p.proname::text,
  format(
    'select from inbox_api.%I(%s)', p.proname,
    (
      select string_agg(
        case t.type::regtype::text
          when 'inboxdb.client_id' then '%(workspace)s'
          when 'inboxdb.lead_id' then '%(lead)s'
          when 'date' then '''2024-06-01'''
          else 'null'
        end, ', ' order by t.place
      )
      from unnest(p.proargtypes) with ordinality as t (type, place)
      where t.place <= p.pronargs - p.pronargdefaults
    )
  )
from pg_proc as p
where p.pronamespace = 'inbox_api'::regnamespace and p.provolatile <> 'v'
"""


# Flag, workspace, and the place of the one in the roll-out of the other.
COHORTS = [
    ("counts_read", HERE, 55),
    ("inbox_read", HERE, 65),
    ("analytics_read", HERE, 4),
    ("inbox_read", THERE, 38),
    ("inbox_read", "", 63),
    ("inbox_read", "é %s '", 49),
]


def prepare(database: Database) -> str:
    """Make two workspaces as for lists, and a lead of SUE's in each; return the one in HERE."""
    test_lists.prepare(database)
    host = Host(database.writer())
    host.lead(THERE, assignedToUserId=SUE)
    return host.lead(HERE, assignedToUserId=SUE)


@pytest.fixture
def lead(database: Database) -> str:
    return str(database.prepared)


@pytest.fixture
def calls(owner: Connection[Any]) -> dict[str, str]:
    return dict(owner.execute(CALLS).fetchall())


def switch(
    connection: Connection[Any],
    flag: str | None,
    state: str | None,
    workspace: str | None = None,
    why: str | None = "a test",
) -> None:
    connection.execute("select inboxdb.set_flag(%s, %s, %s, %s)", [flag, state, why, workspace])


def code(connection: Connection[Any], query: str, **arguments: Any) -> str | None:
    """Run a query; return the SQLSTATE of a refusal."""
    try:
        connection.execute(query.encode(), arguments or None)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def counts_code(connection: Connection[Any], workspace: str = HERE) -> str | None:
    return code(connection, "select from inbox_api.inbox_counts(%(workspace)s)", workspace=workspace)


def told(connection: Connection[Any], workspace: str = HERE) -> dict[str, bool]:
    """Ask which flags are on for a workspace."""
    [(flags,)] = connection.execute("select flags from inbox_api.flags(%s)", [workspace]).fetchall()
    return dict(flags)


# Who is refused


@pytest.mark.all_hosts
def test_every_read_is_behind_the_flag_that_the_contract_says(
    database: Database, owner: Connection[Any], lead: str, calls: dict[str, str]
) -> None:
    """And behind no other, for owner, member and setter alike."""
    behind = {read: flag for flag, reads in FLAGS.items() for read in reads}
    assert behind.keys() == calls.keys() - {"flags"}
    known = owner.execute('select flag_name from inboxdb.flag_definition order by flag_name collate "C"').fetchall()
    assert [flag for (flag,) in known] == sorted(FLAGS)

    readers = [database.signed_in(user) for user in (ANN, POL, SUE)]
    for off in (None, *FLAGS):
        if off:
            switch(owner, off, "off")
        for reader in readers:
            refused = {read for read, call in calls.items() if code(reader, call, workspace=HERE, lead=lead) == "IB015"}
            assert refused == set(FLAGS[off] if off else ()), off
        if off:
            switch(owner, off, "default")


def test_the_refusal_names_the_flag_and_says_what_to_do(
    database: Database, owner: Connection[Any], lead: str, calls: dict[str, str]
) -> None:
    reader = database.signed_in(ANN)
    for flag, reads in FLAGS.items():
        switch(owner, flag, "off")
        for read in reads:
            with pytest.raises(psycopg.Error) as raised:
                reader.execute(calls[read].encode(), {"workspace": HERE, "lead": lead})
            said = fields_of(raised.value)
            assert said["sqlstate"] == "IB015"
            assert said["message_primary"] == f"flag {flag} is off for this workspace"
            assert said["message_detail"] == "Nothing was read."
            assert "inbox_api.flags" in said["message_hint"]


def test_strangers_learn_nothing_from_a_flag(
    database: Database, owner: Connection[Any], lead: str, calls: dict[str, str]
) -> None:
    """They are refused in the same words, whatever its state, and whether or not the workspace is there."""
    strangers = [database.signed_in(user) for user in (new_id(), EVE, None)]

    def words() -> list[Any]:
        found = []
        for stranger in strangers:
            for name in calls.values():
                for workspace, one in ((HERE, lead), (new_id(), new_id())):
                    with pytest.raises(psycopg.Error) as raised:
                        stranger.execute(name.encode(), {"workspace": workspace, "lead": one})
                    assert raised.value.sqlstate in ("IB006", "IB007")
                    found.append(sorted(fields_of(raised.value).items()))
        return found

    before = words()
    for flag in FLAGS:
        switch(owner, flag, "off")
        switch(owner, flag, "off", HERE)
    assert words() == before
    # a setter whose lead another has
    other = Host(database.writer()).lead(HERE, assignedToUserId=ANN)
    assert code(database.signed_in(SUE), calls["conversation"], lead=other) == "IB007"


def test_nothing_is_read_for_who_is_refused(
    database: Database, owner: Connection[Any], lead: str, calls: dict[str, str]
) -> None:
    for flag in FLAGS:
        switch(owner, flag, "off")
    for table, column in (
        ('public."Message"', "channel"),
        ("inboxdb.inbox_counts", "version"),
        ('public."Lead"', "status"),
    ):
        owner.execute(f"alter table {table} rename column {column} to elsewhere".encode())
    assert code(database.signed_in(SUE), "select from inbox_api.flags(%(workspace)s)", workspace=HERE) is None
    reader = database.signed_in(ANN)
    for read in calls.keys() - {"flags"}:
        assert code(reader, calls[read], workspace=HERE, lead=lead) == "IB015", read


def test_no_header_claim_or_setting_of_a_callers_overrides_a_flag(database: Database, owner: Connection[Any]) -> None:
    switch(owner, "counts_read", "off")
    reader = database.claiming(json.dumps({"sub": ANN, "flags": ["counts_read"], "counts_read": "on"}))
    with as_postgrest(reader, {"x-flag": "counts_read", "counts_read": "on", "x-inboxdb-flags": "on"}):
        for name in ("inboxdb.counts_read", "inboxdb.flag", "request.flags"):
            reader.execute("select set_config(%s, 'on', true)", [name])
        with pytest.raises(psycopg.Error) as raised:
            reader.execute("select from inbox_api.inbox_counts(%s)", [HERE])
        assert raised.value.sqlstate == "IB015"


# On for whom


@pytest.mark.all_hosts
def test_a_workspace_beats_the_percentage_which_beats_the_default(database: Database, owner: Connection[Any]) -> None:
    here, there = database.signed_in(ANN), database.signed_in(EVE)
    for percentage, whole in (("default", True), ("off", False), ("on", True), ("0%", False), ("100%", True)):
        switch(owner, "counts_read", percentage)
        for state, own in (("default", whole), ("on", True), ("off", False), ("default", whole)):
            switch(owner, "counts_read", state, HERE)
            assert counts_code(here) == (None if own else "IB015"), (percentage, state)
            assert told(here) == ALL_ON | {"counts_read": own}
            assert counts_code(there, THERE) == (None if whole else "IB015"), "another workspace's is no concern"
            assert told(there, THERE) == ALL_ON | {"counts_read": whole}
        is_set = owner.execute("select from inboxdb.flag").rowcount == 1
        assert is_set == (percentage != "default"), "a read asks no further where nothing is set"


def test_a_percentage_that_grows_only_adds_workspaces(owner: Connection[Any]) -> None:
    ids = [f"workspace {number}" for number in range(1000)]

    def on(flag: str, percentage: int) -> set[str]:
        query = "select id from unnest(%s::text[]) as id where inboxdb.is_on_for(%s, %s, id)"
        return {id_ for (id_,) in owner.execute(query, [ids, flag, percentage])}

    for flag in FLAGS:
        grown = [on(flag, percentage) for percentage in (0, 1, 5, 25, 50, 99, 100)]
        assert all(less < more for less, more in pairwise(grown))
        assert (grown[0], len(grown[-1])) == (set(), len(ids))
        assert 190 < len(grown[3]) < 310, "about a quarter of them"
    assert on("inbox_read", 25) != on("analytics_read", 25), "not the same workspaces first each time"


def test_a_cohort_is_the_same_on_every_server(owner: Connection[Any]) -> None:
    """As on 15 to 18 today: a workspace that moved to another cohort would lose a read, or get it, by an upgrade."""
    places = owner.execute(
        "select f, c, inboxdb.flag_cohort(f, c) from unnest(%s::text[], %s::text[]) as u (f, c)",
        [[flag for flag, *_ in COHORTS], [id_ for _, id_, _ in COHORTS]],
    ).fetchall()
    assert places == COHORTS


@pytest.mark.all_hosts
def test_a_percentage_is_of_cohorts(database: Database, owner: Connection[Any]) -> None:
    """The place of a workspace decides, to the percent; the last one is below 100."""
    [(place,)] = owner.execute("select inboxdb.flag_cohort('counts_read', %s)", [HERE]).fetchall()
    reader = database.signed_in(ANN)
    switch(owner, "counts_read", f"{place}%")
    assert counts_code(reader) == "IB015"
    switch(owner, "counts_read", f"{place + 1}%")
    assert counts_code(reader) is None


def test_lost_rows_refuse_nobody(database: Database, owner: Connection[Any]) -> None:
    """As after a restore of a part; and the next change goes on from there."""
    switch(owner, "counts_read", "off")
    switch(owner, "counts_read", "off", HERE)
    owner.execute("truncate inboxdb.flag, inboxdb.flag_override")
    assert told(database.signed_in(ANN)) == ALL_ON
    switch(owner, "counts_read", "off")
    assert counts_code(database.signed_in(ANN)) == "IB015"
    owner.execute("truncate inboxdb.flag_history")
    switch(owner, "counts_read", "on")
    assert counts_code(database.signed_in(ANN)) is None


def test_flags_are_told_to_members_of_any_role(database: Database, owner: Connection[Any]) -> None:
    """With a tag of what they are told."""
    switch(owner, "inbox_read", "off", HERE)
    readers = [database.signed_in(user) for user in (ANN, POL, SUE)]
    assert [told(reader) for reader in readers] == [ALL_ON | {"inbox_read": False}] * 3
    assert told(readers[2], THERE) == ALL_ON
    tags = []
    for state in ("off", "default", "off"):
        switch(owner, "inbox_read", state, HERE)
        with as_postgrest(readers[0], {}):
            told(readers[0])
            headers, status = response(readers[0])
        assert headers
        assert status is None
        tags.append(headers[0]["ETag"])
        with as_postgrest(readers[0], {"if-none-match": tags[-1]}):
            told(readers[0])
            assert response(readers[0])[1] == "304"
    assert tags[0] == tags[2] != tags[1]


# At once


def test_a_switch_is_in_force_from_its_commit_on(database: Database, owner: Connection[Any]) -> None:
    """For sessions that are there, whatever they have planned; nobody waits for it."""
    switching = database.connect(autocommit=False)
    readers = [database.signed_in(user) for user in (ANN, SUE)]
    for reader in readers:
        reader.execute("set plan_cache_mode = force_generic_plan")
        reader.execute("set lock_timeout = '2s'")
        reader.execute("prepare counts as select from inbox_api.inbox_counts($1)")
        reader.execute("prepare page as select from inbox_api.conversations($1)")
    asked = {"counts_read": f"execute counts('{HERE}')", "inbox_read": f"execute page('{HERE}')"}
    for state, whole in (("off", "IB015"), ("on", None), ("0%", "IB015"), ("default", None)):
        before = [[code(reader, query) for query in asked.values()] for reader in readers for _ in range(7)]
        for flag in asked:
            switch(switching, flag, state)
        assert [[code(reader, query) for query in asked.values()] for reader in readers for _ in range(7)] == before
        switching.commit()
        for reader in readers:
            assert [code(reader, query) for query in asked.values()] == [whole, whole], state


def test_within_a_transaction_its_snapshot_decides(database: Database, owner: Connection[Any]) -> None:
    """The next statement's, at READ COMMITTED; with one snapshot for all statements the next transaction's."""
    committed, repeatable = database.signed_in(ANN), database.signed_in(ANN)
    with committed.transaction(force_rollback=True), repeatable.transaction():
        repeatable.execute("set transaction isolation level repeatable read, read only")
        assert counts_code(committed) is None
        assert counts_code(repeatable) is None
        switch(owner, "counts_read", "off")
        assert counts_code(repeatable) is None
        assert counts_code(committed) == "IB015"
    assert counts_code(repeatable) == "IB015"


def test_a_read_that_is_under_way_ends_as_it_began(stage: Stage) -> None:
    """Its snapshot is from before the switch."""
    reader = stage.database.signed_in(ANN)
    stage.owner.execute("select pg_advisory_lock(15)")
    query = """
        with begun as materialized (select pg_advisory_xact_lock_shared(15), %s::text as workspace)
        select c.total from begun as b cross join lateral inbox_api.inbox_counts(b.workspace) as c
    """
    under_way = stage.start(reader, query, [HERE])
    under_way.wait_until_it_waits_for(stage.owner)
    switch(stage.session(), "counts_read", "off")
    stage.owner.execute("select pg_advisory_unlock(15)")
    assert under_way.finish() == [(0,)]
    assert counts_code(reader) == "IB015"


# Who set it


@pytest.mark.parametrize("was_set", [False, True])
@pytest.mark.parametrize("state", ["off", "default"])
@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_changes_of_a_flag_follow_each_other(stage: Stage, was_set: bool, state: str, ends: str) -> None:
    """The history has the order in which they came into force, also where the first takes the flag's row away."""
    first, second = stage.database.connect(autocommit=False), stage.session()
    second.execute("set lock_timeout = 0")
    if was_set:
        switch(stage.owner, "inbox_read", "50%", why="before")
    switch(first, "inbox_read", state, why="first")
    waiting = stage.start(second, "select inboxdb.set_flag('inbox_read', 'on', 'second', %s)", [HERE])
    waiting.wait_until_it_waits_for(first)
    switch(stage.session(), "counts_read", "off", why="another flag does not wait")
    first.execute(ends)
    waiting.finish()
    history = stage.owner.execute(
        "select number, why from inboxdb.flag_history where flag_name = 'inbox_read' order by number"
    ).fetchall()
    expected = [*(["before"] if was_set else []), *(["first"] if ends == "commit" else []), "second"]
    assert history == list(enumerate(expected, start=1))
    percentage = {"off": 0, "default": None}[state] if ends == "commit" else 50 if was_set else None
    assert stage.owner.execute("select percentage from inboxdb.flag where flag_name = 'inbox_read'").fetchall() == [
        (percentage,)
    ]
    assert counts_code(stage.database.signed_in(ANN)) == "IB015"


def test_a_change_by_an_old_snapshot_is_refused(database: Database, owner: Connection[Any]) -> None:
    late = database.connect(autocommit=False)
    late.execute("set transaction isolation level repeatable read")
    late.execute("select from inboxdb.flag")
    switch(owner, "inbox_read", "off")
    with pytest.raises(errors.SerializationFailure):
        switch(late, "inbox_read", "on")
    late.rollback()
    assert told(database.signed_in(ANN)) == ALL_ON | {"inbox_read": False}


@pytest.mark.all_hosts
def test_the_history_says_who_when_and_why(database: Database, owner: Connection[Any]) -> None:
    """Who logged in, whatever role was taken since."""
    set_clock(owner, NOW)
    superuser = database.superuser()
    superuser.execute(SQL("set role {}").format(Identifier(OWNER)))
    switch(superuser, "inbox_read", "5%", why="rolling out")
    switch(owner, "inbox_read", "off", HERE, why='it\'s "slow"; %s\n')
    switch(owner, "counts_read", "on", why="x" * 1000)
    rows = owner.execute(
        "select flag_name, number, client_id, state, why, changed_by, changed_at = %s::timestamptz "
        "from inboxdb.flag_history order by flag_name, number",
        [NOW],
    ).fetchall()
    assert rows == [
        ("counts_read", 1, None, "on", "x" * 1000, OWNER, True),
        ("inbox_read", 1, None, "5%", "rolling out", superuser.info.user, True),
        ("inbox_read", 2, HERE, "off", 'it\'s "slow"; %s\n', OWNER, True),
    ]
    assert superuser.info.user != OWNER


BAD = [
    *(
        (name, "off", None, "why")
        for name in (None, "", "inbox", "INBOX_READ", "inbox_read ", "inbox_read\n", "'--", "%s")
    ),
    *(
        ("inbox_read", state, None, "why")
        for state in (None, "", "ON", "on ", "on\n", "true", "0", "25", "101%", "-1%")
    ),
    *(("inbox_read", state, None, "why") for state in ("1.5%", "1e1%", "025%", "%", "25%%", "25 %", "٢٥%")),
    *(("inbox_read", state, HERE, "why") for state in (None, "25%", "0%", "100%", "")),
    *(("inbox_read", "off", None, why) for why in (None, "", " ", " \t\n", "x" * 1001)),
]


def test_bad_input_changes_nothing(owner: Connection[Any]) -> None:
    switch(owner, "inbox_read", "50%")
    switch(owner, "inbox_read", "on", THERE)
    before = owner.execute(STATE).fetchall()
    for name, state, workspace, why in BAD:
        with pytest.raises(psycopg.Error) as raised:
            switch(owner, name, state, workspace, why)
        assert raised.value.sqlstate == "IB017", (name, state, workspace, why)
        assert raised.value.diag.message_detail == "Nothing was changed."
    for workspace, refused in ((new_id(), "IB002"), (long_id(2001), "IB019")):
        with pytest.raises(psycopg.Error) as raised:
            switch(owner, "inbox_read", "off", workspace)
        assert raised.value.sqlstate == refused
    assert owner.execute(STATE).fetchall() == before


def test_ids_are_taken_as_they_are(database: Database, owner: Connection[Any]) -> None:
    host = Host(database.writer())
    ids = [
        " ",
        "'",
        "'; truncate inboxdb.flag; --",
        '"',
        "%s %L %",
        "\\",
        "\n\t",
        "é",
        "E\u0301",
        "a",
        "A",
        "a ",
        "x" * 2000,
    ]
    for id_ in ids:
        host.workspace(id=id_, userId=ANN)
    reader = database.signed_in(ANN)
    for id_ in ids:
        switch(owner, "counts_read", "off", id_)
        assert [other for other in ids if counts_code(reader, other) == "IB015"] == [id_]
        switch(owner, "counts_read", "default", id_)
    assert owner.execute("select from inboxdb.flag_override").rowcount == 0


def test_a_workspace_that_is_gone_can_lose_its_state(database: Database, owner: Connection[Any]) -> None:
    host = Host(database.writer())
    workspace = host.workspace(userId=ANN)
    switch(owner, "counts_read", "off", workspace)
    host.delete("Client", workspace)
    owner.execute("call inboxdb.drain_dirty()")
    assert counts_code(database.signed_in(ANN), workspace) == "IB007"
    switch(owner, "counts_read", "default", workspace)
    assert owner.execute("select from inboxdb.flag_override").rowcount == 0


@pytest.mark.parametrize("role", ["authenticated", "anon", DRAINER, MONITOR, WRITER])
def test_who_may_set_or_see_no_flag(database: Database, role: str) -> None:
    """All but the role that installed inboxdb; members see what inbox_api.flags tells them."""
    signs_in = role in ("authenticated", "anon")
    connection = database.signed_in(ANN, role) if signs_in else database.connect(role)
    for statement in (
        "select inboxdb.set_flag('inbox_read', 'off', 'mine')",
        "insert into inboxdb.flag values ('inbox_read', 0)",
        "delete from inboxdb.flag_override",
        "update inboxdb.flag_history set changed_by = 'somebody'",
        "select from inboxdb.flag",
        "select from inboxdb.flag_override",
        "select from inboxdb.flag_history",
        "select from inboxdb.flag_definition",
        f"select inboxdb.is_on_for('inbox_read', 50, '{THERE}')",
        f"select inboxdb.flag_cohort('inbox_read', '{THERE}')",
        f"select inboxdb.require_access('{HERE}', null)",
    ):
        assert code(connection, statement) == "42501", statement
    if role != "authenticated":
        assert code(connection, f"select inbox_api.flags('{HERE}')") == "42501"


# The command


def test_flags_answer(database: Database) -> None:
    assert {
        flag["flag_name"]: flag["percentage"] for flag in answer(database, "flags", "list")["flags"]
    } == dict.fromkeys(sorted(FLAGS))
    one = answer(database, "flags", "set", "inbox_read", "25%", "--why", "rolling out")
    expected = {"flag_name": "inbox_read", "percentage": 25, "on_for": 0, "off_for": 0, "is_on": None}
    assert one.items() >= (expected | {"changed_by": OWNER, "why": "rolling out"}).items()
    one = answer(database, "flags", "set", "inbox_read", "on", "--workspace", HERE, "--why", "asked")
    assert one.items() >= (expected | {"on_for": 1, "why": "asked"}).items()
    assert counts_by_state(database, "--workspace", HERE) == {flag: True for flag in FLAGS}
    answer(database, "flags", "set", "inbox_read", "off", "--workspace", HERE, "--why", "too slow")
    assert counts_by_state(database, "--workspace", HERE) == ALL_ON | {"inbox_read": False}

    history = answer(database, "flags", "history")["history"]
    assert [(one["number"], one["client_id"], one["state"], one["why"]) for one in history] == [
        (3, HERE, "off", "too slow"),
        (2, HERE, "on", "asked"),
        (1, None, "25%", "rolling out"),
    ]
    assert answer(database, "flags", "history", "inbox_read", "--limit", "1")["history"] == history[:1]
    assert answer(database, "flags", "history", "counts_read")["history"] == []
    assert "IB015" in refusal(database, "conversations", HERE)


def counts_by_state(database: Database, *options: str) -> dict[str, bool]:
    return {flag["flag_name"]: flag["is_on"] for flag in answer(database, "flags", "list", *options)["flags"]}


def test_flags_are_shown_in_lines(database: Database) -> None:
    def run(*arguments: str) -> list[str]:
        result = invoke("flags", *arguments, "--dsn", database.dsn)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    assert [line.split()[:2] for line in run("list")[1:]] == [[flag, "on"] for flag in sorted(FLAGS)]
    lines = run("set", "inbox_read", "25%", "--why", 'a line\n\x1b[31mand "another"')
    assert len(lines) == 2
    assert lines[1].split()[:2] == ["inbox_read", "25%"]
    assert lines[1].endswith('a line  [31mand "another"')
    run("set", "inbox_read", "off", "--workspace", HERE, "--why", "too slow")
    states = [line.split()[1:5] for line in run("list", "--workspace", HERE) if line.startswith("inbox_read")]
    assert states == [["25%", "0", "1", "off"]]
    shown = run("history")
    assert [HERE in line for line in shown] == [False, True, False]
    assert "all others" in shown[2]


def test_what_flags_refuse(database: Database, owner: Connection[Any]) -> None:
    for arguments, said in (
        (("set", "inbox", "off", "--why", "x"), "IB017"),
        (("set", "inbox_read", "maybe", "--why", "x"), "IB017"),
        (("set", "inbox_read", "5%", "--workspace", HERE, "--why", "x"), "IB017"),
        (("set", "inbox_read", "off", "--why", " "), "IB017"),
        (("set", "inbox_read", "off", "--workspace", new_id(), "--why", "x"), "IB002"),
        (("list", "--workspace", new_id()), "IB002"),
        (("history", "inbox"), "inboxdb has no flag 'inbox': there are analytics_read, counts_read, inbox_read."),
    ):
        assert said in refusal(database, "flags", *arguments), arguments
    refusal(database, "flags", "set", "inbox_read", "off", status=2)
    assert owner.execute(STATE).fetchall() == [([], [], [])]
