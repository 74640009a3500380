"""Nobody waits for a workspace that fails, kills its backend, is written without pause, or takes long."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg import errors

from inboxdb.counts.verify import verify
from inboxdb.database.connection import Connection
from inboxdb.drain import pace
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import drain
from tests.interleave import Stage, until
from tests.parts import in_turn
from tests.rows import Host, stored_counts
from tests.running import drains, hold_up, until_held_up, watching
from tests.servers import Database

NOT_DUE = "select from inboxdb.inbox_counts_dirty where client_id = any (%s) and next_attempt_at > inboxdb.clock()"

Pass = Callable[[Database, int], None]


def by_program(database: Database, workers: int) -> None:
    drain(database.dsn, DrainOptions(workers=workers))


def by_procedure(database: Database, workers: int) -> None:
    """One call for each worker; a worker ends at the killer, another where the killer is due again meanwhile."""

    def call() -> None:
        try:
            database.connect().execute("call inboxdb.drain_dirty(max_workspaces => 110)")
        except errors.AdminShutdown:
            ended.append(True)

    ended: list[bool] = []
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(call) for _ in range(workers)]:
            done.result()
    assert len(ended) <= 2


def totals(owner: Connection) -> dict[str, int]:
    return dict(owner.execute("select client_id, total from inboxdb.inbox_counts where is_global").fetchall())


def kill_at(stage: Stage, workspace: str) -> None:
    """Have each refresh of a workspace kill its backend, when nearly done."""
    stage.always_at("counts stored", "perform pg_terminate_backend(pg_backend_pid())", about=workspace)


def fail_at(owner: Connection, workspace: str) -> None:
    """Have each refresh of a workspace fail."""
    owner.execute(f"alter table inboxdb.inbox_counts add check (client_id <> '{workspace}') not valid")


def write_endlessly_to(owner: Connection, workspace: str) -> None:
    """Have a workspace written whenever it is refreshed."""
    owner.execute(
        "create function public.again() returns trigger language plpgsql as "
        "$$ begin perform inboxdb.note_change(new.client_id, null); return null; end $$"
    )
    owner.execute(
        "create trigger again after insert or update on inboxdb.inbox_counts for each row "
        f"when (new.client_id = '{workspace}') execute function public.again()"
    )


@pytest.mark.parametrize(("make_pass", "workers"), in_turn([by_program, by_procedure], [1, 3]))
def test_every_other_one_of_a_hundred_is_drained_within_two_passes(
    make_pass: Pass,
    workers: int,
    database: Database,
    host: Host,
    owner: Connection,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 0.0)  # one pass, but for lost connections
    with host.connection.transaction():
        # the bad ones are first in the line
        failing, killing, endless, *others = workspaces = [host.workspace() for _ in range(100)]
    fail_at(owner, failing)
    kill_at(stage, killing)
    write_endlessly_to(owner, endless)

    for leads in (0, 1):
        for _ in range(2):
            # a workspace claimed by two workers at once is due again in a second
            until(lambda: owner.execute(NOT_DUE, [others]).rowcount == 0)
            make_pass(database, workers)
        counted = totals(owner)
        assert [counted.get(workspace) for workspace in others] == [leads] * 97
        assert counted.get(endless) is not None
        assert not counted.keys() & {failing, killing}
        # they are due again
        until(lambda: owner.execute("select inboxdb.seconds_to_next_attempt() < -0.1").fetchone() == (True,))
        with host.connection.transaction():
            for workspace in workspaces:
                host.lead(workspace)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_watching_run_has_time_for_all_the_others(
    workers: int, database: Database, host: Host, owner: Connection, stage: Stage
) -> None:
    failing, killing, endless, *others = (host.workspace() for _ in range(6))
    fail_at(owner, failing)
    kill_at(stage, killing)
    write_endlessly_to(owner, endless)
    with watching(database.dsn, workers=workers):
        for leads in range(4):
            until(lambda leads=leads: [totals(owner).get(one) for one in others] == [leads] * 3)  # type: ignore[misc]
            for workspace in (failing, killing, endless, *others):
                host.lead(workspace)
        assert owner.execute("select min(attempts) > 1 from inboxdb.inbox_counts_dirty").fetchone()


def test_a_huge_workspace_does_not_hold_up_a_second_worker(database: Database, host: Host, owner: Connection) -> None:
    """However often the others change meanwhile."""
    huge, *others = (host.workspace() for _ in range(4))
    drain(database.dsn)
    let_go = hold_up(database, huge)
    host.lead(huge)
    with watching(database.dsn, workers=2):
        until_held_up(owner)
        for leads in (1, 2, 3):
            for workspace in others:
                host.lead(workspace)
            until(lambda leads=leads: [totals(owner)[one] for one in others] == [leads] * 3)  # type: ignore[misc]
            assert len(drains(owner, held_up=True)) == 1
        let_go()
        until(lambda: totals(owner)[huge] == 1)


def test_one_worker_takes_the_oldest_first(database: Database, host: Host, owner: Connection) -> None:
    workspaces = [host.workspace() for _ in range(20)]
    drain(database.dsn)
    random.shuffle(workspaces)
    for workspace in workspaces:
        host.lead(workspace)
    for workspace in reversed(workspaces):
        for _ in range(5):  # how much changed does not matter
            host.lead(workspace)
    drain(database.dsn)
    taken = owner.execute("select client_id from inboxdb.job_status order by last_started_at").fetchall()
    assert [workspace for (workspace,) in taken] == workspaces


def test_a_workspace_that_was_written_again_goes_to_the_back(database: Database, host: Host, owner: Connection) -> None:
    endless, *others = (host.workspace() for _ in range(10))
    write_endlessly_to(owner, endless)
    assert drain(database.dsn, DrainOptions(limit=11)).refreshed == 11
    assert stored_counts(owner).keys() == {endless, *others}
    assert owner.execute("select refreshed from inboxdb.run").fetchall() == [(11,)]
    owner.execute("drop trigger again on inboxdb.inbox_counts")
    assert verify(database.dsn).healthy
