"""Recounts and audits by hashes: what differs is found, wherever it is, and what hashes hide is found one by one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import Connection

from inboxdb.counts.verify import verify
from tests.rows import Host, drift, live_counts, new_id, set_clock, stored_counts
from tests.servers import Database

ANN = "00000000-0000-4000-8000-00000000000a"
BOB = "00000000-0000-4000-8000-00000000000b"
LEADS = 100

FILLED = "2024-06-10 00:00:00+00"
LATER = "2025-01-01 00:00:00+00"
BY_HASHES, ONE_BY_ONE = "2024-06-17 00:00:00+00", "2024-06-17 00:00:01+00"  # a week after the first fill


@contextmanager
def unnoted(owner: Connection[Any]) -> Iterator[Host]:
    """Write past the triggers."""
    for table in ("Lead", "Client"):
        owner.execute(f'alter table "{table}" disable trigger user')
    yield Host(owner)
    for table in ("Lead", "Client"):
        owner.execute(f'alter table "{table}" enable trigger user')


def fill(owner: Connection[Any], database: Database) -> str:
    """Make a workspace of a hundred leads, some with a user, some snoozed, and drain it."""
    set_clock(owner, FILLED)
    host = Host(database.writer())
    workspace = host.workspace()
    for number in range(LEADS):
        host.lead(
            workspace,
            assignedToUserId=BOB if number % 2 else None,
            snoozedUntil=LATER if number % 10 == 0 else None,
        )
    owner.execute("call inboxdb.drain_dirty()")
    return workspace


def assert_right(owner: Connection[Any], workspace: str) -> None:
    """Fail unless counts, and what is remembered of each lead, are as the host's tables are."""
    assert stored_counts(owner)[workspace] == live_counts(owner, workspace)
    differing = "select count(*) from inboxdb.compared_leads(%s, inboxdb.clock(), true)"
    assert owner.execute(differing, [workspace]).fetchall() == [(0,)]


def give_to_bob(host: Host, *leads: str) -> None:
    for lead in leads:
        host.update("Lead", lead, assignedToUserId=BOB)


def put_another_in_its_place(host: Host, lead: str) -> None:
    """As many leads as before, of the same kind."""
    host.connection.execute('update "Lead" set id = %s where id = %s', [new_id(), lead])


# Writes of two leads of Ann's past the triggers, and how many leads differ then.
UNNOTED: dict[str, tuple[Callable[[Host, str, str], object], int]] = {
    "nothing": (lambda host, one, other: None, 0),
    "a status": (lambda host, one, other: host.update("Lead", one, status="unqualified"), 1),
    "a status that counts alike": (lambda host, one, other: host.update("Lead", one, status="contacted"), 0),
    "a user": (lambda host, one, other: give_to_bob(host, one), 1),
    "no user": (lambda host, one, other: host.update("Lead", one, assignedToUserId=None), 1),
    "two leads alike": (lambda host, one, other: give_to_bob(host, one, other), 2),
    "a snooze": (lambda host, one, other: host.update("Lead", one, snoozedUntil=LATER), 1),
    "a snooze for ever": (lambda host, one, other: host.update("Lead", one, snoozedUntil="infinity"), 1),
    "a lead gone": (lambda host, one, other: host.delete("Lead", one), 1),
    "a lead for another": (lambda host, one, other: put_another_in_its_place(host, one), 2),
}


def recompute(owner: Connection[Any], workspace: str) -> None:
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])


def mark(owner: Connection[Any], workspace: str) -> None:
    owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
    owner.execute("call inboxdb.drain_dirty()")


def audit(owner: Connection[Any], workspace: str) -> None:
    """Let an audit be due that compares by hashes."""
    owner.execute(
        "update inboxdb.workspace set audited_at = inboxdb.clock() - interval '7 hours', audit_not_before = null"
    )
    owner.execute("call inboxdb.drain_dirty()")


BY: dict[str, Callable[[Connection[Any], str], None]] = {
    "recompute": recompute,
    "whole_workspace": mark,
    "audit": audit,
}


