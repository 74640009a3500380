"""Races, forced step by step: no change is lost whatever comes between two steps, and nobody waits who need not."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.interleave import DEADLINE, Stage
from tests.rows import BY_AI, GLOBAL, Host, empty_small_slices, live_counts, new_id, set_clock, set_slice, stored_counts
from tests.servers import WRITER, Database

HERE = "00000000-0000-4000-8000-00000000c001"
THERE = "00000000-0000-4000-8000-00000000c002"

# What a drain of HERE does, step by step, each in its transaction; each returns true where all is well.
STEPS = {
    "collect": "select inboxdb.collect() > 0",
    "claim": f"select inboxdb.claim_next() = '{HERE}'",
    "refresh": f"select outcome = 'refreshed' from inboxdb.drain_next('{HERE}')",
}
# Where a drain may stand inside a step, and which.
STEP_OF = {
    "collector locked": "collect",
    "changes assigned": "collect",
    "workspace locked": "refresh",
    "snapshot taken": "refresh",
    "counted": "refresh",
}
# All these moments, in order, and whether what is committed then is counted by that drain already.
MOMENTS = {
    "collector locked": True,
    "changes assigned": True,
    "collect done": True,
    "collect committed": True,
    "claim done": True,
    "claim committed": True,
    "workspace locked": True,
    "snapshot taken": False,
    "counted": False,
    "refresh done": False,
    "refresh committed": False,
}


@pytest.fixture(params=["by change", "recount"])
def stage(database: Database, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Two workspaces with a lead each, drained; refreshes are by change or by a recount."""
    with closing(Stage(database)) as made:
        if request.param == "recount":
            # whatever a workspace was counted by, it is not today's
            made.owner.execute(
                "create or replace function inboxdb.definitions() returns text language sql volatile "
                "as 'select pg_catalog.gen_random_uuid()::text'"
            )
        host = Host(made.session(WRITER))
        for workspace in (HERE, THERE):
            host.workspace(id=workspace)
            host.lead(workspace)
        drain(made)
        yield made


def drain(stage: Stage) -> list[str]:
    """Drain until nothing is due; every refresh is to succeed. Returns the workspaces, in order."""
    drained = []
    while claimed := value(stage.owner, "select inboxdb.claim_next()"):
        assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", claimed) == "refreshed"
        drained.append(claimed)
    return drained


@contextmanager
def drain_stopped(stage: Stage, moment: str) -> Iterator[None]:
    """Drain HERE, the first to be due; stand still at a moment of it while the block lasts."""
    drainer = stage.session()
    for step, statement in STEPS.items():
        if STEP_OF.get(moment) == step:
            paused = stage.start(drainer, statement, pause_at=moment)
            yield
            paused.assert_paused()
            assert paused.resume() == [(True,)]
        else:
            with drainer.transaction():
                assert value(drainer, statement)
                if moment == f"{step} done":
                    yield
            if moment == f"{step} committed":
                yield


def value(session: Connection[Any], query: str, *parameters: Any) -> Any:
    """Return the one value that a query returns."""
    [(found,)] = session.execute(query, parameters or None).fetchall()
    return found


def changes_left(stage: Stage) -> int:
    """Count what the log holds still."""
    return int(value(stage.owner, "select count(*) from inboxdb.change"))


def totals(stage: Stage, workspace: str = HERE) -> tuple[int, int]:
    """Return how many leads a workspace has by its stored counts, and in truth."""
    return (
        stored_counts(stage.owner)[workspace][GLOBAL].total,
        live_counts(stage.owner, workspace)[GLOBAL].total,
    )


# Versions beside the counts that are not the newest, or in a row that has none.
VERSIONS_THAT_DIFFER = """
select count(*)
from inboxdb.inbox_counts as s
left join inboxdb.cache_version as v on s.is_global and s.client_id = v.client_id and v.family = 'inbox'
where s.version is distinct from v.version
"""


def assert_right(stage: Stage) -> None:
    """Fail unless every stored count is the live one, beside its workspace's version, and nothing is left to drain."""
    workspaces = [row[0] for row in stage.owner.execute("select client_id::text from inboxdb.known_workspace")]
    live = {workspace: live_counts(stage.owner, workspace) for workspace in workspaces}
    assert stored_counts(stage.owner) == {workspace: counts for workspace, counts in live.items() if counts}
    assert value(stage.owner, VERSIONS_THAT_DIFFER) == 0
    assert changes_left(stage) == 0
    assert value(stage.owner, "select count(*) from inboxdb.waiting") == 0


def work_list(stage: Stage) -> dict[str, tuple[int, str, str | None]]:
    """Read the dirty workspaces: attempts, next attempt (UTC), last error."""
    stage.owner.execute("set timezone = 'UTC'")
    rows = stage.owner.execute(
        "select client_id, attempts, next_attempt_at::text, last_error from inboxdb.inbox_counts_dirty"
    )
    return {workspace: (attempts, due, error) for workspace, attempts, due, error in rows}


def two_dirty_workspaces(stage: Stage) -> None:
    """Write to HERE, then to THERE, at 09:00:00 and 09:00:01; it is 09:01:00 then."""
    host = Host(stage.session(WRITER))
    for workspace, noted in ((HERE, "09:00:00"), (THERE, "09:00:01")):
        set_clock(stage.owner, f"2024-06-10 {noted}+00")
        host.lead(workspace)
    set_clock(stage.owner, "2024-06-10 09:01:00+00")
    # or the clock has gone back since they were counted
    stage.owner.execute("update inboxdb.inbox_counts set computed_at = '2024-06-10 08:00:00+00'")


# --- A writer commits between any two steps of a drain


