"""The arithmetic of a drain, without a database: pauses, rests, patience, credit, and what a run outlives."""

import psycopg.errors
import pytest

from inboxdb.database.errors import CannotConnect, ConnectionLost, DatabaseRefused
from inboxdb.database.refusal import Refusal, by_sqlstate
from inboxdb.drain import pace


def test_a_pause_is_shortened_by_a_quarter_at_most() -> None:
    assert pace.spread(8, 0) == 6
    assert pace.spread(8, 0.5) == 7
    assert 7.9 < pace.spread(8, 0.999) < 8


def test_an_idle_run_looks_less_and_less_often_until_there_is_work() -> None:
    pauses = [pace.IDLE_FIRST]
    for _ in range(6):
        pauses.append(pace.idle_pause(pauses[-1], worked=False))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1, 1, 1]
    assert pace.idle_pause(1, worked=True) == 0.1


@pytest.mark.parametrize(("every", "took", "pause"), [(5, 1, 4), (5, 5, 0), (5, 9, 0)])
def test_a_pass_begins_so_often_or_at_once(every: float, took: float, pause: float) -> None:
    assert pace.pause_until_next(every, took) == pause


@pytest.mark.parametrize(
    ("due_in", "waited", "pause"),
    [
        (None, 0, None),  # nothing is to be waited for
        (1, 0, 1),
        (3, 2, 3),
        (3, 2.1, None),  # beyond the patience
        (6, 0, None),
        (-5, 0, 0.2),  # due, but another session has it
        (0, 4.9, None),
    ],
)
def test_a_single_run_waits_five_seconds_in_all(due_in: float | None, waited: float, pause: float | None) -> None:
    assert pace.wait_for_attempt(due_in, waited) == pause


@pytest.mark.parametrize(
    ("worked", "share", "left", "rest"),
    [
        (1, 0.5, 60, 1),
        (1, 0.25, 60, 3),
        (1, 0.01, 60, 5),  # or changes would not be counted within 15 s
        (1, 0.25, 2, 2),  # the run ends
        (1, 0.25, -1, 0),
        (1, 1, 60, 0),
    ],
)
def test_a_paced_worker_rests_for_the_rest_of_its_time(worked: float, share: float, left: float, rest: float) -> None:
    assert pace.rest(worked, share, left) == rest


def test_connections_are_tried_less_and_less_often() -> None:
    pauses = [pace.RECONNECT_FIRST]
    for _ in range(8):
        pauses.append(pace.next_reconnect_pause(pauses[-1]))
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_how_long_the_rest_takes_goes_by_leads() -> None:
    assert pace.seconds_left(10, 100, 100) is None
    assert pace.seconds_left(10, 100, 75) == 30
    assert pace.seconds_left(10, 100, 0) == 0
    assert pace.seconds_left(10, 100, 130) is None  # more were written than counted


PASSES = ["57014", "40001", "40P01", "55P03", "53100", "53300", "25006", "57P01", "58030", "XX000"]
STAYS = ["42501", "42P01", "IB001", "23514", None]


@pytest.mark.parametrize("kind", ["for", "watch"])
def test_a_run_that_goes_on_outlives_what_may_pass(kind: str) -> None:
    assert all(pace.outlives(kind, sqlstate) for sqlstate in PASSES)
    assert not any(pace.outlives(kind, sqlstate) for sqlstate in STAYS)


def test_a_single_run_outlives_no_refusal() -> None:
    assert not any(pace.outlives("once", sqlstate) for sqlstate in PASSES + STAYS)


ABSENT = CannotConnect("absent", by_sqlstate("3D000"))
DOWN = CannotConnect("down", Refusal("nothing listens there", may_pass=True))
LOST = ConnectionLost("lost", "57P01")
FULL = DatabaseRefused(psycopg.errors.lookup("53100")())
DENIED = DatabaseRefused(psycopg.errors.lookup("42501")())
PATIENT, IMPATIENT = pace.RECONNECT_PATIENCE, pace.RECONNECT_PATIENCE + 0.1


@pytest.mark.parametrize(
    ("error", "kind", "lost_for", "was_connected", "again"),
    [
        (LOST, "once", PATIENT, True, True),
        (LOST, "once", IMPATIENT, True, False),
        (LOST, "for", IMPATIENT, True, False),
        (LOST, "watch", 1e6, True, True),
        (DOWN, "once", 0, True, True),
        (DOWN, "watch", 1e6, False, True),
        (DOWN, "for", PATIENT, False, True),
        (DOWN, "for", IMPATIENT, False, False),
        (ABSENT, "watch", 0, False, False),  # there never was such a database
        (ABSENT, "once", 0, False, False),
        (ABSENT, "watch", 0, True, True),  # it is being renamed, or made anew
        (FULL, "once", 0, True, False),
        (FULL, "watch", 1e6, True, True),
        (DENIED, "watch", 0, True, False),
    ],
)
def test_when_a_connection_is_made_anew(
    error: CannotConnect | ConnectionLost | DatabaseRefused,
    kind: str,
    lost_for: float,
    was_connected: bool,
    again: bool,
) -> None:
    assert pace.may_reconnect(error, kind, lost_for, was_connected) is again
