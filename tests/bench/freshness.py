"""How long from a commit until a reader sees the change counted.

Beside the writers a probe adds one lead at a time, and notes when its commit returned; a reader looks every 5 ms which
of the probe's leads are counted.
"""

import random
import time
from collections.abc import Sequence
from itertools import count
from statistics import quantiles
from threading import Event, Thread
from uuid import uuid4

import psycopg

from tests.bench.contenders import CONTENDERS, INBOXDB, Contender, at_work
from tests.bench.host import Host
from tests.bench.results import Results
from tests.bench.writers import PLACES, write

PERCENTILES = (1, 10, 25, 50, 75, 90, 95, 99, 100)
GIVE_UP = 60.0  # seconds for the last changes to show

# Where 16 writers are at work, or one imports into a column of the largest; and where the probe looks.
LOADS = {
    "in the workspace that is written": ("one", "one"),
    "in small workspaces that are all written": ("many", "many"),
    "in small workspaces, beside writes in the largest": ("one", "many"),
    "in small workspaces, beside an import of names": ("firstName", "many"),
    "in small workspaces, beside an import of job titles": ("jobTitle", "many"),
}
PROMISED = "in the workspace that is written"
MANY = "in small workspaces that are all written"

# An import: a column of a thousand leads in a statement, one after the other.
IMPORT = """
update public."Lead" set "{}" = 'Import ' || %(turn)s
where id = any (
  array(
    select id from bench.lead where place = %(place)s and n between %(turn)s * 1000 %% %(place)s + 1
      and %(turn)s * 1000 %% %(place)s + 1000
  )
)
"""


class Probe:
    """Writes one lead at a time, and reads when each is counted."""

    def __init__(self, host: Host, contender: Contender, workspaces: Sequence[str]) -> None:
        """Begin; `end` returns the delays seen.

        Parameters: host; contender, whose counts are read; workspaces, to be given leads at random.
        """
        self.host = host
        self.user = str(uuid4())  # whom the probe's leads are assigned to
        self.counts = (
            f"select client_id, total from {contender.schema}.inbox_counts where scope_user_id = %s and not is_global"
        )
        self.workspaces = workspaces
        self.stop = Event()
        self.sent: dict[str, list[float]] = {workspace: [] for workspace in workspaces}
        self.seen: list[float] = []
        self.threads = [Thread(target=self.write), Thread(target=self.read)]
        for thread in self.threads:
            thread.start()

    def write(self) -> None:
        """Add a lead every 15 ms or so."""
        with psycopg.connect(self.host.writer_dsn, autocommit=True) as connection:
            while not self.stop.wait(random.uniform(0, 0.03)):
                workspace = random.choice(self.workspaces)
                connection.execute(
                    'insert into public."Lead" (id, "clientId", "updatedAt", "assignedToUserId")'
                    " values (gen_random_uuid(), %s, now(), %s)",
                    (workspace, self.user),
                )
                self.sent[workspace].append(time.perf_counter())

    def read(self) -> None:
        """Note when each of them is counted; until all are, or nothing comes any more."""
        before = dict.fromkeys(self.sent, 0)
        give_up_at = float("inf")
        with psycopg.connect(self.host.dsn, autocommit=True) as connection:
            while not self.stop.is_set() or sum(map(len, self.sent.values())) > len(self.seen):
                if self.stop.is_set():
                    give_up_at = min(give_up_at, time.perf_counter() + GIVE_UP)
                if time.perf_counter() > give_up_at:
                    return
                rows = connection.execute(self.counts.encode(), [self.user]).fetchall()
                now = time.perf_counter()
                for workspace, total in rows:
                    # the commit has returned before its time is in the list
                    for place in range(before[workspace], min(total, len(self.sent[workspace]))):
                        self.seen.append(now - self.sent[workspace][place])
                        before[workspace] = place + 1
                time.sleep(0.005)

    def end(self) -> list[float]:
        """Stop writing, wait until everything is counted, and return how long each took, in seconds."""
        self.stop.set()
        for thread in self.threads:
            thread.join()
        if sum(map(len, self.sent.values())) > len(self.seen):
            raise SystemExit(f"the probe's leads were not all counted within {GIVE_UP:.0f} s of the last one")
        return self.seen


def measure(host: Host, results: Results) -> None:
    """Measure the contenders with a job; counters by trigger are right at commit."""
    times = results.measure(
        "freshness",
        "Freshness: from a commit until a reader sees it counted",
        "s",
        x="percentile",
        note=(
            "16 writers whose transactions stay open 5 ms, or an import, 1,000 leads in a statement, beside each one's "
            "job; some 60 leads a second are added and looked for every 5 ms, where the row says. Names are searched, "
            "job titles are not. The last percentile is the longest of all."
        ),
    )
    with_job = [one for one in CONTENDERS if one.has_job]
    loads = [(contender, load) for load in LOADS for contender in with_job if contender is INBOXDB or load == PROMISED]
    for _ in range(host.size.writer_rounds):
        for contender, load in loads:
            host.turn_to(contender)
            waited = observe(host, contender, load)
            cuts = [*quantiles(waited, n=100, method="inclusive"), max(waited)]
            for percentile in PERCENTILES:
                times.add(contender.name, {"probe": load, "percentile": percentile}, cuts[percentile - 1])
    host.drain()
    host.assert_counted(host.judged)


def observe(host: Host, contender: Contender, load: str) -> list[float]:
    """Let writers write and the probe look; return how long each of its leads took to be counted, in seconds."""
    written, probed = LOADS[load]
    workspaces = [host.judged] if probed == "one" else host.small_workspaces
    with at_work(contender, host.dsn):
        probe = Probe(host, contender, workspaces)
        try:
            if written in PLACES:
                write(host, 16, "open 5 ms", written, host.size.promise_seconds)
            else:
                bring_in(host, written)
        finally:
            waited = probe.end()
    return waited


def bring_in(host: Host, column: str) -> None:
    """Import into a column of the judged workspace."""
    until = time.perf_counter() + host.size.promise_seconds
    for turn in count():
        if time.perf_counter() > until:
            return
        host.writer.execute(IMPORT.format(column).encode(), {"turn": turn, "place": host.size.judged})