# What each does to a lead of HERE, how many changes HERE gets of it, and how many another workspace.
WRITES: dict[str, tuple[Callable[[Host, str], Any], int, int]] = {
    "insert": (lambda host, lead: host.lead(HERE), 1, 0),
    "update": (lambda host, lead: host.update("Lead", lead, status="unqualified"), 1, 0),
    "delete": (lambda host, lead: host.delete("Lead", lead), 1, 0),
    "move": (lambda host, lead: host.update("Lead", lead, clientId=THERE), 1, 1),
    "draft": (lambda host, lead: host.draft(lead), 1, 0),
    "delete the workspace": (lambda host, lead: host.delete("Client", HERE), 2, 0),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_writer_commits_between_two_steps_of_a_drain(stage: Stage, moment: str) -> None:
    host = Host(stage.session(WRITER))
    for write, (do, changes_here, changes_there) in WRITES.items():
        host.delete("Client", HERE)
        host.workspace(id=HERE)
        drain(stage)
        lead = host.lead(HERE)
        before = live_counts(stage.owner, HERE)

        with drain_stopped(stage, moment):
            do(host, lead)
            after = live_counts(stage.owner, HERE)
        assert before != after, write

        counted = MOMENTS[moment]
        # a draft's change is nobody's until the next collector finds out whose
        taken = counted and (write != "draft" or moment == "collector locked")
        assert stored_counts(stage.owner).get(HERE, {}) == (after if counted else before), write
        assert changes_left(stage) == changes_there + (0 if taken else changes_here), write
        settled = value(stage.owner, "select settled from inboxdb.verify_workspace(%s)", HERE)
        assert settled == taken, write

        drain(stage)
        assert_right(stage)


def test_transaction_that_writes_on_while_a_drain_goes_by(stage: Stage) -> None:
    """A drain takes nothing of it before it commits, and all of it then: savepoints kept, savepoints undone."""
    writer = stage.session(WRITER)
    host = Host(writer)
    with writer.transaction():
        lead = host.lead(HERE)
        assert drain(stage) == []
        with writer.transaction():
            host.draft(lead)
        with writer.transaction(force_rollback=True):
            host.lead(HERE)
        Host(stage.session(WRITER)).lead(HERE)
        assert drain(stage) == [HERE]
        assert totals(stage) == (2, 2)
        host.lead(THERE)
        host.update("Lead", lead, status="needs_repair")
        assert drain(stage) == []

    assert sorted(drain(stage)) == [HERE, THERE]
    assert totals(stage) == (3, 3)
    assert_right(stage)


# --- Two drains at once


@pytest.mark.parametrize("moment", ["workspace locked", "snapshot taken", "counted", "refresh done"])
def test_two_drains_on_one_workspace(stage: Stage, moment: str) -> None:
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    other = stage.session()

    with drain_stopped(stage, moment):
        host.lead(HERE)
        assert value(other, "select outcome from inboxdb.drain_next(%s)", HERE) == "skipped"
        assert value(other, "select outcome from inboxdb.drain_next()") == "idle"

    drain(stage)
    assert totals(stage) == (3, 3)
    assert_right(stage)


def overtake(stage: Stage, outcome: str) -> tuple[int, int, int]:
    """Stop a drain just before it has the lock; let a writer and a whole other drain pass; let it go on to an outcome.

    Returns HERE's stored leads, its leads in truth, and the changes left.
    """
    host = Host(stage.session(WRITER))
    host.update("Lead", host.lead(HERE), status="unqualified")
    overtaken, other = stage.session(), stage.session()
    refresh = "select outcome from inboxdb.drain_next(%s)"

    step = stage.start(overtaken, refresh, [HERE], pause_at="lock asked for")
    host.lead(HERE)
    assert value(other, refresh, HERE) == "refreshed"
    assert totals(stage) == (2, 2)
    assert step.resume() == [(outcome,)]
    return *totals(stage), changes_left(stage)


def test_drain_overtaken_before_it_has_the_lock(stage: Stage) -> None:
    assert overtake(stage, "refreshed") == (2, 2, 0)


def test_lock_and_count_in_one_statement_fails(stage: Stage) -> None:
    """Why the lock is taken in an earlier statement: with one statement the same steps end in a failure."""
    stage.edit("drain_next", "elsif not inboxdb.try_lock_workspace(client_id, case", "elsif 0 = (case")
    locked = "locked as materialized (select inboxdb.try_lock_workspace({}) as mine)"
    for function, workspace, taking, also in (
        ("remember_changed", "target_client_ids[1]", "where c.lead_id is not null", "and"),
        ("remember_leads", "target_client_id", "inboxdb.changes_of(array[target_client_id], null) as c", "where"),
    ):
        stage.edit(function, "  with\n  changed as", f"  with {locked.format(workspace)},\n  changed as")
        stage.edit(function, taking, f"{taking} {also} (select mine from locked)")

    # it would write what another one wrote already
    assert overtake(stage, "failed") == (2, 2, 0)
    assert drain(stage) == []
    assert_right(stage)


def test_counts_that_somebody_else_writes_meanwhile_fail_the_refresh(stage: Stage) -> None:
    """Or a difference would be lost. The changes stay, for the next attempt."""
    host, drainer = Host(stage.session(WRITER)), stage.session()
    host.lead(HERE)
    refresh = stage.start(drainer, "select outcome from inboxdb.drain_next(%s)", [HERE], pause_at="workspace locked")
    with stage.owner.transaction():
        stage.owner.execute("update inboxdb.inbox_counts set updated_at = updated_at")
        stage.gate.execute("select pg_advisory_unlock(4242, %s)", [drainer.info.backend_pid])
        refresh.wait_until_it_waits_for(stage.owner)
    assert refresh.finish() == [("failed",)]
    assert changes_left(stage) == 1
    drain(stage)
    assert totals(stage) == (2, 2)
    assert_right(stage)


# Confirms all of HERE that is not published, of a kind; and what HERE has: kinds, keys and ranks.
CONFIRM = """
select inboxdb.confirm_published(array_agg(kind), array_agg(client_id), array_agg(item), array_agg(rank))
from inboxdb.unpublished()
where kind = %s and client_id = %s
"""
UNPUBLISHED = "select item, rank from inboxdb.unpublished() where kind = %s and client_id = %s order by item"


@pytest.mark.parametrize("kind", ["version", "job"])
def test_what_is_confirmed_in_the_middle_of_a_refresh_is_new_all_the_same(stage: Stage, kind: str) -> None:
    """Or caches would keep old answers: confirming makes a new version of the row, which has another ctid."""
    host, drainer, publisher = Host(stage.session(WRITER)), stage.session(), stage.session()
    drainer.execute("set lock_timeout = 0")
    before = stage.owner.execute(UNPUBLISHED, [kind, HERE]).fetchall()
    host.lead(HERE)
    with publisher.transaction():
        assert value(publisher, CONFIRM, kind, HERE) == len(before) > 0
        refresh = stage.start(drainer, "select outcome from inboxdb.drain_next(%s)", [HERE])
        refresh.wait_until_it_waits_for(publisher)
    assert refresh.finish() == [("refreshed",)]
    after = stage.owner.execute(UNPUBLISHED, [kind, HERE]).fetchall()
    assert [item for item, _ in after] == [item for item, _ in before]
    assert all(new > old for (_, new), (_, old) in zip(after, before, strict=True))
    assert_right(stage)


# --- A draft against the move of its lead


NAIVE_DRAFT_TRIGGER = """
create or replace function inboxdb.note_draft_change() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform inboxdb.note_change(
    (select l."clientId" from public."Lead" as l where l.id = coalesce(new."leadId", old."leadId")),
    coalesce(new."leadId", old."leadId"));
  return coalesce(new, old);
end
$$
"""


def cast(stage: Stage) -> dict[str, Connection[Any]]:
    """Open the sessions of `play`: of the host (H), a draft (D), a move (M), a collector (C), a drain (R)."""
    return {letter: stage.session(WRITER if letter in "HDM" else None) for letter in "HDMCR"}


def play(stage: Stage, sessions: dict[str, Connection[Any]], order: str, kind: str) -> None:
    """Play the transactions of some sessions of `cast` in an order, then drain.

    Parameters: order, a letter twice for each: it begins and does what it does, then it commits; kind, what happens
    to the draft.
    """
    host = Host(sessions["H"])
    lead = host.lead(HERE)
    match kind:
        case "insert":
            draft = new_id()
        case "update" | "delete":
            draft = host.draft(lead)
        case "delete, sent to the lead":
            draft = host.draft(host.lead(THERE))
            host.message(lead, **BY_AI, aiDraftId=draft)
    drain(stage)

    def work(letter: str) -> None:
        session = sessions[letter]
        match letter, kind:
            case "D", "insert":
                Host(session).draft(lead, id=draft)
            case "D", "update":
                Host(session).update("AIDraft", draft, status="approved")
            case "D", _:
                Host(session).delete("AIDraft", draft)
            case "M", _:
                Host(session).update("Lead", lead, clientId=THERE)
            case "C", _:
                value(session, "select inboxdb.collect()")
            case "R", _:
                while (outcome := value(session, "select outcome from inboxdb.drain_next()")) != "idle":
                    assert outcome == "refreshed"

    begun: set[str] = set()
    for letter in order:
        if letter in begun:
            sessions[letter].execute("commit")
        else:
            sessions[letter].execute("begin")
            work(letter)
            begun.add(letter)
    drain(stage)


def orders(*letters: str) -> list[str]:
    """List every order in which these transactions can begin and commit."""
    return sorted({"".join(order) for order in itertools.permutations("".join(letters) * 2)})


# kind of the draft's change, third transaction
DRAFTS = [("insert", "C"), ("insert", "R"), ("update", "R"), ("delete, sent to the lead", "R")]


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "third"), [("delete", "R"), *(pytest.param(*draft, marks=pytest.mark.slow) for draft in DRAFTS)]
)
def test_draft_against_move_in_every_order(stage: Stage, kind: str, third: str) -> None:
    """With a collector, or a drain, in between."""
    sessions = cast(stage)
    for order in orders("D", "M", third):
        play(stage, sessions, order, kind)
        assert_right(stage)


