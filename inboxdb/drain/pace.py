"""The arithmetic of a drain: how long to pause, to rest and to wait, and after which error a run goes on."""

from inboxdb.database.errors import CannotConnect, ConnectionLost, DatabaseRefused

# A single run waits this long, in all, for workspaces that are not due: a claim by a killed process, or a refresh in
# progress elsewhere. Five seconds cover the delays after a first and a second such claim (1 s and 2 s).
PATIENCE = 5.0  # seconds
LEAST_WAIT = 0.2  # seconds, for a due workspace under another session's lock: a claim or a commit is under way

# Seconds between passes of a watching run: after work from the pass's start, because changes that came while a long
# pass lasted have waited already; and doubled where none was.
IDLE_FIRST, IDLE_MOST = 0.1, 1.0

# A lost connection is made anew after such pauses, doubled; only a watching run goes on after the last pause.
RECONNECT_FIRST, RECONNECT_MOST, RECONNECT_PATIENCE = 0.5, 30.0, 20.0  # seconds

# A pause from this length on is made without a connection: an open one keeps a database that scales to zero awake.
CLOSED_FROM = 30.0  # seconds

LONGEST_REST = 5.0  # seconds that a paced worker rests at most: a third of promised_freshness()

# Refusals outlived by watching runs: timeouts and deadlocks, resources, a database turned read-only, input and output
# of a server, and XX000, the poolers' code for a server that is away.
MAY_PASS = ("57014", "40001", "40P01", "55P03", "53", "08", "57P", "58", "25006", "XX000")


def spread(pause: float, chance: float) -> float:
    """Shorten a pause by up to a quarter, so that workers do not all wake at once.

    Parameters: pause; chance, at least 0 and below 1.
    """
    return pause * (0.75 + chance / 4)


def idle_pause(last: float, worked: bool) -> float:
    """Return the pause of a watching run before its next pass: short after work, else the last pause doubled."""
    return IDLE_FIRST if worked else min(2 * last, IDLE_MOST)


def pause_until_next(every: float, took: float) -> float:
    """Return the pause until a run's next scheduled pass, from the seconds taken by the last pass."""
    return max(every - took, 0)


def wait_for_attempt(due_in: float | None, waited: float) -> float | None:
    """Return how long a single run waits for the next workspace; None where it ends instead.

    Parameters: due_in, seconds until the workspace is due, negative if it was before, None if none is to be waited for;
    waited, how long the run has waited before.
    """
    if due_in is None:
        return None
    pause = max(due_in, LEAST_WAIT)
    return pause if waited + pause <= PATIENCE else None


def rest(worked: float, pace: float, left: float) -> float:
    """Return how long a worker rests after a refresh, so that it works only a share of its time.

    Parameters: worked, seconds taken by the refresh; pace, the share; left, seconds until the run ends.
    """
    return max(0, min(worked * (1 / pace - 1), LONGEST_REST, left))


def next_reconnect_pause(last: float) -> float:
    """Return the pause before the attempt after next."""
    return min(2 * last, RECONNECT_MOST)


def seconds_left(elapsed: float, leads_at_start: int, leads_left: int) -> float | None:
    """Estimate how long the rest takes, if leads go on being counted as fast; None before any was counted."""
    counted = leads_at_start - leads_left
    return elapsed * leads_left / counted if counted > 0 else None


def outlives(kind: str, sqlstate: str | None) -> bool:
    """Tell whether a run of this kind goes on after a refusal."""
    return kind != "once" and (sqlstate or "").startswith(MAY_PASS)


def may_reconnect(
    error: CannotConnect | ConnectionLost | DatabaseRefused, kind: str, lost_for: float, was_connected: bool
) -> bool:
    """Tell whether a run of this kind makes a new connection after an error.

    Parameters: error; kind; lost_for, seconds since the connection was lost; was_connected, whether there ever was one.
    """
    if kind != "watch" and lost_for > RECONNECT_PATIENCE:
        return False
    match error:
        case CannotConnect():
            return error.may_pass or was_connected
        case DatabaseRefused():
            return outlives(kind, error.sqlstate)
        case _:
            return True
