"""How long from a commit until a reader sees it counted, with `drain-dirty --watch` at work.

    python -m tests.bench.freshness [--seconds 60] [--rounds 1] [--workers 1] [--share 0.5]

200 workspaces of 1,000 leads; 32 writers (pgbench) update leads anywhere, once as fast as they can, once at a share of
that. Beside them a probe adds one lead at a time to a random workspace and notes when its commit returned; a reader
looks every 5 ms which of the probe's leads are counted. Then, in turn, a twentieth of the writers' utmost alone, beside
ten times as many writes in one workspace that change nothing counted, and beside ten times as many that do: what the
probes of all others see.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb import embedded, migrate, sources

HERE = Path(__file__).parent
WORKSPACES, LEADS, WRITERS = 200, 1000, 32
PROBE = "probe"  # the user that the probe's leads are assigned to
SETTINGS = {"shared_buffers": "1GB", "max_connections": "100", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
HOST = f"""
insert into "Client" (id, name, "userId", "updatedAt")
select n, n, 'owner', now() from generate_series(0, {WORKSPACES - 1}) as n;
insert into "Lead" (id, "clientId", "updatedAt", "sentimentTag", "lastInboundAt", "assignedToUserId")
select format('%s-%s', w, n), w, now(), 'Interested', now(), format('user %s', n % 5)
from generate_series(0, {WORKSPACES - 1}) as w, generate_series(0, {LEADS - 1}) as n
"""


class Probe:
    """Writes one lead at a time, and reads when each is counted."""

    def __init__(self, dsn: str) -> None:
        """Begin; `end` returns what was seen."""
        self.dsn = dsn
        self.stop = Event()
        self.sent: dict[int, list[float]] = {workspace: [] for workspace in range(WORKSPACES)}
        self.seen: list[tuple[int, float]] = []
        self.threads = [Thread(target=self.write), Thread(target=self.read)]
        for thread in self.threads:
            thread.start()

    def write(self) -> None:
        """Add a lead every 15 ms or so."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            while not self.stop.wait(random.uniform(0, 0.03)):
                workspace = random.randrange(1, WORKSPACES)
                connection.execute(
                    'insert into "Lead" (id, "clientId", "updatedAt", "assignedToUserId")'
                    " values (gen_random_uuid(), %s, now(), %s)",
                    (str(workspace), PROBE),
                )
                self.sent[workspace].append(time.perf_counter())

    def read(self) -> None:
        """Note when each of them is counted; until all are."""
        before = dict.fromkeys(self.sent, 0)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            [(base,)] = connection.execute(
                """select coalesce(jsonb_object_agg("clientId", n), '{}') from (
                  select "clientId", count(*) as n from "Lead" where "assignedToUserId" = %s group by 1) as there""",
                (PROBE,),
            )
            while not self.stop.is_set() or sum(map(len, self.sent.values())) > len(self.seen):
                rows = connection.execute(
                    "select client_id, total from inboxdb.inbox_counts where scope_user_id = %s and not is_global",
                    (PROBE,),
                ).fetchall()
                now = time.perf_counter()
                for name, total in rows:
                    workspace = int(name)
                    counted = total - base.get(name, 0)
                    # the commit has returned before its time is in the list
                    for place in range(before[workspace], min(counted, len(self.sent[workspace]))):
                        self.seen.append((workspace, now - self.sent[workspace][place]))
                        before[workspace] = place + 1
                time.sleep(0.005)

    def end(self) -> list[float]:
        """Stop writing, wait until everything is counted, and return how long each took, in seconds."""
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return [waited for _, waited in self.seen]


@contextmanager
def watching(dsn: str, workers: int) -> Iterator[None]:
    """Run `inboxdb drain-dirty --watch` as its users do."""
    process = subprocess.Popen(
        [sys.executable, "-m", "inboxdb", "drain-dirty", "--watch", "--workers", str(workers)],
        env={**os.environ, "INBOXDB_DSN": dsn},
        stdout=subprocess.DEVNULL,
    )
    yield
    process.send_signal(signal.SIGTERM)
    if process.wait(60):
        raise SystemExit("the worker did not end well")