def test_trigger_that_names_the_workspace_it_saw_loses_the_draft(stage: Stage) -> None:
    """Why a draft's change names no workspace: the lead's new workspace would never count the draft."""
    stage.owner.execute(NAIVE_DRAFT_TRIGGER)
    play(stage, cast(stage), "DMMRRD", "insert")

    assert changes_left(stage) == 0
    assert live_counts(stage.owner, THERE)[GLOBAL].ai_review == 1
    assert stored_counts(stage.owner)[THERE][GLOBAL].ai_review == 0


def test_draft_deleted_while_a_message_sent_from_it_moves(stage: Stage) -> None:
    """The deletion waits for the move, as the host's foreign key would make it, and notes where the message went."""
    host = Host(stage.session(WRITER))
    draft = host.draft(host.lead(HERE), status="approved")
    message = host.message(host.lead(HERE), **BY_AI, aiDraftId=draft)
    goal = host.lead(THERE)
    mover, deleter = stage.session(WRITER), stage.session(WRITER)
    mover.execute("begin")
    Host(mover).update("Message", message, leadId=goal)
    Host(mover).update("Lead", goal, lastOutboundAt=None)
    deleter.execute("set lock_timeout = 0")
    deleter.execute("begin")

    deletion = stage.start(deleter, 'delete from "AIDraft" where id = %s', [draft])
    deletion.wait_until_it_waits_for(mover)
    mover.execute("commit")
    deletion.finish()
    drain(stage)
    assert stored_counts(stage.owner)[THERE][GLOBAL].ai_sent == 1

    deleter.execute("commit")
    drain(stage)
    assert stored_counts(stage.owner)[THERE][GLOBAL].ai_sent == 0
    assert_right(stage)


