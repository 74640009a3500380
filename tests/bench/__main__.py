"""Run the benchmarks on an embedded server and print a Markdown table.

    python -m tests.bench [--rounds 5] [--leads 1000000] [--seconds 10] [--only access]

Everything that is compared runs in turn within each round, so that whatever else the machine does hits both.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb import embedded, migrate, sources

HERE = Path(__file__).parent
WRITER = "bench_writer"  # the application: owns nothing, has no right in inboxdb
MEMBER = "bench_member"  # a user who is signed in: restricted on "Lead"
READER = "bench_reader"  # the same, but for policies, so that it can read a bare table beside the API
SENTINEL = "00000000-0000-0000-0000-000000000000"
SETTINGS = {"shared_buffers": "2GB", "max_connections": "100", "max_wal_size": "16GB", "checkpoint_timeout": "30min"}

Measure = Callable[[], float]


class Report:
    """The table that the run prints."""

    def __init__(self) -> None:
        """Print its head."""
        sys.stdout.write("| measured | one | other | ratio (median) | rounds | wanted |\n|---|---|---|---|---|---|\n")

    def compare(self, name: str, one: Measure, other: Measure, *, rounds: int, unit: str, wanted: str) -> None:
        """Measure both in turn, `rounds` times, and print medians and the median ratio one / other."""
        self.tell(name, [(one(), other()) for _ in range(rounds)], unit=unit, wanted=wanted)

    def tell(self, name: str, pairs: list[tuple[float, float]], *, unit: str, wanted: str) -> None:
        """Print medians and the median ratio of pairs that were measured side by side."""
        ratios = sorted(a / b for a, b in pairs)
        sys.stdout.write(
            f"| {name} | {median(a for a, _ in pairs):,.4g} {unit} | {median(b for _, b in pairs):,.4g} {unit} "
            f"| **{median(ratios):.3g}** ({ratios[0]:.3g} to {ratios[-1]:.3g}) | {len(pairs)} | {wanted} |\n"
        )
        sys.stdout.flush()


class Bench:
    """A database with the host's tables, on the benchmark's server."""

    def __init__(self, server: str, name: str) -> None:
        """Create it.

        Parameters: server, the superuser's DSN; name, the new database's.
        """
        self.server = server
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"create database {name}")
            if not admin.execute("select 1 from pg_roles where rolname = %s", (WRITER,)).fetchone():
                admin.execute(f"create role {WRITER} login; create role authenticated")
                admin.execute(f"create role {MEMBER} login in role authenticated")
                admin.execute(f"create role {READER} login bypassrls in role authenticated")
        self.dsn = make_conninfo(server, dbname=name)
        self.connection = psycopg.connect(self.dsn, autocommit=True)
        self.connection.execute((sources.HOST / "host.sql").read_bytes())
        self.connection.execute((sources.HOST / "generate.sql").read_bytes())
        self.connection.execute(f"grant select, insert, update, delete on all tables in schema public to {WRITER}")

    def generate(self, *, workspaces: int, leads: int, seed: int, messages_per_lead: float) -> str:
        """Make data, and return the id of its largest workspace."""
        self.connection.execute(
            "select pg_temp.generate_host(workspaces => %s, leads => %s, seed => %s, messages_per_lead => %s)",
            (workspaces, leads, seed, messages_per_lead),
        )
        row = self.connection.execute("select pg_temp.generated_id(%s, 'Client', 1)::text", (seed,)).fetchone()
        assert row
        return str(row[0])

    def number_leads(self, workspace: str) -> None:
        """Give pgbench something to choose leads by: their numbers."""
        self.connection.execute("create schema bench")
        self.connection.execute(
            'create table bench.lead as select row_number() over (order by id) as n, id from public."Lead"'
            ' where "clientId" = %s',
            (workspace,),
        )
        self.connection.execute("alter table bench.lead add primary key (n)")
        self.connection.execute(f"grant usage on schema bench to {WRITER}")
        self.connection.execute(f"grant select on bench.lead to {WRITER}")
        self.connection.execute("vacuum analyze")

    def triggers(self, state: str) -> None:
        """Switch ours on "Lead" on or off: `enable` or `disable`."""
        self.connection.execute(f'alter table public."Lead" {state} trigger user')

    def seconds(self, statement: str) -> float:
        """Run a statement as the superuser, who is not the one that is measured, and return its duration."""
        began = time.perf_counter()
        self.connection.execute(statement.encode())
        return time.perf_counter() - began

    def writer_seconds(self, statement: str) -> float:
        """Run a statement as the application and roll it back; return its duration."""
        with psycopg.connect(make_conninfo(self.dsn, user=WRITER)) as connection:
            connection.execute("select 1")
            began = time.perf_counter()
            connection.execute(statement.encode())
            took = time.perf_counter() - began
            connection.rollback()
        return took

    def pgbench(self, script: str, *, clients: int, seconds: int) -> float:
        """Run a script of tests/bench as the application and return transactions per second."""
        leads = self.connection.execute("select count(*) from bench.lead").fetchone()
        assert leads
        options = ["--client", str(clients), "--jobs", "2", "--time", str(seconds), "--define", f"leads={leads[0]}"]
        said = self._pgbench(WRITER, [*options, "--file", HERE / script])
        return float(next(line.split()[2] for line in said.splitlines() if line.startswith("tps")))

    def _pgbench(self, role: str, options: list[str | Path]) -> str:
        """Run pgbench as a role and return what it says."""
        command = [embedded.binaries(18) / "pgbench", "--no-vacuum", *options, make_conninfo(self.dsn, user=role)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def sign_in(self, workspace: str) -> None:
        """Let MEMBER and READER be the owner of a workspace from their next connection on."""
        row = self.connection.execute('select "userId" from public."Client" where id = %s', (workspace,)).fetchone()
        assert row
        for role in (MEMBER, READER):
            self.connection.execute(f"""alter role {role} set request.jwt.claims = '{{"sub":"{row[0]}"}}'""")

    def read_latencies(self, workspace: str, mode: str, seconds: int) -> tuple[float, float]:
        """Read one's counts through the API and by key, side by side in one pgbench run; return both latencies (ms)."""
        with tempfile.TemporaryDirectory() as folder:
            scripts: list[str | Path] = []
            for name in ("read_through_api.sql", "read_by_key.sql"):
                text = (HERE / name).read_text()
                script = Path(folder) / name
                script.write_text(text.replace(":workspace", f"'{workspace}'").replace(":sentinel", f"'{SENTINEL}'"))
                scripts += ["--file", script]
            said = self._pgbench(READER, ["--client", "1", "--time", str(seconds), "--protocol", mode, *scripts])
        # of the whole run, then of each script
        _, through_api, by_key = re.findall(r"latency average = (\S+) ms", said)
        return float(through_api), float(by_key)

    def buffers_read(self, workspace: str) -> int:
        """Count the buffers that reading one's counts touches, in a session that has done it before."""
        with psycopg.connect(make_conninfo(self.dsn, user=MEMBER), autocommit=True) as connection:
            for _ in range(10):
                plan = connection.execute(
                    "explain (analyze, buffers, format json) select * from inbox_api.inbox_counts(%s)", (workspace,)
                ).fetchone()
            assert plan
            return int(plan[0][0]["Plan"]["Shared Hit Blocks"]) + int(plan[0][0]["Plan"]["Shared Read Blocks"])


