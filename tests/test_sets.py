"""Sets: many small workspaces claimed and refreshed together, as if each were alone; races forced step by step."""

import logging
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest
import structlog
from psycopg import Connection

from inboxdb.database import logs, sources
from inboxdb.drain import pace, passes
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import drain as run_drain
from tests.interleave import Stage, until
from tests.rows import BY_AI, GLOBAL, Host, drift, live_counts, set_clock, stored_counts
from tests.running import hold_up, watching
from tests.servers import WRITER, Database
from tests.test_races import assert_right, value

A, B, C, OUTSIDE = SOME = [f"00000000-0000-4000-8000-00000000d00{number}" for number in range(1, 5)]
SET = [A, B, C]
USERS = ["00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-0000000000a2"]

REFUSED = "23514: the refresh failed; inboxdb.recompute_inbox_counts raises the error in full"
LOST = "08006: the connection was lost"


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    """Four workspaces with a lead each, drained."""
    with closing(Stage(database)) as made:
        host = Host(made.session(WRITER))
        for workspace in SOME:
            host.workspace(id=workspace)
            host.lead(workspace)
        made.owner.execute("call inboxdb.drain_dirty()")
        yield made


@pytest.fixture
def warnings() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines that drains in this process log."""
    logs.configure(level=logging.WARNING)
    with structlog.testing.capture_logs() as lines:
        yield lines
    logs.configure()


def write_to(stage: Stage, *workspaces: str) -> None:
    """Add a lead to each, in this order, in transactions of their own."""
    host = Host(stage.session(WRITER))
    for workspace in workspaces:
        host.lead(workspace)


def claim(session: Connection[Any], at_most: int = 50, workers: int = 1) -> list[str]:
    """Claim a set."""
    claimed: list[str] = value(session, "select inboxdb.claim_set(%s, %s)::text[]", at_most, workers)
    return claimed


REFRESH = "select client_id::text, outcome from inboxdb.drain_set(%s::text[]::inboxdb.client_id[]) order by 1"


def refresh(session: Connection[Any], members: Iterable[str]) -> dict[str, str]:
    """Refresh a set; return the outcomes."""
    return dict(session.execute(REFRESH, [list(members)]).fetchall())


def all_of(outcome: str, members: Iterable[str] = SET) -> dict[str, str]:
    return dict.fromkeys(members, outcome)


def jobs(stage: Stage) -> dict[str, tuple[str, str | None, int, str | None]]:
    """Read how each workspace's last refresh went: status, error, attempt, reason for a recount."""
    rows = stage.owner.execute(
        "select client_id::text, last_status, last_error, attempt, recount_reason from inboxdb.job_status"
    )
    return {workspace: (status, error, attempt, reason) for workspace, status, error, attempt, reason in rows}


def undone(stage: Stage) -> str:
    """Read by which error a run says that its sets were undone."""
    [(troubles,)] = stage.owner.execute("select run_troubles from inboxdb.drain_status()").fetchall()
    told, error = troubles.rsplit(": ", 1)
    assert told.endswith(": undid sets of workspaces, refreshed one by one instead"), troubles
    return str(error)


def attempts(stage: Stage) -> list[tuple[str, int]]:
    """Read the work list in order."""
    return stage.owner.execute(
        "select client_id::text, attempts from inboxdb.inbox_counts_dirty order by next_attempt_at"
    ).fetchall()


def totals(stage: Stage) -> list[int]:
    return [stored_counts(stage.owner)[workspace][GLOBAL].total for workspace in SET]


# From outside nobody can tell


def move_lead(host: Host, lead: str, workspace: str) -> None:
    host.update("Lead", lead, clientId=workspace)


def back_and_forth(host: Host, lead: str) -> None:
    for status in ("needs_repair", "new"):
        host.update("Lead", lead, status=status)


def make_anew(host: Host) -> None:
    host.delete("Client", A)
    host.lead(host.workspace(id=A))


