"""A page of the conversation list, beside the application's own way and the floor; its indexes: what they cost writers,
and how large they are.
"""

import json
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database.connection import Connection
from inboxdb.install import lists
from tests.bench import searches, steps
from tests.bench.contenders import INBOXDB, RIVALS
from tests.bench.host import READER, Host
from tests.bench.results import At, Measure, Results
from tests.bench.writers import write

THROUGH_API = "inboxdb, through inbox_api"
APPLICATION = "application's own queries"
FLOOR = "floor: 51 leads of an index, with their last message"
WITH, WITHOUT = "with the lists' indexes", "without"

SMALLEST = 10_000  # leads of the smallest workspace that is measured
CALLS = 11  # a round, of which the median counts
PAGE, STRIDE = 50, 200
FAR = 1_000  # pages
MEMBER, SETTER, FEW = "member", "setter", "ten-lead setter"
FIRST, FAR_BEHIND = "1", f"{FAR:,}, or the last"
TRANSACTIONS = ("one statement", "open 5 ms")
LOOKED_UP = ("ai_sent", "ai_review")  # found by what was counted, and then looked at

ATTENTION = """
l."lastInboundAt" is not null and l.status not in ('blacklisted', 'unqualified') and l."sentimentTag" in (
  'Meeting Booked', 'Meeting Requested', 'Call Requested', 'Information Requested', 'Positive', 'Interested',
  'Follow Up'
)
"""

# Of each filter: what the application asks the database; and whether a reply has to be open, which its program decides.
FILTERS: dict[str, tuple[str, bool | None]] = {
    "all": ("true", None),
    "responses": ("""l."lastInboundAt" is not null""", True),
    "attention": (ATTENTION, True),
    "previous_attention": (ATTENTION, False),
    "needs_repair": ("l.status = 'needs_repair'", None),
    "ai_sent": (
        """exists (select from "Message" as m where m."leadId" = l.id and m.channel = 'email' and m.source = 'zrg'
        and m.direction = 'outbound' and m."sentBy" = 'ai' and m."aiDraftId" is not null)""",
        None,
    ),
    "ai_review": (
        """exists (select from "AIDraft" as d where d."leadId" = l.id and d.status = 'pending'
        and d."autoSendAction" = 'needs_review')""",
        None,
    ),
}
BATCH, BATCHES = 500, 10  # of the application, where its program decides

# Who sees only their own leads in a workspace, and has most of them.
SETTER_OF = """
select l."assignedToUserId"
from "Lead" as l
where l."clientId" = %s and l."assignedToUserId" in (
  select m."userId"
  from "ClientMember" as m
  inner join "Client" as c on c.id = m."clientId"
  where m."clientId" = %s and m."userId" <> c."userId"
  group by m."userId"
  having bool_and(m.role in ('SETTER', 'CLIENT_PORTAL')) and bool_or(m.role = 'SETTER')
)
group by 1
order by count(*) desc, 1
limit 1
"""
# Another setter, of ten leads anywhere in the list.
HIRE = """
with hired as (
  insert into "ClientMember" (id, "clientId", "userId", role, "updatedAt")
  values (gen_random_uuid(), %(workspace)s, gen_random_uuid(), 'SETTER', now())
  returning "userId"
)
update "Lead" as l
set "assignedToUserId" = h."userId"
from hired as h
where l.id in (select b.id from bench.lead as b where b.place = %(leads)s and b.n <= 10)
returning l."assignedToUserId"
"""
RANGE = """
select l.id, m.body
from (select id from "Lead" where "clientId" = '{}' order by "updatedAt" desc limit 51) as l
left join lateral (
  select m.body from "Message" as m where m."leadId" = l.id and m.channel = 'email' order by m."sentAt" desc limit 1
) as m on true
"""
SIZES = """
select c.relname, pg_relation_size(c.oid) / 1e6
from pg_class as c
where c.relkind = 'i' and (c.relname like 'inboxdb_list_%' or c.relname like 'counted_lead_ai_%')
order by 1
"""


def measure(host: Host, results: Results) -> None:
    """Measure writers without the indexes, everything with them, and writers without once more."""
    measure_writers(host, results, WITHOUT)
    lists.build(host.dsn)
    host.connection.execute("vacuum analyze")
    measure_sizes(host, results)
    measure_pages(host, results)
    for _ in range(2):
        measure_writers(host, results, WITH)
    lists.drop(host.dsn)
    measure_writers(host, results, WITHOUT)


def measure_writers(host: Host, results: Results, contender: str) -> None:
    """Measure an UPDATE's processor time, and the throughput of writers."""
    update = results.measure(
        "list_update",
        "An UPDATE of one lead, with the lists' indexes and without: processor time",
        "µs",
        note="Of inboxdb with its triggers on. Without: before the indexes were built, and after they were dropped.",
    )
    throughput = results.measure(
        "list_writers",
        "16 writers with the lists' indexes and without: transactions per second",
        "tps",
        note=f"One lead a transaction, anywhere in the workspace of {host.size.judged:,}; no drain at work.",
    )
    session = steps.Session(host)
    for _ in range(host.size.writer_rounds):
        host.drain()
        host.connection.execute('vacuum public."Lead"')
        for column, name in steps.COLUMNS.items():
            update.add(contender, {"column": column}, session.microseconds(name))
        for transaction in TRANSACTIONS:
            run = write(host, 16, transaction, "one", host.size.seconds)
            throughput.add(contender, {"transaction": transaction}, run.tps)
    session.close()
    host.drain()


