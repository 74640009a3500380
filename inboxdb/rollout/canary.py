"""Canaries: whoever looks, advances or aborts goes on from the database, where their state and the rules are."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from inboxdb.database.connection import Connection, session, transaction
from inboxdb.database.errors import CannotConnect, ConnectionLost, DatabaseRefused, InboxdbError

COMPLETE, UNDECIDED, PASSED = "complete", "undecided", "passed"
ENDS = (COMPLETE, "taken_back", "aborted", "overtaken")

# A look that was not let through is tried again by the next one.
MAY_PASS = ("40001", "40P01", "55P03", "57014")

# A look reads the samples of a whole stage.
LONGEST_LOOK = 60.0  # seconds

Number = int


@dataclass(frozen=True)
class Times:
    """For how long a stage is observed, at least and until it is undecided, and how long a window is."""

    observe: timedelta
    at_most: timedelta
    window: timedelta


@dataclass(frozen=True)
class Prospect:
    """Before a start: for how many workspaces of a hundred the flag is on, how many reads behind it were reported."""

    percentage: int
    reported: int


@dataclass(frozen=True)
class Gate:
    """A gate of a stage, as of the last look; of latency of a read."""

    gate: str
    function_name: str | None
    read_class: str | None
    samples: int
    measured: float | None
    allowed: float | None
    verdict: str


@dataclass(frozen=True)
class Canary:
    """A canary. `state` is the last look's verdict, or how the canary ended."""

    canary_number: int
    flag_name: str
    percentages: list[int]
    stage_number: int
    began_at: datetime
    started_at: datetime
    started_by: str
    looked_at: datetime | None
    state: str
    why: str | None
    gates: list[Gate] = field(default_factory=list)


def prospect(connection: Connection, flag: str, window: timedelta) -> Prospect:
    """Say what a start would mean. Raises InboxdbError for an unknown flag."""
    query = """
        select
          coalesce((select f.percentage from inboxdb.flag as f where f.flag_name = d.flag_name), 100) as percentage,
          (
            select count(*)
            from inboxdb.read_sample as s
            inner join inboxdb.read_target as t on s.function_name like t.named_like escape '!'
            where t.flag_name = d.flag_name and s.read_at > inboxdb.clock() - %(window)s
          ) as reported
        from inboxdb.flag_definition as d
        where d.flag_name = %(flag)s
        """
    with transaction(connection), connection.cursor(row_factory=class_row(Prospect)) as cursor:
        found = cursor.execute(query, {"flag": flag, "window": window}).fetchone()
    if found is None:
        raise InboxdbError(f"inboxdb has no flag {flag!r}: `inboxdb flags list`.")
    return found


def check_start(connection: Connection, flag: str, percentages: list[int], times: Times) -> None:
    """Raise what start would raise; a canary whose flag somebody has set since is ended, and in nobody's way."""
    number = overtaken(connection, flag)
    if number is not None:
        look(connection, number)
    with transaction(connection):
        _start(connection, flag, percentages, times)
        raise psycopg.Rollback


def start(connection: Connection, flag: str, percentages: list[int], times: Times) -> Canary:
    """Begin a canary. Raises DatabaseRefused (IB017, IB025), through the session."""
    with transaction(connection):
        _start(connection, flag, percentages, times)
    return latest(connection, flag)


def _start(connection: Connection, flag: str, percentages: list[int], times: Times) -> None:
    connection.execute(
        "select inboxdb.start_canary(%s, %s, %s, %s, %s)",
        (flag, percentages, times.observe, times.at_most, times.window),
    )


def overtaken(connection: Connection, flag: str) -> Number | None:
    """Return the number of the flag's canary whose next look ends it, because somebody has set the flag since."""
    query = """
        select c.canary_number
        from inboxdb.canary as c
        cross join lateral (
          select s.percentage
          from inboxdb.canary_stage as s
          where s.canary_number = c.canary_number
          order by s.stage_number desc
          limit 1
        ) as s
        left join inboxdb.flag as f on c.flag_name = f.flag_name
        where c.flag_name = %s and c.ended_at is null and f.percentage is distinct from s.percentage
        """
    with transaction(connection):
        found = connection.execute(query, (flag,)).fetchone()
    return found[0] if found else None