# What is done to a workspace's lead, assigned to user a: nine ways in which counts, users and snoozes change.
CHANGES: dict[str, Callable[[Host, str, str], object]] = {
    "insert": lambda host, workspace, _: host.lead(workspace, assignedToUserId=USERS[1]),
    "update": lambda host, _, lead: host.update("Lead", lead, status="unqualified"),
    "delete": lambda host, _, lead: host.delete("Lead", lead),
    "reassign": lambda host, _, lead: host.update("Lead", lead, assignedToUserId=USERS[1]),
    "unassign": lambda host, _, lead: host.update("Lead", lead, assignedToUserId=None),
    "snooze": lambda host, _, lead: host.update("Lead", lead, snoozedUntil="2999-01-01 00:00:00+00"),
    "draft": lambda host, _, lead: host.draft(lead),
    "in vain": lambda host, _, lead: back_and_forth(host, lead),
    "ten": lambda host, workspace, _: [host.lead(workspace) for _ in range(10)],
}


@pytest.mark.all_hosts
def test_a_set_is_refreshed_as_each_workspace_would_be_alone(database: Database, host: Host, owner: Any) -> None:
    """Each change in two workspaces: one refreshed by the set, the other by itself."""
    together, alone = ({name: host.workspace() for name in CHANGES} for _ in range(2))
    leads = {
        workspace: host.lead(workspace, assignedToUserId=USERS[0])
        for workspace in [*together.values(), *alone.values()]
    }
    owner.execute("call inboxdb.drain_dirty()")
    for name, change in CHANGES.items():
        for workspace in (together[name], alone[name]):
            change(host, workspace, leads[workspace])
    owner.execute("select inboxdb.collect()")
    owner.execute("""
        update inboxdb.cache_version as v
        set version = v.version + 1000000
          * (select count(*) from inboxdb.cache_version as o where o.client_id < v.client_id)
    """)

    told = "client_id::text, version, outcome, array(select unnest(changed_scopes)::text order by 1)"
    query = f"select {told} from inboxdb.drain_set(%s::text[]::inboxdb.client_id[])"
    rows = owner.execute(query, [list(together.values())]).fetchall()
    query = f"select {told} from inboxdb.drain_next(%s)"
    rows += [row for workspace in alone.values() for row in owner.execute(query, [workspace])]
    outcomes = {row[0]: row[2:] for row in rows}
    # each has another version, which its readers find
    query = """
        select s.client_id::text, s.version
        from inboxdb.inbox_counts as s
        inner join inboxdb.cache_version as v on v.client_id = s.client_id and v.family = 'inbox'
        where s.is_global and s.version = v.version
    """
    assert {row[0]: row[1] for row in rows} == dict(owner.execute(query).fetchall())
    stored = stored_counts(owner)
    query = """
        select j.client_id::text, j.last_status, j.last_error, j.attempt, j.recount_reason, j.run_id,
          j.unpublished_since is not null, j.last_finished_at >= j.last_started_at,
          w.leads, w.next_snooze_at, w.definitions,
          (select count(*) from inboxdb.inbox_counts_dirty as d where d.client_id = j.client_id),
          (
            select count(*)
            from inboxdb.cache_version as v
            where v.client_id = j.client_id and v.unpublished_since is not null
          )
        from inboxdb.job_status as j
        inner join inboxdb.workspace as w using (client_id)
    """
    kept = {row[0]: row[1:] for row in owner.execute(query)}
    for name in CHANGES:
        one, other = together[name], alone[name]
        assert outcomes[one] == outcomes[other], name
        assert outcomes[one][0] == "refreshed", name
        assert kept[one] == kept[other], name
        assert stored[one] == stored[other] == live_counts(owner, one), name
    assert owner.execute("select from inboxdb.change").rowcount == 0
    # and each lead is remembered as it is
    for workspace in together.values():
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert drift(owner) == []


