"""The cost of a held snapshot to a pass of the drain, and to the disk.

    python -m tests.bench.held [--changes 1000000] [--passes 50]

20 workspaces of 1,000 leads, and another, changed and drained every time; leads are changed 1,000 at a time, a
workspace after the other, and drained. Timed: a pass over the other workspace, a pass with nothing to do, and a count
of changed leads, to show the snapshot's cost to the host itself; before anybody holds a snapshot and with it,
when all the changes are made. Milliseconds are processor time of the server's, which others on the machine do not
stretch; sizes are those of all tables of schema inboxdb with their indexes.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database import sources
from inboxdb.demo import embedded
from inboxdb.install import migrate
from tests.holders import HOLDERS, Holder

WORKSPACES, LEADS = 20, 1000
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum_naptime": "10s"}
HOST = f"""
insert into "Client" (id, name, "userId", "updatedAt")
select n, n, 'owner', now() from generate_series(0, {WORKSPACES}) as n;
insert into "Lead" (id, "clientId", "updatedAt", "sentimentTag", "lastInboundAt", "assignedToUserId")
select format('%s-%s', w, n), w, now(), 'Interested', now(), format('user %s', n % 5)
from generate_series(0, {WORKSPACES}) as w, generate_series(1, {LEADS}) as n
"""
CHANGE = """update "Lead" set status = case status when 'new' then 'contacted' else 'new' end where "clientId" = '%s'"""
SIZE = """
select sum(pg_total_relation_size(oid)) / 1e6 from pg_class
where relnamespace = 'inboxdb'::regnamespace and relkind = 'r'
"""

# Slices are in use for 20 seconds each; until all four were emptied, and autovacuum came by.
SECONDS_TO_SHRINK = 100


class Drained:
    """A database to change and drain."""

    def __init__(self, dsn: str) -> None:
        """Install, fill and drain."""
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.execute((sources.HOST / "host.sql").read_bytes())
        self.connection.execute(HOST)
        migrate.apply(dsn)
        self.drain()
        self.connection.execute("vacuum analyze")

    def drain(self) -> None:
        """Drain, with nothing but SQL."""
        self.connection.execute("call inboxdb.drain_dirty()")

    def change(self, changes: int) -> None:
        """Change leads, and drain each thousand of changes."""
        for turn in range(changes // LEADS):
            self.connection.execute((CHANGE % (1 + turn % WORKSPACES)).encode())
            self.connection.execute("select inboxdb.mark_inbox_counts_dirty('0')")
            self.drain()

    def size(self) -> float:
        """Return the size of schema inboxdb on the disk, in MB."""
        [(size,)] = self.connection.execute(SIZE)
        return float(size)

    def milliseconds(self, statement: str, passes: int, prepare: Callable[[], object] = lambda: None) -> float:
        """Return the median processor time of a statement."""
        spent = Path(f"/proc/{self.connection.info.backend_pid}/schedstat")
        took = []
        for _ in range(passes):
            prepare()
            before = int(spent.read_text().split()[0])
            self.connection.execute(statement.encode())
            took.append((int(spent.read_text().split()[0]) - before) / 1e6)
        return median(took)

    def passes(self, passes: int) -> tuple[float, float, float]:
        """Time a pass over the other workspace, a pass with nothing to do, and a count by the host (ms)."""
        time.sleep(2)  # as in a pause of the traffic: dead rows of the last seconds are visited
        return (
            self.milliseconds(
                "call inboxdb.drain_dirty()",
                passes,
                lambda: self.connection.execute("select inboxdb.mark_inbox_counts_dirty('0')"),
            ),
            self.milliseconds("select inboxdb.claim_next()", passes),
            self.milliseconds("""select count(*) from "Lead" where "clientId" = '1' and status = 'new'""", passes),
        )


def measure(server: str, holder: Holder, changes: int, passes: int) -> None:
    """Print one row."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {holder.__name__}")
    dsn = make_conninfo(server, dbname=holder.__name__)
    database = Drained(dsn)
    database.change(2 * WORKSPACES * LEADS)
    database.passes(passes)
    before, size_before = database.passes(passes), database.size()
    with holder(dsn):
        database.change(changes)
        during, size_during = database.passes(passes), database.size()
    give_up_at = time.monotonic() + SECONDS_TO_SHRINK
    while time.monotonic() < give_up_at:
        database.drain()
        time.sleep(1)
    timed = " | ".join(f"{a:.2f} / {b:.2f}" for a, b in zip(before, during, strict=True))
    sys.stdout.write(
        f"| {holder.__name__.replace('_', ' ')} | {timed} | **{during[0] - before[0]:.2f}** "
        f"| {size_before:.1f} / {size_during:.1f} / {database.size():.1f} |\n"
    )
    sys.stdout.flush()
    database.connection.close()


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.held", description=__doc__)
    options.add_argument("--changes", type=int, default=1_000_000, help="made and drained while it is held (1,000,000)")
    options.add_argument("--passes", type=int, default=50, help="that are timed (50)")
    given = options.parse_args()
    with embedded.server(Path(tempfile.mkdtemp(prefix="inboxdb-bench-")), settings=SETTINGS) as server:
        sys.stdout.write(
            f"| {given.changes:,} changes; ms before / during | a pass over one workspace | a pass with nothing to do "
            "| a count by the host | more for a pass | MB before / during / after |\n|---|---|---|---|---|---|\n"
        )
        for holder in HOLDERS:
            measure(server, holder, given.changes, given.passes)


if __name__ == "__main__":
    main()
