"""The cost of a statement that writes many leads, with each contender's triggers."""

import time
from collections.abc import Callable

import psycopg

from inboxdb.database.connection import Connection
from tests.bench.contenders import CONTENDERS, INBOXDB, NO_TRIGGER
from tests.bench.host import Host
from tests.bench.results import Results

# Leads like others of a workspace, with ids of their own.
COLUMNS = '"clientId", status, "sentimentTag", "lastInboundAt", "lastOutboundAt", "assignedToUserId", "updatedAt"'
LIKE_OTHERS = f"""
select gen_random_uuid()::text, {COLUMNS} from public."Lead"
where id in (select id from bench.lead where place = {{place}} and n <= {{leads}})
"""
CHOSEN = "from bench.lead as b where b.place = {place} and b.n <= {leads} and b.id = l.id"

STATEMENTS = {
    "INSERT": f'insert into public."Lead" (id, {COLUMNS}) {LIKE_OTHERS}',
    "UPDATE": f"""update public."Lead" as l set "sentimentTag" = 'Tag ' || b.n {CHOSEN}""",
    "UPDATE of a column that is not counted": f"""update public."Lead" as l set "jobTitle" = 'Job ' || b.n {CHOSEN}""",
    "DELETE": f'delete from public."Lead" as l {CHOSEN.replace("from", "using", 1)}',
}


def measure(host: Host, results: Results) -> None:
    """Measure them."""
    size = host.size
    times = results.measure(
        "bulk",
        f"{size.bulk:,} leads of one workspace written by one statement",
        "s",
        note=(
            "Rolled back each time, and vacuumed. DELETE takes messages and drafts along. Rivals' triggers are row "
            "triggers, as their sources have them; statement triggers with transition tables would write their row "
            f"once per statement. What took longer than {size.bulk_limit} s was stopped. The materialized view has no "
            "trigger."
        ),
    )
    which = {"place": size.judged, "leads": size.bulk}
    with host.connection.cursor() as cursor, cursor.copy(f"copy ({LIKE_OTHERS.format(**which)}) to stdout") as rows:
        lines = b"".join(rows)

    def copy(connection: Connection) -> None:
        with connection.cursor() as cursor, cursor.copy(f'copy public."Lead" (id, {COLUMNS}) from stdin') as rows:
            rows.write(lines)

    def execute(statement: str) -> Callable[[Connection], object]:
        return lambda connection: connection.execute(statement.encode())

    writes = {name: execute(statement.format(**which)) for name, statement in STATEMENTS.items()} | {"COPY": copy}
    for _ in range(size.bulk_rounds):
        for name, write in writes.items():
            for contender in CONTENDERS:
                if contender.has_triggers or contender is NO_TRIGGER:
                    host.switch_on(contender)
                    seconds, stopped = timed(host, write)
                    times.add(contender.name, {"statement": name}, seconds, stopped=stopped)
                    host.connection.execute('vacuum public."Lead"')
    host.switch_on(INBOXDB)


def timed(host: Host, write: Callable[[Connection], object]) -> tuple[float, bool]:
    """Let the application write, and roll back; return the seconds taken, and whether the statement was cancelled."""
    options = f"-c statement_timeout={host.size.bulk_limit}s"
    with psycopg.connect(host.writer_dsn, options=options) as connection:
        connection.execute("select 1")
        began = time.perf_counter()
        try:
            write(connection)
            stopped = False
        except psycopg.errors.QueryCanceled:
            stopped = True
        took = time.perf_counter() - began
        connection.rollback()
    return took, stopped
