"""inbox_api.conversations: a list is what its badge counts, page after page, and nobody's but the caller's."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder

from inboxdb.database import sources
from inboxdb.install import lists
from tests.hosts import HOSTS, WIDE_HOSTS
from tests.naive import Lead, naive_leads
from tests.rows import GLOBAL, Host, live_counts, new_id, set_clock
from tests.servers import Database
from tests.test_api import as_postgrest, response
from tests.test_cli import invoke
from tests.test_identity import fields_of
from tests.test_long_ids import long_id

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
    lists.build(database.direct_dsn)
    host.workspace(id=HERE, userId=ANN)
    for user, role in ((SUE, "SETTER"), (SAM, "SETTER"), (POL, "CLIENT_PORTAL")):
        host.member(HERE, user, role)
    host.workspace(id=THERE, userId=EVE)
    host.member(THERE, SUE, "SETTER")


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


def leads_or_code(connection: Connection[Any], workspace: str | None, **arguments: Any) -> list[str] | str | None:
    """Return the ids of all pages, or the SQLSTATE of a refusal."""
    try:
        return ids(listed(connection, workspace, **arguments))  # type: ignore[arg-type]
    except psycopg.Error as error:
        return error.sqlstate


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


def look_at(owner: Connection[Any], most: int) -> None:
    """Have a call look at so many leads at most, so that pages end early."""
    [(definition,)] = owner.execute(
        "select pg_get_functiondef(oid) from pg_proc where proname = 'find_page'"
    ).fetchall()
    changed, found = re.subn(r"(most constant integer := )\d+", rf"\g<1>{most}", definition)
    assert found == 1
    owner.execute(changed.encode())


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


def insert_leads(owner: Connection[Any], number: int, *, snoozed: bool = False) -> None:
    """Insert SUE's leads in HERE that require attention, all of one instant; snoozed ones of a later instant."""
    query = """
        insert into public."Lead" (id, "clientId", "assignedToUserId", "updatedAt", "createdAt", "lastMessageAt",
          "lastInboundAt", "snoozedUntil", "sentimentTag")
        select pg_catalog.gen_random_uuid(), {here}, {user}, {now}, {now}, {last}, {now}, {until}, 'Interested'
        from pg_catalog.generate_series(1, {number})
    """
    owner.execute(
        SQL(query).format(
            here=HERE,
            user=SUE,
            now=NOW,
            last=NOW if snoozed else BEFORE,
            until=LATER if snoozed else None,
            number=number,
        )
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
            for lead in [lead for lead in leads if lead.counts.ai_sent or lead.counts.ai_review][::3]:
                host.update("Lead", lead.id, clientId=HERE, assignedToUserId=SUE)
        elif step == "drained":
            owner.execute("call inboxdb.drain_dirty()")
        leads = naive_leads(owner, datetime.fromisoformat(NOW))
        for where, user, scope in in_both:
            reader = database.signed_in(user)
            live = live_counts(owner, where).get(scope)
            attention: set[str] = set()
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


def test_no_write_fails_by_an_index_of_the_lists(database: Database) -> None:
    """However long ids are: leads whose ids do not fit are counted, and not listed."""
    host = Host(database.writer())
    fits = host.lead(HERE, id=long_id(1200), assignedToUserId=long_id(1200))
    host.lead(HERE, id=long_id(1400), assignedToUserId=long_id(1400), lastInboundAt=NOW, sentimentTag="Interested")
    workspace = host.workspace(id=long_id(1250), userId=ANN)
    host.lead(workspace, id=long_id(1250), assignedToUserId=long_id(1250))
    ann = database.signed_in(ANN)
    assert ids(listed(ann)) == [fits]
    assert listed(ann, workspace) == []


# Cursors


def test_a_cursor_that_is_not_of_this_list_is_refused(database: Database) -> None:
    """Forged, cut, of another list, workspace, scope or filter, of earlier definitions, or no cursor at all."""
    owner, host = database.connect(), Host(database.writer())
    for number in range(6):
        host.lead(HERE, assignedToUserId=SUE, lastMessageAt=f"2024-06-0{number + 1} 12:00:00+00")
        host.lead(THERE, assignedToUserId=SUE)
    ann, sue, eve = (database.signed_in(user) for user in (ANN, SUE, EVE))
    good = ask(ann, page_size=2)["cursor"]
    ask(ann, after=good)
    ask(database.signed_in(POL), after=good)  # sees the same
    words = refusal(ann, after="")
    assert words["sqlstate"] == "IB016"

    def refused(cursor: str, reader: Connection[Any] = ann, workspace: str = HERE, **arguments: Any) -> None:
        assert refusal(reader, workspace, after=cursor, **arguments) == words, cursor

    for place in range(len(good)):
        refused(good[:place])
        for other in "Aa_":
            if good[place] != other:
                refused(good[:place] + other + good[place + 1 :])
    for garbage in (
        " ",
        good + "=",
        good + "A",
        " " + good,
        good + "\n",
        "é" * 40,
        "x" * 70_000,
        "====",
        "'; --",
        good * 2,
    ):
        refused(garbage)
    refused(good, eve, THERE)
    refused(good, sue)
    refused(ask(sue, page_size=2)["cursor"])
    refused(ask(sue, THERE, page_size=2)["cursor"], sue)
    for others in (
        {"filter": "responses"},
        {"sort": "updated"},
        {"channels": ["sms"]},
        {"sentiment_tags": [None]},
        {"score": "unscored"},
        {"sms_campaign_unattributed": True},
        {"assigned_to": SUE},
    ):
        refused(good, **others)
        if cursor := ask(ann, page_size=1, **others)["cursor"]:
            refused(cursor)
            ask(ann, after=cursor, **others)
    ask(ann, after=good, page_size=200)  # the size is no part of the list

    definition = owner.execute("select pg_get_functiondef('inboxdb.definitions'::regproc)").fetchall()[0][0]
    owner.execute(b"create or replace function inboxdb.definitions() returns text language sql return '0'")
    refused(good)
    owner.execute(definition)
    ask(ann, after=good)
    owner.execute("delete from inboxdb.list_key; insert into inboxdb.list_key default values")
    refused(good)


def test_a_cursor_outlives_its_lead(database: Database) -> None:
    """Deleted, moved, answered, snoozed or reassigned meanwhile: the other leads come exactly once."""
    owner, host = database.connect(), Host(database.writer())
    changes: dict[str, Callable[[str], None]] = {
        "deleted": lambda lead: host.delete("Lead", lead),
        "moved": lambda lead: host.update("Lead", lead, clientId=THERE),
        "answered": lambda lead: host.update("Lead", lead, lastOutboundAt=NOW),
        "snoozed": lambda lead: host.update("Lead", lead, snoozedUntil=LATER),
        "reassigned": lambda lead: host.update("Lead", lead, assignedToUserId=None),
    }
    for user, what in ((user, what) for user in (ANN, SUE) for what in changes):
        owner.execute('delete from public."Lead"')
        lead_ids = [
            host.lead(
                HERE,
                assignedToUserId=SUE,
                sentimentTag="Interested",
                lastInboundAt=BEFORE,
                lastMessageAt=f"2024-06-{1 + number // 2:02} 12:00:00+00",
            )
            for number in range(10)
        ]
        reader = database.signed_in(user)
        first = ask(reader, filter="attention", page_size=3)
        seen = ids(first["conversations"])
        changes[what](seen[-1])
        page = ask(reader, filter="attention", page_size=200, after=first["cursor"])
        assert sorted(seen + ids(page["conversations"])) == sorted(lead_ids), (user, what)


@pytest.mark.long
def test_ten_thousand_leads_of_one_instant(database: Database) -> None:
    """Each exactly once, and page 1 as cheap as page 100; behind as many that are snoozed."""
    owner = database.connect()
    insert_leads(owner, 10_000)
    insert_leads(owner, 10_000, snoozed=True)
    owner.execute('vacuum analyze public."Lead"')
    for user in (ANN, SUE):
        reader = database.signed_in(user)
        found = listed(reader, filter="attention", page_size=200)
        assert len(set(ids(found))) == len(found) == 10_000
        found = listed(reader, page_size=200)
        assert len(set(ids(found))) == len(found) == 10_000


# Conditional requests


def test_an_answer_is_tagged_and_not_sent_twice(database: Database) -> None:
    """The tag is of the answer and its arguments; access is checked first."""
    host = Host(database.writer())
    leads = [host.lead(HERE, assignedToUserId=SUE, firstName="Ada") for _ in range(3)]
    sent = host.message(leads[0])
    ann, sue = database.signed_in(ANN), database.signed_in(SUE)

    def thin_out() -> None:
        for lead in leads[1:]:
            host.delete("Lead", lead)

    reads: dict[str, Callable[[], Any]] = {
        f"conversations('{HERE}')": lambda: host.update("Lead", leads[0], firstName="Grace"),
        f"conversations('{HERE}', page_size => 2)": thin_out,
        f"conversation_filters('{HERE}')": lambda: host.lead(HERE, assignedToUserId=SUE),
        f"conversation('{leads[0]}')": lambda: host.update("Lead", leads[0], email="ada@example.com"),
        f"conversation_messages('{leads[0]}')": lambda: host.update("Message", sent, body="changed"),
    }

    def tagged(reader: Connection[Any], read: str, **headers: str) -> tuple[str, str | None]:
        with as_postgrest(reader, headers or {"accept": "*/*"}):
            reader.execute(f"select * from inbox_api.{read}".encode()).fetchall()
            given, status = response(reader)
        assert given
        assert given[1:] == [{"Cache-Control": "private, no-cache"}]
        return given[0]["ETag"], status

    tags = set()
    for read, change in reads.items():
        tag, status = tagged(ann, read)
        assert status is None
        assert tagged(ann, read, **{"if-none-match": tag}) == (tag, "304")
        change()
        new, status = tagged(ann, read, **{"if-none-match": tag})
        assert (new != tag, status) == (True, None), read
        tags |= {tag, new}
    assert len(tags) == 2 * len(reads)
    lists_read = next(iter(reads))
    assert tagged(sue, lists_read) != tagged(ann, lists_read)
    host.update("Client", HERE, userId=EVE)
    with pytest.raises(psycopg.Error) as raised:
        tagged(ann, lists_read, **{"if-none-match": "*"})
    assert raised.value.sqlstate == "IB007"


def test_a_tag_covers_where_the_next_page_begins(database: Database) -> None:
    """A lead, or a message, that comes behind a page changes nothing of the page but whether there is more."""
    owner, host = database.connect(), Host(database.writer())
    lead = host.lead(HERE, lastMessageAt=NOW)
    host.message(lead, sentAt=NOW)
    ann = database.signed_in(ANN)
    reads: dict[str, Callable[[], Any]] = {
        f"conversations('{HERE}', page_size => 1)": lambda: host.lead(HERE, lastMessageAt=BEFORE),
        f"conversation_messages('{lead}', page_size => 1)": lambda: host.message(lead, sentAt=BEFORE),
    }
    for read, change in reads.items():
        tags: list[str] = []
        for step in ("the only page", "another behind", "another secret"):
            if step == "another behind":
                change()
            elif step == "another secret":
                owner.execute("delete from inboxdb.list_key; insert into inboxdb.list_key default values")
            with as_postgrest(ann, {"if-none-match": tags[-1] if tags else "?"}):
                ann.execute(f"select * from inbox_api.{read}".encode()).fetchall()
                given, status = response(ann)
            assert given
            assert status is None, (read, step)
            tags.append(given[0]["ETag"])


# Arguments


def test_an_argument_that_is_not_known_is_refused_by_name(database: Database) -> None:
    ann, sue = database.signed_in(ANN), database.signed_in(SUE)
    Host(database.writer()).lead(HERE, assignedToUserId=SUE)
    for name, values in {
        "filter": ("", "All", "total", "attention ", "ai_sent; drop"),
        "channels": ([], ["fax"], ["sms", "SMS"], [None], [["sms", "fax"]]),
        "sentiment_tags": ([], [["New"], ["Interested"]]),
        "score": ("", "5", "3", "4+", "ALL"),
        "sort": ("", "created", "updatedAt"),
        "page_size": (0, -1, 201, None),
    }.items():
        for value in values:
            given: Answer = {name: value}
            refused = refusal(ann, **given)
            assert refused["sqlstate"] == "IB021", (name, value)
            assert name in refused["message_primary"], value
            assert refused["message_hint"]
    for several in (
        {"sms_campaign_id": new_id(), "sms_campaign_unattributed": True},
        {"sort": "updated", "filter": "attention"},
        {"sort": "updated", "score": "1+"},
        {"sort": "updated", "assigned_to": SUE},
    ):
        assert refusal(ann, **several)["sqlstate"] == "IB021", several
    for whose in ("", SUE, SAM, GLOBAL):
        assert refusal(sue, assigned_to=whose)["sqlstate"] == "IB021"
    for nothing in (None, "all"):
        assert ids(ask(ann, filter=nothing)["conversations"]) == ids(ask(sue, score=nothing)["conversations"]) != []


@pytest.mark.host_variants("text", "uuid", "wide-mixed")
def test_nothing_without_access(database: Database) -> None:
    """The same words whether a workspace is another's, or there is none; before any other argument is looked at."""
    host = Host(database.writer())
    for workspace in (HERE, THERE):
        host.lead(workspace, assignedToUserId=SUE)
        host.lead(workspace)
    for arguments in ({}, {"filter": "?", "page_size": 0}, {"after": "?"}):
        assert refusal(database.signed_in(None), **arguments)["sqlstate"] == "IB006"
        foreign = refusal(database.signed_in(ANN), THERE, **arguments)
        assert foreign["sqlstate"] == "IB007"
        assert foreign == refusal(database.signed_in(ANN), new_id(), **arguments)
    assert len(listed(database.signed_in(ANN))) == 2
    assert len(listed(database.signed_in(SUE))) == 1
    assert listed(database.signed_in(SAM)) == []
    host.update("Client", HERE, userId=EVE)
    assert refusal(database.signed_in(ANN))["sqlstate"] == "IB007"


@pytest.mark.host_variants("text", "uuid", "wide-mixed")
def test_ids_as_nobody_writes_them_show_no_more(database: Database) -> None:
    """Missing, blank, with blanks around, in upper case: where ids are uuids some are the same id, else of nothing."""
    host = Host(database.writer())
    hers = host.lead(HERE, assignedToUserId=SUE)
    host.lead(HERE)
    sue, ann = database.signed_in(SUE), database.signed_in(ANN)
    as_uuids = {HERE.upper(), f"{{{HERE}}}"} if database.host == "uuid" else set()
    for given in (None, "", " ", f" {HERE}", f"{HERE} ", f"\t{HERE}", HERE.upper(), f"{{{HERE}}}"):
        said = leads_or_code(sue, given)
        assert said == [hers] if given in as_uuids else said in ("IB007", "22P02"), given
    as_uuid = database.host in ("uuid", "wide-mixed")
    for given in (" ", f" {SUE}", SUE.upper(), f"{{{SUE}}}"):
        expected = [hers] if given == SUE.upper() else "IB021"
        assert leads_or_code(ann, HERE, assigned_to=given) == (expected if as_uuid else []), given
    hostile = ("'; drop table x; --", "%", "_", "\\", "\u202e", "{a,b}", "x" * 100_000)
    for text in hostile:
        assert listed(ann, sentiment_tags=[text]) == listed(ann, sms_campaign_id=text) == []


@pytest.mark.host_variants("text", "uuid", "wide-mixed")
def test_infinite_equal_and_missing_times_come_in_this_order(database: Database) -> None:
    """Infinities first and last; of one instant the higher id first; without a message by when the lead was made."""
    host, owner = Host(database.writer()), database.connect()
    times = {
        "8": ("infinity", BEFORE),
        "2": ("infinity", "infinity"),
        "1": (None, "infinity"),
        "9": (None, LATER),
        "7": (NOW, BEFORE),
        "5": (NOW, "-infinity"),
        "3": (None, NOW),
        "6": (BEFORE, NOW),
        "4": ("-infinity", NOW),
        "0": (None, "-infinity"),
    }
    for digit in sorted(times):
        last, created = times[digit]
        host.lead(HERE, id=digit + new_id()[1:], lastMessageAt=last, createdAt=created, assignedToUserId=SUE)
    for user in (ANN, SUE):
        for size in (1, 2, 50):
            found = listed(database.signed_in(user), page_size=size)
            assert "".join(one["lead_id"][0] for one in found) == "8219753640", (user, size)
            assert (found[0]["sort_at"], found[-1]["sort_at"]) == ("infinity", "-infinity")
    owner.execute('update public."Lead" set "updatedAt" = %s', ["infinity"])
    assert (
        "".join(lead[0] for lead in ids(listed(database.signed_in(ANN), sort="updated", page_size=3))) == "9876543210"
    )


@pytest.mark.host_variants("text", "uuid", "wide-mixed")
def test_whose_leads_a_setter_sees(database: Database) -> None:
    """Their own, by the very id: not nobody's, the sentinel's, or those of an id that looks like theirs."""
    host = Host(database.writer())
    hers = host.lead(HERE, assignedToUserId=SUE)
    nobodys = [host.lead(HERE), host.lead(HERE, assignedToUserId=GLOBAL)]
    as_uuid = database.host != "text"
    if not as_uuid:
        for strange in ("", " ", SUE.upper(), f" {SUE}", f"{SUE} "):
            host.lead(HERE, assignedToUserId=strange)
    sue, ann = database.signed_in(SUE), database.signed_in(ANN)
    assert ids(listed(sue)) == [hers]
    assert sorted(ids(listed(ann, assigned_to=""))) == sorted(nobodys)
    whole = {one["lead_id"]: one["assigned_to_user_id"] for one in listed(ann)}
    assert len(whole) == (3 if as_uuid else 8)
    assert [whole[lead] for lead in (hers, *nobodys)] == [SUE, None, None]
    for subject in (None, "", " ", f" {SUE}", GLOBAL, SUE.upper()):
        found = leads_or_code(database.claiming(json.dumps({"sub": subject})), HERE)
        if as_uuid and subject == SUE.upper():
            assert found == [hers]
        else:
            assert found in ("IB005", "IB006", "IB007"), subject
    assert leads_or_code(database.claiming("{}"), HERE) == "IB006"


def test_a_workspace_deleted_and_made_again(database: Database) -> None:
    """Nothing of before is seen, by whoever had access before or has now; whether drained between or not."""
    owner, host = database.connect(), Host(database.writer())
    old = [host.lead(HERE, assignedToUserId=SUE, lastMessageAt=NOW) for _ in range(2)]
    host.ai_sent(old[0])
    owner.execute("call inboxdb.drain_dirty()")
    ann, sue, eve = (database.signed_in(user) for user in (ANN, SUE, EVE))
    cursor = ask(ann, page_size=1)["cursor"]
    host.delete("Client", HERE)
    for _ in range(2):
        assert {refusal(reader)["sqlstate"] for reader in (ann, sue)} == {"IB007"}
        owner.execute("call inboxdb.drain_dirty()")
    host.workspace(id=HERE, userId=EVE)
    new = host.lead(HERE, lastMessageAt=BEFORE)
    for _ in range(2):
        assert {refusal(reader)["sqlstate"] for reader in (ann, sue)} == {"IB007"}
        assert ids(listed(eve)) == ids(listed(eve, after=cursor)) == [new]
        assert listed(eve, filter="ai_sent") == []
        owner.execute("call inboxdb.drain_dirty()")


# What is shown, and what is filtered lead by lead


@pytest.mark.host_variants("text", "wide-text", "wide-uuid", "wide-mixed")
def test_a_conversation_is_shown_by_its_keys(database: Database) -> None:
    host = Host(database.writer())
    wide = {"linkedinUrl": "https://example.com/in/ada"} if database.host in WIDE_HOSTS else {}
    lead = host.lead(
        HERE,
        firstName="Ada",
        lastName="",
        email="ada@example.com",
        phone="+1555",
        companyName="Example",
        status="contacted",
        sentimentTag="Interested",
        lastInboundAt=NOW,
        lastMessageAt=BEFORE,
        overallScore="3",
        scoredAt=BEFORE,
        assignedToUserId=SUE,
        snoozedUntil=BEFORE,
        createdAt="2024-01-01 00:00:00+00",
        **wide,
    )
    # blank is none
    bare = host.lead(HERE, createdAt="2024-02-01 00:00:00+00", email="", phone="")
    for number, (channel, at) in enumerate([("sms", BEFORE), ("email", BEFORE), ("fax", "2024-01-02 00:00:00+00")]):
        host.message(lead, id=new_id()[:-1] + str(number), channel=channel, sentAt=at, body=channel * 500, subject=None)
    newest = "ffffffff-0000-4000-8000-000000000000"
    host.message(lead, id=newest, channel="sms", sentAt=BEFORE, body="ü" * 500, subject="Re: Hello")
    host.draft(lead, channel="sms")
    shown, bare_shown = ask(database.signed_in(ANN))["conversations"]
    at = "2024-06-14T12:00:00+00:00"
    assert shown == {
        "lead_id": lead,
        "name": "Ada",
        "first_name": "Ada",
        "last_name": "",
        "company_name": "Example",
        "email": "ada@example.com",
        "phone": "+1555",
        "status": "contacted",
        "sentiment_tag": "Interested",
        "sms_campaign_id": None,
        "sms_campaign_name": None,
        "channels": ["email", "fax", "sms"],
        "available_channels": ["sms", "email", "linkedin"][: 3 if wide else 2],
        "primary_channel": "sms",
        "last_message": "ü" * 400,
        "last_subject": "Re: Hello",
        "last_message_at": at,
        "overall_score": 3,
        "scored_at": at,
        "has_ai_draft": True,
        "open_reply": True,
        "requires_attention": True,
        "ai_review": True,
        "assigned_to_user_id": SUE,
        "snoozed_until": at,
        "sort_at": at,
    }
    assert bare_shown == dict.fromkeys(shown) | {
        "lead_id": bare,
        "status": "new",
        "email": "",
        "phone": "",
        "channels": [],
        "available_channels": [],
        "primary_channel": "sms",
        **dict.fromkeys(("has_ai_draft", "open_reply", "requires_attention", "ai_review"), False),
        "sort_at": "2024-02-01T00:00:00+00:00",
    }
    host.update("Lead", lead, sentimentTag="Blacklist")
    assert not ask(database.signed_in(ANN))["conversations"][0]["has_ai_draft"]


@pytest.mark.host_variants("text", "wide-uuid", "wide-mixed")
def test_leads_are_filtered_one_by_one(database: Database) -> None:
    """By channel, tag, campaign, score and user: pages of what a naive reader finds, however few the leads are."""
    owner = database.connect()
    workspace, owned_by, _ = generate(database)
    reader = database.signed_in(owned_by)
    leads = [
        lead
        for lead in naive_leads(owner, datetime.fromisoformat(NOW))
        if may_see(lead, workspace, GLOBAL) and is_in(lead, "all")
    ]
    on_sms = {str(one) for (one,) in owner.execute("""select "leadId" from public."Message" where channel = 'sms'""")}
    campaign = next(str(lead.columns["smsCampaignId"]) for lead in leads if lead.columns["smsCampaignId"])
    user = next(lead.user for lead in leads if lead.user)
    stops = {"Blacklist", "Opt Out", "Opted Out", "Unsubscribe", "Unsubscribed", "Bounced", "Bounce"}
    cases: list[tuple[Answer, Callable[[Lead], bool]]] = [
        ({"channels": ["sms"]}, lambda lead: lead.id in on_sms),
        ({"sentiment_tags": ["Interested", "nonsense"]}, lambda lead: lead.columns["sentimentTag"] == "Interested"),
        ({"sentiment_tags": [None]}, lambda lead: lead.columns["sentimentTag"] is None),
        ({"sentiment_tags": [None, "New"]}, lambda lead: lead.columns["sentimentTag"] in (None, "New")),
        ({"sentiment_tags": ["interested"]}, lambda lead: False),
        ({"sms_campaign_id": campaign}, lambda lead: str(lead.columns["smsCampaignId"]) == campaign),
        ({"sms_campaign_id": "no such"}, lambda lead: False),
        ({"sms_campaign_unattributed": True}, lambda lead: lead.columns["smsCampaignId"] is None),
        ({"score": "4"}, lambda lead: lead.columns["overallScore"] == 4),
        ({"score": "3+"}, lambda lead: (lead.columns["overallScore"] or 0) >= 3),
        ({"score": "1+"}, lambda lead: lead.columns["overallScore"] is not None),
        ({"score": "unscored"}, lambda lead: lead.columns["overallScore"] is None),
        ({"score": "disqualified"}, lambda lead: lead.columns["sentimentTag"] in stops),
        ({"assigned_to": user}, lambda lead: lead.user == user),
        ({"assigned_to": ""}, lambda lead: lead.user is None),
        (
            {"filter": "attention", "assigned_to": user, "score": "2+"},
            lambda lead: (
                bool(lead.counts.requires_attention) and lead.user == user and lead.columns["overallScore"] >= 2
            ),
        ),
        ({"filter": "ai_review", "channels": ["sms"]}, lambda lead: bool(lead.counts.ai_review) and lead.id in on_sms),
        ({"filter": "drafts"}, lambda lead: bool(lead.counts.previously_required_attention)),
    ]
    owner.execute("call inboxdb.drain_dirty()")
    for most in (2000, 40):
        look_at(owner, most)
        for arguments, condition in cases:
            found = listed(reader, workspace, page_size=30, **arguments)
            assert len(set(ids(found))) == len(found), arguments
            assert set(ids(found)) == {lead.id for lead in leads if condition(lead)}, arguments
            order = [instant(one["sort_at"]) for one in found]
            assert order == sorted(order, reverse=True)


@pytest.mark.host_variants("text", "wide-uuid")
def test_the_campaigns_to_filter_by(database: Database) -> None:
    """Those of visible leads of the caller's, with as many leads as the list has by each."""
    workspace, owned_by, setters = generate(database)
    owner = database.connect()
    owner.execute(
        'update public."Lead" set "snoozedUntil" = \'infinity\' where id in (select id from public."Lead" limit 50)'
    )
    some = """
        update public."Lead" set "assignedToUserId" = %s
        where id in (select id from public."Lead" where "clientId"::text = %s order by md5(id::text) limit 60)
    """
    owner.execute(some, [setters[0], workspace])
    names = dict(owner.execute('select id::text, name from public."SmsCampaign"').fetchall())
    query = "select sms_campaigns, unattributed, version from inbox_api.conversation_filters(%s)"
    for user in (owned_by, setters[0]):
        reader = database.signed_in(user)
        [(campaigns, unattributed, version)] = reader.execute(query, [workspace]).fetchall()
        found = {one: len(listed(reader, workspace, sms_campaign_id=one, page_size=200)) for one in names}
        expected = [
            {"sms_campaign_id": one, "name": names[one], "leads": leads} for one, leads in found.items() if leads
        ]
        assert campaigns == sorted(expected, key=lambda one: (one["name"], one["sms_campaign_id"])) != []
        assert unattributed == len(listed(reader, workspace, sms_campaign_unattributed=True, page_size=200)) > 0
        assert version == ask(reader, workspace)["version"]
    [nothing] = database.signed_in(SAM).execute(query, [HERE]).fetchall()
    assert nothing[:2] == ([], 0)
    with pytest.raises(psycopg.Error) as raised:
        database.signed_in(EVE).execute(query, [HERE])
    refused = refusal(database.signed_in(EVE))
    assert fields_of(raised.value) | {"context": ""} == refused | {"context": ""}


def test_the_command(database: Database) -> None:
    """As whoever sees the whole workspace, or as a user; a terminal obeys nothing that leads say."""
    host = Host(database.writer())
    for number in range(3):
        last = f"2024-06-0{number + 1} 12:00:00+00"
        lead = host.lead(HERE, assignedToUserId=(SUE, None)[number % 2], firstName="Ada\x1b[2J\n", lastMessageAt=last)
        host.message(lead, body="\u202e" + "x" * 50, sentAt=last)
    whole = invoke("conversations", HERE, "--dsn", database.dsn)
    assert whole.exit_code == 0, whole.output
    header, *lines = whole.stdout.splitlines()
    assert header.startswith("LAST ACTIVITY")
    assert [line[:19] for line in lines] == [f"2024-06-0{day}T12:00:00" for day in (3, 2, 1)]
    assert all("Ada [2J" in line and line.endswith("x" * 38 + "…") for line in lines)
    assert lead in lines[0]

    def found(*arguments: str) -> Answer:
        result = invoke("conversations", HERE, *arguments, "--json", "--dsn", database.dsn)
        assert result.exit_code == 0, result.output
        answer: Answer = json.loads(result.stdout)
        return answer

    assert found("--as", SUE)["conversations"] == listed(database.signed_in(SUE))
    assert found("--as", SAM, "--filter", "attention") == {"conversations": [], "has_more": False}
    limited = found("--limit", "2")
    assert (len(limited["conversations"]), limited["has_more"]) == (2, True)
    for arguments, said in {
        (HERE, "--as", EVE): "IB007",
        (HERE, "--filter", "none"): "IB021",
        (new_id(),): "IB002",
    }.items():
        refused = invoke("conversations", *arguments, "--dsn", database.dsn)
        assert refused.exit_code == 1
        assert said in refused.stderr


def test_sorted_by_update(database: Database) -> None:
    host = Host(database.writer())
    whose = (SUE, None, SUE, SAM)
    lead_ids = [
        host.lead(HERE, assignedToUserId=user, updatedAt=f"2024-06-0{n + 1} 12:00:00+00", lastMessageAt=BEFORE)
        for n, user in enumerate(whose)
    ]
    host.lead(HERE, snoozedUntil=LATER)
    for user, scope in ((ANN, GLOBAL), (SUE, SUE), (SAM, SAM)):
        expected = [lead for lead, one in zip(lead_ids, whose, strict=True) if scope in (GLOBAL, one)]
        found = listed(database.signed_in(user), sort="updated", page_size=1)
        assert ids(found) == expected[::-1]
        days = [int(one["sort_at"][8:10]) - 1 for one in found]
        assert [lead_ids[day] for day in days] == ids(found), "sort_at is the time by which the list is sorted"


@pytest.mark.host_variants("text", "uuid", "wide-mixed")
def test_a_setters_list_by_update_tells_nothing_of_others(database: Database) -> None:
    """Neither ids nor times in cursors, nor how many leads others have; the setter's few are found at once."""
    owner, host = database.connect(), Host(database.writer())
    others = [host.lead(HERE, updatedAt=f"2024-06-{number + 2:02} 12:00:00+00") for number in range(8)]
    hers = [host.lead(HERE, assignedToUserId=SUE, updatedAt=f"2024-05-0{day} 12:00:00+00") for day in (1, 2)]
    sue = database.signed_in(SUE)
    [page] = pages(sue, sort="updated")
    assert (ids(page["conversations"]), page["scanned"]) == (hers[::-1], 2)
    for most in (2, 1):
        look_at(owner, most)
        found = list(pages(sue, sort="updated", page_size=1))
        assert len(found) > (1 if most == 2 else len(others)), "leads are walked where too many are hers"
        assert [lead for page in found for lead in ids(page["conversations"])] == hers[::-1]
        assert sum(page["scanned"] for page in found) == 2
        for cursor in filter(None, (page["cursor"] for page in found)):
            told = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            assert not [word for word in (*others, *hers, "2024") if word.encode() in told]


def test_bodies_of_any_length(database: Database) -> None:
    host = Host(database.writer())
    lead = host.lead(HERE)
    for body in ("x" * 10_000_000, "", "<p>" + "ü" * 400):
        sent = host.message(lead, body=body, subject="y" * 100_000, sentAt=NOW)
        [shown] = ask(database.signed_in(ANN))["conversations"]
        assert (shown["last_message"], shown["last_subject"]) == (body[:400], "y" * 100_000)
        host.delete("Message", sent)


# Plans


class Walk(NamedTuple):
    """What the query of a page does: along which index, leads passed over in the table, pages read, leads."""

    along: str
    passed_over: int
    buffers: int
    leads: int


def walk(
    owner: Connection[Any],
    workspace: str,
    name: str,
    user: str | None,
    *,
    sort: str = "activity",
    after: int = 0,
    candidates: str = "null",
) -> Walk:
    """Explain the query of a page, as walk_leads plans it: for its parameters; `after` so many leads of the list."""
    [(settings, body)] = owner.execute("select proconfig, prosrc from pg_proc where proname = 'walk_leads'").fetchall()
    [query] = re.findall(r"  for found in\n(.*?)\n  loop\n", body, re.DOTALL)
    given = {
        "target_client_id": f"'{workspace}'",
        "filter_name": f"'{name}'",
        "sort_name": f"'{sort}'",
        "whose": "'all'" if user is None else "'scope'" if name == "all" else "'user'",
        "user_id": "null::inboxdb.user_id" if user is None else f"'{user}'",
        "asked.as_of": f"timestamptz '{NOW}'",
        "asked.channels": "null::text[]",
        "asked.sentiment_tags": "null::text[]",
        "asked.sms_campaign_id": "null::text",
        "asked.sms_campaign_unattributed": "false",
        "asked.score": "'all'",
        "asked.terms": "null::text[]",
        "asked.address": "null::text",
        "candidates": f"{candidates}::inboxdb.lead_id[]",
        "after_at": "null::timestamptz",
        "after_id": "null::inboxdb.lead_id",
        "most": "51",
    }

    def text(**others: str) -> bytes:
        values = given | others
        names = "|".join(map(re.escape, values))
        return re.sub(rf"(?<![.\w])({names})\b", lambda found: values[found[1]], re.sub("--.*", "", query)).encode()

    with owner.transaction(force_rollback=True):
        for setting in settings:
            key, _, value = setting.partition("=")
            owner.execute("select set_config(%s, %s, true)", [key, value.strip('"')])
        if after:
            given |= {"after_at": f"timestamptz '{BEFORE}'", "after_id": f"'{new_id()}'::inboxdb.lead_id"}
            first = text(after_at="null::timestamptz", after_id="null::inboxdb.lead_id", most=str(after))
            if before := owner.execute(b"select lead_id::text, sort_at::text from (%b) as f" % first).fetchall():
                lead_id, sort_at = before[-1]
                given |= {"after_at": f"timestamptz '{sort_at}'", "after_id": f"'{lead_id}'::inboxdb.lead_id"}
        [([explained],)] = owner.execute(b"explain (analyze, buffers, timing off, format json) " + text()).fetchall()
    node = plan = explained["Plan"]
    while "Plans" in node:
        [node] = node["Plans"]
    buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return Walk(
        node.get("Index Name", node["Node Type"]), node.get("Rows Removed by Filter", 0), buffers, plan["Actual Rows"]
    )


WALKED = ("all", "responses", "attention", "previous_attention", "needs_repair")
INDEXES = {"attention": "tagged", "previous_attention": "tagged"}


@pytest.mark.host_variants(*HOSTS, *WIDE_HOSTS)
def test_each_filter_is_answered_by_its_index(database: Database) -> None:
    """No lead is passed over in the table: an index's condition says what the view's does, its keys say the rest."""
    owner = database.connect()
    workspace, _, setters = generate(database)
    # as after an upgrade of the server, which keeps no statistics before 18
    for prepared in ("vacuum", "vacuum analyze"):
        owner.execute(f'{prepared} public."Lead"'.encode())
        for name in WALKED:
            for user in (None, setters[0]):
                for after in (0, 2):
                    index = INDEXES.get(name, name) + ("_by_user" if name == "all" and user else "")
                    found = walk(owner, workspace, name, user, after=after)
                    assert (found.along, found.passed_over) == (f"inboxdb_list_{index}", 0), (
                        prepared,
                        name,
                        user,
                        after,
                    )
    for after in (0, 2):
        found = walk(owner, workspace, "all", None, sort="updated", after=after)
        # the host's index has no id: the cursor's own lead is passed over
        assert (found.along, found.passed_over) == ("Lead_clientId_updatedAt_idx", min(after, 1))


def test_a_page_reads_about_a_page(database: Database) -> None:
    """At 10,000 leads, at the beginning and far behind, as member and as setter, and behind 10,000 snoozed leads."""
    owner = database.connect()
    writer = database.writer()
    writer.execute((sources.HOST / "generate.sql").read_bytes())
    writer.execute("select pg_temp.generate_host(workspaces => 1, leads => 10000, as_of => %s)", [NOW])
    [(workspace, setter)] = owner.execute(
        """
        select "clientId"::text, "assignedToUserId"::text
        from public."Lead"
        where "assignedToUserId" is not null
        group by 1, 2
        order by pg_catalog.count(*)
        limit 1
        """
    ).fetchall()
    insert_leads(owner, 10_000, snoozed=True)
    insert_leads(owner, 1_000)
    owner.execute('vacuum analyze public."Lead"')
    for name in WALKED:
        for where, user in ((workspace, None), (workspace, setter)):
            for after in (0, 60 if user is None else 1):
                found = walk(owner, where, name, user, after=after)
                assert found.buffers <= found.leads + 40, (name, user, after, found)
    for name in ("all", "responses", "attention"):
        for user in (None, SUE):
            found = walk(owner, HERE, name, user)
            # the index passes over the snoozed leads, some sixty a page
            assert found.leads == 51
            assert found.buffers <= 350, (name, user, found)
    [(some,)] = owner.execute(
        'select array(select id::text from public."Lead" where "clientId"::text = %s limit 1000)::text', [workspace]
    ).fetchall()
    assert walk(owner, workspace, "all", None, candidates=f"'{some}'").along == "Lead_pkey"
