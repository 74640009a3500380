"""The first fill beside the host's writers: its speed, and its cost to the writers.

    python -m tests.bench.fill [--workspaces 200] [--leads 5000000] [--rounds 3] [--seconds 20] [--try 1:1 --try 2:0.5]

8 writers (pgbench, as a role without rights in inboxdb) update leads anywhere: first as fast as they can, then, all the
time, at half of that. In turn they are alone for some seconds, and beside a fill, once for each `--try WORKERS:PACE`.
Their throughput is pgbench's, second by second. Every fill is a first one: nothing is stored before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from threading import Thread

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database import sources
from inboxdb.database.connection import Connection
from inboxdb.demo import embedded
from inboxdb.install import migrate
from tests.bench.host import ANYWHERE, WRITER, Made, generate
from tests.bench.pgbench import SCRIPTS

CLIENTS, SAMPLE = 8, 100_000
SETTINGS = {"shared_buffers": "2GB", "max_connections": "100", "max_wal_size": "16GB", "checkpoint_timeout": "30min"}
GRANTS = f"""
create role {WRITER} login;
grant select, insert, update, delete on all tables in schema public to {WRITER};
create schema bench;
create table bench.lead as
select {ANYWHERE} as place, row_number() over () as n, id
from (select id from public."Lead" order by md5(id) limit {SAMPLE}) as chosen;
alter table bench.lead add primary key (place, n);
grant usage on schema bench to {WRITER};
grant select on bench.lead to {WRITER};
"""
EMPTY = """
truncate inboxdb.inbox_counts, inboxdb.workspace, inboxdb.inbox_counts_dirty, inboxdb.job_status;
select inboxdb.mark_all_inbox_counts_dirty();
"""


class Writers:
    """Writers at work; `tps` holds when each second ended, with its transactions and their latency in ms."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Listen to pgbench."""
        self.tps: list[tuple[float, float, float]] = []
        self.process = process
        self.listener = Thread(target=self.listen)
        self.listener.start()

    def listen(self) -> None:
        """Parse pgbench's report of each second: `progress: 3.0 s, 1234.5 tps, lat 0.6 ms stddev 0.1, …`."""
        assert self.process.stderr
        for line in self.process.stderr:
            if line.startswith("progress:"):
                words = line.split()
                self.tps.append((time.monotonic(), float(words[3]), float(words[6])))

    def between(self, began: float, ended: float) -> tuple[float, float]:
        """Return the mean throughput and latency of the whole seconds between two instants, at least one."""
        while not self.tps or self.tps[-1][0] < ended:
            time.sleep(0.1)
        seconds = [one for one in self.tps if began + 1 <= one[0] <= ended] or [
            next(one for one in self.tps if one[0] >= ended)
        ]
        return mean(tps for _, tps, _ in seconds), mean(latency for _, _, latency in seconds)


@contextmanager
def writing(dsn: str, rate: float | None) -> Iterator[Writers]:
    """Let pgbench write until the block ends, at a rate, or as fast as it can."""
    command: list[str | Path] = [embedded.binaries(18) / "pgbench", "--no-vacuum", "--client", str(CLIENTS)]
    command += ["--jobs", "2", "--time", "86400", "--progress", "1"]
    command += ["--define", f"place={ANYWHERE}", "--define", f"leads={SAMPLE}"]
    command += ["--file", SCRIPTS / "update_at_once.sql", *(["--rate", f"{rate:.0f}"] if rate else [])]
    process = subprocess.Popen(
        [*command, make_conninfo(dsn, user=WRITER)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    writers = Writers(process)
    time.sleep(2)
    if process.poll() is not None:
        raise SystemExit("pgbench ended")
    try:
        yield writers
    finally:
        process.terminate()
        process.wait()
        writers.listener.join()


def fill(connection: Connection, dsn: str, attempt: str) -> tuple[float, float]:
    """Fill empty counts, as a DBA does; return the seconds taken, and the longest refresh's."""
    connection.execute(EMPTY)
    workers, pace = attempt.split(":")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "inboxdb", "drain-dirty", "--workers", workers, "--pace", pace, "--json"],
        env={**os.environ, "INBOXDB_DSN": dsn},
        check=True,
        stdout=subprocess.PIPE,
    )
    took = time.monotonic() - began
    assert not json.loads(done.stdout)["failed"]
    [(longest,)] = connection.execute("select max(duration_ms)::float8 / 1000 from inboxdb.job_status")
    return took, float(longest)