# --- Emptying a slice of the log


CURRENT_SLICE = "coalesce(nullif(pg_catalog.current_setting('interleave.slice', true), ''), '0')::integer"


@pytest.fixture
def slices(stage: Stage) -> Stage:
    """Slice 0 is in use, and 2 out of use; 2 and 3 are worth emptying: large, and drained."""
    set_slice(stage.owner, CURRENT_SLICE)
    empty_small_slices(stage.owner)
    for number in range(4):
        # a vacuum that came by would make them small, or hold a lock
        stage.owner.execute(f"alter table inboxdb.change_{number} set (autovacuum_enabled = off)")
    for number in (2, 3):
        stage.owner.execute(
            f"insert into inboxdb.change_{number} (client_id) select %s from generate_series(1, 3000)", [HERE]
        )
    drain(stage)
    return stage


def writer_in_slice(stage: Stage, number: int) -> Connection[Any]:
    """Connect a writer that finds this slice to be the current one: a late one, when it is 2."""
    writer = stage.session(WRITER)
    writer.execute("select set_config('interleave.slice', %s, false)", [str(number)])
    return writer


def sizes(stage: Stage) -> list[int]:
    """Return the slices' sizes, in bytes."""
    query = "select pg_relation_size(format('inboxdb.change_%s', n)) from generate_series(0, 3) as n order by n"
    return [row[0] for row in stage.owner.execute(query)]


def empty_slice(stage: Stage) -> bool:
    """Empty a slice; raise 57014 where that waits for a lock, since it would take 55P03 for its answer."""
    with stage.owner.transaction():
        stage.owner.execute("set local lock_timeout = 0")
        stage.owner.execute("set local statement_timeout = '10s'")
        return bool(value(stage.owner, "select inboxdb.empty_slice()"))


def test_slice_out_of_use_is_emptied(slices: Stage) -> None:
    before = sizes(slices)
    assert empty_slice(slices) is True
    assert sizes(slices) == [before[0], before[1], 0, before[3]]
    assert empty_slice(slices) is False, "a small one is left alone"


@pytest.mark.parametrize("current", range(4))
def test_slices_in_use_next_and_last_are_never_emptied(slices: Stage, current: int) -> None:
    for number in range(2):
        slices.owner.execute(
            f"insert into inboxdb.change_{number} (client_id) select %s from generate_series(1, 3000)", [HERE]
        )
    drain(slices)
    before = sizes(slices)
    slices.owner.execute("select set_config('interleave.slice', %s, false)", [str(current)])
    assert empty_slice(slices) is True
    before[(current + 2) % 4] = 0
    assert sizes(slices) == before


def test_slice_with_changes_is_kept(slices: Stage) -> None:
    Host(writer_in_slice(slices, 2)).lead(HERE)
    before = sizes(slices)
    assert empty_slice(slices) is False
    assert sizes(slices) == before

    drain(slices)
    assert_right(slices)
    assert empty_slice(slices) is True


def test_slice_with_a_late_writer_in_it_is_kept(slices: Stage) -> None:
    writer = writer_in_slice(slices, 2)
    writer.execute("begin")
    Host(writer).lead(HERE)
    assert empty_slice(slices) is False
    writer.execute("commit")
    assert empty_slice(slices) is False

    drain(slices)
    assert totals(slices) == (2, 2)
    assert_right(slices)


def test_late_writer_waits_for_the_emptying_alone_and_is_drained_later(slices: Stage) -> None:
    writer = writer_in_slice(slices, 2)
    writer.execute("set lock_timeout = 0")
    emptying = slices.session()
    emptying.execute("begin")
    assert value(emptying, "select inboxdb.empty_slice()") is True
    Host(slices.session(WRITER)).lead(THERE)  # one that is not late does not wait

    late = slices.start(writer, 'update "Lead" set status = %s where "clientId" = %s', ["blacklisted", HERE])
    late.wait_until_it_waits_for(emptying)
    emptying.execute("commit")
    late.finish()

    assert value(slices.owner, "select count(*) from inboxdb.change_2") == 1
    drain(slices)
    assert_right(slices)


def test_slice_that_a_reader_reads_is_kept(slices: Stage) -> None:
    reader = slices.session()
    reader.execute("begin isolation level repeatable read")
    reader.execute("select from inboxdb.change")
    assert empty_slice(slices) is False
    reader.execute("commit")
    assert empty_slice(slices) is True


def test_late_reader_does_not_take_an_emptied_slice_for_an_answer(slices: Stage) -> None:
    """Truncation is not transactional for readers: one with an older snapshot finds the slice empty, not as it was."""
    Host(writer_in_slice(slices, 2)).lead(HERE)
    reader = slices.session()
    reader.execute("begin isolation level repeatable read")
    reader.execute("select")
    reader.execute('select from "Lead"')
    drain(slices)
    assert empty_slice(slices) is True

    [(settled, drifted)] = reader.execute(
        "select settled, drifted from inboxdb.verify_workspace(%s)", [HERE]
    ).fetchall()
    assert (settled, drifted) != (True, 1), "a drift that there never was"


