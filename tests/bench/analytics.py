"""Analytics of a workspace with some years of messages: reads, a refresh, sizes; and how long steps of maintenance take
while all of that is filled.
"""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database import sources
from inboxdb.database.connection import Connection
from inboxdb.install import migrate
from tests.bench.contenders import INBOXDB, RIVALS
from tests.bench.host import READER, WRITER, Host, Made, generate, milliseconds, processor_time
from tests.bench.results import At, Results

THROUGH_API, LIVE = "inboxdb, through inbox_api", "inboxdb, live"
APPLICATION = "application's own queries"
HOST = "the host's messages"
LEAD_DAYS, BY_DAY = "distinct over lead-days", "materialized view by day"

READS = ("overview", "days", "sentiments", "sms_campaigns", "response_times")
DAYS = (30, 90, 365)
MESSAGES = 5  # per lead
CALLS = 5  # a round, of which the median counts
CHANGES = 100  # changed leads of a refresh
LONGEST = 1.0  # seconds of processor time that a step of maintenance may take
WHOLE = ("audit",)  # items that look at a workspace as a whole, and are not held to it

LARGEST = """
select c.id, c."userId"
from public."Client" as c
inner join public."Lead" as l on c.id = l."clientId"
group by c.id
order by count(*) desc
limit 1
"""
CHANGE = """
with chosen as (
  -- anywhere among the ids, which are hashes
  select l.id
  from public."Lead" as l
  where l."clientId" = %(workspace)s and l.id >= md5(%(turn)s::text)::uuid::text
  order by l.id
  limit %(changes)s
),
sent as (
  insert into public."Message" (id, "leadId", body, direction, channel, "sentAt")
  select md5(random()::text), c.id, 'Synthetic', 'inbound', 'email', now() at time zone 'UTC' from chosen as c
)
update public."Lead" as l
set "lastInboundAt" = now() at time zone 'UTC', "sentimentTag" = (array['Interested', 'Neutral'])[1 + %(turn)s %% 2]
from chosen as c
where l.id = c.id
"""
UNFINISHED = """
select from inboxdb.analytics_workspace where client_id is null or walked_at is null or due_at <= inboxdb.clock()
"""
STEP = "select kept, item, outcome from inboxdb.maintain(%s, %s)"
SIZED = {"tables": "with their indexes"}
SIZES = {
    HOST: """'"Message"'""",
    INBOXDB.name: "'inboxdb.lead_fact', 'inboxdb.analytics_count', 'inboxdb.analytics_reply', 'inboxdb.analytics_word'",
    LEAD_DAYS: "'rival_lead_days.lead_day'",
    BY_DAY: "'rival_by_day.day'",
}
DISTINCT = """
select count(distinct lead_id) from rival_lead_days.lead_day
where client_id = {workspace} and direction = '{direction}' and on_day between {since} and {until}
"""


def make(dsn: str, leads: int) -> tuple[str, Connection]:
    """Make a database on a server, with inboxdb, a workspace and ten others with as many leads; return its connection
    string, and a superuser's connection. Counts are filled, analytics and texts are not.

    Parameters: dsn, the superuser's; leads, of the workspace.
    """
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("create database analytics")
    dsn = make_conninfo(dsn, dbname="analytics")
    connection: Connection = psycopg.connect(dsn, autocommit=True)
    connection.execute((sources.HOST / "host_wide.sql").read_bytes())
    generate(dsn, [Made(1, leads, MESSAGES), Made(10, leads, MESSAGES)])
    connection.execute(f"grant select, insert, update, delete on all tables in schema public to {WRITER}".encode())
    connection.execute("vacuum analyze")
    migrate.apply(dsn)
    drain_counts(connection)
    return dsn, connection


def drain_counts(connection: Connection) -> None:
    """Refresh counts, which hands changes on to analytics, and do no maintenance."""
    while (claimed := connection.execute("select inboxdb.claim_next(true)").fetchone()) not in (None, (None,)):
        connection.execute("select inboxdb.drain_next(%s)", claimed)


def measure(host: Host, results: Results) -> None:
    """Measure all of it."""
    dsn, connection = make(host.dsn, host.size.analytics)
    [(workspace, owner)] = connection.execute(LARGEST)
    measure_steps(connection, results, workspace)
    for rival in ("analytics_by_day", "lead_days"):
        connection.execute((RIVALS / f"{rival}.sql").read_bytes())
    connection.execute("vacuum analyze")
    with psycopg.connect(make_conninfo(dsn, user=READER), autocommit=True) as reader:
        reader.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": owner})])
        measure_reads(host, results, connection, reader, workspace)
    measure_refresh(host, results, connection, workspace)
    measure_sizes(host, results, connection)
    connection.close()