def test_versions_go_up_and_a_set_starts_no_two_refreshes_at_once(stage: Stage) -> None:
    """Whoever reads sees the order in which workspaces became dirty."""
    versions = "select client_id::text, family, version from inboxdb.cache_version"
    before = {row[:2]: row[2] for row in stage.owner.execute(versions)}
    write_to(stage, C, A, B)
    members = claim(stage.owner)
    assert members == [C, A, B]
    assert refresh(stage.owner, members) == all_of("refreshed")
    after = {row[:2]: row[2] for row in stage.owner.execute(versions)}
    assert {key for key in after if after[key] > before[key]} == {key for key in after if key[0] != OUTSIDE}
    started = "select client_id::text from inboxdb.job_status where client_id <> %s order by last_started_at"
    assert [workspace for (workspace,) in stage.owner.execute(started, [OUTSIDE])] == [C, A, B]
    assert_right(stage)


# A writer commits between any two steps


# What each does to a lead of A, beside a lead of OUTSIDE.
WRITES: dict[str, Callable[[Host, str, str], object]] = {
    "insert": lambda host, _, __: host.lead(A),
    "update": lambda host, lead, _: host.update("Lead", lead, status="unqualified"),
    "delete": lambda host, lead, _: host.delete("Lead", lead),
    "move within the set": lambda host, lead, _: move_lead(host, lead, B),
    "move out": lambda host, lead, _: move_lead(host, lead, OUTSIDE),
    "move in": lambda host, _, other: move_lead(host, other, A),
    "draft": lambda host, lead, _: host.draft(lead),
    "message": lambda host, lead, _: host.message(lead, **BY_AI, aiDraftId=host.draft(lead, status="approved")),
    "delete the workspace": lambda host, _, __: host.delete("Client", A),
    "make the workspace anew": lambda host, _, __: make_anew(host),
}
# Writes that the set counts only where a refresh of its own does.
NOT_BY_SET = {"draft", "message", "delete the workspace", "make the workspace anew"}
# When the writer commits, and whether the set counts the change then.
MOMENTS = {
    "claimed": True,
    "workspace locked": True,
    "snapshot taken": False,
    "counted": False,
    "versions bumped": False,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_writer_commits_between_two_steps_of_a_set(stage: Stage, moment: str) -> None:
    host, drainer = Host(stage.session(WRITER)), stage.session()
    for write, do in WRITES.items():
        lead, other = host.lead(A), host.lead(OUTSIDE)
        stage.owner.execute("call inboxdb.drain_dirty()")
        write_to(stage, *SET)
        members = claim(drainer)
        assert members == SET
        before = {workspace: live_counts(stage.owner, workspace) for workspace in SET}

        if moment == "claimed":
            do(host, lead, other)
            outcomes = refresh(drainer, members)
        else:
            step = stage.start(drainer, REFRESH, [members], pause_at=moment)
            do(host, lead, other)
            step.assert_paused()
            outcomes = dict(step.resume())
        after = {workspace: live_counts(stage.owner, workspace) for workspace in SET}
        counted = MOMENTS[moment]
        if write not in NOT_BY_SET:
            assert before != after or write == "move out", write
            assert outcomes == all_of("refreshed"), write
            stored = stored_counts(stage.owner)
            assert {workspace: stored[workspace] for workspace in SET} == (after if counted else before), write
        else:
            assert outcomes[B] == outcomes[C] == "refreshed", write
        drain_all(stage)
        assert_right(stage)
        if not live_counts(stage.owner, A):
            host.workspace(id=A)
    assert drift(stage.owner) == []


def drain_all(stage: Stage) -> None:
    """Drain everything, also what was claimed and left."""
    stage.owner.execute("update inboxdb.inbox_counts_dirty set next_attempt_at = inboxdb.clock()")
    stage.owner.execute("update inboxdb.drain_state set claim_from = '-infinity'")
    stage.owner.execute("call inboxdb.drain_dirty()")


# Two drains


def test_two_drains_share_what_is_due(stage: Stage) -> None:
    write_to(stage, *SET)
    stage.owner.execute("select inboxdb.collect()")
    claimers = [stage.session() for _ in range(3)]
    for claimer in claimers:
        claimer.execute("begin")
    assert [claim(claimer, 2) for claimer in claimers] == [[A, B], [C], []]


def test_of_what_is_due_each_worker_claims_a_share(stage: Stage) -> None:
    host = Host(stage.session(WRITER))
    more = [host.workspace() for _ in range(117)]
    stage.owner.execute("call inboxdb.drain_dirty()")
    write_to(stage, *SET, *more)
    first = claim(stage.owner, 1000)
    assert first[:3] == SET
    # in the same order, should this drain be killed
    assert [workspace for workspace, attempt in attempts(stage) if attempt] == first
    shares = [len(claim(stage.owner, 1000, workers)) for workers in (4, 3, 1, 1)]
    assert [len(first), *shares] == [50, 18, 18, 34, 0]
    assert [attempt for _, attempt in attempts(stage)] == [1] * 120


def test_numbers_that_python_and_sql_share_are_the_same() -> None:
    def text(name: str) -> str:
        return (sources.SQL / name).read_text()

    assert f"least(at_most, {passes.SET_MOST}, " in text("drain/claim_set.sql")
    assert f"claim_set(least({passes.SET_MOST}, " in text("drain/drain_dirty.sql")
    # a claim lasts three quarters of a second at least
    assert "interval '1 second' * " in text("jobs/retry_delay.sql")
    assert "(1 - pg_catalog.random() / 4)" in text("jobs/retry_delay.sql")
    assert passes.CLAIM_LASTS < 0.75


def test_claim_of_a_set_overtaken_before_it_has_the_locks(stage: Stage) -> None:
    """The locks are given back at once, so that the other drain's refresh finds its workspaces free."""
    write_to(stage, *SET)
    stage.owner.execute("select inboxdb.collect()")
    claimer, other = stage.session(), stage.session()
    claimer.execute("begin")
    step = stage.start(claimer, "select inboxdb.claim_set(50)::text[]", pause_at="set chosen")
    assert claim(other) == [B, C]
    assert step.resume() == [([A],)]
    assert refresh(other, [B, C]) == all_of("refreshed", [B, C])
    claimer.execute("commit")
    assert attempts(stage) == [(A, 1)]


def test_two_drains_refresh_overlapping_sets(stage: Stage) -> None:
    """The workspaces that the other one is at work on are left."""
    write_to(stage, *SET)
    claim(stage.owner)
    first, second = stage.session(), stage.session()
    step = stage.start(first, REFRESH, [[A, B]], pause_at="counted")
    write_to(stage, *SET)
    assert refresh(second, [B, C]) == {B: "left", C: "refreshed"}
    assert step.resume() == [(A, "refreshed"), (B, "refreshed")]
    assert totals(stage) == [2, 2, 3]
    drain_all(stage)
    assert totals(stage) == [3, 3, 3]
    assert_right(stage)


def test_locks_are_taken_before_the_snapshot(stage: Stage) -> None:
    """A drain that is overtaken before it has the locks counts what came meanwhile, and overwrites nothing."""
    write_to(stage, A, B)
    claim(stage.owner)
    overtaken, other = stage.session(), stage.session()
    step = stage.start(overtaken, REFRESH, [[A, B]], pause_at="lock asked for")
    write_to(stage, A, B)
    assert refresh(other, [A, B]) == all_of("refreshed", [A, B])
    write_to(stage, A)
    assert step.resume() == [(A, "refreshed"), (B, "left")]
    assert totals(stage) == [4, 3, 1]
    drain_all(stage)
    assert_right(stage)


# A bad workspace


def by_program(stage: Stage) -> None:
    run_drain(stage.database.dsn)


def by_procedure(stage: Stage) -> None:
    with suppress(psycopg.errors.AdminShutdown):
        stage.database.connect().execute("call inboxdb.drain_dirty()")


EITHER_WAY = pytest.mark.parametrize("drain", [by_program, by_procedure])


@EITHER_WAY
def test_a_workspace_that_fails_does_so_alone(stage: Stage, drain: Callable[[Stage], None]) -> None:
    stage.owner.execute(f"alter table inboxdb.inbox_counts add constraint bad check (client_id <> '{B}') not valid")
    write_to(stage, *SET)
    drain(stage)
    well = ("succeeded", None, 1, None)
    assert jobs(stage) == {
        A: well,
        B: ("failed", REFUSED, 1, None),
        C: well,
        OUTSIDE: ("succeeded", None, 1, "first_fill"),
    }
    assert totals(stage) == [2, 1, 2]
    assert attempts(stage) == [(B, 1)]
    assert undone(stage) == "23514"

    stage.owner.execute("alter table inboxdb.inbox_counts drop constraint bad")
    write_to(stage, *SET)
    drain_all(stage)
    assert jobs(stage)[B] == ("succeeded", None, 2, None)
    assert_right(stage)


@pytest.mark.parametrize("drain", [pytest.param(by_program, marks=pytest.mark.slow), by_procedure])
def test_a_workspace_that_kills_its_backend_takes_others_along_once(
    stage: Stage, drain: Callable[[Stage], None]
) -> None:
    """An attempt is counted for each; from then on each is refreshed by itself."""
    with stage.at("counts stored", "perform pg_terminate_backend(pg_backend_pid())", about=B):
        write_to(stage, *SET)
        drain(stage)
        until(lambda: value(stage.owner, "select coalesce(inboxdb.seconds_to_next_attempt() < -0.1, true)"))
        drain(stage)
        assert totals(stage) == [2, 1, 2] or drain is by_procedure
        until(lambda: value(stage.owner, "select coalesce(inboxdb.seconds_to_next_attempt() < -0.1, true)"))
        drain(stage)
        assert totals(stage) == [2, 1, 2]
    assert {workspace for workspace, _ in attempts(stage)} == {B}
    assert jobs(stage)[A] == jobs(stage)[C] == ("succeeded", None, 2, None)
    drain_all(stage)
    assert_right(stage)


def test_what_a_killed_drain_had_claimed_is_claimed_one_by_one(stage: Stage) -> None:
    for second, workspace in enumerate(SET):
        set_clock(stage.owner, f"2124-06-10 09:00:00.{second}+00")
        write_to(stage, workspace)
    killed = stage.session()
    assert claim(killed) == SET
    killed.close()
    assert attempts(stage) == [(A, 1), (B, 1), (C, 1)]
    set_clock(stage.owner, "2124-06-10 09:00:01.199+00")
    assert claim(stage.owner) == []
    set_clock(stage.owner, "2124-06-10 09:00:02+00")
    assert [claim(stage.owner) for _ in range(4)] == [[A], [B], [C], []]
    assert attempts(stage) == [(A, 2), (B, 2), (C, 2)]


def test_a_workspace_that_is_held_up_holds_up_no_other(stage: Stage) -> None:
    """The set gives up soon; the worker then waits for the one workspace, and the others are due again in a second."""
    write_to(stage, *SET)
    let_go = hold_up(stage.database, A)
    with watching(stage.database.dsn, workers=2):
        try:
            until(lambda: totals(stage) == [1, 2, 2])
        finally:
            let_go()
        until(lambda: totals(stage) == [2, 2, 2])
    assert {job[0] for job in jobs(stage).values()} == {"succeeded"}
    assert_right(stage)


@EITHER_WAY
def test_a_difference_that_cannot_be_recounts_its_workspace_alone(stage: Stage, drain: Callable[[Stage], None]) -> None:
    host = Host(stage.session(WRITER))
    leads = {workspace: host.lead(workspace) for workspace in SET}
    drain(stage)
    stage.owner.execute("update inboxdb.inbox_counts set total = 0, leads = 0 where client_id = %s", [B])
    for lead in leads.values():
        host.delete("Lead", lead)
    drain(stage)
    well = ("succeeded", None, 1, None)
    assert {workspace: jobs(stage)[workspace] for workspace in SET} == {
        A: well,
        B: ("succeeded", None, 1, "did_not_fit"),
        C: well,
    }
    assert [(by, scopes) for by, _, scopes in drift(stage.owner)] == [("did_not_fit", 1)]
    assert_right(stage)


def test_sets_that_are_undone_are_logged_once_a_run(
    stage: Stage, warnings: list[MutableMapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By each SQLSTATE, without data; the procedure, which has no log, tells it as a trouble alone."""
    monkeypatch.setattr("inboxdb.drain.passes.SET_MOST", 2)
    stage.owner.execute("alter table inboxdb.inbox_counts add constraint bad check (total < 2) not valid")
    write_to(stage, *SOME)
    assert run_drain(stage.database.dsn).failed == len(SOME)
    undoing = "undid the refresh of a set of workspaces, which are refreshed one by one"
    assert [(line["log_level"], line["error"]) for line in warnings if line["event"] == undoing] == [
        ("warning", "23514")
    ]
    assert undone(stage) == "23514"


def test_a_set_that_takes_too_long_is_undone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workspaces are due again within a second, each by itself."""
    monkeypatch.setattr(passes, "SET_LIMIT", 0.2)
    stage.always_at("versions bumped", "perform pg_sleep(0.25)", about=A)
    write_to(stage, *SET)
    result = run_drain(stage.database.dsn)
    assert (result.refreshed, result.failed, result.remaining) == (3, 0, 0)
    assert [jobs(stage)[workspace] for workspace in SET] == [("succeeded", None, 2, None)] * 3
    assert undone(stage) == "57014"
    assert_right(stage)


# What a set leaves


def age_snooze(stage: Stage) -> None:
    """Have a snooze of B's end."""
    Host(stage.session(WRITER)).lead(B, snoozedUntil="2999-01-01 00:00:00+00")
    stage.owner.execute("call inboxdb.drain_dirty()")
    set_clock(stage.owner, "2999-01-02 00:00:00+00")


def set_clock_back(stage: Stage) -> None:
    stage.owner.execute("update inboxdb.inbox_counts set computed_at = '2999-01-01' where client_id = %s", [B])


# What is done before B is written, or in place of that; and how B is refreshed by itself then.
LEFT: dict[str, tuple[Callable[[Stage], object], str | None]] = {
    "eleven changes": (lambda stage: write_to(stage, *[B] * 10), "many_changes"),
    "a mark": (lambda stage: stage.owner.execute(f"select inboxdb.mark_inbox_counts_dirty('{B}')"), "whole_workspace"),
    "an ended snooze": (age_snooze, None),
    "a clock set back": (set_clock_back, "clock_set_back"),
    "no counts": (
        lambda stage: stage.owner.execute("delete from inboxdb.inbox_counts where client_id = %s", [B]),
        "did_not_fit",
    ),
}


def test_a_busy_workspace_is_in_the_set_up_to_a_sum(stage: Stage) -> None:
    """With changes of a tenth of its leads, 100 at most; the fewest changes first, until they are 1,000 in all."""
    for workspace in SET:
        stage.owner.execute(
            """insert into public."Lead" (id, "clientId", "updatedAt")
            select gen_random_uuid(), %s, now() from generate_series(1, 1020)""",
            [workspace],
        )
    drain_all(stage)
    stage.edit("fit_for_set", "changes_so_far <= 1000", "changes_so_far <= 150")
    for counts, outcomes in (
        ((100, 50, 0), (*["refreshed"] * 2, "left")),
        ((101, 50, 100), ("left", "refreshed", "refreshed")),
        ((60, 51, 40), ("left", "refreshed", "refreshed")),
    ):
        for workspace, changes in zip(SET, counts, strict=True):
            host_lead = """update public."Lead" set status = 'unqualified' where ctid = any (array(
                select ctid from public."Lead" where "clientId" = %s and status <> 'unqualified' limit %s))"""
            stage.owner.execute(host_lead, [workspace, changes])
        stage.owner.execute("select inboxdb.collect()")
        assert refresh(stage.owner, SET) == dict(zip(SET, outcomes, strict=True)), counts
        drain_all(stage)
        assert_right(stage)
    assert drift(stage.owner) == []


@pytest.mark.parametrize("case", LEFT)
def test_what_needs_more_is_left(stage: Stage, case: str) -> None:
    prepare, reason = LEFT[case]
    prepare(stage)
    write_to(stage, B, A, C)
    stage.owner.execute("select inboxdb.collect()")
    assert refresh(stage.owner, SET) == {**all_of("refreshed"), B: "left"}
    assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", B) == "refreshed"
    assert jobs(stage)[B][::3] == ("succeeded", reason)
    assert jobs(stage)[A][::3] == ("succeeded", None)
    assert_right(stage)


def test_what_was_tried_before_or_needs_a_recount_is_claimed_alone(stage: Stage) -> None:
    """And those due later not before: the order is kept."""
    dirty = "update inboxdb.inbox_counts_dirty set {} where client_id = %s"
    old = "update inboxdb.workspace set definitions = 'others' where client_id = %s"
    for number, spoil in enumerate((dirty.format("attempts = 1"), dirty.format("collapsed = true"), old)):
        for second, workspace in enumerate(SET):
            set_clock(stage.owner, f"2124-06-10 09:0{number}:0{second}+00")
            write_to(stage, workspace)
        stage.owner.execute("select inboxdb.collect()")
        stage.owner.execute(spoil.encode(), [B])
        assert [claim(stage.owner) for _ in range(4)] == [[A], [B], [C], []], spoil
        drain_all(stage)
    Host(stage.session(WRITER)).workspace(id=B.replace("d", "e"))
    write_to(stage, A, C)
    assert [sorted(claim(stage.owner)) for _ in range(3)] == [[B.replace("d", "e")], [A, C], []]


def test_a_set_claimed_before_a_suspension_is_left(stage: Stage) -> None:
    write_to(stage, *SET)
    members = claim(stage.owner)
    stage.owner.execute("update inboxdb.installation set suspended_since = inboxdb.clock()")
    assert refresh(stage.owner, members) == all_of("left")
    assert value(stage.owner, "select outcome from inboxdb.drain_next(%s)", A) == "skipped"
    assert totals(stage) == [1, 1, 1]


@pytest.mark.parametrize(
    "call", ["claim_set(50)", f"drain_set(pg_catalog.string_to_array('{A}', '')::inboxdb.client_id[])"]
)
def test_a_set_refuses_an_older_snapshot(stage: Stage, call: str) -> None:
    stage.owner.execute("begin isolation level repeatable read")
    with pytest.raises(psycopg.Error) as refused:
        stage.owner.execute(f"select inboxdb.{call}".encode())
    assert refused.value.sqlstate == "IB004"


# A run


def test_a_limit_is_exact(stage: Stage) -> None:
    write_to(stage, *SET)
    result = run_drain(stage.database.dsn, DrainOptions(limit=2))
    assert (result.refreshed, result.remaining) == (2, 1)
    write_to(stage, A, B)
    stage.owner.execute("call inboxdb.drain_dirty(max_workspaces => 2)")
    assert value(stage.owner, "select count(distinct client_id) from inboxdb.waiting") == 1
    assert [attempt for _, attempt in attempts(stage)] in ([], [0])


def test_what_a_set_leaves_is_refreshed_in_the_same_run(stage: Stage) -> None:
    write_to(stage, *SET)
    stage.owner.execute(f"select inboxdb.mark_inbox_counts_dirty('{B}')")
    result = run_drain(stage.database.dsn)
    assert (result.refreshed, result.failed, result.skipped, result.remaining) == (3, 0, 0, 0)
    assert jobs(stage)[B] == ("succeeded", None, 1, "whole_workspace")
    assert_right(stage)


def test_what_sets_leave_ends_no_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run waits for nothing here, and so makes one pass: more workspaces than a set has, all to be recounted."""
    monkeypatch.setattr(pace, "PATIENCE", 0.0)
    monkeypatch.setattr(passes, "SET_MOST", 2)
    stage.owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    result = run_drain(stage.database.dsn)
    assert (result.refreshed, result.failed, result.skipped, result.remaining) == (4, 0, 0, 0)
    assert {jobs(stage)[workspace][3] for workspace in SOME} == {"whole_workspace"}
