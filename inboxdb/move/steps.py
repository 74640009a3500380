"""Move a workspace: copy while it is written, refuse its writers, copy the rest, compare, switch, delete.

What a move has come to is written down in both databases (see fence.py) before the next step begins, and each step may
be taken twice: whoever calls `move` again goes on, wherever the last one was killed.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from uuid import uuid4

import psycopg

from inboxdb.database.connection import (
    LOCK_TIMEOUT,
    Connection,
    connect,
    describe,
    naming,
    refused,
    session,
    shares_backends,
    transaction,
)
from inboxdb.database.errors import ConnectionLost, InboxdbError, PoolerInBetween
from inboxdb.drain import workspaces
from inboxdb.drain.refresh import refresh
from inboxdb.install import migrate
from inboxdb.install.suspend import suspended_since
from inboxdb.move import answers, copying, fence, obstacles
from inboxdb.move.obstacles import Obstacle, Sides
from inboxdb.move.tables import LONGEST, Belonging

PASSES = 10  # while the workspace is written; each copies what the one before left
FEW = 1000  # rows of a pass after which the rest is copied in the stop
TRIES = 5  # to find both sides alike, because a snooze may end meanwhile

PATIENCE = 30.0  # seconds, with a workspace that a drain has

JOB = "recompute-inbox-counts"

STANDS = "Writers at the source stay refused: mend that and go on, or `inboxdb workspace undo`."

Report = Callable[[str], None]


@dataclass(frozen=True)
class Router:
    """Where the directory is, and the number that the target has there."""

    dsn: str
    shard: int


@dataclass(frozen=True)
class Plan:
    """What a move would do: the workspace's rows by table, parents first; how long its writers would be refused, in
    seconds; what is in the way; and what an earlier call has come to.
    """

    client_id: str
    rows: dict[str, int]
    stop: float
    obstacles: list[Obstacle]
    step: str | None


@dataclass(frozen=True)
class Moved:
    """What a call has come to: the step; how many rows the workspace has, and for how many seconds its writers were
    refused, where the call has seen that.
    """

    client_id: str
    step: str
    rows: int | None = None
    stop: float | None = None


class MoveRefused(InboxdbError):
    """A move that is not begun, or does not go on."""

    def __init__(self, client_id: str, found: list[Obstacle], stands: str) -> None:
        """Name what is in the way, each with its remedy, and how things stand."""
        listed = "; ".join(f"{one.what} ({one.remedy})" for one in found)
        super().__init__(f"workspace {client_id} cannot be moved: {listed}. {stands}")


def plan(source_dsn: str, target_dsn: str, client_id: str) -> Plan:
    """Say what a move would do. Changes nothing.

    Raises MalformedId; MoveRefused for a workspace that the source does not have.
    """
    with _sides(source_dsn, target_dsn) as sides:
        client_id = _in_its_form(sides.source, client_id)
        begun = fence.read(sides.source, client_id)
        if begun is None:
            _require_workspace(sides.source, client_id)
        belonging, found = obstacles.of_schemas(sides)
        if not found and begun is None:
            found = obstacles.of_rows(sides, belonging, client_id, copied=False)
        rows, seconds = copying.count(sides.source, belonging, client_id)
        # hashed on both sides, then drained and compared: on two cores with other work 3 and 12 times
        return Plan(client_id, rows, 1 + 12 * seconds, found, begun.step if begun else None)


def move(
    source_dsn: str,
    target_dsn: str,
    client_id: str,
    *,
    router: Router | None = None,
    switched: bool = False,
    lock_timeout: float = LOCK_TIMEOUT,
    report: Report = lambda line: None,
) -> Moved:
    """Move a workspace, or go on with its move.

    Parameters: router, whose directory is to be switched; without one the move ends before the switch, and goes on
    once it is called with `switched`: the directory, of whatever kind, names the target by now. That is not believed of
    a move that was not READY when it was called. lock_timeout, how many seconds writers may queue behind a lock.
    report, of each step.
    Returns what the move has come to: SWITCHED where all is done, READY where the directory is to be switched.
    Raises MoveRefused, RowsInTheWay, MoveBusy; MalformedId.
    """
    with _sides(source_dsn, target_dsn) as sides:
        client_id = _in_its_form(sides.source, client_id)
        with _alone(sides, client_id):
            belonging = _begin(sides, source_dsn, target_dsn, client_id)
            rows = stop = None
            step = _step(sides, client_id)
            may_switch = router is not None or (switched and step in (fence.READY, fence.SWITCHING))
            if step == fence.COPYING:
                seconds = _copy(sides, belonging, client_id, report)
                # before the stop, because a first fill takes three times as long as a recount
                _refresh(sides.target, client_id)
                refused_at = time.monotonic()
                fence.put_up(sides.source, belonging, client_id, lock_timeout)
                step = _advance(sides, client_id, fence.FENCED)
                report(f"writers of the workspace are refused from now on, for about {1 + 2 * seconds:.0f} s")
            else:
                refused_at = None
            if step == fence.FENCED:
                rows = _copy_the_rest(sides, belonging, client_id)
                _bring_up_to_date(sides, client_id)
                _require_same_answers(sides, client_id)
                step = _advance(sides, client_id, fence.READY)
                report("both databases have the same rows, and answer alike")
            if step == fence.READY and not may_switch:
                return Moved(client_id, step, rows)
            if step == fence.READY:
                step = _advance(sides, client_id, fence.SWITCHING)
            if step == fence.SWITCHING:
                if not may_switch:
                    raise _not_said(client_id)
                if router:
                    _switch(router, client_id)
                step = _advance(sides, client_id, fence.SWITCHED)
                report("the directory names the target")
            if refused_at is not None:
                stop = time.monotonic() - refused_at
            _delete_at_source(sides, belonging, client_id)
            report("the source's rows are deleted")
            fence.forget(sides.target, client_id)
            fence.take_down(sides.source, belonging.tables, client_id, lock_timeout)
            fence.forget(sides.source, client_id)
            return Moved(client_id, step, rows, stop)


def undo(source_dsn: str, target_dsn: str, client_id: str, *, lock_timeout: float = LOCK_TIMEOUT) -> Moved:
    """Give a move up that has not switched the directory: delete the copy, and let the source's writers go on.

    Raises MoveRefused where the directory may be switched already, or no move is under way; MoveBusy; MalformedId.
    """
    with _sides(source_dsn, target_dsn) as sides:
        client_id = _in_its_form(sides.source, client_id)
        with _alone(sides, client_id):
            begun, there = (fence.read(one, client_id) for one in sides)
            if begun is None:
                nothing = Obstacle("no move of it is under way from that source", "nothing is to be undone")
                raise MoveRefused(client_id, [nothing], "Nothing was changed.")
            if begun.step in (fence.SWITCHING, fence.SWITCHED):
                late = Obstacle("its directory may be switched already", "go on with `inboxdb workspace move`")
                raise MoveRefused(client_id, [late], "Nothing was changed.")
            belonging, _ = obstacles.of_schemas(sides)
            if there is None and begun.other_side != describe(target_dsn):  # not where an undo was killed
                raise MoveRefused(client_id, [_elsewhere(begun)], "Nothing was changed.")
            if there is not None:
                _require_same_move(begun, there, describe(target_dsn))
                copying.delete(sides.target, belonging, client_id)
                _refresh(sides.target, client_id)
                fence.forget(sides.target, client_id)
            fence.take_down(sides.source, belonging.tables, client_id, lock_timeout)
            fence.forget(sides.source, client_id)
            return Moved(client_id, "undone")


class MoveBusy(InboxdbError):
    """A move of the workspace that is at work."""

    def __init__(self, client_id: str) -> None:
        """Name the workspace."""
        super().__init__(f"another move of workspace {client_id} is at work on one of these databases: wait for it.")


def _not_said(client_id: str) -> MoveRefused:
    unknown = Obstacle("its directory may be switched already", "name the router again, or say --switched once it is")
    return MoveRefused(client_id, [unknown], "Writers at the source stay refused.")


@contextmanager
def _sides(source_dsn: str, target_dsn: str) -> Iterator[Sides]:
    """Connect to both, which have to be installed and not suspended, with the same migrations, and stay so.

    Raises MigrationsBusy; CannotConnect; ConnectionLost, which names the lost one, and DatabaseRefused, which names
    both.
    """
    with (
        connect(source_dsn, application_name="inboxdb workspace") as source,
        connect(target_dsn, application_name="inboxdb workspace") as target,
    ):
        try:
            _require_installed(source, source_dsn)
            _require_installed(target, target_dsn)
            yield Sides(source, target)
        except psycopg.Error as error:
            if source.broken or target.broken:
                raise ConnectionLost(describe(source_dsn if source.broken else target_dsn), error.sqlstate) from error
            raise refused(error, target, f"{describe(source_dsn)} or {describe(target_dsn)}") from error


def _require_installed(connection: Connection, dsn: str) -> None:
    if shares_backends(connection, dsn):
        raise PoolerInBetween(describe(dsn))
    migrate.keep_away(connection)
    history = migrate.checked_history(connection, dsn)
    if history.pending or suspended_since(connection):
        raise InboxdbError(
            f"inboxdb is suspended in {describe(dsn)}, or a migration is pending: run `inboxdb migrate resume` "
            "or `inboxdb migrate apply` there first. Nothing was changed."
        )


def _in_its_form(connection: Connection, client_id: str) -> str:
    """Return an id as the host's type writes it."""
    with naming(client_id):
        [(written,)] = connection.execute("select (%s::inboxdb.client_id)::text", (client_id,)).fetchall()
    return str(written)