@pytest.mark.all_hosts
@pytest.mark.parametrize("by", BY)
def test_what_differs_is_found_by_its_hash(owner: Connection[Any], database: Database, by: str) -> None:
    """And no other lead's row is written."""
    workspace = fill(owner, database)
    host = Host(database.writer())
    rows = "select lead_key, xmin::text from inboxdb.counted_lead"
    for what, (write, leads) in UNNOTED.items():
        pair = [host.lead(workspace, assignedToUserId=ANN) for _ in range(2)]
        owner.execute("call inboxdb.drain_dirty()")
        assert_right(owner, workspace)
        owner.execute("delete from inboxdb.drift")
        before = set(owner.execute(rows).fetchall())
        with unnoted(owner) as silent:
            write(silent, *pair)
        assert owner.execute("select inboxdb.is_comparison_due(%s, inboxdb.clock())", [workspace]).fetchall() == [
            (False,)
        ]
        BY[by](owner, workspace)
        # a mark explains whatever differs
        assert drift(owner) == ([(by, leads, 0)] if leads and by != "whole_workspace" else []), what
        assert_right(owner, workspace)
        assert len(before - set(owner.execute(rows).fetchall())) <= leads, what


def test_there_is_room_for_each_count(owner: Connection[Any]) -> None:
    """In counted_lead.counts, a smallint."""
    [(most,)] = owner.execute("select max(bit) from inboxdb.count").fetchall()
    assert most < 15


def test_only_what_may_differ_is_compared_one_by_one(owner: Connection[Any], database: Database) -> None:
    workspace = fill(owner, database)
    buckets = "select array_length(inboxdb.differing_buckets(%s, inboxdb.clock()), 1)"
    assert owner.execute(buckets, [workspace]).fetchall() == [(None,)]
    host = Host(database.writer())
    host.lead(workspace)
    assert owner.execute(buckets, [workspace]).fetchall() == [(1,)]
    owner.execute("call inboxdb.drain_dirty()")
    assert owner.execute(buckets, [workspace]).fetchall() == [(None,)]
    host.lead(workspace)
    recompute(owner, workspace)
    assert drift(owner) == [], "the lead is noted"
    set_clock(owner, LATER)
    assert owner.execute(buckets, [workspace]).fetchall() == [(LEADS // 10,)]
    recompute(owner, workspace)
    assert drift(owner) == []
    assert_right(owner, workspace)


# A hash equal for all leads, and a write hidden by the hash.
FORGED: dict[str, Callable[[Host, str], object]] = {
    "lead_hash(ids_hash bigint, counts integer, snoozed_until timestamptz)": lambda host, lead: host.update(
        "Lead", lead, status="unqualified"
    ),
    "id_hash(id text, seed bigint)": lambda host, lead: host.update("Lead", lead, assignedToUserId=BOB),
}


def forge(owner: Connection[Any], hash_function: str) -> None:
    owner.execute(f"create or replace function inboxdb.{hash_function} returns bigint language sql immutable return 1")


@pytest.mark.parametrize("hash_function", FORGED)
def test_what_a_hash_hides_is_found_within_a_week(
    owner: Connection[Any], database: Database, hash_function: str
) -> None:
    """By an audit that compares one by one."""
    forge(owner, hash_function)
    workspace = fill(owner, database)
    lead = Host(database.writer()).lead(workspace, assignedToUserId=ANN)
    owner.execute("call inboxdb.drain_dirty()")
    with unnoted(owner) as host:
        FORGED[hash_function](host, lead)

    for by in BY.values():
        by(owner, workspace)
    set_clock(owner, BY_HASHES)
    owner.execute("call inboxdb.drain_dirty()")
    assert drift(owner) == []
    assert stored_counts(owner)[workspace] != live_counts(owner, workspace)
    set_clock(owner, ONE_BY_ONE)
    audit(owner, workspace)
    assert drift(owner) == [("audit", 1, 0)]
    assert_right(owner, workspace)


def test_a_repair_trusts_no_hash(owner: Connection[Any], database: Database) -> None:
    workspace = fill(owner, database)
    lead = Host(database.writer()).lead(workspace, assignedToUserId=ANN)
    owner.execute("call inboxdb.drain_dirty()")
    [(forged, hide), *_] = FORGED.items()
    forge(owner, forged)
    with unnoted(owner) as host:
        hide(host, lead)
    recompute(owner, workspace)
    assert verify(database.dsn).drifted == 2
    result = verify(database.dsn, repair=True)
    assert (result.drifted, result.repaired) == (2, 2)
    assert_right(owner, workspace)


@pytest.mark.parametrize("by", ["recompute", "whole_workspace"])
def test_a_workspace_gone_loses_its_rows_though_its_leads_stay(
    owner: Connection[Any], database: Database, by: str
) -> None:
    workspace = fill(owner, database)
    owner.execute('alter table "Lead" drop constraint "Lead_clientId_fkey"')
    with unnoted(owner) as host:
        host.delete("Client", workspace)
    BY[by](owner, workspace)
    for table in ("inbox_counts", "counted_lead", "workspace"):
        assert owner.execute(f"select count(*) from inboxdb.{table}").fetchall() == [(0,)]