def test_verify_does_not_take_an_emptied_host_for_an_answer(stage: Stage) -> None:
    """The host's TRUNCATE is like that, too: a comparison that waited for it finds no lead, and no change either."""
    host = stage.session(WRITER)
    host.execute("begin")
    host.execute('truncate "Lead" cascade')
    verifier = stage.session()
    verifier.execute("set lock_timeout = 0")
    verify = stage.start(verifier, "select settled, drifted from inboxdb.verify_workspace(%s)", [HERE])
    verify.wait_until_it_waits_for(host)
    host.execute("commit")
    [(settled, drifted)] = verify.finish()
    assert (settled, drifted) != (True, 1), "a drift that is only not drained yet"


@pytest.mark.parametrize(
    ("moment", "emptied"), [("workspace locked", True), ("snapshot taken", False), ("counted", False)]
)
def test_emptying_beside_a_drain(slices: Stage, moment: str, emptied: bool) -> None:
    """Neither waits: a drain with a snapshot keeps the slice, one without has nothing to miss in it."""
    Host(slices.session(WRITER)).lead(HERE)
    with drain_stopped(slices, moment):
        assert empty_slice(slices) is emptied
        Host(writer_in_slice(slices, 2)).lead(HERE)
    drain(slices)
    assert totals(slices) == (3, 3)
    assert_right(slices)


def test_drain_passes_an_emptying_that_is_not_committed(slices: Stage) -> None:
    """It waits for this transaction, which does nothing else; then it takes what is in the other slices."""
    Host(slices.session(WRITER)).lead(HERE)
    drainer = slices.session()
    drainer.execute("set lock_timeout = 0")
    emptying = slices.session()
    emptying.execute("begin")
    assert value(emptying, "select inboxdb.empty_slice()") is True

    claim = slices.start(drainer, "select inboxdb.claim_next()")
    claim.wait_until_it_waits_for(emptying)
    emptying.execute("commit")
    assert claim.finish() == [(HERE,)]
    assert value(drainer, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"
    assert_right(slices)


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
@pytest.mark.parametrize(
    "call", ["empty_slice()", "collect()", "claim_next()", "drain_next()", f"recompute_inbox_counts('{HERE}')"]
)
def test_snapshots_older_than_a_lock_are_refused(slices: Stage, isolation: str, call: str) -> None:
    Host(slices.session(WRITER)).lead(HERE)
    before = sizes(slices), stored_counts(slices.owner)
    slices.owner.execute(f"begin isolation level {isolation}")
    with pytest.raises(psycopg.Error) as raised:
        slices.owner.execute(f"select inboxdb.{call}")
    slices.owner.execute("rollback")
    assert raised.value.sqlstate == "IB004"
    assert (sizes(slices), stored_counts(slices.owner)) == before
    assert changes_left(slices) == 1


# --- Nobody waits
#
# Every session here raises 55P03 where it would wait for a lock: the one that holds it does not go on meanwhile.


class Rows:
    """Rows for one writer to write: leads of HERE, with drafts."""

    def __init__(self, stage: Stage) -> None:
        """Insert them."""
        host = Host(stage.session(WRITER))
        self.updated, self.moved, self.deleted = (host.lead(HERE) for _ in range(3))
        self.draft, self.deleted_draft = host.draft(self.updated), host.draft(self.updated)
        host.draft(self.deleted)
        host.message(self.moved, **BY_AI, aiDraftId=self.deleted_draft)

    def write(self, writer: Connection[Any]) -> None:
        """Write them in every way that makes a change."""
        host = Host(writer)
        host.draft(host.lead(HERE))
        host.update("Lead", self.updated, status="blacklisted")
        host.update("Lead", self.updated, lastInboundAt=None)
        host.update("Lead", self.moved, clientId=THERE)
        host.draft(self.updated)
        host.update("AIDraft", self.draft, status="approved")
        host.delete("AIDraft", self.deleted_draft)
        host.delete("Lead", self.deleted)
        host.workspace()


def test_writer_does_not_wait_for_another_writer(stage: Stage) -> None:
    writers = [(Rows(stage), stage.session(WRITER)) for _ in range(3)]
    for rows, writer in writers:
        writer.execute("begin")
        rows.write(writer)
    marker = stage.session()
    marker.execute("begin")
    marker.execute("select inboxdb.mark_inbox_counts_dirty(%s), inboxdb.mark_all_inbox_counts_dirty()", [HERE])

    for _, writer in reversed(writers):
        writer.execute("commit")
    drain(stage)
    marker.execute("commit")
    drain(stage)
    assert_right(stage)


@pytest.mark.parametrize("moment", MOMENTS)
def test_writer_does_not_wait_for_a_drain(stage: Stage, moment: str) -> None:
    rows = Rows(stage)
    with drain_stopped(stage, moment):
        rows.write(stage.session(WRITER))
        stage.session().execute("select inboxdb.mark_inbox_counts_dirty(%s)", [HERE])
    drain(stage)
    assert_right(stage)


@pytest.mark.parametrize("pause", ["workspace locked", "snapshot taken", "counted"])
def test_writer_does_not_wait_for_a_recompute(stage: Stage, pause: str) -> None:
    rows = Rows(stage)
    recompute = stage.start(stage.session(), f"select inboxdb.recompute_inbox_counts('{HERE}')", pause_at=pause)
    rows.write(stage.session(WRITER))
    recompute.assert_paused()
    recompute.resume()
    drain(stage)
    assert_right(stage)


def test_drain_does_not_wait_for_a_writer(stage: Stage) -> None:
    """What the open transaction has written is not counted, and not taken."""
    rows = Rows(stage)
    writer = stage.session(WRITER)
    writer.execute("begin")
    rows.write(writer)

    assert sorted(drain(stage)) == [HERE]
    assert_right(stage)
    stage.owner.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE])
    writer.execute("commit")
    assert len(drain(stage)) == 3
    assert_right(stage)


