"""inbox_api.conversations: a list is what its badge counts, page after page, and nobody's but the caller's."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder

from inboxdb.database import sources
from tests.hosts import HOSTS, WIDE_HOSTS
from tests.naive import Lead, naive_leads
from tests.rows import GLOBAL, Host, live_counts, new_id, set_clock
from tests.servers import Database
from tests.test_identity import fields_of

ANN = "00000000-0000-4000-8000-00000000000a"  # owns HERE
SUE = "00000000-0000-4000-8000-00000000000b"  # a setter with leads
SAM = "00000000-0000-4000-8000-00000000000c"  # a setter without
POL = "00000000-0000-4000-8000-00000000000d"  # CLIENT_PORTAL
EVE = "00000000-0000-4000-8000-00000000000e"  # owns THERE, and nothing else

HERE = "00000000-0000-4000-8000-00000000c001"
THERE = "00000000-0000-4000-8000-00000000c002"

NOW = "2024-06-15 12:00:00+00"
BEFORE = "2024-06-14 12:00:00+00"
LATER = "2024-06-16 12:00:00+00"

# The filters, and the count of each.
COUNTS = {
    "responses": "all_responses",
    "attention": "requires_attention",
    "previous_attention": "previously_required_attention",
    "needs_repair": "needs_repair",
    "ai_sent": "ai_sent",
    "ai_review": "ai_review",
}
FILTERS = ("all", *COUNTS)

Answer = dict[str, Any]


def prepare(database: Database) -> None:
    """Make two workspaces, with SUE and SAM setters in HERE, and the lists' indexes; stop the clock at NOW."""
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    make_indexes(owner)
    host.workspace(id=HERE, userId=ANN)
    for user, role in ((SUE, "SETTER"), (SAM, "SETTER"), (POL, "CLIENT_PORTAL")):
        host.member(HERE, user, role)
    host.workspace(id=THERE, userId=EVE)
    host.member(THERE, SUE, "SETTER")


def make_indexes(owner: Connection[Any]) -> None:
    """Build the indexes of the lists."""
    for (statement,) in owner.execute("select statement from inboxdb.list_indexes()").fetchall():
        owner.execute(statement.encode())


def ask(connection: Connection[Any], workspace: str = HERE, **arguments: Any) -> Answer:
    """Ask for a page."""
    named = SQL("").join(SQL(", {} => {}").format(Identifier(name), Placeholder(name)) for name in arguments)
    cursor = connection.cursor(row_factory=dict_row)
    query = SQL("select * from inbox_api.conversations(%(workspace)s{})").format(named)
    [row] = cursor.execute(query, {"workspace": workspace, **arguments}).fetchall()
    return row


def pages(connection: Connection[Any], workspace: str = HERE, **arguments: Any) -> Iterator[Answer]:
    """Ask for page after page, as a client does: while has_more."""
    page = ask(connection, workspace, **arguments)
    yield page
    while page["has_more"]:
        page = ask(connection, workspace, **arguments, after=page["cursor"])
        yield page


def listed(connection: Connection[Any], workspace: str = HERE, **arguments: Any) -> list[Answer]:
    """Return the conversations of all pages, of which no page is longer than asked for."""
    found = list(pages(connection, workspace, **arguments))
    assert all(len(page["conversations"]) <= arguments.get("page_size", 50) for page in found)
    assert found[-1]["cursor"] is None
    return [conversation for page in found for conversation in page["conversations"]]


def ids(conversations: list[Answer]) -> list[str]:
    return [conversation["lead_id"] for conversation in conversations]


def refusal(connection: Connection[Any], workspace: str = HERE, **arguments: Any) -> dict[str, str]:
    """Ask for a page that is refused; return every field of the error."""
    with pytest.raises(psycopg.Error) as raised:
        ask(connection, workspace, **arguments)
    return fields_of(raised.value)


def is_in(lead: Lead, name: str) -> bool:
    """Say whether a lead belongs to a filter."""
    return not lead.snoozed and (name == "all" or bool(getattr(lead.counts, COUNTS[name])))