def with_triggers(bench: Bench, state: str, measure: Measure) -> Measure:
    """Return the measure, taken with our triggers on "Lead" `enable`d or `disable`d."""

    def measured() -> float:
        bench.triggers(state)
        return measure()

    return measured


def refresh(report: Report, server: str, leads: int, rounds: int) -> Bench:
    """Recompute of a huge workspace against the application's own queries, before our indexes exist."""
    bench = Bench(server, "bench")
    workspace = bench.generate(workspaces=1, leads=leads, seed=1, messages_per_lead=3)
    bench.generate(workspaces=10, leads=leads // 2, seed=2, messages_per_lead=3)
    bench.number_leads(workspace)
    own = (HERE / "application.sql").read_text().replace(":workspace", f"'{workspace}'")
    bench.seconds(own)
    application = [bench.seconds(own) for _ in range(min(rounds, 3))]

    migrate.apply(bench.dsn)
    bench.connection.execute("vacuum analyze")
    recompute = f"select inboxdb.recompute_inbox_counts('{workspace}')"
    bench.seconds(recompute)
    report.compare(
        f"refresh of {leads:,} leads: recompute / the application's own queries",
        lambda: bench.seconds(recompute),
        lambda: median(application),
        rounds=rounds,
        unit="s",
        wanted="at most 1/15 = 0.067",
    )
    return bench


def writers(report: Report, bench: Bench, rounds: int, seconds: int) -> None:
    """Writers in one workspace, with our triggers and without."""
    for script, milliseconds, wanted in (
        ("update_at_once.sql", 0, "(reported)"),
        ("update_and_wait.sql", 5, "at least 0.85"),
    ):

        def throughput(script: str = script) -> float:
            return bench.pgbench(script, clients=16, seconds=seconds)

        report.compare(
            f"16 writers in one workspace, transactions open {milliseconds} ms: with triggers / without",
            with_triggers(bench, "enable", throughput),
            with_triggers(bench, "disable", throughput),
            rounds=rounds,
            unit="tps",
            wanted=wanted,
        )

    for name, column, wanted in (
        ("100,000 leads in one UPDATE", "\"sentimentTag\" = 'Interested' || n", "at most 1.25"),
        ("the same of a column that is not counted", "\"jobTitle\" = 'Director ' || n", "(reported)"),
    ):
        statement = f'update public."Lead" as l set {column} from bench.lead as b where b.id = l.id and n <= 100000'

        def duration(statement: str = statement) -> float:
            took = bench.writer_seconds(statement)
            bench.connection.execute('vacuum public."Lead"')
            return took

        report.compare(
            f"{name}: with triggers / without",
            with_triggers(bench, "enable", duration),
            with_triggers(bench, "disable", duration),
            rounds=rounds,
            unit="s",
            wanted=wanted,
        )


def neighbours(report: Report, server: str, rounds: int) -> None:
    """A small workspace alone, and beside a million AI-sent messages of others, at default work_mem."""
    alone = Bench(server, "alone")
    beside = Bench(server, "beside")
    for bench in (alone, beside):
        workspace = bench.generate(workspaces=1, leads=5000, seed=1, messages_per_lead=3)
    beside.generate(workspaces=10, leads=200_000, seed=2, messages_per_lead=0)
    beside.connection.execute((HERE / "ai_sent_by_others.sql").read_bytes(), prepare=False)
    for bench in (alone, beside):
        migrate.apply(bench.dsn)
        bench.connection.execute("vacuum analyze")
    recompute = f"select inboxdb.recompute_inbox_counts('{workspace}')"
    for bench in (alone, beside):
        bench.seconds(recompute)
    report.compare(
        "refresh of 5,000 leads: beside 1,000,000 AI-sent messages of others / alone",
        lambda: beside.seconds(recompute),
        lambda: alone.seconds(recompute),
        rounds=rounds * 5,
        unit="s",
        wanted="at most 2",
    )


def access_control(report: Report, server: str, leads: int, rounds: int, seconds: int) -> None:
    """What row-level security costs whoever counts leads, and what the API costs whoever reads counts."""
    bench = Bench(server, "access")
    workspace = bench.generate(workspaces=1, leads=300_000, seed=1, messages_per_lead=0)
    bench.generate(workspaces=20, leads=max(leads - 300_000, 20_000), seed=2, messages_per_lead=0)
    migrate.apply(bench.dsn)
    bench.connection.execute('grant select on public."Lead" to authenticated')
    bench.connection.execute("select inboxdb.protect_leads(%s, %s)", ([WRITER], ["authenticated"]))
    bench.connection.execute("call inboxdb.drain_dirty()")
    bench.connection.execute("vacuum analyze")
    bench.sign_in(workspace)
    count = f"""select count(*) from public."Lead" where "clientId" = '{workspace}'"""
    with psycopg.connect(make_conninfo(bench.dsn, user=MEMBER), autocommit=True) as member:

        def counted(connection: psycopg.Connection[tuple[int]]) -> float:
            began = time.perf_counter()
            assert connection.execute(count.encode()).fetchone() == (300_000,)
            return time.perf_counter() - began

        for processes in (0, 2):
            for connection in (bench.connection, member):
                connection.execute(f"set max_parallel_workers_per_gather = {processes}")
                counted(connection)
            report.compare(
                f"count of 300,000 visible leads, {processes} parallel workers: through the policy / as the owner",
                lambda: counted(member),
                lambda: counted(bench.connection),
                rounds=rounds * 5,
                unit="s",
                wanted="at most 2.5",
            )

    for mode in ("prepared", "simple"):
        report.tell(
            f"read of one's counts, pgbench --protocol {mode}: inbox_api.inbox_counts / bare primary key",
            [bench.read_latencies(workspace, mode, seconds) for _ in range(rounds)],
            unit="ms",
            wanted="at most 3.5",
        )

    small = Bench(server, "access_small")
    few = small.generate(workspaces=1, leads=10_000, seed=1, messages_per_lead=0)
    small.generate(workspaces=20, leads=10_000, seed=2, messages_per_lead=0)
    migrate.apply(small.dsn)
    small.connection.execute("call inboxdb.drain_dirty()")
    small.connection.execute("vacuum analyze")
    small.sign_in(few)
    touched = small.buffers_read(few)
    bench.sign_in(workspace)
    report.compare(
        f"buffers touched by reading one's counts: among {leads:,} leads / 20,000",
        lambda: bench.buffers_read(workspace),
        lambda: touched,
        rounds=1,
        unit="buffers",
        wanted="1",
    )


PARTS = ("refresh", "neighbours", "access")


def main() -> None:
    """Run them all."""
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--rounds", type=int, default=5, help="how often everything is measured (5)")
    options.add_argument("--leads", type=int, default=1_000_000, help="leads in the huge workspace (1,000,000)")
    options.add_argument("--seconds", type=int, default=10, help="how long each pgbench run lasts (10)")
    options.add_argument("--only", choices=PARTS, help="one part of them")
    given = options.parse_args()
    parts = [given.only] if given.only else PARTS
    with embedded.server(Path(tempfile.mkdtemp(prefix="inboxdb-bench-")), settings=SETTINGS) as server:
        report = Report()
        if "refresh" in parts:
            writers(report, refresh(report, server, given.leads, given.rounds), given.rounds, given.seconds)
        if "neighbours" in parts:
            neighbours(report, server, given.rounds)
        if "access" in parts:
            access_control(report, server, given.leads, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
