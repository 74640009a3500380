"""inbox_api.conversation and conversation_messages: a lead in detail, to whoever may see the lead in the list."""

from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row

from tests.hosts import HOSTS, WIDE_HOSTS
from tests.rows import Host, new_id
from tests.servers import Database
from tests.test_identity import fields_of
from tests.test_lists import ANN, BEFORE, EVE, HERE, LATER, NOW, POL, SAM, SUE, THERE, ask, prepare

__all__ = ["prepare"]


def detail(connection: Connection[Any], lead: str) -> dict[str, Any]:
    """Ask for a conversation."""
    cursor = connection.cursor(row_factory=dict_row)
    [row] = cursor.execute("select * from inbox_api.conversation(%s)", [lead]).fetchall()
    return row


def messages(
    connection: Connection[Any],
    lead: str,
    channel: str | None = None,
    before: str | None = None,
    size: int | None = 100,
) -> dict[str, Any]:
    """Ask for a page of messages."""
    cursor = connection.cursor(row_factory=dict_row)
    query = "select * from inbox_api.conversation_messages(%s, %s, %s, %s)"
    [row] = cursor.execute(query, [lead, channel, before, size]).fetchall()
    return row


def all_messages(connection: Connection[Any], lead: str, channel: str | None, size: int) -> list[str]:
    """Return the ids of the messages of all pages."""
    page = messages(connection, lead, channel, None, size)
    found = page["messages"]
    while page["has_more"]:
        assert len(page["messages"]) == size
        page = messages(connection, lead, channel, page["cursor"], size)
        found += page["messages"]
    assert page["cursor"] is None
    return [message["id"] for message in found]


@pytest.mark.host_variants(*HOSTS, *WIDE_HOSTS)
def test_whoever_sees_a_lead_in_the_list_sees_it_in_detail(database: Database) -> None:
    """Another's lead, a lead of another workspace, and no lead at all are told in the same words."""
    host = Host(database.writer())
    hers, nobodys = host.lead(HERE, assignedToUserId=SUE), host.lead(HERE)
    foreign = host.lead(THERE, assignedToUserId=SUE)
    leads = (hers, nobodys, foreign)
    for user, seen in {
        ANN: {hers, nobodys},
        POL: {hers, nobodys},
        SUE: {hers, foreign},
        SAM: set(),
        EVE: {foreign},
    }.items():
        reader = database.signed_in(user)
        in_lists = set()
        for workspace in (HERE, THERE):
            with suppress(psycopg.Error):
                in_lists |= {one["lead_id"] for one in ask(reader, workspace)["conversations"]}
        assert in_lists == seen
        words = []
        for lead in (*leads, new_id()):
            if lead in seen:
                assert detail(reader, lead)["conversation"]["lead_id"] == lead
                assert messages(reader, lead)["messages"] == []
            else:
                for read in (detail, messages):
                    with pytest.raises(psycopg.Error) as raised:
                        read(reader, lead)
                    words.append((read, sorted(fields_of(raised.value).items())))
                    assert raised.value.sqlstate == "IB007"
        assert all(one == words[-2:][n % 2] for n, one in enumerate(words))
    for read in (detail, messages):
        with pytest.raises(psycopg.Error) as raised:
            read(database.signed_in(None), hers)
        assert raised.value.sqlstate == "IB006"


@pytest.mark.host_variants("text", "wide-uuid", "wide-mixed")
def test_a_conversation_in_detail(database: Database) -> None:
    host = Host(database.writer())
    wide = database.host in WIDE_HOSTS
    lead = host.lead(
        HERE,
        assignedToUserId=SUE,
        assignedAt=BEFORE,
        createdAt=BEFORE,
        snoozedUntil=LATER,
        alternateEmails="{a@example.com,b@example.com}",
        currentReplierEmail="c@example.com",
        jobTitle="Founder",
        **({"companyState": "CA"} if wide else {}),
    )
    for channel in ("sms", "sms", "email"):
        host.message(lead, channel=channel)
    for user, role in ((ANN, "OWNER"), (POL, "CLIENT_PORTAL"), (SUE, "SETTER")):
        answer = detail(database.signed_in(user), lead)
        assert answer["viewer_role"] == role
        shown = answer["conversation"]
        expected = {
            "alternate_emails": ["a@example.com", "b@example.com"],
            "current_replier_email": "c@example.com",
            "current_replier_name": None,
            "job_title": "Founder",
            "company_state": "CA" if wide else None,
            "auto_reply_enabled": False,
            "assigned_at": "2024-06-14T12:00:00+00:00",
            "created_at": "2024-06-14T12:00:00+00:00",
            "snoozed_until": "2024-06-16T12:00:00+00:00",
            "messages": {"sms": 2, "email": 1},
            "lead_id": lead,
        }
        assert shown == shown | expected
    host.member(HERE, SUE, "ADMIN")
    assert detail(database.signed_in(SUE), lead)["viewer_role"] == "ADMIN"


