"""A workspace that cannot be refreshed: tried again, less and less often, then set aside; and it costs nobody else.

The places from which the drain reads the log and the work list are here too: whatever is left open while they move on
must be found again afterwards. The clock stands still unless a test moves it.
"""

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.interleave import Stage, until
from tests.parts import one_in
from tests.rows import GLOBAL, Host, new_id, set_clock, stored_counts
from tests.servers import WRITER, Database
from tests.test_races import (
    HERE,
    THERE,
    assert_right,
    changes_left,
    drain,
    kill,
    latest,
    reads,
    totals,
    value,
    work_list,
)

START = datetime(2024, 6, 10, 9, tzinfo=UTC)

ANN = "00000000-0000-4000-8000-00000000000a"
SUE = "00000000-0000-4000-8000-00000000000b"

ATTEMPTS = {"transient": 15, "permanent": 8}

# Each SQLSTATE's kind, null for whoever was gone before they could say.
KINDS = {
    "57014": "transient",  # cancelled, or out of time
    "40001": "transient",
    "40P01": "transient",
    "55P03": "transient",
    "53200": "transient",
    "53300": "transient",
    "08006": "transient",
    "57P01": "transient",
    "58030": "transient",
    None: "transient",
    "22012": "permanent",
    "23514": "permanent",
    "42501": "permanent",
    "42P01": "permanent",
    "XX000": "permanent",
    "P0001": "permanent",
}


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    """Two workspaces with a lead each, drained, and a clock that stands still."""
    with closing(Stage(database)) as made:
        at(made, 0)
        host = Host(made.session(WRITER))
        for workspace in (HERE, THERE):
            host.workspace(id=workspace)
            host.lead(workspace)
        drain(made)
        yield made


def at(stage: Stage, seconds: float) -> None:
    """Stop the clock, some seconds after START."""
    set_clock(stage.owner, (START + timedelta(seconds=seconds)).isoformat())


def due(stage: Stage, workspace: str = HERE) -> float:
    """Say when a workspace on the work list is due, in seconds after START."""
    query = (
        "select extract(epoch from next_attempt_at - %s)::float8 from inboxdb.inbox_counts_dirty where client_id = %s"
    )
    return float(value(stage.owner, query, START, workspace))


@contextmanager
def broken(stage: Stage, sqlstate: str = "22012", workspace: str = HERE) -> Iterator[None]:
    """Let each refresh of a workspace fail for as long as the block lasts."""
    with stage.at("workspace locked", f"raise sqlstate '{sqlstate}'", about=workspace):
        yield


def work(stage: Stage) -> list[tuple[str, str]]:
    """Claim and refresh until nothing is due; return the workspaces in order, and what came of each."""
    done = []
    while claimed := value(stage.owner, "select inboxdb.claim_next()"):
        done.append((claimed, value(stage.owner, "select outcome from inboxdb.drain_next(%s)", claimed)))
    return done


def quarantine(stage: Stage) -> None:
    """Have HERE quarantined, as it is after its last attempt; it is on the work list."""
    stage.owner.execute(
        "update inboxdb.inbox_counts_dirty set attempts = 8, last_error = '22012: failed' where client_id = %s", [HERE]
    )
    value(stage.owner, "select inboxdb.claim_next()")
    assert quarantined(stage) == {HERE}


def quarantined(stage: Stage) -> set[str]:
    rows = stage.owner.execute("select client_id from inboxdb.inbox_counts_dirty where quarantined_at is not null")
    return {workspace for (workspace,) in rows}


def versions(stage: Stage, workspace: str = HERE) -> list[int]:
    query = "select version from inboxdb.cache_version where client_id = %s order by family"
    return [version for (version,) in stage.owner.execute(query, [workspace])]


def job(stage: Stage, workspace: str = HERE) -> tuple[str, str | None, int]:
    """Return the last job's status, error and attempt."""
    query = "select last_status, last_error, attempt from inboxdb.job_status where client_id = %s"
    [row] = stage.owner.execute(query, [workspace]).fetchall()
    return row  # type: ignore[no-any-return]


def raise_floors(stage: Stage) -> None:
    """Collect, and take the floors, whenever that was done last."""
    stage.owner.execute("update inboxdb.drain_state set collected_at = null")
    value(stage.owner, "select inboxdb.collect()")
    assert value(stage.owner, "select collected_at is not null from inboxdb.drain_state")


def floors(stage: Stage) -> tuple[int, list[int]]:
    """Take the floors; return where the log is read from, and what is read before."""
    raise_floors(stage)
    [(read_from, also_read)] = stage.owner.execute(
        "select read_from::text, also_read::text[] from inboxdb.drain_state"
    ).fetchall()
    return int(read_from), [int(xid) for xid in also_read]


def also_read_becomes(stage: Stage, xids: list[int]) -> int:
    """Take the floors until that is what is read before; return where the log is read from then.

    Other tests share the server, and a transaction that they have open is read one by one, too, for as long.
    """
    return until(lambda: (found := floors(stage))[1] == xids and found[0])


def burn(stage: Stage, xids: int) -> None:
    """Let as many transactions pass by."""
    stage.owner.execute(
        f"do $$ begin for i in 1 .. {xids} loop perform pg_catalog.pg_current_xact_id(); commit; end loop; end $$"
    )


# --- When it is tried again


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (8, 128), (9, 256), (10, 300), (15, 300), (2**31 - 1, 300)]
)
def test_delays_double_up_to_five_minutes_and_a_quarter_of_them_is_chance(
    database: Database, attempts: int, seconds: float
) -> None:
    [(least, most)] = (
        database.connect()
        .execute(
            "select min(one.delay), max(one.delay) from generate_series(1, 2000) as n, "
            "lateral (select extract(epoch from inboxdb.retry_delay(%s))::float8 + n * 0) as one (delay)",
            [attempts],
        )
        .fetchall()
    )
    assert 0.75 * seconds <= least < 0.76 * seconds
    assert 0.99 * seconds < most <= seconds


