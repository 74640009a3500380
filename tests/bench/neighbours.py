"""Whether other workspaces' leads make the recount of a small workspace dearer, at default work_mem."""

from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database import sources
from inboxdb.database.connection import Connection
from inboxdb.install import migrate
from tests.bench.host import Host, Made, generate, milliseconds
from tests.bench.refresh import RECOUNT
from tests.bench.results import Results

LEADS = 5_000  # of the small workspace
MESSAGES_PER_LEAD = 5  # added by tests/bench/ai_sent.sql


def measure(host: Host, results: Results) -> None:
    """Measure in two databases of their own."""
    messages = host.size.anywhere_leads
    times = results.measure(
        "neighbours",
        f"Full recount of {LEADS:,} leads, alone and beside {messages:,} AI-sent messages of others",
        "ms",
        note="In databases of their own, at the server's default work_mem.",
    )
    small = Made(1, LEADS, 3)
    databases = {
        "alone": make(host, "alone", small),
        "beside": make(host, "beside", small, Made(10, messages // MESSAGES_PER_LEAD, 0)),
    }
    for turn in range(-1, host.size.rounds * 5):
        for name, connection in databases.items():
            took = recounted(connection)
            # the first turn makes plans
            if turn >= 0:
                times.add(RECOUNT, {"workspace": name}, took)
    for connection in databases.values():
        connection.close()


def make(host: Host, name: str, *wanted: Made) -> Connection:
    """Make a database on the host's server, with inboxdb and a small workspace, the first."""
    host.connection.execute(f"create database {name}".encode())
    dsn = make_conninfo(host.dsn, dbname=name)
    connection: Connection = psycopg.connect(dsn, autocommit=True)
    connection.execute((sources.HOST / "host.sql").read_bytes())
    generate(dsn, wanted)
    connection.execute((sources.HOST / "generate.sql").read_bytes())
    connection.execute((Path(__file__).parent / "ai_sent.sql").read_bytes())
    migrate.apply(dsn)
    connection.execute("vacuum analyze")
    connection.execute("call inboxdb.drain_dirty()")
    return connection


def recounted(connection: Connection) -> float:
    """Let inboxdb count all of the small workspace; return the milliseconds."""
    [(workspace,)] = connection.execute("select pg_temp.generated_id(1, 'Client', 1)::text")
    connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
    return milliseconds(connection, f"select inboxdb.drain_next('{workspace}')")
