"""How many blocks of the server's a page of conversations reads, on each PostgreSQL: no more in a large workspace.

    python -m tests.bench.buffers [--pg 18,17,16,15] [--leads 1000000]

Of each filter, as a member and as setters with many leads, few and none; 1,000 pages behind the first; behind
10,000 snoozed leads, among 10,000 leads of one instant. Blocks are EXPLAIN's (hit and read), of finding the page, in a
session that did the same before; what the 50 conversations of a page show costs the same in each list. Prints a
table for each server, and exits with 1 where a page reads more than is allowed for it.
"""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from psycopg import Connection

from tests.bench.host import Made, generate
from tests.bench.lists import FAR, FILTERS, LOOKED_UP, PAGE, SETTER_OF
from tests.rows import Host, new_id
from tests.servers import Database, Servers, find
from tests.test_lists import HERE, SUE, insert_leads, prepare

A_PAGE = 200  # blocks: a lead or two each, the way down the indexes, and the catalog
BEHIND_SNOOZED = 600  # and 10,000 entries of an index
FEW = 20  # leads of a setter
LOOKED_AT = 2_000  # leads that a call looks at, at most

FIND = """
select * from inboxdb.find_page(
  '{workspace}', '{name}', '{sort}', {user}, false,
  pg_catalog.jsonb_populate_record(
    null::inboxdb.list_condition,
    pg_catalog.jsonb_build_object('as_of', inboxdb.clock(), 'sms_campaign_unattributed', false, 'score', 'all')
  ), false, {after}, 50
)
"""
FAR_BEHIND = f"""
select pg_catalog.format('%%L, %%L', inboxdb.utc(l.activity), l.lead_id)
from inboxdb.listed_lead as l
where l.client_id = %s and l.is_listed
order by l.activity desc, l.lead_id desc
offset {(FAR - 1) * PAGE - 1} limit 1
"""


class Whose(NamedTuple):
    """The large workspace; who owns it, and setters with many leads and with few."""

    workspace: str
    owner: str
    many: str
    few: str


class Case(NamedTuple):
    """A page to be found, by whom, and how many blocks it may read; null where that is only told."""

    who: str
    user: str | None
    workspace: str
    name: str
    allowed: int | None
    sort: str = "activity"
    after: str = "null, null"


def main() -> None:
    """Measure each server."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.buffers", description=__doc__)
    options.add_argument("--pg", default="18,17,16,15", help="versions, at hand as for the tests")
    options.add_argument("--leads", type=int, default=1_000_000, help="of the large workspace")
    given = options.parse_args()
    sources = {version: find(int(version)) for version in given.pg.split(",")}
    servers = Servers(sources, secrets.token_hex(16))
    met = True
    try:
        for version in sources:
            with servers[version].database("text", installed=True) as database:
                met &= measure(database, f"PostgreSQL {version}, {given.leads:,} leads", given.leads)
    finally:
        servers.close()
    sys.exit(not met)


def measure(database: Database, title: str, leads: int) -> bool:
    """Print how much the pages of a database read; return whether each may."""
    began = time.monotonic()
    owner = database.superuser()
    whose = fill(database, owner, leads)
    sys.stdout.write(f"## {title}\n\nMade in {time.monotonic() - began:.0f} s.\n\n")
    sys.stdout.write("| list | who | blocks | allowed | ms |\n|---|---|---|---|---|\n")
    met = True
    for case in cases_of(owner, whose):
        query = FIND.format(**{**case._asdict(), "user": "null" if case.user is None else f"'{case.user}'"})
        blocks, took = explain(owner, query)
        met &= case.allowed is None or blocks <= case.allowed
        name = "by update" if case.sort == "updated" else case.name
        verdict = "" if case.allowed is None else f"{case.allowed:,}{'' if blocks <= case.allowed else ', **missed**'}"
        sys.stdout.write(f"| {name} | {case.who} | {blocks:,} | {verdict} | {took:.1f} |\n")
    for who, user in (("a member", whose.owner), ("a setter with many leads", whose.many)):
        owner.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": user})])
        blocks, took = explain(owner, f"select * from inbox_api.conversation_filters('{whose.workspace}')")
        sys.stdout.write(f"| conversation_filters | {who} | {blocks:,} | | {took:.1f} |\n")
    sys.stdout.write("\n")
    return met


def fill(database: Database, owner: Connection[Any], leads: int) -> Whose:
    """Make the leads, count them, and build the indexes."""
    generate(database.server.dsn_of(database.name), [Made(1, leads, 0.3)])
    [(workspace, owned_by)] = owner.execute('select id, "userId" from public."Client"').fetchall()
    [(many,)] = owner.execute(SETTER_OF, [workspace, workspace]).fetchall()
    prepare(database)
    few = new_id()
    for _ in range(FEW):
        Host(owner).lead(workspace, assignedToUserId=few)
    insert_leads(owner, 10_000, snoozed=True)
    insert_leads(owner, 10_000)
    owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("vacuum analyze")
    return Whose(workspace, owned_by, many, few)


def cases_of(owner: Connection[Any], whose: Whose) -> Iterator[Case]:
    """Name the pages."""
    users = {
        "a member": None,
        "a setter with many leads": whose.many,
        f"a setter with {FEW}": whose.few,
        "a setter with none": new_id(),
    }
    for who, user in users.items():
        for name in FILTERS:
            allowed = 10 * LOOKED_AT if name in LOOKED_UP else A_PAGE
            # the filter's whole part of its index
            is_told = user not in (None, whose.many) and name not in ("all", *LOOKED_UP)
            yield Case(who, user, whose.workspace, name, None if is_told else allowed)
        yield Case(who, user, whose.workspace, "all", 10 * LOOKED_AT if user else A_PAGE, sort="updated")
    for (place,) in owner.execute(FAR_BEHIND, [whose.workspace]):
        yield Case(f"a member, page {FAR:,}", None, whose.workspace, "all", A_PAGE, after=place)
    for who, user in {"a member, of one instant behind snoozed ones": None, "a setter, the same": SUE}.items():
        for name in ("all", "responses", "attention"):
            yield Case(who, user, HERE, name, BEHIND_SNOOZED)
        yield Case(who, user, HERE, "all", None, sort="updated")


def explain(connection: Connection[Any], query: str) -> tuple[int, float]:
    """Run a query twice; return the blocks that it read then, and the milliseconds."""
    connection.execute(query.encode()).fetchall()
    [([explained],)] = connection.execute(f"explain (analyze, buffers, format json) {query}".encode()).fetchall()
    plan = explained["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], explained["Execution Time"]


if __name__ == "__main__":
    main()