@pytest.mark.parametrize("sqlstate", one_in(4, KINDS))
def test_transient_errors_get_more_attempts_than_permanent_ones(stage: Stage, sqlstate: str | None) -> None:
    kind = KINDS[sqlstate]
    Host(stage.session(WRITER)).lead(HERE)
    now = 0.0
    for attempt in range(1, ATTEMPTS[kind] + 1):
        at(stage, now)
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
        stage.owner.execute("select inboxdb.record_failure(%s, inboxdb.clock(), %s)", [HERE, sqlstate])
        status, error, attempts = job(stage)
        assert (status, attempts) == ("failed", attempt)
        assert work_list(stage)[HERE][2] == error
        assert error
        assert error.startswith(f"{sqlstate or '08006'}: ")
        assert quarantined(stage) == set()
        assert due(stage) == now + min(2 ** (attempt - 1), 300)
        now = due(stage)
    at(stage, now - 0.001)
    assert value(stage.owner, "select inboxdb.claim_next()") is None
    assert quarantined(stage) == set()
    at(stage, now)
    assert value(stage.owner, "select inboxdb.claim_next()") is None
    assert quarantined(stage) == {HERE}
    # half an hour, and four minutes
    assert now == {"transient": 511 + 6 * 300, "permanent": 255}[kind]
    assert job(stage) == ("failed", error, ATTEMPTS[kind])


def test_the_last_error_says_how_many_attempts_there_are(stage: Stage) -> None:
    Host(stage.session(WRITER)).lead(HERE)
    for sqlstate in [*["40P01"] * 10, "22012"]:
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
        stage.owner.execute("select inboxdb.record_failure(%s, inboxdb.clock(), %s)", [HERE, sqlstate])
        assert quarantined(stage) == set()
        at(stage, due(stage))
    assert value(stage.owner, "select inboxdb.claim_next()") is None
    assert quarantined(stage) == {HERE}