def measure_steps(connection: Connection, results: Results, workspace: str) -> None:
    """Do maintenance until all is filled, beside changes; then again in another time zone. End the run where a step
    takes too long, as with a plan that reads all rows of a workspace for each hundred of its leads.
    """
    [(leads,)] = connection.execute('select count(*) from public."Lead"')
    steps = results.measure(
        "maintenance",
        "The longest step of each item of maintenance, while texts and aggregates are filled beside changes",
        "ms of processor time",
        note=(
            f"{leads:,} leads, without statistics of inboxdb's tables but autovacuum's; aggregates are filled, given "
            "up for another time zone, and filled again. "
            f"A step beyond {LONGEST:g} s ends the run, but for the audit, which looks at whole workspaces."
        ),
    )
    longest: dict[str, float] = defaultdict(float)
    turn = 0
    for zone in ("UTC", "America/New_York"):
        connection.execute('delete from public."WorkspaceSettings"')
        connection.execute(
            'insert into public."WorkspaceSettings" select id, id, %s from public."Client"',
            [zone],
        )
        connection.execute("select inboxdb.keep_analytics()")
        while connection.execute(UNFINISHED).rowcount:
            connection.execute(CHANGE, {"workspace": workspace, "turn": turn, "changes": 10})
            drain_counts(connection)
            turn += 1
            for item, took in maintain(connection):
                longest[item] = max(longest[item], took)
    for item, took in sorted(longest.items()):
        steps.add(INBOXDB.name, {"item": item}, took * 1000)
    late = {item: took for item, took in longest.items() if took > LONGEST and item not in WHOLE}
    if late:
        raise SystemExit(f"steps of maintenance took longer than {LONGEST:g} s: {late}")


def maintain(connection: Connection) -> list[tuple[str, float]]:
    """Do all that is due, as a run does that has just begun; return the items, and the processor time of each step."""
    took = []
    for at_rest in (False, True):
        kept, item = None, ""
        while item is not None:
            before = processor_time(connection)
            [(kept, item, outcome)] = connection.execute(STEP, [json.dumps(kept or {}), at_rest])
            if item is not None:
                took.append((item, processor_time(connection) - before))
            if outcome == "failed":
                raise SystemExit(f"{item} failed")
    return took


def measure_reads(host: Host, results: Results, connection: Connection, reader: Connection, workspace: str) -> None:
    """Measure reads of windows that end today."""
    times = results.measure(
        "analytics",
        f"Analytics of a workspace of {host.size.analytics:,} leads, a member asking",
        "ms",
        note=(
            f"Windows end today; {MESSAGES} messages a lead, over some two years. Through inbox_api over one session: "
            f"the median of {CALLS} calls in each round, of one of all others. Live is what inbox_api answers until "
            "aggregates are built. The application adds up an overview as in "
            "[application_analytics.sql](../../tests/bench/rivals/application_analytics.sql); lead-days have its "
            "distinct leads alone, the view messages by day alone."
        ),
    )
    application = (RIVALS / "application_analytics.sql").read_text()
    today = datetime.now(UTC).date()
    for turn in range(-1, host.size.rounds):
        for days in DAYS:
            since, until = f"'{today - timedelta(days - 1)}'::date", f"'{today + timedelta(1)}'::date"
            for read in READS:
                query = f"select * from inbox_api.analytics_{read}('{workspace}', {since}, '{today}')"
                seen = {THROUGH_API: median(milliseconds(reader, query) for _ in range(CALLS))}
                if turn < host.size.application_rounds:
                    connection.execute("select inboxdb.set_setting('analytics_source', 'live')")
                    seen[LIVE] = milliseconds(reader, query)
                    connection.execute("select inboxdb.set_setting('analytics_source', 'stored')")
                    if read == "overview":
                        own = application.replace(":workspace", f"'{workspace}'")
                        seen[APPLICATION] = milliseconds(
                            connection, own.replace(":since", since).replace(":until", until)
                        )
                if read == "overview":
                    seen[LEAD_DAYS] = sum(
                        milliseconds(
                            connection,
                            DISTINCT.format(
                                workspace=f"'{workspace}'", direction=direction, since=since, until=f"'{today}'"
                            ),
                        )
                        for direction in ("inbound", "outbound")
                    )
                if read == "days":
                    view = f"select * from rival_by_day.day where client_id = '{workspace}' and on_day >= {since}"
                    seen[BY_DAY] = milliseconds(connection, view)
                # the first turn makes plans, and fills caches
                if turn >= 0:
                    at: At = {"read": read, "days": days}
                    for contender, took in seen.items():
                        times.add(contender, at, took)


def measure_refresh(host: Host, results: Results, connection: Connection, workspace: str) -> None:
    """Measure refreshes of aggregates, each of leads with a message more and another tag."""
    times = results.measure(
        "analytics_refresh",
        f"A refresh of analytics after {CHANGES} leads of a workspace changed",
        "ms",
        note="Each lead has a message more, and another tag. The materialized view is refreshed as a whole.",
    )
    for turn in range(-1, host.size.rounds):
        connection.execute(CHANGE, {"workspace": workspace, "turn": turn + 1, "changes": CHANGES})
        drain_counts(connection)
        began = perf_counter()
        while connection.execute("select from inboxdb.analytics_change").rowcount:
            connection.execute("select inboxdb.refresh_analytics(%s)", [workspace])
        seen = {INBOXDB.name: (perf_counter() - began) * 1000}
        seen[BY_DAY] = milliseconds(connection, "refresh materialized view concurrently rival_by_day.day")
        if turn >= 0:
            for contender, took in seen.items():
                times.add(contender, {"leads": host.size.analytics}, took)


def measure_sizes(host: Host, results: Results, connection: Connection) -> None:
    """Measure tables with their indexes."""
    sizes = results.measure(
        "analytics_sizes",
        "What analytics keep, beside the host's messages",
        "MB",
        note=(
            f"Of {2 * host.size.analytics:,} leads: facts and aggregates of inboxdb, filled twice beside changes, with "
            "what autovacuum left."
        ),
    )
    for whose, tables in SIZES.items():
        query = f"select sum(pg_total_relation_size(t::regclass)) / 1e6 from unnest(array[{tables}]) as t"
        sizes.add(whose, SIZED, float(connection.execute(query.encode()).fetchall()[0][0]))