def test_collector_does_not_wait_for_a_refresh(stage: Stage) -> None:
    """Whose deletion of the work list's row is not committed: what came since is collected when it is."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    with drain_stopped(stage, "refresh done"):
        host.lead(HERE)
        host.lead(THERE)
        assert value(stage.owner, "select inboxdb.collect()") == 1
    assert sorted(drain(stage)) == [HERE, THERE]
    assert_right(stage)


@pytest.mark.parametrize("moment", ["collector locked", "changes assigned", "collect done"])
def test_collectors_do_not_wait_for_each_other(stage: Stage, moment: str) -> None:
    host = Host(stage.session(WRITER))
    host.draft(host.lead(HERE))
    with drain_stopped(stage, moment):
        assert value(stage.owner, "select inboxdb.collect()") == 0
        assert value(stage.owner, "select inboxdb.claim_next()") is None
    drain(stage)
    assert_right(stage)


def test_refresh_does_not_wait_for_a_claim(stage: Stage) -> None:
    """A drain that finds HERE due but locked passes it over, and goes on to refresh THERE in the same transaction."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    with drain_stopped(stage, "counted"):
        host.lead(THERE)
        value(stage.owner, "select inboxdb.collect()")
        stage.owner.execute(
            "update inboxdb.inbox_counts_dirty set next_attempt_at = '-infinity' where client_id = %s", [HERE]
        )
        other = stage.session()
        other.execute("begin")
        assert value(other, "select client_id from inboxdb.drain_next()") == THERE
    other.execute("commit")
    drain(stage)
    assert_right(stage)