def made_host(connection: Connection, dsn: str, workspaces: int, leads: int) -> int:
    """Make the host with its data, and install inboxdb; return how many leads the largest workspace has."""
    began = time.monotonic()
    connection.execute((sources.HOST / "host.sql").read_bytes())
    # two halves, each with a huge workspace and ever smaller ones
    generate(dsn, [Made(workspaces // 2, leads // 2, 0.3)] * 2)
    connection.execute(GRANTS)
    migrate.apply(dsn)
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")
    sys.stderr.write(f"made the host in {time.monotonic() - began:.0f} s\n")
    [(largest,)] = connection.execute('select max(n) from (select count(*) as n from "Lead" group by "clientId") as w')
    return int(largest)


def alone(writers: Writers, seconds: float) -> tuple[float, float]:
    """Let the writers write; return their throughput and latency."""
    began = time.monotonic()
    time.sleep(seconds)
    return writers.between(began, time.monotonic())


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.fill", description=__doc__)
    options.add_argument("--workspaces", type=int, default=200)
    options.add_argument("--leads", type=int, default=5_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=20, help="how long the writers are alone (20)")
    options.add_argument("--try", dest="attempts", action="append", metavar="WORKERS:PACE", help="(1:1, 2:1, 2:0.5)")
    given = options.parse_args()
    rows: dict[str, list[tuple[float, ...]]] = {one: [] for one in given.attempts or ["1:1", "2:1", "2:0.5"]}
    with (
        embedded.server(Path(tempfile.mkdtemp(prefix="inboxdb-bench-")), settings=SETTINGS) as server,
        psycopg.connect(server, autocommit=True) as connection,
    ):
        largest = made_host(connection, server, given.workspaces, given.leads)
        with writing(server, None) as writers:
            utmost, _ = alone(writers, given.seconds)
        connection.execute("vacuum analyze")
        sys.stdout.write(
            f"{given.workspaces} workspaces, {given.leads:,} leads, {largest:,} in the largest; "
            f"{CLIENTS} writers, {utmost:,.0f} tps at most, held to half of that\n\n"
        )
        with writing(server, utmost / 2) as writers:
            for attempt in [*rows] * given.rounds:
                before = alone(writers, given.seconds)
                began = time.monotonic()
                took = fill(connection, server, attempt)
                rows[attempt].append((*before, *writers.between(began, time.monotonic()), *took))
                said = " ".join(f"{number:,.2f}" for number in (*rows[attempt][-1], os.getloadavg()[0]))
                sys.stderr.write(f"{attempt}: {said}\n")
    sys.stdout.write(
        "| workers:pace | alone, tps (ms) | beside the fill, tps (ms) | ratio (median) | fill | leads/s "
        "| longest refresh |\n|---|---|---|---|---|---|---|\n"
    )
    for attempt, rounds in rows.items():
        alone_tps, alone_ms, tps, ms, seconds, longest = (median(column) for column in zip(*rounds, strict=True))
        ratios = sorted(one[2] / one[0] for one in rounds)
        sys.stdout.write(
            f"| {attempt} | {alone_tps:,.0f} ({alone_ms:.2f}) | {tps:,.0f} ({ms:.2f}) "
            f"| **{median(ratios):.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {seconds:.1f} s "
            f"| {given.leads / seconds:,.0f} | {longest:.1f} s |\n"
        )


if __name__ == "__main__":
    main()