@pytest.mark.host_variants(*HOSTS, *WIDE_HOSTS)
def test_messages_come_newest_first(database: Database) -> None:
    """Each exactly once, where many are of one instant, of one channel or of all."""
    host = Host(database.writer())
    lead = host.lead(HERE, assignedToUserId=SUE)
    other = host.lead(HERE)
    host.message(other)
    sent = []
    for number in range(24):
        channel = ("email", "sms", "fax")[number % 3]
        at = ("infinity", NOW, NOW, BEFORE, BEFORE, "-infinity")[number // 4]
        sent.append((number // 4 in (1, 2), at, channel, host.message(lead, channel=channel, sentAt=at)))
    rank = {"infinity": 0, NOW: 1, BEFORE: 2, "-infinity": 3}
    for user in (ANN, SUE):
        reader = database.signed_in(user)
        for wanted in (None, "email", "sms", "fax", "pigeon"):
            expected = sorted(
                ((at, one) for _, at, channel, one in sent if wanted in (None, channel)),
                key=lambda one: (-rank[one[0]], one[1]),
                reverse=True,
            )
            for size in (1, 5, 100):
                assert all_messages(reader, lead, wanted, size) == [one for _, one in expected], (wanted, size)


def test_who_sent_a_message(database: Database) -> None:
    host = Host(database.writer())
    lead = host.lead(HERE)
    for sender, columns in (
        ("lead", {"direction": "inbound", "sentBy": "ai"}),
        ("ai", {"direction": "outbound", "sentBy": "ai"}),
        ("ai", {"direction": "outbound", "sentBy": None, "source": "inboxxia_campaign"}),
        ("human", {"direction": "outbound", "sentBy": "setter", "sentByUserId": SUE}),
        ("human", {"direction": "outbound", "sentBy": None}),
    ):
        sent = host.message(lead, subject="Re: Hello", body="<p>Hello</p>", sentAt=NOW, **columns)
        [shown] = messages(database.signed_in(ANN), lead)["messages"]
        assert shown == {
            "id": sent,
            "channel": "email",
            "direction": columns["direction"],
            "source": columns.get("source", "zrg"),
            "sender": sender,
            "sent_by_user_id": columns.get("sentByUserId"),
            "subject": "Re: Hello",
            "body": "<p>Hello</p>",
            "sent_at": "2024-06-15T12:00:00+00:00",
        }
        host.delete("Message", sent)


def test_what_messages_are_refused_for(database: Database) -> None:
    host = Host(database.writer())
    lead, other = host.lead(HERE), host.lead(HERE)
    for one in (lead, other):
        for _ in range(3):
            host.message(one)
    reader = database.signed_in(ANN)
    cursor = messages(reader, lead, size=1)["cursor"]
    for code, arguments in (
        ("IB016", (other, None, cursor, 1)),
        ("IB016", (lead, "email", cursor, 1)),
        ("IB016", (lead, None, ask(reader, page_size=1)["cursor"], 1)),
        ("IB016", (lead, None, "", 1)),
        ("IB021", (lead, None, None, 0)),
        ("IB021", (lead, None, None, 501)),
        ("IB021", (lead, None, None, None)),
    ):
        with pytest.raises(psycopg.Error) as raised:
            messages(reader, *arguments)
        assert raised.value.sqlstate == code, arguments


@pytest.mark.slow
def test_bodies_longer_than_an_answer_can_be(database: Database) -> None:
    """The server refuses an answer of 256 MB: a page ends before, and each message comes once."""
    host = Host(database.writer())
    lead = host.lead(HERE)
    day = "2024-06-{:02} 12:00:00+00".format
    sent = [
        host.message(lead, body="x" * size, sentAt=day(20 - n))
        for n, size in enumerate((3, 40_000_000, 5, *[10_000_000] * 4))
    ]
    reader, cursor, found = database.signed_in(ANN), None, []
    while True:
        page = messages(reader, lead, before=cursor)
        found.append([message["id"] for message in page["messages"]])
        cursor = page["cursor"]
        if not page["has_more"]:
            break
    assert found == [sent[:1], sent[1:2], sent[2:6], sent[6:]]
    assert cursor is None


def test_a_page_of_messages_reads_about_a_page(database: Database) -> None:
    """Of a lead with 6,000 messages, on three channels; and the list shows the newest of them as cheaply."""
    owner, host = database.connect(), Host(database.writer())
    lead = host.lead(HERE)
    owner.execute(
        """
        insert into public."Message" (id, "leadId", channel, direction, body, "sentAt")
        select gen_random_uuid(), %s, (array['email', 'sms', 'linkedin'])[1 + n %% 3], 'inbound', repeat('x', 500),
          timestamptz '2024-01-01 00:00:00+00' + n * interval '1 minute'
        from generate_series(1, 6000) as n
        """,
        [lead],
    )
    # others' messages, without which the planner takes a lead for the whole table
    for _ in range(300):
        other = host.lead(THERE)
        for channel in ("sms", "sms", "email"):
            host.message(other, channel=channel)
    owner.execute('vacuum analyze public."Message"')
    reader = database.signed_in(ANN)
    far = messages(reader, lead, size=500)["cursor"]
    for query in (
        f"select * from inbox_api.conversation_messages('{lead}', page_size => 20)",
        f"select * from inbox_api.conversation_messages('{lead}', before => '{far}', page_size => 20)",
        f"select * from inbox_api.conversation_messages('{lead}', 'sms', page_size => 20)",
        f"select * from inbox_api.conversations('{HERE}')",
    ):
        explain = f"explain (analyze, buffers, timing off, format json) {query}"
        plans = [reader.execute(explain.encode()).fetchall()[0][0][0]["Plan"] for _ in range(3)]
        # the first reads the catalog, too
        assert min(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans) < 150, query
