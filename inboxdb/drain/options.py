"""The options of a run of the drain."""

import random
from dataclasses import dataclass, field
from math import inf

from inboxdb.drain.pace import CLOSED_FROM
from inboxdb.drain.redis import Cache

TIME_LIMIT = 60.0  # seconds for one workspace; counting 1,000,000 leads takes about four


@dataclass(frozen=True)
class Schedule:
    """How long a run goes on: `kind` is once, for or watch; no workspace is started after `seconds`; the least time
    between two passes, `every`, is for the last two kinds.
    """

    kind: str = "once"
    seconds: float = inf
    every: float | None = None

    @property
    def is_sparse(self) -> bool:
        """Whether the run has no connection between passes, each of which ends as a single run does."""
        return self.kind == "watch" and self.every is not None and self.every >= CLOSED_FROM

    @property
    def is_steady(self) -> bool:
        """Whether a pass that found work is followed by the next within IDLE_FIRST."""
        return self.kind != "once" and self.every is None


ONCE = Schedule()
BOUNDED_ONCE = Schedule(seconds=300.0)  # a call that begins a run has no end of its own
WATCH = Schedule("watch")


def new_run_id() -> str:
    """Make one up: eight hexadecimal digits."""
    return f"{random.getrandbits(32):08x}"


@dataclass(frozen=True)
class DrainOptions:
    """How to drain: the schedule; limit, how many workspaces at most; workers, how many connections work side by side;
    time_limit, what each workspace has at least, in seconds; pace, the share of its time that a worker refreshes, above
    0 and at most 1; cache, where versions are published, None for nowhere; refreshes, False for maintenance alone; job,
    whose items of maintenance alone are done, None for all; called_by, which trigger began the run, None for a command.
    """

    schedule: Schedule = ONCE
    limit: int | None = None
    workers: int = 1
    time_limit: float = TIME_LIMIT
    pace: float = 1.0
    cache: Cache | None = None
    refreshes: bool = True
    job: str | None = None
    called_by: str | None = None
    run_id: str = field(default_factory=new_run_id)

    @property
    def kind(self) -> str:
        """What the run is, as in table run: who called, or how long it goes on."""
        return self.called_by or self.schedule.kind

    @property
    def application_name(self) -> str:
        """How the run's connections are known to the server."""
        return f"inboxdb drain-dirty {self.run_id}"