@contextmanager
def _alone(sides: Sides, client_id: str) -> Iterator[None]:
    """Be the only runner of the workspace's moves: by locks that end with the connections."""
    lock = "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('inboxdb move ' || %s, 0))"
    for connection in sides:
        if connection.execute(lock, (client_id,)).fetchone() != (True,):
            raise MoveBusy(client_id)
    yield


def _begin(sides: Sides, source_dsn: str, target_dsn: str, client_id: str) -> Belonging:
    """Look for what is in the way, and write down that the move has begun; or find the move that has."""
    belonging, found = obstacles.of_schemas(sides)
    begun, there = (fence.read(one, client_id) for one in sides)
    if begun and begun.step in (fence.SWITCHING, fence.SWITCHED):
        return belonging
    if begun:
        if there:
            _require_same_move(begun, there, describe(target_dsn))
        else:
            found.append(_elsewhere(begun))
    else:
        _require_workspace(sides.source, client_id)
        found = found or obstacles.of_rows(sides, belonging, client_id, copied=False)
    if found:
        refuses = begun is not None and begun.step != fence.COPYING
        raise MoveRefused(client_id, found, STANDS if refuses else "Nothing was changed.")
    if not begun:
        move_id = str(uuid4())
        fence.begin(sides.target, fence.Move(client_id, move_id, describe(source_dsn), fence.ARRIVING))
        fence.begin(sides.source, fence.Move(client_id, move_id, describe(target_dsn), fence.COPYING))
    return belonging