@contextmanager
def writing(
    dsn: str, script: str, clients: int, *, rate: float | None, seconds: float, column: str = '"sentimentTag"'
) -> Iterator[list[float]]:
    """Run pgbench meanwhile, writing a column; the list has the transactions per second afterwards."""
    command: list[str | Path] = [
        embedded.binaries(18) / "pgbench",
        "--no-vacuum",
        "--client",
        str(clients),
        "--jobs",
        "2",
    ]
    command += ["--time", str(round(seconds)), "--file", HERE / script]
    command += ["--define", f"leads={WORKSPACES * LEADS}", "--define", f"column={column}"]
    command += ["--rate", str(rate)] if rate else []
    process = subprocess.Popen([*command, dsn], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tps: list[float] = []
    yield tps
    said, trouble = process.communicate()
    if process.returncode:
        raise SystemExit(trouble)
    tps.append(float(next(line.split()[2] for line in said.splitlines() if line.startswith("tps"))))


def measure(
    dsn: str, seconds: float, rate: float | None, hot: float | None = None, column: str = '"sentimentTag"'
) -> tuple[float, list[float]]:
    """Write for some seconds; return the writers' throughput and how long each of the probe's changes took.

    Parameters: rate, of the writers anywhere, None for as fast as they can; hot, that of the writers of one workspace,
    and the column that they write.
    """
    probe = Probe(dsn)
    try:
        with writing(dsn, "write_anywhere.sql", WRITERS, rate=rate, seconds=seconds) as tps:
            if hot:
                with writing(dsn, "write_in_one.sql", 8, rate=hot, seconds=seconds, column=column):
                    pass
    finally:
        waited = probe.end()
    return tps[0], waited


def tell(name: str, tps: float, waited: list[float]) -> float:
    """Print one row; return the 99th percentile."""
    cuts = quantiles(waited, n=1000)
    p50, p95, p99 = cuts[499], cuts[949], cuts[989]
    sys.stdout.write(
        f"| {name} | {tps:,.0f} | {len(waited):,} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {max(waited):.2f} |\n"
    )
    sys.stdout.flush()
    return p99


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.freshness", description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--rounds", type=int, default=3, help="of the comparison with a busy workspace")
    options.add_argument("--workers", type=int, default=1, help="of the watching drain")
    options.add_argument("--share", type=float, default=0.5, help="of the writers' utmost")
    given = options.parse_args()
    with embedded.server(Path(tempfile.mkdtemp(prefix="inboxdb-bench-")), settings=SETTINGS) as server:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute((sources.HOST / "host.sql").read_bytes())
            connection.execute(HOST)
            migrate.apply(server)
            connection.execute("call inboxdb.drain_dirty()")
            connection.execute("vacuum analyze")
        dsn = make_conninfo(server)
        sys.stdout.write(
            "| 32 writers, 200 workspaces of 1,000 leads | tps | probes | p50 s | p95 s | p99 s | most |\n"
            "|---|---|---|---|---|---|---|\n"
        )
        with watching(dsn, given.workers):
            utmost, waited = measure(dsn, given.seconds, None)
            tell("as fast as they can", utmost, waited)
            share = utmost * given.share
            tps, waited = measure(dsn, given.seconds, share)
            tell(f"{given.share:.0%} of that", tps, waited)
            ratios = []
            for number in range(given.rounds):

                def told(name: str, *hot: Any, number: int = number) -> float:
                    row = f"round {number + 1}: {name}"
                    return tell(row, *measure(dsn, given.seconds / 2, utmost / 20, *hot))

                told("5 % of it")
                idle = told("beside 10 times as many in one workspace, not counted", utmost / 2, '"jobTitle"')
                busy = told("beside 10 times as many changes in one workspace", utmost / 2)
                ratios.append(busy / idle)
        sys.stdout.write(f"\np99 of the others, beside changes / beside writes not counted: {median(ratios):.2f}\n")


if __name__ == "__main__":
    main()