@pytest.mark.parametrize("seed", range(3))
def test_marks_in_random_order_never_deadlock(stage: Stage, seed: int) -> None:
    """Eight transactions that mark and write five workspaces, in any order, each open across all its marks.

    They take turns in one thread: one that had to wait for another would fail, whether or not a deadlock came of it.
    """
    dice = random.Random(seed)
    host = Host(stage.session(WRITER))
    workspaces = [HERE, THERE, *(host.workspace() for _ in range(3))]
    stage.owner.execute(f"grant usage on schema inboxdb to {WRITER}")
    stage.owner.execute(f"grant execute on function inboxdb.mark_inbox_counts_dirty to {WRITER}")

    turns = []
    for _ in range(8):
        program: list[tuple[str, list[str]]] = [("begin", [])]
        for workspace in dice.sample(workspaces, len(workspaces)):
            program.append(("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace]))
            update = 'update "Lead" set status = %s where id = %s'
            program.append((update, ["needs_repair", host.lead(workspace)]))
        program.append(("commit", []))
        turns.append((stage.session(WRITER), program))
    drain(stage)
    while turns:
        writer, program = turn = dice.choice(turns)
        writer.execute(*program.pop(0))
        if not program:
            turns.remove(turn)

    assert sorted(drain(stage)) == sorted(workspaces)
    assert_right(stage)


# --- Claims


def test_no_workspace_is_claimed_twice(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    host.lead(THERE)
    value(stage.owner, "select inboxdb.collect()")
    claimers = [stage.session() for _ in range(3)]
    for claimer in claimers:
        claimer.execute("begin")
    assert [value(claimer, "select inboxdb.claim_next()") for claimer in claimers] == [HERE, THERE, None]

    for claimer in claimers:
        claimer.execute("commit")
    assert value(stage.owner, "select inboxdb.claim_next()") is None


def test_claim_undone_is_claimed_again(stage: Stage) -> None:
    Host(stage.session(WRITER)).lead(HERE)
    with stage.owner.transaction(force_rollback=True):
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    assert value(stage.owner, "select attempts from inboxdb.inbox_counts_dirty") == 1


@pytest.mark.parametrize("refreshed", [False, True])
def test_claim_overtaken_before_it_has_the_lock(stage: Stage, refreshed: bool) -> None:
    """By a claim of the same workspace, which may have been refreshed by then: it goes on to the next one.

    While its transaction is still open, the other one's refresh finds the workspace free.
    """
    two_dirty_workspaces(stage)
    value(stage.owner, "select inboxdb.collect()")
    claimer = stage.session()
    claimer.execute("begin")
    claim = stage.start(claimer, "select inboxdb.claim_next()", pause_at="candidate chosen")
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    if refreshed:
        assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"

    assert claim.resume() == [(THERE,)]
    if not refreshed:
        assert work_list(stage)[HERE] == (1, "2024-06-10 09:01:01+00", None)
        assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"
    assert HERE not in work_list(stage)


def test_workspace_that_is_being_recomputed_is_passed_over(stage: Stage) -> None:
    """It keeps its place in the line, and no attempt is counted."""
    set_clock(stage.owner, "2024-06-10 09:00:00+00")
    Host(stage.session(WRITER)).lead(HERE)
    value(stage.owner, "select inboxdb.collect()")
    recompute = stage.start(stage.session(), f"select inboxdb.recompute_inbox_counts('{HERE}')", pause_at="counted")

    assert value(stage.owner, "select inboxdb.claim_next()") is None
    assert work_list(stage) == {HERE: (0, "2024-06-10 09:00:00+00", None)}
    recompute.resume()
    assert work_list(stage) == {}
    assert_right(stage)


def test_claimed_workspace_is_not_due_before_its_next_attempt(stage: Stage) -> None:
    """Longer and longer, 5 minutes at most; another session goes by the same list."""
    set_clock(stage.owner, "2024-06-10 09:00:00+00")
    Host(stage.session(WRITER)).lead(HERE)
    other = stage.session()
    for attempt, (due, early) in enumerate(
        [
            ("09:00:00", "08:59:59.999"),
            ("09:00:01", "09:00:00.999"),
            ("09:00:03", "09:00:02.999"),
            ("09:00:07", "09:00:06.999"),
        ],
        start=1,
    ):
        if attempt > 1:
            set_clock(stage.owner, f"2024-06-10 {early}+00")
            assert value(other, "select inboxdb.claim_next()") is None
        set_clock(stage.owner, f"2024-06-10 {due}+00")
        assert value(other, "select inboxdb.claim_next()") == HERE
        assert work_list(stage)[HERE][0] == attempt
    stage.owner.execute("update inboxdb.inbox_counts_dirty set attempts = 14")
    set_clock(stage.owner, "2024-06-10 10:00:00+00")
    assert value(other, "select inboxdb.claim_next()") == HERE
    assert work_list(stage) == {HERE: (15, "2024-06-10 10:05:00+00", None)}


# --- Refreshes that fail


@pytest.mark.parametrize("pause", ["workspace locked", "snapshot taken", "counted"])
def test_backend_killed_in_a_refresh_goes_to_the_back_of_the_line(stage: Stage, pause: str) -> None:
    two_dirty_workspaces(stage)
    before = stored_counts(stage.owner)
    victim = stage.session()
    assert value(victim, "select inboxdb.claim_next()") == HERE
    refresh = stage.start(victim, f"select inboxdb.drain_next('{HERE}')", pause_at=pause)

    kill(stage, victim)
    with pytest.raises(psycopg.OperationalError):
        refresh.finish()
    assert work_list(stage)[HERE] == (1, "2024-06-10 09:01:01+00", None)
    assert changes_left(stage) == 2
    assert stored_counts(stage.owner) == before
    assert drain(stage) == [THERE]
    assert changes_left(stage) == 1
    with stage.owner.transaction():
        assert value(stage.owner, "select inboxdb.try_lock_workspace(%s)", HERE)

    set_clock(stage.owner, "2024-06-10 09:01:01+00")
    assert drain(stage) == [HERE]
    assert_right(stage)


def test_backend_killed_with_its_claim_uncommitted_is_first_in_line_again(stage: Stage) -> None:
    """Why the claim is committed first; all in one transaction is simpler, and does without."""
    two_dirty_workspaces(stage)
    value(stage.owner, "select inboxdb.collect()")
    victim = stage.session()
    refresh = stage.start(victim, "select inboxdb.drain_next()", pause_at="counted")

    kill(stage, victim)
    with pytest.raises(psycopg.OperationalError):
        refresh.finish()
    assert work_list(stage)[HERE] == (0, "2024-06-10 09:00:00+00", None)
    assert drain(stage) == [HERE, THERE]
    assert_right(stage)


def kill(stage: Stage, victim: Connection[Any]) -> None:
    """End a session's backend, and see it gone."""
    pid = victim.info.backend_pid
    assert value(stage.owner, "select pg_terminate_backend(%s)", pid)
    give_up_at = time.monotonic() + DEADLINE
    while value(stage.watcher, "select exists (select from pg_stat_activity where pid = %s)", pid):
        assert time.monotonic() < give_up_at, "the backend did not end"
        time.sleep(0.002)


SECRET = "Jane Roe, +1 555 0100"

# Each: the checkpoint where the refresh of HERE is made to fail, by what, and the SQLSTATE.
FAILURES = {
    "before anything is counted": (
        "workspace locked",
        f"raise exception using errcode = 'division_by_zero', message = '{SECRET}', detail = '{SECRET}', "
        f"hint = '{SECRET}', column = '{SECRET}', table = '{SECRET}', constraint = '{SECRET}'",
        "22012",
    ),
    # the server's own words quote the row then
    "by a count below zero": (
        "counts stored",
        "update inboxdb.inbox_counts set total = -1 where client_id = about",
        "23514",
    ),
    "when the counts are stored already": ("counts stored", "perform 1 / 0", "22012"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_refresh_that_fails_keeps_its_changes_and_lets_others_by(stage: Stage, failure: str) -> None:
    two_dirty_workspaces(stage)
    Host(stage.session(WRITER)).lead(HERE, assignedToUserId=SECRET)
    checkpoint, code, sqlstate = FAILURES[failure]
    before = stored_counts(stage.owner)[HERE]
    versions = "select version from inboxdb.cache_version where client_id = %s order by family"
    versions_before = stage.owner.execute(versions, [HERE]).fetchall()
    with stage.at(checkpoint, code, about=HERE):
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
        assert stage.owner.execute("select * from inboxdb.drain_next(%s)", [HERE]).fetchall() == [
            (HERE, "failed", None, None, None)
        ]
        assert drain(stage) == [THERE]

    attempts, due, error = work_list(stage)[HERE]
    assert (attempts, due) == (1, "2024-06-10 09:01:01+00")
    assert error
    assert error.startswith(f"{sqlstate}: ")
    job = "select last_status, last_error, attempt from inboxdb.job_status where client_id = %s"
    assert stage.owner.execute(job, [HERE]).fetchall() == [("failed", error, 1)]
    assert stored_counts(stage.owner)[HERE] == before
    assert stage.owner.execute(versions, [HERE]).fetchall() == versions_before
    assert changes_left(stage) == 2
    tables = stage.owner.execute(
        "select oid::regclass::text from pg_class where relnamespace = 'inboxdb'::regnamespace and relkind = 'r'"
    ).fetchall()
    for (table,) in tables:
        assert value(stage.owner, f"select count(*) from {table} as t where t::text like %s", f"%{SECRET}%") == 0

    set_clock(stage.owner, "2024-06-10 09:01:01+00")
    assert drain(stage) == [HERE]
    assert_right(stage)
    assert stage.owner.execute(job, [HERE]).fetchall() == [("succeeded", None, 2)]


# --- Where the log is read from


def reads(stage: Stage, xid: int) -> bool:
    """Collect, whenever the last collector was; say whether what a transaction noted would be read now."""
    stage.owner.execute("update inboxdb.drain_state set collected_at = null")
    value(stage.owner, "select inboxdb.collect()")
    return bool(
        value(
            stage.owner,
            "select %s::text::xid8 >= f.read_from or %s::text::xid8 = any (f.also_read) from inboxdb.read_floor as f",
            xid,
            xid,
        )
    )


def latest(stage: Stage) -> int:
    """Return a transaction that is over, later than all that have noted anything yet."""
    return int(value(stage.owner, "select pg_current_xact_id()::text"))


def test_late_commit_of_an_old_transaction_is_drained(stage: Stage) -> None:
    """Younger transactions are drained before it; the log is read from where it may yet commit."""
    old = stage.session(WRITER)
    old.execute("begin")
    Host(old).lead(HERE)
    xid = int(value(old, "select pg_current_xact_id()::text"))
    host = Host(stage.session(WRITER))
    for _ in range(3):
        host.lead(HERE)
        host.lead(THERE)
        drain(stage)
        drained = latest(stage)
        assert reads(stage, xid)
        assert not reads(stage, drained), "dead rows are read as long as a writer is idle"

    old.execute("commit")
    drain(stage)
    assert totals(stage) == (5, 5)
    assert_right(stage)
    assert not reads(stage, xid)


def test_log_is_read_from_its_oldest_change(stage: Stage) -> None:
    """One that waits for its next attempt, say, while younger ones come and go."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    oldest = int(value(stage.owner, "select min(xid)::text from inboxdb.change"))
    for _ in range(3):
        host.lead(THERE)
        assert reads(stage, oldest)
        assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", THERE) == "refreshed"
        drained = latest(stage)
        assert reads(stage, oldest)
        assert not reads(stage, drained)
    assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", HERE) == "refreshed"
    assert_right(stage)
    assert not reads(stage, oldest)


def test_prepared_transaction_is_drained_when_it_commits(stage: Stage) -> None:
    if value(stage.owner, "select current_setting('max_prepared_transactions')") == "0":
        pytest.skip("the server has max_prepared_transactions = 0")
    writer = stage.session(WRITER)
    writer.execute("begin")
    Host(writer).lead(HERE)
    xid = int(value(writer, "select pg_current_xact_id()::text"))
    writer.execute("prepare transaction 'inboxdb test'")
    try:
        Host(writer).lead(HERE)
        drain(stage)
        assert reads(stage, xid)
    finally:
        writer.execute("commit prepared 'inboxdb test'")
    drain(stage)
    assert totals(stage) == (3, 3)
    assert_right(stage)


@pytest.mark.parametrize(
    ("server_started_at", "place"),
    [
        ("'2024-06-10 09:00:00+00'", "pg_snapshot_xmax(pg_current_snapshot())"),
        ("'2024-06-10 09:00:00+00'", "'1000000000'"),
        ("server_started_at", "'1000000000'"),
    ],
    ids=["another server, plausible", "another server, ahead", "this server, ahead"],
)
def test_place_in_the_log_that_another_server_wrote_is_not_trusted(
    stage: Stage, server_started_at: str, place: str
) -> None:
    """After a restore or a failover: everything is read until the next collector has found the place anew."""
    host = Host(stage.session(WRITER))
    host.lead(HERE)
    host.draft(host.lead(THERE))
    oldest = int(value(stage.owner, "select min(xid)::text from inboxdb.change"))
    stage.owner.execute(f"update inboxdb.drain_state set server_started_at = {server_started_at}, read_from = {place}")
    assert changes_left(stage) == 3

    assert reads(stage, oldest)
    assert value(stage.owner, "select read_from > '0' from inboxdb.drain_state")
    assert drain(stage) == [HERE, THERE]
    assert_right(stage)


def test_held_snapshot_stops_nothing(slices: Stage) -> None:
    """A session that somebody forgot, or a dump: drains go on, and slices are emptied."""
    holder = slices.session()
    holder.execute("begin isolation level repeatable read")
    holder.execute('select from "Lead"')
    host = Host(slices.session(WRITER))
    for leads in (2, 3, 4):
        host.lead(HERE)
        drain(slices)
        assert totals(slices) == (leads, leads)
        assert_right(slices)
    host.lead(HERE)
    drain(slices)
    assert empty_slice(slices) is True
    assert not reads(slices, latest(slices))
    assert value(holder, 'select count(*) from "Lead"') == 2


# --- The work list is derived


def test_lost_work_list_is_made_anew(stage: Stage) -> None:
    """From the changes and the snoozes, in whatever state it was."""
    set_clock(stage.owner, "2024-06-10 09:00:00+00")
    host = Host(stage.session(WRITER))
    host.lead(THERE, snoozedUntil="2024-06-10 09:00:30+00")
    drain(stage)
    host.lead(HERE)
    set_clock(stage.owner, "2024-06-10 09:01:00+00")
    assert value(stage.owner, "select inboxdb.claim_next()") is not None
    assert set(work_list(stage)) == {HERE, THERE}

    stage.owner.execute("truncate inboxdb.inbox_counts_dirty")
    assert sorted(drain(stage)) == [HERE, THERE]
    assert_right(stage)


@pytest.mark.parametrize("claimed", [False, True])
def test_clock_that_goes_back_delays_nothing(stage: Stage, claimed: bool) -> None:
    """Neither a change that was noted in what is now the future, nor a workspace that was claimed there."""
    set_clock(stage.owner, "2024-06-10 10:00:00+00")
    Host(stage.session(WRITER)).lead(HERE)
    if claimed:
        assert value(stage.owner, "select inboxdb.claim_next()") == HERE
    set_clock(stage.owner, "2024-06-10 09:00:00+00")
    assert drain(stage) == [HERE]
    assert_right(stage)