def _elsewhere(begun: fence.Move) -> Obstacle:
    return Obstacle(f"it is being moved to {begun.other_side}", "name that; `inboxdb workspace undo` gives it up")


def _require_workspace(source: Connection, client_id: str) -> None:
    """Refuse a workspace that the source does not have."""
    if not source.execute('select from public."Client" as c where c.id = %s', (client_id,)).rowcount:
        gone = Obstacle("the source does not have it", "ask the directory where it is")
        raise MoveRefused(client_id, [gone], "Nothing was changed.")


def _require_same_move(begun: fence.Move, there: fence.Move, target: str) -> None:
    if begun.move_id != there.move_id:
        other = Obstacle(f"{target} is the target of another move of it", f"name {begun.other_side}")
        raise MoveRefused(begun.client_id, [other], "Nothing was changed.")


def _step(sides: Sides, client_id: str) -> str:
    begun = fence.read(sides.source, client_id)
    assert begun
    return begun.step


def _advance(sides: Sides, client_id: str, step: str) -> str:
    fence.advance(sides.source, client_id, step)
    return step


def _copy(sides: Sides, belonging: Belonging, client_id: str, report: Report) -> float:
    """Copy while the workspace is written, until little is left. Returns how many seconds the last pass took."""
    least = None
    for _ in range(PASSES):
        started_at = time.monotonic()
        done = copying.copy_once(*sides, belonging, client_id)
        seconds = time.monotonic() - started_at
        report(f"{done.changed:,} of {done.rows:,} rows were copied in {seconds:.1f} s")
        if done.changed <= FEW or (least is not None and done.changed > least / 2):
            break
        least = done.changed
    return seconds


