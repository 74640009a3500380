"""The cost of a statement that writes many leads, with each contender's triggers."""

import time
from collections.abc import Callable

import psycopg

from inboxdb.database.connection import Connection
from tests.bench.contenders import CONTENDERS, INBOXDB, NO_TRIGGER
from tests.bench.host import Host, processor_time
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

COPY = "COPY"


def measure(host: Host, results: Results) -> None:
    """Measure all contenders, and inboxdb beside no trigger in more rounds, in processor time."""
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
    processor = results.measure(
        "bulk_processor",
        f"{size.bulk:,} leads of one workspace written by one statement: processor time",
        "s",
        note="Of the server process that writes; the commit is not part of it.",
    )
    which = {"place": size.judged, "leads": size.bulk}
    with host.connection.cursor() as cursor, cursor.copy(f"copy ({LIKE_OTHERS.format(**which)}) to stdout") as rows:
        lines = b"".join(rows)

    def copy(connection: Connection) -> None:
        with connection.cursor() as cursor, cursor.copy(f'copy public."Lead" (id, {COLUMNS}) from stdin') as rows:
            rows.write(lines)

    def execute(statement: str) -> Callable[[Connection], object]:
        return lambda connection: connection.execute(statement.encode())

    writes = {name: execute(statement.format(**which)) for name, statement in STATEMENTS.items()} | {COPY: copy}
    promised = (NO_TRIGGER, INBOXDB)
    with_triggers = [one for one in CONTENDERS if one.has_triggers or one is NO_TRIGGER]
    for turn in range(size.rounds):
        for name, write in writes.items():
            for contender in with_triggers if turn < size.bulk_rounds else promised:
                host.switch_on(contender)
                seconds, processor_seconds, stopped = timed(host, write)
                times.add(contender.name, {"statement": name}, seconds, stopped=stopped)
                if contender in promised:
                    processor.add(contender.name, {"statement": name}, processor_seconds, stopped=stopped)
                host.connection.execute('vacuum public."Lead"')
    host.switch_on(INBOXDB)


def timed(host: Host, write: Callable[[Connection], object]) -> tuple[float, float, bool]:
    """Let the application write, and roll back; return the seconds taken, those of the processor, and whether the
    statement was cancelled.
    """
    options = f"-c statement_timeout={host.size.bulk_limit}s"
    with psycopg.connect(host.writer_dsn, options=options) as connection:
        connection.execute("select 1")
        began, used = time.perf_counter(), processor_time(connection)
        try:
            write(connection)
            stopped = False
        except psycopg.errors.QueryCanceled:
            stopped = True
        took, used = time.perf_counter() - began, processor_time(connection) - used
        connection.rollback()
    return took, used, stopped
