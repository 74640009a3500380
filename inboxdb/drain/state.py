"""What the workers of one run share: how far to go, and how far they came."""

from collections.abc import Callable
from threading import Event, Lock
from time import monotonic

from inboxdb.drain.options import DrainOptions
from inboxdb.drain.refresh import Refresh
from inboxdb.drain.spans import Spans

Progress = Callable[[int, int, float | None], None]
"""Called with how many workspaces are done, how many there are in all, and about how many seconds the rest takes, None
where that is not known.
"""


class RunState:
    """The counters of a run, and whether the run goes on."""

    def __init__(self, options: DrainOptions, stop: Event, on_progress: Progress | None) -> None:
        """Begin to count.

        Parameters: options; stop, once set no further workspace is started; on_progress.
        """
        self.options = options
        self.stop = stop
        self.on_progress = on_progress
        self.spans = Spans(options)
        self.started = monotonic()
        self.ends_at = self.started + options.schedule.seconds
        self.is_interrupted = False  # the refreshes at hand are to be undone, too
        self.was_connected = False  # there is such a database
        self.first_claim_answered = Event()
        self.total = 0  # to be done, for on_progress
        self.seconds_left: float | None = None
        self.claims = 0
        self.refreshes = 0
        self.failures = 0
        self.skipped = 0
        self.audited = 0
        self.at_hand: set[str] = set()
        self.refreshed: set[str] = set()
        self.failed: set[str] = set()
        self.lost: set[str] = set()  # with their connections; of those that failed
        self.samples: list[float] = []  # of how long changes waited, in seconds
        self.undone_by: str | None = None  # the SQLSTATE by which a set was undone, until a heartbeat tells it
        self.ever_undone_by: set[str] = set()
        self.lock = Lock()

    def begin_pass(self) -> None:
        """Begin another pass of a sparse run: what had a result in the last one is waited for again."""
        self.first_claim_answered.clear()
        for of_the_last in (self.at_hand, self.refreshed, self.failed, self.lost):
            of_the_last.clear()

    @property
    def has_ended(self) -> bool:
        """Whether nothing is to be started any more, not even a claimed workspace."""
        return self.stop.is_set() or monotonic() >= self.ends_at

    @property
    def may_claim(self) -> bool:
        """Whether another workspace is to be claimed."""
        return not self.has_ended and self.claims != self.options.limit

    def reserve_claims(self, most: int) -> int:
        """Use up claims of the run's limit, a share of what is left; return how many."""
        with self.lock:
            if not (self.may_claim and self.options.refreshes):
                return 0
            if self.options.limit is not None:
                most = min(most, -(-(self.options.limit - self.claims) // self.options.workers))
            self.claims += most
            return most

    def return_claims(self, unused: int) -> None:
        """Give back reserved claims that came to nothing."""
        with self.lock:
            self.claims -= unused

    def has_at_hand(self, client_id: str) -> None:
        """Note that a worker has claimed a workspace."""
        with self.lock:
            self.at_hand.add(client_id)

    def leaves(self, client_id: str) -> None:
        """Note that a worker leaves a claimed workspace to others."""
        with self.lock:
            self.claims -= 1
            self.at_hand.discard(client_id)

    def count(self, refresh: Refresh) -> None:
        """Count the outcome of a claim."""
        client_id = refresh.client_id
        with self.lock:
            self.at_hand.discard(client_id)
            match refresh.outcome:
                case "refreshed":
                    self.refreshes += 1
                    self.refreshed.add(client_id)
                    self.failed.discard(client_id)
                    self.lost.discard(client_id)
                case "failed":
                    self.failures += 1
                    self.failed.add(client_id)
                    self.lost.discard(client_id)
                case "lost":
                    self.failures += 1
                    self.failed.add(client_id)
                    self.lost.add(client_id)
                case "skipped":
                    self.skipped += 1
            if refresh.seconds_waited is not None:
                self.samples.append(refresh.seconds_waited)
            self.show_progress()

    def set_is_undone(self, sqlstate: str) -> bool:
        """Note that a set was undone, and why; return whether that is the first such set of the run."""
        with self.lock:
            is_first = sqlstate not in self.ever_undone_by
            self.ever_undone_by.add(sqlstate)
            self.undone_by = sqlstate
            return is_first

    def undone_is_told(self, sqlstate: str | None) -> None:
        """Note that a heartbeat told by which SQLSTATE a set was undone; by another since, the next one tells."""
        with self.lock:
            if self.undone_by == sqlstate:
                self.undone_by = None

    def count_audit(self, audit: Refresh) -> None:
        """Count the outcome of an audit, which may have refreshed."""
        with self.lock:
            self.audited += audit.outcome in ("audited", "refreshed")

    def not_waited_for(self) -> list[str]:
        """List the workspaces not waited for by a single run: with a result, or with another worker."""
        with self.lock:
            return [*(self.refreshed | self.failed | self.at_hand) - self.lost]

    def show_progress(self) -> None:
        """Report how far the run is to on_progress; the caller holds the lock."""
        if self.on_progress:
            finished = len(self.refreshed | self.failed)
            self.on_progress(finished, max(finished, self.total), self.seconds_left)