def _copy_the_rest(sides: Sides, belonging: Belonging, client_id: str) -> int:
    """Copy until a pass finds nothing: nobody writes meanwhile. Returns the workspace's rows."""
    if found := obstacles.of_rows(sides, belonging, client_id, copied=True):
        raise MoveRefused(client_id, found, STANDS)
    for _ in range(TRIES):
        done = copying.copy_once(*sides, belonging, client_id)
        if done.changed == 0:
            return done.rows
    unlike = Obstacle(
        "rows that are copied come out otherwise at the target, or somebody writes them there",
        "`inboxdb doctor` there; writers go to the source until the directory is switched",
    )
    raise MoveRefused(
        client_id, [unlike], "Writers at the source stay refused; `inboxdb workspace undo` lets them go on."
    )


def _bring_up_to_date(sides: Sides, client_id: str) -> None:
    """Give the target the workspace's flags, counts, and versions above the source's.

    Both answer from what is in their tables now: the source has refreshed what was noted, and what a drain has
    remembered of the target between two tables is looked at anew, because no trigger tells of messages.
    """
    own, there = (_flags(connection, client_id) for connection in sides)
    for name in sorted(own.keys() | there.keys()):
        if own.get(name) != there.get(name):
            _set_flag(sides.target, name, own.get(name, "default"), client_id)
    _refresh(sides.source, client_id)
    _fold_analytics(sides.source, client_id)
    workspaces.mark(sides.target, [client_id])
    _refresh(sides.target, client_id)
    _distrust_analytics(sides.target, client_id)
    _raise_versions(sides, client_id)


def _flags(connection: Connection, client_id: str) -> dict[str, str]:
    """Read the flags that have a state of their own for the workspace."""
    query = "select flag_name, case when is_on then 'on' else 'off' end from inboxdb.flag_override where client_id = %s"
    return dict(connection.execute(query, (client_id,)).fetchall())


def _set_flag(connection: Connection, name: str, state: str, client_id: str) -> None:
    connection.execute("select inboxdb.set_flag(%s, %s, 'the workspace moves', %s)", (name, state, client_id))


def _refresh(connection: Connection, client_id: str) -> None:
    """Bring the workspace up to date."""
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        with transaction(connection, LONGEST):
            connection.execute("select inboxdb.collect()")
        if refresh(connection, client_id, LONGEST).outcome == "refreshed":
            return
        time.sleep(0.2)
    raise _busy(client_id)


def _fold_analytics(connection: Connection, client_id: str) -> None:
    """Bring aggregates that are trusted up to date; what does not fit shows when the answers are compared."""
    waits = (
        "select exists (select from inboxdb.analytics_workspace as w "
        "inner join inboxdb.analytics_change as c on w.client_id = c.client_id "
        "where w.client_id = %s and w.walked_at is not null)"
    )
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at and connection.execute(waits, (client_id,)).fetchone() == (True,):
        with transaction(connection, LONGEST):
            [(outcome,)] = connection.execute(
                "select outcome from inboxdb.refresh_analytics(%s)", (client_id,)
            ).fetchall()
        if outcome == "failed":
            return
        if outcome == "skipped":  # a drain has them
            time.sleep(0.05)


