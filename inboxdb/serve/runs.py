"""Runs that callers ask for, one at a time: none waits in a line, because the next tick of a scheduler asks again."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import Any

from inboxdb.database.errors import InboxdbError
from inboxdb.database.logs import logger
from inboxdb.drain.options import DrainOptions, new_run_id
from inboxdb.drain.run import DrainResult

LOOK_EVERY = 0.2  # seconds between two looks whether the process is to end

# Kept from callers: ids of workspaces, since a scheduler's own log may be public.
UNTOLD = ("failures", "suspended_since", "suspended_because")


def told(result: DrainResult) -> dict[str, Any]:
    """Say what a caller is told of a run."""
    return {name: value for name, value in asdict(result).items() if name not in UNTOLD} | {
        "healthy": result.is_healthy
    }


@dataclass(frozen=True)
class Run:
    """A run that a caller asked for; `outcome` has the result, or the error that ended the run."""

    options: DrainOptions
    outcome: Future[DrainResult] = field(default_factory=Future)


class UnderWay(Exception):
    """A run is under way already: no other was begun."""

    def __init__(self, run: Run) -> None:
        """Keep the run that is under way."""
        self.run = run


class Ending(Exception):
    """The process is about to end, and begins no run."""


class Runs:
    """Carries out runs in the thread that works, where signals arrive; any other thread may ask."""

    def __init__(self, options: DrainOptions, carry_out: Callable[[DrainOptions], DrainResult], stop: Event) -> None:
        """Begin with none.

        Parameters: options, of every run; carry_out, which drains; stop, set when no further run is to be begun.
        """
        self._options = options
        self._carry_out = carry_out
        self._stop = stop
        self._last: Run | None = None
        self._asked: SimpleQueue[Run] = SimpleQueue()
        self._lock = Lock()
        self._is_over = False

    @property
    def are_ending(self) -> bool:
        """Whether no further run is begun."""
        return self._stop.is_set() or self._is_over

    def ask(self, *, refreshes: bool) -> Run:
        """Have a run begun, at once.

        Parameters: refreshes, whether workspaces are refreshed, or maintenance alone is done.
        Raises UnderWay, Ending.
        """
        with self._lock:
            if self.are_ending:
                raise Ending
            if self._last and not self._last.outcome.done():
                raise UnderWay(self._last)
            self._last = Run(replace(self._options, refreshes=refreshes, run_id=new_run_id()))
            self._asked.put(self._last)
            return self._last

    def work(self) -> None:
        """Carry out runs as callers ask for them, until told to stop.

        On KeyboardInterrupt the refreshes at hand are undone and it is raised again.
        """
        try:
            while not self._stop.is_set():
                with suppress(Empty):
                    self._complete(self._asked.get(timeout=LOOK_EVERY))
        finally:
            with self._lock:
                self._is_over = True
                if self._last:
                    self._last.outcome.cancel()  # one that was asked for too late to be begun

    def _complete(self, run: Run) -> None:
        """Carry out a run; an error ends that run alone."""
        try:
            run.outcome.set_result(self._carry_out(run.options))
        except InboxdbError as error:
            self._tell(run, str(error), error.sqlstate)
            run.outcome.set_exception(error)
        except Exception as error:
            self._tell(run, f"internal error: {type(error).__name__}", None)
            run.outcome.set_exception(error)

    @staticmethod
    def _tell(run: Run, reason: str, sqlstate: str | None) -> None:
        logger.error("gave up", action="end", run=run.options.run_id, reason=reason, sqlstate=sqlstate)