def measure_sizes(host: Host, results: Results) -> None:
    """Measure the indexes as built."""
    sizes = results.measure(
        "list_sizes", "The lists' indexes, as built", "MB per million leads", note="Ids are uuids in text columns."
    )
    leads = host.number('select count(*) from "Lead"')
    for name, size in host.connection.execute(SIZES):
        sizes.add(INBOXDB.name, {"index": name}, float(size) / leads * 1e6)


def measure_pages(host: Host, results: Results) -> None:
    """Measure pages of each filter, the first and one far behind, as member and setter."""
    pages = results.measure(
        "lists",
        "A page of 50 of the conversation list",
        "ms",
        note=(
            f"From call to answer over one session: the median of {CALLS} calls in each round, of one of the "
            "application's. Through inbox_api a call checks access, is planned for its arguments, and shows 50 "
            "conversations with their last messages. The member sees the workspace, the setter their own leads: of "
            "those who have leads the one with most; another has ten. The application's way is in its own words "
            "(tests/bench/rivals/application_list.sql): it skips and takes, and where a reply has to be open its "
            f"program decides over at most {BATCHES} batches of {BATCH}. The floor reads 51 leads of a range of the "
            "host's index by update, each with its last e-mail."
        ),
    )
    with psycopg.connect(make_conninfo(host.dsn, user=READER), autocommit=True) as reader:
        for leads, workspace in sorted(host.workspaces.items()):
            if leads >= SMALLEST:
                [(owner,)] = host.connection.execute('select "userId" from "Client" where id = %s', [workspace])
                [(setter,)] = host.connection.execute(SETTER_OF, [workspace, workspace])
                [(few,), *_] = host.connection.execute(HIRE, {"workspace": workspace, "leads": leads})
                host.drain()
                users = {MEMBER: owner, SETTER: setter, FEW: few}
                for whose, user in users.items():
                    measure_list(host, reader, pages, List(leads, workspace, whose, user))
                if leads == host.size.judged:
                    searches.measure(host, results, users)


class List(NamedTuple):
    """Whose list of a workspace is read."""

    leads: int
    workspace: str
    whose: str
    user: str


def measure_list(host: Host, reader: Connection, pages: Measure, of: List) -> None:
    """Measure a user's first page of each filter, and one far behind of all leads."""
    reader.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": of.user})])
    places: dict[tuple[str, str], tuple[int, str | None]] = {(FIRST, name): (0, None) for name in FILTERS}
    places[FAR_BEHIND, "all"] = far_behind(reader, of.workspace)
    # the first turn fills caches
    for turn in range(-1, host.size.rounds):
        for (page, name), (skipped, cursor) in places.items():
            at: At = {"page": page, "filter": name, "whose": of.whose, "leads": of.leads}
            seen = {THROUGH_API: took(partial(read, reader, of.workspace, name, cursor))}
            if name == "all":
                seen[FLOOR] = took(lambda: host.connection.execute(RANGE.format(of.workspace).encode()).fetchall())
            if 0 <= turn < host.size.application_rounds:
                began = perf_counter()
                skip_and_take(host.connection, of, name, skipped)
                seen[APPLICATION] = (perf_counter() - began) * 1000
            if turn >= 0:
                for contender, milliseconds in seen.items():
                    pages.add(contender, at, milliseconds)


def took(call: Callable[[], object]) -> float:
    """Return the median milliseconds of some calls."""
    seen = []
    for _ in range(CALLS):
        began = perf_counter()
        call()
        seen.append((perf_counter() - began) * 1000)
    return median(seen)


def read(
    reader: Connection, workspace: str, name: str, cursor: str | None, size: int = PAGE
) -> tuple[list[object], str | None]:
    """Read a page, as a client does; return its conversations, and where the next page begins."""
    query = "select * from inbox_api.conversations(%s, filter => %s, after => %s, page_size => %s)"
    [(conversations, after, *_)] = reader.execute(query, [workspace, name, cursor, size]).fetchall()
    return conversations, after


def far_behind(reader: Connection, workspace: str) -> tuple[int, str | None]:
    """Return how many leads are before the page far behind, or before the last page, and its cursor."""
    behind: tuple[int, str | None] = (0, None)
    while behind[0] < (FAR - 1) * PAGE:
        conversations, after = read(reader, workspace, "all", behind[1], size=STRIDE)
        if after is None:
            break
        behind = behind[0] + len(conversations), after
    return behind


def skip_and_take(connection: Connection, of: List, name: str, skipped: int) -> None:
    """Read a page as the application does: where replies have to be open, batch after batch until it is full."""
    condition, is_open = FILTERS[name]
    if of.whose != MEMBER:
        condition += f""" and l."assignedToUserId" = '{of.user}'"""
    text = (RIVALS / "application_list.sql").read_text()
    for name, value in ((":workspace", f"'{of.workspace}'"), (":condition", condition)):
        text = text.replace(name, value)
    take = PAGE + 1 if is_open is None else BATCH
    found = 0
    for batch in range(1 if is_open is None else BATCHES):
        query = text.replace(":take", str(take)).replace(":skip", str(skipped + batch * take))
        rows = connection.execute(query.encode()).fetchall()
        found += sum(is_open is None or (sent is None or came > sent) == is_open for _, came, sent, *_ in rows)
        if found > PAGE or len(rows) < take:
            return