def _distrust_analytics(connection: Connection, client_id: str) -> None:
    """Have analytics answered live until drains have walked through all leads."""
    with transaction(connection, LONGEST):
        give_up_at = time.monotonic() + PATIENCE
        while connection.execute("select inboxdb.try_lock_analytics(%s)", (client_id,)).fetchone() != (True,):
            if time.monotonic() > give_up_at:
                raise _busy(client_id)
            time.sleep(0.05)
        connection.execute(
            "update inboxdb.analytics_workspace set walked_at = null, walk_began_at = null, due_at = inboxdb.clock() "
            "where client_id = %s",
            (client_id,),
        )


def _busy(client_id: str) -> InboxdbError:
    return InboxdbError(
        f"workspace {client_id} could not be counted, because a drain has it, or its refresh fails: see `inboxdb "
        "status` of both databases, then go on with the same command."
    )


def _raise_versions(sides: Sides, client_id: str) -> None:
    """Have the target's versions be above the source's, also in a Redis that both publish to."""
    versions = sides.source.execute(
        "select family, pg_catalog.max(version) from inboxdb.cache_version where client_id = %s group by family",
        (client_id,),
    ).fetchall()
    with transaction(sides.target, LONGEST):
        tries = round(PATIENCE / 0.005)
        locked = sides.target.execute("select inboxdb.try_lock_workspace(%s, %s)", (client_id, tries)).fetchone()
        if locked != (True,):
            raise _busy(client_id)
        for family, version in versions:
            sides.target.execute(
                "update inboxdb.cache_version set version = greatest(version, %s) where client_id = %s and family = %s",
                (version, client_id, family),
            )
        sides.target.execute("select inboxdb.bump_versions(%s, %s)", (JOB, client_id))


def _require_same_answers(sides: Sides, client_id: str) -> None:
    """Compare what members are told; and what is stored at the target with the live counts."""
    unlike: list[str] = []
    for _ in range(TRIES):
        with transaction(sides.target, LONGEST):
            [(settled, drifted)] = sides.target.execute(
                "select settled, drifted from inboxdb.verify_workspace(%s)", (client_id,)
            ).fetchall()
        [(as_of, today)] = sides.source.execute("select inboxdb.clock()::text, inboxdb.clock()::date").fetchall()
        with ThreadPoolExecutor(2) as pool:  # of live analytics each server has the most to do in the stop
            here, there = pool.map(answers.read, sides, repeat(client_id), repeat(as_of), repeat(today))
        unlike = answers.unlike(here, there)
        if settled and not drifted and not unlike:
            return
        _refresh(sides.target, client_id)
    found = Obstacle(
        f"the target answers otherwise ({', '.join(unlike) or 'its stored counts'}) from the same rows",
        "compare `inboxdb doctor` and the settings of both",
    )
    raise MoveRefused(client_id, [found], STANDS)


def _switch(router: Router, client_id: str) -> None:
    with session(router.dsn, application_name="inboxdb workspace") as connection:
        connection.execute(
            "insert into inbox_router.placement (client_id, shard) values (%s, %s) "
            "on conflict (client_id) do update set shard = excluded.shard",
            (client_id, router.shard),
        )


def _delete_at_source(sides: Sides, belonging: Belonging, client_id: str) -> None:
    """Delete the rows, past the fence, and have the source's last version be below the target's."""
    copying.delete(sides.source, belonging, client_id)
    for name in _flags(sides.source, client_id):
        _set_flag(sides.source, name, "default", client_id)
    _refresh(sides.source, client_id)
    _raise_versions(sides, client_id)