def read(connection: Connection, flag: str | None = None) -> list[Canary]:
    """List the last canary of each flag, or of one, with the gates as of the last look."""
    query = """
        select distinct on (c.flag_name)
          c.canary_number, c.flag_name, c.percentages, s.stage_number, s.began_at, c.started_at, c.started_by,
          l.looked_at, coalesce(c.ended_as, l.verdict, 'observing') as state, c.why
        from inboxdb.canary as c
        cross join lateral (
          select s.stage_number, s.began_at
          from inboxdb.canary_stage as s
          where s.canary_number = c.canary_number
          order by s.stage_number desc
          limit 1
        ) as s
        left join lateral (
          select l.looked_at, l.verdict
          from inboxdb.canary_look as l
          where l.canary_number = c.canary_number and l.stage_number = s.stage_number
          order by l.look desc
          limit 1
        ) as l on true
        where c.flag_name = %(flag)s or %(flag)s::text is null
        order by c.flag_name, c.canary_number desc
        """
    with transaction(connection, LONGEST_LOOK):
        with connection.cursor(row_factory=class_row(Canary)) as cursor:
            found = cursor.execute(query, {"flag": flag}).fetchall()
        for canary in found:
            canary.gates.extend(_gates(connection, canary.canary_number))
    return found


def _gates(connection: Connection, number: Number) -> list[Gate]:
    query = """
        select
          g.gate, g.function_name, g.class as read_class, g.samples, g.measured, g.allowed, g.verdict
        from (
          select l.* from inboxdb.canary_look as l where l.canary_number = %s order by l.look desc limit 1
        ) as l
        cross join lateral inboxdb.judge_canary(l.canary_number, l.stage_number, l.looked_at, l.seen) as g
        order by g.gate, g.function_name, g.class
        """
    with connection.cursor(row_factory=class_row(Gate)) as cursor:
        return cursor.execute(query, (number,)).fetchall()


def latest(connection: Connection, flag: str) -> Canary:
    """Return the last canary of a flag. Raises InboxdbError where there is none."""
    found = read(connection, flag)
    if not found:
        raise InboxdbError(f"there is no canary of flag {flag!r}: `inboxdb canary start` begins one.")
    return found[0]


def find(connection: Connection, flag: str, number: int | None) -> Number:
    """Return the number of a flag's canary, if None of its last one. Raises InboxdbError where there is none."""
    if number is None:
        return latest(connection, flag).canary_number
    query = "select from inboxdb.canary as c where c.canary_number = %s and c.flag_name = %s"
    with transaction(connection):
        if connection.execute(query, (number, flag)).rowcount:
            return number
    raise InboxdbError(f"there is no canary {number} of flag {flag!r}: `inboxdb flags history {flag}` names them.")


def look(connection: Connection, number: Number, *, advance: bool = False) -> str:
    """Judge a canary's stage now, and take its flag back on a breach; go on where it is passed, if told to.

    Returns what the stage is then, or how the canary ended.
    Raises DatabaseRefused (through the session): IB025 for a stage that is to end and is not passed.
    """
    query = "select inboxdb.advance_canary(%s)" if advance else "select inboxdb.look_at_canary(%s)"
    with transaction(connection, LONGEST_LOOK):
        [(state,)] = connection.execute(query, (number,)).fetchall()
    return str(state)


def abort(connection: Connection, flag: str, why: str) -> Canary:
    """End a flag's canary, and take the flag back. Raises as latest; DatabaseRefused (IB025), through the session."""
    with transaction(connection):
        connection.execute("select inboxdb.abort_canary(%s, %s)", (latest(connection, flag).canary_number, why))
    return latest(connection, flag)


def watch(dsn: str, flag: str, *, auto: bool, every: float, tell: Callable[[str], None]) -> Canary:
    """Look at a flag's canary until it ends, or, if it is to go on by itself, until a stage is undecided.

    Nothing is kept here: whoever watches next goes on from what the database has.
    Parameters: auto, whether to go on where a stage is passed; every, how many seconds after a look; tell, called with
    a line about each look.
    Raises what the first look raises; later ones are tried again while the database is away.
    """
    number, state = None, ""
    while True:
        try:
            with session(dsn, application_name="inboxdb canary") as connection:
                number = number or latest(connection, flag).canary_number
                state = look(connection, number)
                if state == PASSED and auto:
                    state = look(connection, number, advance=True)
                now = latest(connection, flag)
            tell(f"canary {number} of {flag}, stage {now.stage_number}: {state.replace('_', ' ')}")
            if state in ENDS or (auto and state == UNDECIDED):
                return now
        except (CannotConnect, ConnectionLost, DatabaseRefused) as error:
            if number is None or (isinstance(error, DatabaseRefused) and error.sqlstate not in MAY_PASS):
                raise
            tell(f"{error} The next look is in {every:g} s.")
        time.sleep(every)


def evidence(connection: Connection, number: Number) -> dict[str, Any]:
    """Read all that speaks for and against a canary."""
    with transaction(connection, 10 * LONGEST_LOOK):
        [(found,)] = connection.execute("select inboxdb.canary_evidence(%s)", (number,)).fetchall()
    return dict(found)