def test_success_in_between_gives_all_attempts_back(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    with broken(stage):
        for _ in range(7):
            assert work(stage) == [(HERE, "failed")]
            at(stage, due(stage))
    assert work(stage) == [(HERE, "refreshed")]
    host.lead(HERE)
    with broken(stage):
        assert work(stage) == [(HERE, "failed")]
    assert work_list(stage)[HERE][0] == 1


def test_clock_that_goes_back_and_forth_between_claim_and_failure(stage: Stage) -> None:
    """The workspace is never due sooner than it was, which a collector may have relied on."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    at(stage, 10)
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    at(stage, 5)
    failing = stage.session()
    failing.execute("begin")
    failing.execute("select inboxdb.record_failure(%s, inboxdb.clock(), '40P01')", [HERE])
    at(stage, 10.5)
    raise_floors(stage)
    failing.execute("commit")
    assert due(stage) == 11
    at(stage, 11)
    assert drain(stage) == [HERE]
    assert_right(stage)


def test_clock_that_goes_back_and_forth_within_a_claim(stage: Stage) -> None:
    at(stage, 10)
    Host(stage.session(WRITER)).lead(HERE)
    raise_floors(stage)
    claimer = stage.session()
    claimer.execute("begin")
    claim = stage.start(claimer, "select inboxdb.claim_next()", pause_at="claiming")
    at(stage, 5)
    assert claim.resume() == [(HERE,)]
    at(stage, 12)
    raise_floors(stage)
    claimer.execute("commit")
    assert drain(stage) == [HERE]
    assert_right(stage)


# --- Failures that are not recorded


def test_failure_of_a_workspace_that_was_never_claimed(stage: Stage) -> None:
    """Or was refreshed since it was: whatever failed then is over."""
    host = Host(stage.session(WRITER))
    before = job(stage)
    record = "select inboxdb.record_failure(%s, inboxdb.clock(), '40P01')"
    stage.owner.execute(record, [HERE])
    assert work_list(stage) == {}

    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    listed = work_list(stage)
    stage.owner.execute(record, [HERE])
    assert work_list(stage) == listed

    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    drain_next = "select outcome from inboxdb.drain_next(%s)"
    assert value(stage.owner, drain_next, HERE) == "refreshed"
    stage.owner.execute(record, [HERE])
    assert work_list(stage) == {}
    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    stage.owner.execute(record, [HERE])
    assert work_list(stage) == listed
    assert job(stage) == before
    stage.owner.execute(record, [new_id()])
    assert value(stage.owner, "select count(*) from inboxdb.job_status") == 2


def test_failure_of_a_workspace_that_somebody_else_is_at_work_on(stage: Stage) -> None:
    """Who is not waited for, either."""
    Host(stage.session(WRITER)).lead(HERE)
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    listed, before = work_list(stage), job(stage)
    refresh = stage.start(
        stage.session(), f"select outcome from inboxdb.drain_next('{HERE}')", pause_at="counts stored"
    )
    stage.owner.execute("select inboxdb.record_failure(%s, inboxdb.clock(), '40P01')", [HERE])
    assert (work_list(stage), job(stage)) == (listed, before)
    assert refresh.resume() == [("refreshed",)]
    assert_right(stage)


def test_failure_of_a_workspace_that_is_quarantined_by_now(stage: Stage) -> None:
    """Its reason stands, and whoever is putting it back is not waited for."""
    Host(stage.session(WRITER)).lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    listed, before = work_list(stage), job(stage)
    requeuer = stage.session()
    requeuer.execute("begin")
    requeuer.execute("select inboxdb.requeue_inbox_counts()")
    stage.owner.execute("select inboxdb.record_failure(%s, inboxdb.clock(), '40P01')", [HERE])
    requeuer.execute("rollback")
    assert (work_list(stage), job(stage)) == (listed, before)


# --- Quarantine


def test_quarantine_keeps_what_the_changes_were_for(stage: Stage) -> None:
    """They leave the log; one refresh, once the workspace is put back, counts them and tells whom it must."""
    host = Host(stage.session(WRITER))
    moved = host.lead(HERE, assignedToUserId=ANN)
    host.lead(HERE, assignedToUserId=SUE)
    drain(stage)
    before, old = stored_counts(stage.owner)[HERE], versions(stage)
    with broken(stage):
        host.update("Lead", moved, assignedToUserId=SUE)
        while quarantined(stage) != {HERE}:
            # what is written on the way is collapsed on the way, or with the rest
            host.lead(HERE)
            outcomes = work(stage)
            assert set(outcomes) <= {(HERE, "failed")}
            if quarantined(stage) != {HERE}:
                at(stage, due(stage))
        assert changes_left(stage) == 0
        assert (stored_counts(stage.owner)[HERE], versions(stage)) == (before, old)
        at(stage, 10_000)
        assert work(stage) == []
        assert value(stage.owner, "select inboxdb.seconds_to_next_attempt()") is None

    [(settled, drifted)] = stage.owner.execute(
        "select settled, drifted from inboxdb.verify_workspace(%s)", [HERE]
    ).fetchall()
    assert (settled, drifted > 0) == (False, True)
    assert value(stage.owner, "select inboxdb.requeue_inbox_counts(%s)", HERE) == 1
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    [(outcome, version, scopes, waited)] = stage.owner.execute(
        "select outcome, version, changed_scopes::text[], seconds_waited from inboxdb.drain_next(%s)", [HERE]
    ).fetchall()
    assert (outcome, set(scopes), waited) == ("refreshed", {ANN, SUE}, 10_000)
    assert [now > then for now, then in zip(versions(stage), old, strict=True)] == [True, True]
    assert version in versions(stage)
    assert ANN not in stored_counts(stage.owner)[HERE]
    assert job(stage) == ("succeeded", None, 1)
    assert work(stage) == []
    assert_right(stage)


def test_collapsed_changes_that_move_no_count_give_a_new_version_too(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    lead = host.lead(HERE, assignedToUserId=ANN)
    drain(stage)
    before, old = stored_counts(stage.owner), versions(stage)
    host.update("Lead", lead, lastOutboundAt=None)
    assert changes_left(stage) == 1
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    assert changes_left(stage) == 0
    at(stage, 10)
    stage.owner.execute("select inboxdb.requeue_inbox_counts()")
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    assert value(stage.owner, "select changed_scopes::text[] from inboxdb.drain_next(%s)", HERE) == [ANN]
    assert stored_counts(stage.owner) == before
    assert all(now > then for now, then in zip(versions(stage), old, strict=True))


def test_changes_are_collapsed_from_the_fourth_attempt_on(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    left = []
    with broken(stage):
        for _ in range(5):
            host.lead(HERE)
            assert work(stage) == [(HERE, "failed")]
            left.append(changes_left(stage))
            at(stage, due(stage))
    assert left == [1, 2, 3, 0, 0]
    assert work(stage) == [(HERE, "refreshed")]
    assert_right(stage)


def test_changes_without_number_are_collapsed_by_and_by(stage: Stage) -> None:
    """So that a claim, or a collector, never takes long; what is left does not matter any more."""
    stage.edit("collapse_changes", "limit 100000", "limit 10")
    lead = Host(stage.session(WRITER)).lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    for _ in range(49):
        Host(stage.owner).update("Lead", lead, lastOutboundAt=None)
    stage.owner.execute("update inboxdb.inbox_counts_dirty set attempts = 3")
    left = []
    with broken(stage):
        for _ in range(2):
            assert work(stage) == [(HERE, "failed")]
            left.append(changes_left(stage))
            at(stage, due(stage))
    quarantine(stage)
    left.append(changes_left(stage))
    for _ in range(3):
        value(stage.owner, "select inboxdb.collect()")
        left.append(changes_left(stage))
    # a quarantine collects, too
    assert left == [40, 30, 10, 0, 0, 0]
    value(stage.owner, "select inboxdb.requeue_inbox_counts()")
    assert drain(stage) == [HERE]
    assert_right(stage)


@pytest.mark.parametrize(
    "write",
    [
        lambda host, lead: host.lead(HERE),
        lambda host, lead: host.draft(lead),
        lambda host, lead: host.update("Lead", lead, clientId=THERE),
        lambda host, lead: host.delete("Client", HERE),
        lambda host, lead: host.connection.execute('truncate "Lead", "AIDraft", "Message"'),
    ],
    ids=["lead", "draft", "move", "delete the workspace", "truncate"],
)
def test_changes_that_arrive_in_quarantine_do_not_stay_in_the_log(
    stage: Stage, write: Callable[[Host, str], Any]
) -> None:
    host = Host(stage.session(WRITER))
    lead = host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    before = stored_counts(stage.owner)[HERE]

    write(host, lead)
    assert changes_left(stage) > 0
    others = drain(stage)
    assert HERE not in others
    assert changes_left(stage) == 0
    assert stored_counts(stage.owner)[HERE] == before
    assert quarantined(stage) == {HERE}

    stage.owner.execute("select inboxdb.requeue_inbox_counts()")
    assert drain(stage) == [HERE]
    assert_right(stage)


def test_change_of_a_quarantined_workspace_that_somebody_is_at_work_on(stage: Stage) -> None:
    """It is left for the next collector: what the refresh does not see must not be taken from it."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    refresh = stage.start(stage.session(), f"select inboxdb.recompute_inbox_counts('{HERE}')", pause_at="counts stored")
    host.lead(HERE)
    assert drain(stage) == []
    assert changes_left(stage) == 1
    refresh.resume()
    assert quarantined(stage) == set()
    assert drain(stage) == [HERE]
    assert totals(stage) == (3, 3)
    assert_right(stage)


def test_quarantined_workspace_that_is_refreshed_before_the_collector_has_its_lock(stage: Stage) -> None:
    """What came after the refresh is nobody's to collapse: there is no row that would stand for it."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    host.lead(HERE)
    collect = stage.start(stage.session(), "select inboxdb.collect()", pause_at="quarantined found")
    stage.owner.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE])
    host.lead(HERE)
    collect.resume()
    drain(stage)
    assert totals(stage) == (4, 4)
    assert_right(stage)


def test_collector_does_not_wait_for_whoever_puts_workspaces_back(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    host.lead(HERE)
    host.lead(THERE)
    requeuer = stage.session()
    requeuer.execute("begin")
    requeuer.execute("select inboxdb.requeue_inbox_counts()")
    assert drain(stage) == [THERE]
    requeuer.execute("commit")
    assert drain(stage) == [HERE]
    assert_right(stage)


def test_quarantined_workspace_holds_neither_the_log_nor_anybody_else(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    oldest = int(value(stage.owner, "select min(xid)::text from inboxdb.change"))
    value(stage.owner, "select inboxdb.collect()")
    assert reads(stage, oldest)
    quarantine(stage)
    assert not reads(stage, oldest)
    for seconds in (1, 2, 3):
        at(stage, seconds)
        host.lead(HERE)
        host.lead(THERE)
        written = latest(stage)
        assert drain(stage) == [THERE]
        assert not reads(stage, written)
    assert totals(stage, THERE) == (4, 4)


@pytest.mark.parametrize("pause", ["workspace locked", "counts stored"])
def test_workspace_that_kills_its_backend_ends_in_quarantine(stage: Stage, pause: str) -> None:
    """With a reason, though nobody lived to tell it."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    for attempt in range(1, ATTEMPTS["transient"] + 1):
        victim = stage.session()
        assert value(victim, "select inboxdb.claim_next()") == HERE
        refresh = stage.start(victim, f"select inboxdb.drain_next('{HERE}')", pause_at=pause)
        kill(stage, victim)
        with pytest.raises(psycopg.OperationalError):
            refresh.finish()
        host.lead(THERE)
        assert drain(stage) == [THERE]
        assert work_list(stage)[HERE][::2] == (attempt, None)
        at(stage, due(stage))
    before = job(stage)
    assert before[0] == "succeeded"
    assert work(stage) == []
    assert quarantined(stage) == {HERE}
    status, error, attempts = job(stage)
    assert (status, attempts) == ("failed", ATTEMPTS["transient"])
    assert error == work_list(stage)[HERE][2]
    assert error
    assert re.match(r"08006: .*gone", error)

    stage.owner.execute("select inboxdb.requeue_inbox_counts(%s)", [HERE])
    assert drain(stage) == [HERE]
    assert_right(stage)


# --- Nobody else waits


def test_others_come_first_whatever_fails(stage: Stage) -> None:
    """One that fails, one that kills its backend, one that is written without end, and a hundred others."""
    host = Host(stage.session(WRITER))
    killing, busy = host.workspace(), host.workspace()
    others = [host.workspace() for _ in range(100)]
    drain(stage)
    for number, workspace in enumerate((HERE, killing, busy, *others)):
        at(stage, number / 1000)
        host.lead(workspace)
    claimed: list[str] = []
    with broken(stage):
        for second in (1, 2):
            at(stage, second)
            while workspace := value(stage.owner, "select inboxdb.claim_next()"):
                claimed.append(workspace)
                if workspace == killing:
                    victim = stage.session()
                    refresh = stage.start(victim, f"select inboxdb.drain_next('{killing}')", pause_at="counts stored")
                    kill(stage, victim)
                    with pytest.raises(psycopg.OperationalError):
                        refresh.finish()
                else:
                    value(stage.owner, "select outcome from inboxdb.drain_next(%s)", workspace)
                if workspace == busy:
                    host.lead(busy)
                    if claimed.count(busy) == 5 * second:
                        break
    assert claimed[:103] == [HERE, killing, busy, *others]
    assert claimed[103:107] == [busy] * 4
    # each is tried again once it is due, the busy one as soon as there is nothing else
    assert set(claimed[107:109]) == {HERE, killing}
    assert set(claimed[109:]) == {busy}
    stored = stored_counts(stage.owner)
    assert [stored[workspace][GLOBAL].total for workspace in others] == [1] * 100


def test_failed_workspaces_are_due_in_the_order_of_their_next_attempts(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    third = host.workspace()
    drain(stage)
    with broken(stage), broken(stage, workspace=THERE):
        host.lead(HERE)
        assert work(stage) == [(HERE, "failed")]
        at(stage, 1)
        assert work(stage) == [(HERE, "failed")]  # again at 3
        host.lead(THERE)
        assert work(stage) == [(THERE, "failed")]  # again at 2
        at(stage, 2.5)
        host.lead(third)
        at(stage, 4)
        value(stage.owner, "select inboxdb.collect()")
        assert work(stage) == [(THERE, "failed"), (third, "refreshed"), (HERE, "failed")]


def test_workspaces_that_are_quarantined_by_the_hundred_hold_up_nobody(stage: Stage) -> None:
    """As after a change of the host's that breaks every refresh. A transaction has room for so many locks only."""
    host = Host(stage.session(WRITER))
    stage.owner.execute(
        """
        insert into public."Client" (id, name, "userId", "updatedAt")
        select gen_random_uuid(), 'one of many', gen_random_uuid(), now() from generate_series(1, 250)
        """
    )
    value(stage.owner, "select inboxdb.collect()")
    stage.owner.execute("update inboxdb.inbox_counts_dirty set attempts = 8, last_error = '22012: failed'")
    at(stage, 1)
    host.lead(HERE)
    at(stage, 2)
    value(stage.owner, "select inboxdb.collect()")

    locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    claims = []
    while HERE not in claims:
        with stage.owner.transaction():
            claims.append(value(stage.owner, "select inboxdb.claim_next()"))
            assert 0 < value(stage.owner, locks) <= 101
    assert len(claims) < 5
    assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"
    at(stage, 1000)
    while value(stage.owner, "select inboxdb.claim_next()"):
        pass
    assert len(quarantined(stage)) == 250

    # their changes are collapsed by and by
    stage.owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    for _ in range(3):
        with stage.owner.transaction():
            value(stage.owner, "select inboxdb.collect()")
            assert 0 < value(stage.owner, locks) <= 101
    drain(stage)
    assert changes_left(stage) == 0


# --- Putting workspaces back


def test_requeue_of_what_is_not_quarantined_is_refused(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    requeue = "select inboxdb.requeue_inbox_counts(%s)"
    for unknown in (new_id(), HERE):
        with pytest.raises(psycopg.Error) as refused:
            stage.owner.execute(requeue, [unknown])
        assert refused.value.sqlstate == ("IB011" if unknown == HERE else "IB002")
        assert refused.value.diag.message_detail == "Nothing was changed."
        assert refused.value.diag.message_hint
    host.lead(HERE)
    with broken(stage):
        assert work(stage) == [(HERE, "failed")]
    listed = work_list(stage)
    with pytest.raises(psycopg.Error) as refused:
        stage.owner.execute(requeue, [HERE])
    assert refused.value.sqlstate == "IB011"
    assert work_list(stage) == listed
    assert value(stage.owner, "select inboxdb.requeue_inbox_counts()") == 0


def test_requeue_puts_back_one_or_all(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    third = host.workspace()
    drain(stage)
    for workspace in (HERE, THERE, third):
        host.lead(workspace)
    value(stage.owner, "select inboxdb.collect()")
    stage.owner.execute("update inboxdb.inbox_counts_dirty set attempts = 15, last_error = '40P01: failed'")
    assert work(stage) == []
    assert quarantined(stage) == {HERE, THERE, third}
    assert value(stage.owner, "select inboxdb.requeue_inbox_counts(%s)", THERE) == 1
    assert drain(stage) == [THERE]
    assert quarantined(stage) == {HERE, third}
    assert value(stage.owner, "select inboxdb.requeue_inbox_counts()") == 2
    assert {listed[::2] for listed in work_list(stage).values()} == {(0, None)}
    assert sorted(drain(stage)) == sorted([HERE, third])
    assert_right(stage)


def test_requeue_gives_all_attempts_back(stage: Stage) -> None:
    Host(stage.session(WRITER)).lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    now = 0.0
    with broken(stage):
        value(stage.owner, "select inboxdb.requeue_inbox_counts()")
        for attempt in range(1, ATTEMPTS["permanent"] + 1):
            assert work(stage) == [(HERE, "failed")]
            assert work_list(stage)[HERE][0] == attempt
            now = due(stage)
            at(stage, now)
        assert work(stage) == []
    assert quarantined(stage) == {HERE}


def test_workspace_that_was_deleted_in_quarantine_can_be_put_back(stage: Stage) -> None:
    """Also where inboxdb never came to know it: that is how its row gets off the work list."""
    host = Host(stage.session(WRITER))
    unseen = host.workspace()
    value(stage.owner, "select inboxdb.collect()")
    stage.owner.execute("update inboxdb.inbox_counts_dirty set attempts = 8, last_error = '22012: failed'")
    assert work(stage) == []
    host.delete("Client", unseen)
    assert work(stage) == []
    assert value(stage.owner, "select inboxdb.requeue_inbox_counts(%s)", unseen) == 1
    assert work(stage) == [(unseen, "refreshed")]
    assert work_list(stage) == {}
    assert_right(stage)


def test_recompute_by_hand_ends_a_quarantine(stage: Stage) -> None:
    Host(stage.session(WRITER)).lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    old = versions(stage)
    stage.owner.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE])
    assert all(now > then for now, then in zip(versions(stage), old, strict=True))
    assert_right(stage)


# --- The work list's floor


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_requeue_left_open_while_the_floor_rises(stage: Stage, ending: str) -> None:
    """Only the collector makes a workspace due sooner than it was: who else did would do it behind its back."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    at(stage, 10)
    requeuer = stage.session()
    requeuer.execute("begin")
    assert value(requeuer, "select inboxdb.requeue_inbox_counts(%s)", HERE) == 1
    for seconds in (20, 30):
        at(stage, seconds)
        raise_floors(stage)
        host.lead(THERE)
        assert drain(stage) == [THERE]
    requeuer.execute(ending)
    at(stage, 31)
    if ending == "rollback":
        assert drain(stage) == []
        assert quarantined(stage) == {HERE}
    else:
        assert drain(stage) == [HERE]
        assert_right(stage)


@pytest.mark.parametrize("ending", ["commit", "rollback"])
@pytest.mark.parametrize("doing", ["claim", "fail", "refresh", "quarantine"])
def test_whatever_is_left_open_while_the_floor_rises(stage: Stage, doing: str, ending: str) -> None:
    """The workspace is claimed afterwards: when it was due, where it is undone, else when it is due then."""
    host = Host(stage.session(WRITER))
    third = host.workspace()
    drain(stage)
    at(stage, 10)
    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    if doing != "claim":
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    if doing == "quarantine":
        stage.owner.execute("update inboxdb.inbox_counts_dirty set attempts = 15")
        at(stage, 11)
        # so that the claim need not collect
        host.lead(third)
        value(stage.owner, "select inboxdb.collect()")
    before = due(stage)
    session = stage.session()
    session.execute("begin")
    match doing:
        case "claim":
            assert value(session, "select inboxdb.claim_next()") == HERE
        case "fail":
            session.execute("select inboxdb.record_failure(%s, inboxdb.clock(), '40P01')", [HERE])
        case "refresh":
            assert value(session, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"
        case "quarantine":
            assert value(session, "select inboxdb.claim_next()") == third
    at(stage, 60)
    raise_floors(stage)
    host.lead(THERE)
    assert drain(stage) == [THERE]
    raise_floors(stage)
    session.execute(ending)

    if ending == "rollback":
        assert due(stage) == before
    expected = {HERE}
    match doing, ending:
        case "refresh", "commit":
            expected = set()
        case "quarantine", "commit":
            assert drain(stage) == [third]
            assert quarantined(stage) == {HERE}
            value(stage.owner, "select inboxdb.requeue_inbox_counts()")
        case "quarantine", "rollback":
            stage.owner.execute("update inboxdb.inbox_counts_dirty set attempts = 1 where client_id = %s", [HERE])
            expected = {HERE, third}
    assert set(drain(stage)) == expected
    assert_right(stage)


def test_collector_that_is_killed_leaves_the_floor_where_it_was(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    quarantine(stage)
    at(stage, 10)
    raise_floors(stage)
    host.lead(THERE)
    value(stage.owner, "select inboxdb.requeue_inbox_counts()")
    at(stage, 20)
    collector = stage.session()
    collector.execute("begin")
    assert value(collector, "select inboxdb.collect()") == 1
    kill(stage, collector)
    assert sorted(drain(stage)) == [HERE, THERE]
    assert_right(stage)


def test_work_list_is_not_read_below_its_floor(stage: Stage) -> None:
    """By which the tests above are known to try something."""
    Host(stage.session(WRITER)).lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    at(stage, 10)
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    raise_floors(stage)
    assert value(stage.owner, "select claim_from from inboxdb.drain_state") == START + timedelta(seconds=10)
    stage.owner.execute("update inboxdb.inbox_counts_dirty set next_attempt_at = %s", [START])
    assert value(stage.owner, "select count(*) from inboxdb.work_list") == 0


def test_clock_that_goes_back_while_somebody_publishes(stage: Stage) -> None:
    """The floor cannot be lowered just then, so nothing is put on the work list below it."""
    at(stage, 10)
    raise_floors(stage)
    publisher = stage.session()
    publisher.execute("begin")
    publisher.execute("select from inboxdb.drain_state for update")
    at(stage, 5)
    Host(stage.session(WRITER)).lead(HERE)
    assert drain(stage) == []
    at(stage, 12)
    publisher.execute("commit")
    assert drain(stage) == [HERE]
    assert_right(stage)


@pytest.mark.parametrize("back", [2, 3600])
@pytest.mark.parametrize("state", ["noted", "collected", "claimed", "quarantined"])
def test_claims_after_the_clock_went_back(stage: Stage, state: str, back: float) -> None:
    """A little, or much: nothing waits for the time that was, or for more than the five minutes of a delay."""
    host = Host(stage.session(WRITER))
    at(stage, 4000)
    raise_floors(stage)
    host.lead(HERE)
    if state != "noted":
        value(stage.owner, "select inboxdb.collect()")
    if state == "claimed":
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    if state == "quarantined":
        quarantine(stage)
    if state != "noted":
        raise_floors(stage)
    at(stage, 4000 - back)
    host.lead(THERE)
    if state == "quarantined":
        assert drain(stage) == [THERE]
        stage.owner.execute("select inboxdb.requeue_inbox_counts()")
        assert drain(stage) == [HERE]
    elif back == 2 and state != "noted":
        # when it was due is not so far away
        assert drain(stage) == [THERE]
        at(stage, 4001)
        assert drain(stage) == [HERE]
    else:
        assert sorted(drain(stage)) == [HERE, THERE]
    assert_right(stage)


# --- How long a refresh may take


def test_time_limit_doubles_after_each_timeout(stage: Stage) -> None:
    """Up to 900 seconds, and from what the last run took: a failure of another kind, or a success, starts it anew."""
    limit = "select inboxdb.time_limit(%s)"
    assert value(stage.owner, limit, HERE) == 60
    assert value(stage.owner, limit, new_id()) == 60
    Host(stage.session(WRITER)).lead(HERE)
    limits, now = [], 0.0
    for _ in range(6):
        at(stage, now)
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
        limits.append(value(stage.owner, limit, HERE))
        started_at = START + timedelta(seconds=now)
        at(stage, now + limits[-1])
        stage.owner.execute("select inboxdb.record_failure(%s, %s, '57014')", [HERE, started_at])
        now = due(stage)
    assert limits == [60, 120, 240, 480, 900, 900]
    assert value(stage.owner, limit, HERE) == 900
    assert value(stage.owner, "select inboxdb.time_limit(%s, 3600)", HERE) == 3600
    at(stage, now)
    assert drain(stage) == [HERE]
    assert value(stage.owner, limit, HERE) == 60
    stage.owner.execute("update inboxdb.job_status set duration_ms = 45000 where client_id = %s", [HERE])
    assert value(stage.owner, limit, HERE) == 90
    assert value(stage.owner, "select inboxdb.time_limit(%s, 1)", HERE) == 90
    assert value(stage.owner, "select inboxdb.time_limit(%s, 1)", THERE) == 1


# --- The log's floor


@pytest.mark.parametrize("before", [False, True], ids=["something else", "a lead"])
def test_transaction_that_writes_on_after_it_collected(stage: Stage, before: bool) -> None:
    """It is older than others that are over by then, and what it writes is below them in the log."""
    session = stage.session()
    host = Host(session)
    session.execute("begin")
    if before:
        host.lead(HERE)
    xid = int(value(session, "select pg_current_xact_id()::text"))
    Host(stage.session(WRITER)).lead(THERE)
    burn(stage, 10)
    session.execute("update inboxdb.drain_state set collected_at = null")
    assert value(session, "select inboxdb.collect()") == 1 + before
    assert int(value(session, "select read_from::text from inboxdb.drain_state")) > xid
    host.lead(HERE)
    host.draft(host.lead(THERE))
    session.execute("commit")

    drain(stage)
    assert totals(stage) == (2 + before, 2 + before)
    assert_right(stage)
    assert not reads(stage, xid)


def test_transaction_that_collects_and_then_notes_its_first_change(stage: Stage) -> None:
    session = stage.session()
    session.execute("begin")
    session.execute("select inboxdb.collect()")
    burn(stage, 10)
    Host(session).lead(HERE)
    session.execute("commit")
    assert drain(stage) == [HERE]
    assert_right(stage)


def test_savepoint_undone_after_it_collected(stage: Stage) -> None:
    session = stage.session()
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    with session.transaction():
        with session.transaction(force_rollback=True):
            assert value(session, "select outcome from inboxdb.drain_next()") == "refreshed"
        session.execute("update inboxdb.drain_state set collected_at = null")
        assert value(session, "select inboxdb.collect()") == 1
        with session.transaction(force_rollback=True):
            assert value(session, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"
            session.execute("update inboxdb.drain_state set collected_at = null")
            session.execute("select inboxdb.collect()")
    assert changes_left(stage) == 1
    assert drain(stage) == [HERE]
    assert_right(stage)


class Writers:
    """Transactions that have written a lead of a workspace each, in the order of their xids, and stay open."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.sessions: list[Connection[Any]] = []
        self.xids: list[int] = []

    def open(self, number: int) -> None:
        for _ in range(number):
            session = self.stage.session(WRITER)
            session.execute("begin")
            Host(session).lead(HERE)
            self.sessions.append(session)
            self.xids.append(int(value(session, "select pg_current_xact_id()::text")))

    def commit(self) -> None:
        """Write once more, and commit, one after the other, while the floors move on."""
        expected = totals(self.stage)[1] + 2 * len(self.sessions)
        for number, session in enumerate(self.sessions):
            Host(session).lead(HERE)
            session.execute("commit")
            if number % 7 == 0:
                drain(self.stage)
                raise_floors(self.stage)
        drain(self.stage)
        assert totals(self.stage) == (expected, expected)
        assert_right(self.stage)
        also_read_becomes(self.stage, [])


@pytest.mark.parametrize("number", [1, 64])
def test_open_transactions_are_read_one_by_one(stage: Stage, number: int) -> None:
    writers = Writers(stage)
    writers.open(number)
    burn(stage, 50)
    assert also_read_becomes(stage, writers.xids) > writers.xids[-1] + 50
    between = latest(stage) - 10
    until(lambda: not reads(stage, between))
    writers.commit()


def test_log_is_read_from_the_first_of_too_many_open_transactions(stage: Stage) -> None:
    writers = Writers(stage)
    writers.open(65)
    burn(stage, 1100)
    assert also_read_becomes(stage, []) == writers.xids[0]
    writers.commit()


@pytest.mark.parametrize("early", [1, 3])
def test_of_too_many_open_transactions_those_before_a_gap_are_read_one_by_one(stage: Stage, early: int) -> None:
    """A session that somebody forgot, and then many at once."""
    writers = Writers(stage)
    writers.open(early)
    burn(stage, 1100)
    between = latest(stage)
    writers.open(65)
    assert also_read_becomes(stage, writers.xids[:early]) == writers.xids[early]
    assert not reads(stage, between)
    writers.commit()


def test_undrained_changes_are_read_one_by_one_as_open_transactions_are(stage: Stage) -> None:
    """Few of them; of many the log is read from where one stops to look."""
    writers = Writers(stage)
    host = Host(stage.session(WRITER))
    with broken(stage):
        for _ in range(5):
            host.lead(HERE)
        noted = stage.owner.execute("select xid::text from inboxdb.change order by xid").fetchall()
        xids = [int(xid) for (xid,) in noted]
        writers.open(2)
        assert work(stage) == [(HERE, "failed")]
        burn(stage, 50)
        assert also_read_becomes(stage, [*xids, *writers.xids]) > writers.xids[-1] + 50
        stage.owner.execute(
            'insert into "Lead" (id, "clientId", "updatedAt") '
            "select gen_random_uuid(), %s, now() from generate_series(1, 300)",
            [HERE],
        )
        many = int(value(stage.owner, "select max(xid)::text from inboxdb.change"))
        writers.open(1)
        burn(stage, 50)
        assert also_read_becomes(stage, [*xids, *writers.xids[:2]]) == many
    at(stage, due(stage))
    writers.commit()


@pytest.mark.parametrize("distinct", [False, True], ids=["of one transaction", "of many"])
def test_changes_that_another_server_counted_far_ahead(stage: Stage, distinct: bool) -> None:
    """Restored here, they are above whatever is to come: what does come is not to be taken for drained."""
    ahead = int(value(stage.owner, "select pg_snapshot_xmax(pg_current_snapshot())::text")) + 2000
    stage.owner.execute(
        "insert into inboxdb.change_1 (xid, client_id) "
        f"select ({ahead} + {'n' if distinct else 'least(n, 3)'})::text::xid8, %s from generate_series(1, 300) as n",
        [HERE],
    )
    with broken(stage):
        stage.owner.execute("update inboxdb.drain_state set server_started_at = '2024-06-10 00:00:00+00'")
        raise_floors(stage)
        assert work(stage) == [(HERE, "failed")]
        raise_floors(stage)
        # not drained for a while, in which transactions get as far as the changes
        Host(stage.session(WRITER)).lead(THERE)
        burn(stage, 3000)
        assert changes_left(stage) == 301
    at(stage, due(stage))
    assert sorted(drain(stage)) == [HERE, THERE]
    assert_right(stage)


def test_floors_of_another_server_are_not_trusted(stage: Stage) -> None:
    """After a restart, a restore, a failover: everything is read, until a collector has found the floors anew."""
    host = Host(stage.session(WRITER))
    writers = Writers(stage)
    writers.open(1)
    host.lead(HERE)
    host.lead(THERE)
    value(stage.owner, "select inboxdb.collect()")
    stage.owner.execute("update inboxdb.inbox_counts_dirty set next_attempt_at = %s", [START])
    at(stage, 100)
    stage.owner.execute(
        "update inboxdb.drain_state set read_from = pg_snapshot_xmax(pg_current_snapshot()), also_read = '{}', "
        "claim_from = '2024-07-01', changes_left = 0, collected_at = clock_timestamp(), "
        "server_started_at = server_started_at - interval '1 day'"
    )
    everything = stage.owner.execute(
        "select read_from::text, also_read::text, claim_from::text from inboxdb.read_floor"
    )
    assert everything.fetchall() == [("0", "{}", "-infinity")]
    assert changes_left(stage) == 2
    assert value(stage.owner, "select inboxdb.seconds_to_next_attempt()") == -100

    assert sorted(drain(stage)) == [HERE, THERE]
    read_from = also_read_becomes(stage, writers.xids)
    assert value(stage.owner, "select f.read_from::text from inboxdb.read_floor as f") == str(read_from)
    writers.commit()


def test_collector_does_not_wait_for_whoever_publishes(stage: Stage) -> None:
    """The floors stay where they were then, which holds too."""
    Host(stage.session(WRITER)).lead(HERE)
    stage.owner.execute("update inboxdb.drain_state set collected_at = null")
    publisher = stage.session()
    publisher.execute("begin")
    publisher.execute("select inboxdb.confirm_published('{}', '{}', '{}', '{}')")
    assert value(stage.owner, "select inboxdb.collect()") == 1
    assert value(stage.owner, "select collected_at is null from inboxdb.drain_state")
    publisher.execute("commit")
    raise_floors(stage)
    assert drain(stage) == [HERE]
    assert_right(stage)


# --- All of it, in any order


ROUNDS = 500
OUTCOMES = {"written", "left open", "ended", "claimed", "collected", "refreshed", "failed", "recorded", "requeued"}


class Chaos:
    """Writers, drains, collectors and whoever requeues, each leaving transactions open as it pleases, in one thread."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.dice = random.Random(seed)
        self.now = 0.0
        self.done: Counter[str] = Counter()
        host = Host(stage.session(WRITER))
        self.workspaces = [HERE, THERE, *(host.workspace() for _ in range(4))]
        self.writers = [stage.session(WRITER) for _ in range(6)]
        self.drains = [stage.session() for _ in range(4)]
        self.claimed: dict[Connection[Any], str] = {}
        self.requeuer = stage.session()
        self.requeuer.execute("set lock_timeout = '20ms'")
        stage.owner.execute("create table interleave.broken (client_id text primary key)")
        stage.always_at(
            "workspace locked",
            "if about in (select b.client_id from interleave.broken as b) then raise sqlstate '22012'; end if",
        )
        stage.owner.execute("insert into interleave.broken values (%s), (%s)", self.workspaces[:2])
        # more of everything in less time
        stage.edit("failure", "then 15 else 8 end", "then 3 else 2 end")

    def play(self) -> None:
        """Do things by chance until each has been done; then end what is open, mend what is broken, and drain."""
        acts = {
            self.write: 30,
            self.end: 25,
            self.drain: 40,
            self.collect: 12,
            self.move_clock: 12,
            self.break_or_mend: 6,
            self.requeue: 8,
        }
        rounds = 0
        while rounds < ROUNDS or not self.done.keys() >= OUTCOMES:
            [act] = self.dice.choices(list(acts), list(acts.values()))
            act()
            rounds += 1
            assert rounds < 20 * ROUNDS, self.done
        for session in (*self.writers, *self.drains, self.requeuer):
            session.execute(self.dice.choice(("commit", "rollback")) if self.open(session) else "select")
        self.stage.owner.execute("delete from interleave.broken")
        while self.stage.owner.execute("select from inboxdb.waiting limit 1").fetchall():
            self.stage.owner.execute("select inboxdb.requeue_inbox_counts()")
            self.now += 60
            at(self.stage, self.now)
            drain(self.stage)
            self.done["last drains"] += 1
            assert self.done["last drains"] < 10, work_list(self.stage)

    @staticmethod
    def open(session: Connection[Any]) -> bool:
        return session.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def begin(self, session: Connection[Any], share: float) -> None:
        """Leave what comes next open, in a share of the cases."""
        if not self.open(session) and self.dice.random() < share:
            session.execute("begin")
            self.done["left open"] += 1

    def write(self) -> None:
        writer = self.dice.choice(self.writers)
        self.begin(writer, 0.7)
        host = Host(writer)
        lead = host.lead(self.dice.choice(self.workspaces))
        if self.dice.random() < 0.3:
            host.draft(lead)
        if self.dice.random() < 0.2:
            host.update("Lead", lead, clientId=self.dice.choice(self.workspaces))
        self.done["written"] += 1

    def end(self) -> None:
        session = self.dice.choice([*self.writers, *self.drains, self.requeuer])
        if self.open(session):
            session.execute("commit" if self.dice.random() < 0.7 else "rollback")
            self.done["ended"] += 1

    def drain(self) -> None:
        session = self.dice.choice(self.drains)
        self.begin(session, 0.4)
        claimed = self.claimed.pop(session, None)
        if claimed is None:
            claimed = value(session, "select inboxdb.claim_next()")
            if claimed:
                self.claimed[session] = claimed
                self.done["claimed"] += 1
        elif self.dice.random() < 0.8:
            self.done[value(session, "select outcome from inboxdb.drain_next(%s)", claimed)] += 1
        else:
            error = self.dice.choice(("57014", "22012", None))
            session.execute("select inboxdb.record_failure(%s, inboxdb.clock(), %s)", [claimed, error])
            self.done["recorded"] += 1

    def collect(self) -> None:
        session = self.dice.choice(self.drains)
        self.begin(session, 0.4)
        session.execute(
            "update inboxdb.drain_state set collected_at = null "
            "where revision in (select s.revision from inboxdb.drain_state as s for update skip locked)"
        )
        if value(session, "select inboxdb.collect()"):
            self.done["collected"] += 1

    def move_clock(self) -> None:
        self.now += self.dice.choice((0.2, 1, 3, 10, 30, -2))
        at(self.stage, self.now)

    def break_or_mend(self) -> None:
        self.stage.owner.execute(
            "insert into interleave.broken values (%s) on conflict do nothing"
            if self.dice.random() < 0.7
            else "delete from interleave.broken where client_id = %s",
            [self.dice.choice(self.workspaces)],
        )

    def requeue(self) -> None:
        self.begin(self.requeuer, 0.5)
        try:
            if value(self.requeuer, "select inboxdb.requeue_inbox_counts()"):
                self.done["requeued"] += 1
        except psycopg.errors.LockNotAvailable:
            # it may wait for a collector that is left open
            self.requeuer.execute("rollback")


@pytest.mark.parametrize("seed", range(int(os.environ.get("INBOXDB_TEST_SEEDS", "3"))))
def test_nothing_is_lost_whatever_is_left_open_when(stage: Stage, seed: int) -> None:
    Chaos(stage, seed).play()
    assert_right(stage)