def may_see(lead: Lead, workspace: str, scope: str) -> bool:
    return lead.workspace == workspace and scope in (GLOBAL, lead.user)


def instant(text: str) -> tuple[int, datetime]:
    """Read an instant of an answer, so that infinities compare."""
    infinities = {"-infinity": -1, "infinity": 1}
    return infinities.get(text, 0), datetime.min if text in infinities else datetime.fromisoformat(text)


def generate(database: Database) -> tuple[str, str, list[str]]:
    """Write a generated host besides; return a workspace with leads, its owner, and its setters."""
    writer = database.writer()
    writer.execute((sources.HOST / "generate.sql").read_bytes())
    writer.execute("select pg_temp.generate_host(workspaces => 2, leads => 500, as_of => %s)", [NOW])
    owner = database.connect()
    [(workspace, owned_by)] = owner.execute(
        'select c.id::text, c."userId"::text from public."Client" as c where c.name = %s', ["Workspace 1-1"]
    ).fetchall()
    setters = owner.execute(
        """
        select m."userId"::text
        from public."ClientMember" as m
        where m."clientId"::text = %s and m."userId"::text <> %s
        group by 1
        having pg_catalog.bool_and(m.role::text in ('SETTER', 'CLIENT_PORTAL')) and bool_or(m.role::text = 'SETTER')
        order by 1
        """,
        [workspace, owned_by],
    ).fetchall()
    return workspace, owned_by, [setter for (setter,) in setters]


def write_besides(host: Host) -> None:
    """Write what nobody drains: leads of each kind, at one instant or none, snoozed or not."""
    for user in (None, SUE, GLOBAL):
        for last in (NOW, "infinity", "-infinity", None):
            for snoozed in (None, BEFORE, LATER, "infinity"):
                host.lead(
                    HERE,
                    assignedToUserId=user,
                    lastMessageAt=last,
                    createdAt=BEFORE,
                    lastInboundAt=NOW,
                    sentimentTag="Interested",
                    snoozedUntil=snoozed,
                )


# The list behind the badge


@pytest.mark.host_variants(*HOSTS, *WIDE_HOSTS)
def test_pages_hold_what_the_badge_counts(database: Database) -> None:
    """For each filter and scope, where everything was drained, something, or nothing."""
    owner, host = database.connect(), Host(database.writer())
    workspace, owned_by, setters = generate(database)
    owner.execute("call inboxdb.drain_dirty()")
    write_besides(host)
    in_both = [(workspace, owned_by, GLOBAL), *((workspace, one, one) for one in setters)]
    in_both += [(HERE, ANN, GLOBAL), (HERE, POL, GLOBAL), (HERE, SUE, SUE), (HERE, SAM, SAM), (THERE, EVE, GLOBAL)]
    assert len(setters) > 2

    for step in ("as it is", "changed", "drained"):
        if step == "changed":
            leads = [lead for lead in naive_leads(owner, datetime.fromisoformat(NOW)) if lead.workspace == workspace]
            for lead in leads[::9]:
                host.ai_sent(lead.id)
                host.update("Lead", lead.id, lastOutboundAt=NOW, lastMessageAt=NOW)
            for lead in leads[4::9]:
                host.draft(lead.id)
        elif step == "drained":
            owner.execute("call inboxdb.drain_dirty()")
        leads = naive_leads(owner, datetime.fromisoformat(NOW))
        for where, user, scope in in_both:
            reader = database.signed_in(user)
            live = live_counts(owner, where).get(scope)
            attention = set()
            for name in ("attention", *FILTERS):
                found = listed(reader, where, filter=name, page_size=23)
                context = (step, where, user, name)
                assert len(set(ids(found))) == len(found), context
                expected = {lead.id for lead in leads if may_see(lead, where, scope) and is_in(lead, name)}
                assert set(ids(found)) == expected, context
                if name != "all" and live:
                    assert len(found) == getattr(live, COUNTS[name]), context
                order = [instant(one["sort_at"]) for one in found]
                assert order == sorted(order, reverse=True), context
                attention = attention or set(ids(found))
                assert {one["lead_id"] for one in found if one["requires_attention"]} <= attention, context
            reader.close()
