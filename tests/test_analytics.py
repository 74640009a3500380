"""Analytics of inbox_api: each figure is what plain Python finds in the host's rows, and nobody's but the caller's."""

import json
import math
import random
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from click.testing import Result
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder

from inboxdb.database import checks, sources
from inboxdb.database.connection import RIGHTS
from inboxdb.watch import doctor
from tests.hosts import HOSTS, WIDE_HOSTS
from tests.naive_analytics import READS, Naive, Window
from tests.rows import GLOBAL, Host, new_id, set_clock
from tests.servers import Database
from tests.test_api import as_postgrest, response
from tests.test_cli import invoke
from tests.test_identity import fields_of

ANN = "00000000-0000-4000-8000-00000000000a"  # owns HERE
SUE = "00000000-0000-4000-8000-00000000000b"  # a setter with leads, in both workspaces
SAM = "00000000-0000-4000-8000-00000000000c"  # a setter without
POL = "00000000-0000-4000-8000-00000000000d"  # CLIENT_PORTAL
EVE = "00000000-0000-4000-8000-00000000000e"  # owns THERE, and nothing else

HERE = "00000000-0000-4000-8000-00000000c001"
THERE = "00000000-0000-4000-8000-00000000c002"

NOW = "2024-06-15 12:00:00+00"

# Nights on which clocks change: twice a day's midnight, no midnight, a minute of the day before, no day at all.
NIGHTS = {
    "America/New_York": ("2024-03-10", "2024-11-03"),
    "Europe/Berlin": ("2024-03-31", "2024-10-27"),
    "America/Sao_Paulo": ("2018-02-18", "2018-11-04"),
    "America/St_Johns": ("2010-03-14", "2010-11-07"),
    "Pacific/Apia": ("2011-12-30", "2011-12-30"),
    "Asia/Kathmandu": ("2024-06-15", "2024-06-15"),
}

# Times of the ends of all time, which only the server knows.
ABSURD = ("infinity", "-infinity", "294276-12-31 23:59:59.999+00", "4713-11-24 00:00:00+00 BC", None)

Answer = dict[str, Any]

wide = pytest.mark.host_variants(*WIDE_HOSTS)


def prepare(database: Database) -> None:
    """Make two workspaces, with SUE and SAM setters in HERE; stop the clock at NOW."""
    set_clock(database.connect(), NOW)
    host = Host(database.writer())
    host.workspace(id=HERE, userId=ANN)
    for user, role in ((SUE, "SETTER"), (SAM, "SETTER"), (POL, "CLIENT_PORTAL")):
        host.member(HERE, user, role)
    host.workspace(id=THERE, userId=EVE)
    host.member(THERE, SUE, "SETTER")


def ask(connection: Connection[Any], read: str, workspace: str = HERE, **arguments: Any) -> Answer:
    """Call a read; return its row."""
    given = {"client_id": workspace, **arguments}
    named = SQL(", ").join(SQL("{} => {}").format(Identifier(name), Placeholder(name)) for name in given)
    query = SQL("select * from inbox_api.{}({})").format(Identifier(read), named)
    [row] = connection.cursor(row_factory=dict_row).execute(query, given).fetchall()
    return row


def figures(connection: Connection[Any], read: str, from_day: str = "2024-06-01", to_day: str = "2024-06-30") -> Any:
    """Ask for the figures of days of HERE."""
    return ask(connection, read, from_day=from_day, to_day=to_day)["figures"]


def refusal(connection: Connection[Any], read: str, workspace: str = HERE, **arguments: Any) -> dict[str, str]:
    """Call a read that is refused; return the fields of the error, but for where it was raised."""
    with pytest.raises(psycopg.Error) as raised:
        ask(connection, read, workspace, **arguments)
    return fields_of(raised.value) | {"context": ""}


def set_zone(host: Host, workspace: str, zone: str | None) -> None:
    host.connection.execute('delete from public."WorkspaceSettings" where "clientId" = %s', [workspace])
    host.row("WorkspaceSettings", clientId=workspace, timezone=zone)


def differing(one: Any, other: Any, place: str = "") -> list[str]:
    """Say where figures differ; numbers that are no integers may in the last digits."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differing(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for number, pair in pairs for found in differing(*pair, f"{place}[{number}]")]
    if float in (type(one), type(other)) and None not in (one, other):
        return [] if math.isclose(one, other, rel_tol=1e-12) else [f"{place}: {one!r} is not {other!r}"]
    return [] if one == other else [f"{place}: {one!r} is not {other!r}"]


# What plain Python finds


class History:
    """An application writing at random, about a night on which clocks change."""

    def __init__(self, seed: str, host: Host, zone: str, night: str) -> None:
        """Make a workspace of the zone, and one to move to, with campaigns of each; nothing else yet."""
        self.chance, self.host, self.night = random.Random(seed), host, datetime.fromisoformat(night)
        self.here, self.there = host.workspace(userId=ANN), host.workspace(userId=EVE)
        host.member(self.here, SUE, "SETTER")
        set_zone(host, self.here, zone)
        both = (self.here, self.there)
        self.sms = [host.row("SmsCampaign", clientId=one, name=f"SMS {one}") for one in (*both, None)]
        self.email = [host.row("EmailCampaign", clientId=one, name="E", bisonCampaignId=new_id()) for one in both]
        self.sequences = [host.row("FollowUpSequence", clientId=one, name="Sequence") for one in (*both, self.here)]
        self.reactivations = [host.row("ReactivationCampaign", clientId=one, name="Again") for one in both]
        self.leads: list[str] = []
        self.messages: list[str] = []
        self.done: dict[str, int] = {}

    def at(self) -> str:
        """Choose an instant: about midnight or a change of clocks, anywhere, or none that is one."""
        moment = self.night + timedelta(days=self.chance.randrange(-9, 10))
        match self.chance.randrange(4):
            case 0:
                moment += timedelta(minutes=15) * self.chance.randrange(-60, 60)
                moment += timedelta(milliseconds=self.chance.choice((-1, 0, 1)))
            case 1:
                moment = self.night + timedelta(milliseconds=self.chance.randrange(-86_400_000, 86_400_000))
            case 2:
                moment += timedelta(milliseconds=self.chance.randrange(86_400_000))
            case _:
                if self.chance.random() < 0.1:
                    return self.chance.choice(("infinity", "-infinity"))
        return moment.isoformat(sep=" ") + "+00"

    def at_or_never(self) -> str | None:
        return self.at() if self.chance.random() < 0.6 else None

    def write(self) -> None:
        """Write as an application does, about one lead."""
        chance, host = self.chance, self.host
        kinds: dict[str, Callable[[], object]] = {
            "lead": self.make_lead,
            "message": self.send,
            "message again": self.send,
            "exchange": self.exchange,
            "re-dated": lambda: host.update("Message", chance.choice(self.messages), sentAt=self.at()),
            "flipped": lambda: host.update(
                "Message", chance.choice(self.messages), direction=chance.choice(("inbound", "outbound", "internal"))
            ),
            "message deleted": self.delete_message,
            "message moved": lambda: host.update(
                "Message", chance.choice(self.messages), leadId=chance.choice(self.leads)
            ),
            "tagged": lambda: host.update("Lead", chance.choice(self.leads), **self.tags()),
            "booked": lambda: host.update("Lead", chance.choice(self.leads), **self.booking()),
            "assigned": lambda: host.update(
                "Lead", chance.choice(self.leads), assignedToUserId=chance.choice((SUE, SAM, GLOBAL, None))
            ),
            "lead moved": lambda: host.update(
                "Lead", chance.choice(self.leads), clientId=chance.choice((self.here, self.here, self.there))
            ),
            "lead deleted": self.delete_lead,
            "step": self.take_step,
            "reactivated": self.reactivate,
            "reactivated again": self.reactivate,
            "crm": self.register,
        }
        kind = chance.choice(list(kinds)) if len(self.leads) > 3 and len(self.messages) > 3 else "lead"
        self.done[kind] = self.done.get(kind, 0) + 1
        kinds[kind]()
        if kind == "lead":
            self.exchange()

    def make_lead(self) -> None:
        columns = self.tags() | self.booking() if self.chance.random() < 0.5 else {}
        self.leads.append(
            self.host.lead(
                self.here,
                createdAt=self.at(),
                assignedToUserId=self.chance.choice((SUE, SUE, None)),
                smsCampaignId=self.chance.choice((*self.sms, None)),
                emailCampaignId=self.chance.choice((*self.email, None)),
                snoozedUntil=self.chance.choice((None, "infinity")),
                **columns,
            )
        )

    def tags(self) -> dict[str, str | None]:
        tags = ("Interested", "Meeting Requested", "Call Requested", "New", "new", "", "Ümläut \"\\' {}", None)
        statuses = ("new", "contacted", "blacklisted", "")
        return {"sentimentTag": self.chance.choice(tags), "status": self.chance.choice(statuses)}

    def booking(self) -> dict[str, str | None]:
        return {
            "appointmentBookedAt": self.at_or_never(),
            "appointmentStatus": self.chance.choice((None, "confirmed", "canceled", "Canceled")),
            "appointmentCanceledAt": self.chance.choice((None, None, NOW)),
        }

    def send(self, lead: str | None = None, at: str | None = None, direction: str | None = None) -> None:
        sender = self.chance.choice(("ai", "setter", "setter", None))
        self.messages.append(
            self.host.message(
                lead or self.chance.choice(self.leads),
                sentAt=at or self.at(),
                direction=direction or self.chance.choice(("inbound", "outbound")),
                channel=self.chance.choice(("sms", "email")),
                source=self.chance.choice(("zrg", "zrg", "inboxxia_campaign")),
                sentBy=sender,
                sentByUserId=self.chance.choice((SUE, SAM, GLOBAL)) if sender == "setter" else None,
            )
        )

    def exchange(self) -> None:
        """Write to and fro, some at one instant."""
        lead, moment = self.chance.choice(self.leads), self.night + timedelta(hours=self.chance.randrange(-200, 200))
        for number in range(self.chance.randrange(2, 6)):
            self.send(lead, moment.isoformat(sep=" ") + "+00", ("inbound", "outbound")[number % 2])
            moment += timedelta(
                milliseconds=self.chance.choice((0, 1, 2, 59_999, 3_600_000, 86_400_000, 604_800_000, 604_800_001))
            )

    def delete_message(self) -> None:
        message = self.messages.pop(self.chance.randrange(len(self.messages)))
        self.host.delete("Message", message)

    def delete_lead(self) -> None:
        lead = self.leads.pop(self.chance.randrange(len(self.leads)))
        gone = self.host.connection.execute('select id::text from public."Message" where "leadId" = %s', [lead])
        self.messages = [one for one in self.messages if (one,) not in gone.fetchall()]
        self.host.delete("Lead", lead)

    def take_step(self) -> None:
        with suppress(psycopg.errors.UniqueViolation):
            self.host.row(
                "FollowUpInstance",
                leadId=self.chance.choice(self.leads),
                sequenceId=self.chance.choice(self.sequences),
                lastStepAt=self.at_or_never(),
                updatedAt=NOW,
            )

    def reactivate(self) -> None:
        with suppress(psycopg.errors.UniqueViolation):
            self.host.row(
                "ReactivationEnrollment",
                leadId=self.chance.choice(self.leads),
                campaignId=self.chance.choice(self.reactivations),
                sentAt=self.at_or_never(),
            )

    def register(self) -> None:
        with suppress(psycopg.errors.UniqueViolation):
            self.host.row(
                "LeadCrmRow",
                leadId=self.chance.choice(self.leads),
                interestRegisteredAt=self.at_or_never(),
                interestType=self.chance.choice(("Meeting", "Call", None)),
                responseMode=self.chance.choice(("AI", "HUMAN", "UNKNOWN", None)),
                responseSentByUserId=self.chance.choice((SUE, SAM, None)),
                updatedAt=NOW,
            )

    def window(self, scope: str, zone: str) -> Window:
        from_day = self.night.date() + timedelta(days=self.chance.randrange(-10, 8))
        length = self.chance.choice((1, 2, 7, 20, 20))
        return Window(self.here, scope, from_day, from_day + timedelta(days=length - 1), zone)


@wide
def test_figures_are_what_plain_python_finds(database: Database) -> None:
    """Of random histories about nights on which clocks change, for random windows, of members and setters."""
    owner, host = database.connect(), Host(database.writer())
    readers = {GLOBAL: database.signed_in(ANN), SUE: database.signed_in(SUE)}
    done: dict[str, int] = {}
    seen: dict[str, int] = {}
    for zone, nights in NIGHTS.items():
        history = History(f"{database.host} {zone}", host, zone, nights[0])
        for night in nights:
            history.night = datetime.fromisoformat(night)
            for _ in range(60):
                history.write()
            naive = Naive(owner)
            for scope in (GLOBAL, GLOBAL, SUE):
                window = history.window(scope, zone)
                for read in READS:
                    answer = ask(readers[scope], read, history.here, from_day=window.from_day, to_day=window.to_day)
                    assert answer["time_zone"] == zone
                    expected = naive.figures(read, window)
                    assert differing(answer["figures"], expected) == [], (read, window)
                    seen[read] = seen.get(read, 0) + len(str(expected))
        for kind, times in history.done.items():
            done[kind] = done.get(kind, 0) + times
    assert len(done) == 17
    assert min(done.values()) > 20
    assert min(seen.values()) > 300, f"each read is to have something to say: {seen}"


# Days


@wide
def test_days_are_of_the_workspaces_time_zone(database: Database) -> None:
    """The host's, where the server knows the name; else the setting's, else UTC; in force at once."""
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    host.message(host.lead(HERE, createdAt="2024-06-01 12:00:00+00"), sentAt="2024-06-15 02:00:00+00")

    def on(zone: str | None) -> tuple[str, str]:
        set_zone(host, HERE, zone)
        answer = ask(ann, "analytics_days", from_day="2024-06-14", to_day="2024-06-15")
        [day] = [one["day"] for one in answer["figures"] if one["inbound"]]
        return answer["time_zone"], day

    for zone, day in {
        "America/New_York": "2024-06-14",
        "Etc/GMT+5": "2024-06-14",
        "Etc/GMT-5": "2024-06-15",
        "America/Port-au-Prince": "2024-06-14",
        "Asia/Tokyo": "2024-06-15",
    }.items():
        assert on(zone) == (zone, day)
    for misspelt in (
        None,
        "",
        " ",
        "Amerika/New_York",
        "PDT",
        "XYZ-3",
        "America/Nowhere5",
        "Etc/GMT+99",
        "'; --",
        "+3",
        "interval '1 hour'",
        "right/UTC",
        "x" * 100_000,
        "Ümlaut/Ort",
    ):
        assert on(misspelt) == ("UTC", "2024-06-15"), misspelt
    owner.execute("select inboxdb.set_setting('analytics_time_zone', 'America/Chicago')")
    assert on("Amerika/New_York") == ("America/Chicago", "2024-06-14")
    assert on("Asia/Tokyo") == ("Asia/Tokyo", "2024-06-15")
    for refused in ("Amerika/Chicago", "PDT", "XYZ-3", ""):
        with pytest.raises(psycopg.Error) as raised:
            owner.execute("select inboxdb.set_setting('analytics_time_zone', %s)", [refused])
        assert raised.value.sqlstate == "IB017", refused
    owner.execute("select inboxdb.set_setting('analytics_time_zone', null)")
    assert on(None) == ("UTC", "2024-06-15")
    assert owner.execute("show timezone").fetchone() == ann.execute("show timezone").fetchone()


@wide
def test_a_day_is_what_calendars_say(database: Database) -> None:
    """Of 23, 24 or 25 hours; begun twice, or never; an instant of midnight belongs to the day that begins."""
    host, ann = Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(HERE, createdAt="2000-01-01 00:00:00+00")
    for zone, day, first, after in (
        ("UTC", "2024-06-15", "2024-06-15 00:00:00.000", "2024-06-16 00:00:00.000"),
        ("America/New_York", "2024-03-10", "2024-03-10 05:00:00.000", "2024-03-11 04:00:00.000"),
        ("America/New_York", "2024-11-03", "2024-11-03 04:00:00.000", "2024-11-04 05:00:00.000"),
        ("Asia/Kathmandu", "2024-06-15", "2024-06-14 18:15:00.000", "2024-06-15 18:15:00.000"),
        # no midnight; and the hour before midnight twice
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04 03:00:00.000", "2018-11-05 02:00:00.000"),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17 02:00:00.000", "2018-02-18 03:00:00.000"),
        # the day that was skipped, and the one after
        ("Pacific/Apia", "2011-12-30", "2011-12-30 10:00:00.000", "2011-12-30 10:00:00.000"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30 10:00:00.000", "2011-12-31 10:00:00.000"),
    ):
        set_zone(host, HERE, zone)
        begin, end = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (first, after))
        for moment, inside in (
            (begin - timedelta(milliseconds=1), False),
            (begin, begin < end),
            (end - timedelta(milliseconds=1), begin < end),
            (end, False),
        ):
            sent = host.message(lead, sentAt=moment.isoformat())
            assert figures(ann, "analytics_overview", day, day)["responses"] == inside, (zone, day, moment)
            host.delete("Message", sent)
    # 23:01 to 24:00 came twice, and the first minute of the next day between
    set_zone(host, HERE, "America/St_Johns")
    for clock, day in (("02:29", "06"), ("02:30", "07"), ("02:31", "06"), ("03:29", "06"), ("03:30", "07")):
        sent = host.message(lead, sentAt=f"2010-11-07 {clock}:30+00")
        for other in ("06", "07"):
            at = f"2010-11-{other}"
            assert figures(ann, "analytics_overview", at, at)["responses"] == (day == other), clock
        host.delete("Message", sent)


@wide
def test_times_that_are_none_count_nowhere(database: Database) -> None:
    """Infinite, null, and at the end of all time, where local time has no number."""
    host, ann = Host(database.writer()), database.signed_in(ANN)
    campaign = host.row("ReactivationCampaign", clientId=HERE, name="Again")
    sequence = host.row("FollowUpSequence", clientId=HERE, name="Sequence")
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Niue"):
        set_zone(host, HERE, zone)
        for at in ABSURD:
            lead = host.lead(HERE, appointmentBookedAt=at, **({"createdAt": at} if at else {}))
            for direction in ("inbound", "outbound", "inbound"):
                host.message(lead, direction=direction, **({"sentAt": at} if at else {"sentAt": "infinity"}))
            host.row("ReactivationEnrollment", leadId=lead, campaignId=campaign, sentAt=at)
            host.row("FollowUpInstance", leadId=lead, sequenceId=sequence, lastStepAt=at, updatedAt=NOW)
            host.row("LeadCrmRow", leadId=lead, interestRegisteredAt=at, updatedAt=NOW)
        for day in ("0001-01-01", "2024-06-15", "9999-12-31"):
            for read in READS:
                found = figures(ann, read, day, day)
                numbers = [one for one in _numbers(found) if one]
                assert numbers == [], (read, zone, at, found)
        rows = ask(ann, "crm_rows")["crm_rows"]
        assert [one["interest_registered_at"] for one in rows][:1] == ["infinity"]
        assert rows[-1]["interest_registered_at"] is None
        host.connection.execute('delete from public."Lead"')


def _numbers(found: Any) -> list[float]:
    if isinstance(found, dict):
        return [number for value in found.values() for number in _numbers(value)]
    if isinstance(found, list):
        return [number for value in found for number in _numbers(value)]
    return [found] if isinstance(found, int | float) else []


@wide
def test_nothing_is_zeros(database: Database) -> None:
    ann, sam = database.signed_in(ANN), database.signed_in(SAM)
    for reader in (ann, sam):
        assert figures(reader, "analytics_overview") == {
            **dict.fromkeys(("leads_created", "contacted", "responses", "meetings_booked", "meetings_kept"), 0),
            **dict.fromkeys(("our_response_samples", "their_response_samples"), 0),
            **dict.fromkeys(("response_rate", "our_response_ms", "their_response_ms")),
        }
        days = figures(reader, "analytics_days")
        assert [one["day"] for one in days] == [f"2024-06-{day:02}" for day in range(1, 31)]
        assert {number for one in days for number in _numbers(one)} == {0}
        for read in ("sentiments", "statuses", "sms_campaigns", "response_times", "email_campaigns", "reactivations"):
            assert figures(reader, f"analytics_{read}") == []
        assert figures(reader, "analytics_workflows") == {
            "meetings_booked": 0,
            "after_sequence": 0,
            "without_sequence": 0,
            "sequences": [],
        }
        zeros = dict.fromkeys(("leads", "booked_ever", "kept_ever", "booked_in_window", "kept_in_window"), 0)
        assert figures(reader, "crm_summary") == {"total": zeros, "by_type": [], "by_mode": [], "by_setter": []}
        assert ask(reader, "crm_rows") | {"version": None} == {
            "crm_rows": [],
            "cursor": None,
            "has_more": False,
            "version": None,
        }
    answer = ask(ann, "analytics_days", from_day="2024-06-15", to_day="2024-06-15")
    assert answer == {
        "figures": [
            {"day": "2024-06-15", "inbound": 0, "outbound": 0, "leads_created": 0, "meetings_booked": 0},
        ],
        "from_day": date(2024, 6, 15),
        "to_day": date(2024, 6, 15),
        "time_zone": "UTC",
        "computed_at": datetime.fromisoformat(NOW),
        "version": None,
        "is_stale": False,
    }


# Who, and what may be asked


@wide
def test_nothing_without_access(database: Database) -> None:
    """The same words whether a workspace is another's, or there is none; before any other argument is looked at."""
    host = Host(database.writer())
    for workspace in (HERE, THERE):
        for user in (SUE, None):
            host.message(host.lead(workspace, assignedToUserId=user, createdAt=NOW), sentAt=NOW)
    crm = {"crm_rows": {"mode": "?", "page_size": 0, "after": "?"}}
    for read in (*READS, "crm_rows"):
        good: Answer = {} if read in crm else {"from_day": "2024-06-15", "to_day": "2024-06-15"}
        for arguments in (good, crm.get(read, {"from_day": None, "to_day": "infinity"})):
            assert refusal(database.signed_in(None), read, **arguments)["sqlstate"] == "IB006"
            foreign = refusal(database.signed_in(ANN), read, THERE, **arguments)
            assert foreign["sqlstate"] == "IB007"
            assert foreign == refusal(database.signed_in(ANN), read, new_id(), **arguments)
            assert foreign == refusal(database.signed_in(EVE), read, HERE, **arguments)
        for user, leads in {ANN: 2, POL: 2, SUE: 1, SAM: 0}.items():
            answer = ask(database.signed_in(user), read, **good)
            if read == "analytics_overview":
                assert (answer["figures"]["leads_created"], answer["figures"]["responses"]) == (leads, leads)


def test_the_host_is_looked_at_before_the_arguments(database: Database) -> None:
    assert refusal(database.signed_in(ANN), "analytics_days", from_day=None, to_day=None)["sqlstate"] == "IB020"


@wide
def test_an_argument_that_is_no_window_is_refused_by_name(database: Database) -> None:
    ann = database.signed_in(ANN)
    for from_day, to_day, named in (
        (None, "2024-06-15", "from_day"),
        ("2024-06-15", None, "to_day"),
        ("infinity", "infinity", "from_day"),
        ("-infinity", "2024-06-15", "from_day"),
        ("2024-06-15", "infinity", "to_day"),
        ("2024-06-15", "2024-06-14", "to_day"),
        ("2023-05-12", "2024-06-15", "to_day"),
        ("0001-01-01 BC", "0001-01-01", "from_day"),
        ("9999-12-31", "10000-01-01", "to_day"),
        ("5874897-12-31", "5874897-12-31", "from_day"),
    ):
        for read in (*READS, "crm_rows"):
            refused = refusal(ann, read, from_day=from_day, to_day=to_day)
            assert refused["sqlstate"] == "IB021", (read, from_day, to_day)
            assert named in refused["message_primary"]
            assert refused["message_hint"]
    assert len(figures(ann, "analytics_days", "2023-05-13", "2024-06-15")) == 400
    for name, values in {"mode": ("", "ai", "ROBOT"), "page_size": (0, 201, None, -1)}.items():
        for value in values:
            given: Answer = {name: value}
            refused = refusal(ann, "crm_rows", **given)
            assert (refused["sqlstate"], name in refused["message_primary"]) == ("IB021", True)


@wide
def test_a_setter_with_too_many_leads_is_refused(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    for user in (SUE, SUE, SUE, None, None, None):
        host.lead(HERE, assignedToUserId=user)
    [(definition,)] = owner.execute("select pg_get_functiondef('inboxdb.choose_source'::regproc)").fetchall()
    for most, is_refused in ((3, False), (2, True)):
        owner.execute(definition.replace("integer := 200000", f"integer := {most}"))
        for read in READS:
            days = {"from_day": "2024-06-15", "to_day": "2024-06-15"}
            ask(database.signed_in(ANN), read, **days)
            if is_refused:
                refused = refusal(database.signed_in(SUE), read, **days)
                assert refused["sqlstate"] == "IB021"
                assert "at most 2 leads" in refused["message_hint"]
            else:
                ask(database.signed_in(SUE), read, **days)


# What the figures are, by hand


@wide
def test_meetings(database: Database) -> None:
    """Booked counts by its instant alone; kept by its status, also where that is null."""
    host, ann = Host(database.writer()), database.signed_in(ANN)
    for status, canceled, kept in (
        (None, None, 1),
        ("confirmed", None, 1),
        ("no_show", None, 1),
        ("canceled", None, 0),
        ("confirmed", NOW, 0),
        ("Canceled", None, 1),
    ):
        lead = host.lead(
            HERE,
            appointmentBookedAt=NOW,
            appointmentStatus=status,
            appointmentCanceledAt=canceled,
            createdAt="2023-01-01 00:00:00+00",
        )
        found = figures(ann, "analytics_overview")
        assert (found["meetings_booked"], found["meetings_kept"], found["leads_created"]) == (1, kept, 0), status
        [day] = [one for one in figures(ann, "analytics_days") if one["meetings_booked"]]
        assert day["day"] == "2024-06-15"
        host.delete("Lead", lead)


@wide
def test_replies(database: Database) -> None:
    """Pairs of one lead and channel whose direction changes, within a week, by the day of the reply."""
    host, ann = Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(HERE)

    def found(*messages: tuple[str, str, str], to_day: str = "2024-06-30") -> list[tuple[str, float]]:
        """Store messages of (channel, direction, instant); return side and mean of each group of replies."""
        host.connection.execute('delete from public."Message"')
        for number, (channel, direction, at) in enumerate(messages):
            host.message(
                lead, id=new_id()[:-2] + f"{number:02}", channel=channel, direction=direction, sentAt=at, sentBy=None
            )
        rows = figures(ann, "analytics_response_times", to_day=to_day)
        return [(one["side"], one["mean_ms"]) for one in rows for _ in range(one["replies"])]

    at = "2024-06-10 12:00:00"
    hour = 3_600_000
    question = ("sms", "inbound", f"{at}+00")
    assert found(question, ("sms", "outbound", "2024-06-10 13:00:00+00")) == [("ours", hour)]
    assert found(("sms", "outbound", f"{at}+00"), ("sms", "inbound", "2024-06-10 13:00:00+00")) == [("theirs", hour)]
    assert found(question, ("email", "outbound", "2024-06-10 13:00:00+00")) == []
    assert found(question, ("sms", "inbound", "2024-06-10 13:00:00+00")) == []
    # the last of several questions is what was answered; what is no direction stands between
    assert found(
        question, ("sms", "inbound", "2024-06-10 12:30:00+00"), ("sms", "outbound", "2024-06-10 13:00:00+00")
    ) == [("ours", hour / 2)]
    assert (
        found(question, ("sms", "note", "2024-06-10 12:30:00+00"), ("sms", "outbound", "2024-06-10 13:00:00+00")) == []
    )
    # a week at most, to the millisecond
    assert found(question, ("sms", "outbound", "2024-06-17 12:00:00+00")) == [("ours", 7 * 24 * hour)]
    assert found(question, ("sms", "outbound", "2024-06-17 12:00:00.001+00")) == []
    # by the day of the reply
    across = (("sms", "inbound", "2024-05-31 23:59:00+00"), ("sms", "outbound", "2024-06-01 00:01:00+00"))
    assert found(*across) == [("ours", 120_000)]
    assert found(("sms", "inbound", "2024-05-25 00:00:00+00"), ("sms", "outbound", "2024-06-01 00:00:00+00")) == [
        ("ours", 7 * 24 * hour)
    ]
    assert found(question, ("sms", "outbound", "2024-06-11 00:00:00+00"), to_day="2024-06-10") == []


def minutes_of_business(database: Database, zone: str, since: str, until: str) -> float:
    """Answer a question within a time zone; return the minutes within business hours."""
    host = Host(database.writer())
    set_zone(host, HERE, zone)
    host.connection.execute('delete from public."Lead"')
    lead = host.lead(HERE)
    host.message(lead, direction="inbound", sentAt=since)
    host.message(lead, direction="outbound", sentAt=until)
    day = until[:10]
    before, after = (date.fromisoformat(day) + timedelta(days=days) for days in (-1, 1))
    [reply] = figures(database.signed_in(ANN), "analytics_response_times", str(before), str(after))
    minutes: float = reply["business_mean_ms"] / 60_000
    return minutes


@wide
def test_business_hours(database: Database) -> None:
    """Monday to Friday, 9 to 17, by the clock of the workspace, before and after it changes."""
    berlin, york = "Europe/Berlin", "America/New_York"
    for zone, since, until, minutes in (
        # a Monday in summer: 9:00 is 07:00 UTC
        (berlin, "2024-06-10 06:00:00+00", "2024-06-10 07:10:00+00", 10),
        (berlin, "2024-06-10 07:00:00+00", "2024-06-10 15:00:00+00", 480),
        (berlin, "2024-06-10 14:50:00+00", "2024-06-10 16:00:00+00", 10),
        (berlin, "2024-06-10 15:00:00+00", "2024-06-11 07:00:00+00", 0),
        # over a weekend
        (berlin, "2024-06-14 14:00:00+00", "2024-06-17 08:00:00+00", 120),
        (berlin, "2024-06-15 00:00:00+00", "2024-06-16 20:00:00+00", 0),
        # a week has five days
        (berlin, "2024-06-10 10:00:00+00", "2024-06-17 10:00:00+00", 2400),
        # from Friday to Monday over the change of clocks: 9:00 was 08:00 UTC, and is 07:00
        (berlin, "2024-03-29 15:00:00+00", "2024-04-01 07:30:00+00", 90),
        (berlin, "2024-10-25 14:00:00+00", "2024-10-28 08:30:00+00", 90),
        (york, "2024-11-01 20:00:00+00", "2024-11-04 14:30:00+00", 90),
        (york, "2024-03-08 21:00:00+00", "2024-03-11 13:30:00+00", 90),
        ("Asia/Kathmandu", "2024-06-10 03:00:00+00", "2024-06-10 03:20:00+00", 5),
        # Thursday, then Saturday: Friday was skipped
        ("Pacific/Apia", "2011-12-30 01:00:00+00", "2012-01-01 19:30:00+00", 150),
        ("Nowhere/Land", "2024-06-10 08:00:00+00", "2024-06-10 09:30:00+00", 30),
    ):
        assert minutes_of_business(database, zone, since, until) == minutes, (zone, since, until)


@wide
def test_percentiles_are_within_five_percent(database: Database) -> None:
    """Of each kind of sender; of one reply, too, and of replies within the millisecond."""
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(HERE)
    chance = random.Random(1)
    senders: dict[tuple[str, str | None], dict[str, str | None]] = {
        ("user", SUE): {"sentBy": "setter", "sentByUserId": SUE},
        ("user", ANN): {"sentBy": None, "sentByUserId": ANN},
        ("ai", None): {"sentBy": "ai", "sentByUserId": SUE},
        ("campaign", None): {"sentBy": "ai", "source": "inboxxia_campaign"},
        ("unknown", None): {"sentBy": "setter", "sentByUserId": GLOBAL},
    }
    waits: dict[tuple[str, str | None], list[int]] = {
        sender: [round(10 ** chance.uniform(0, 8)) for _ in range(number)]
        for sender, number in zip(senders, (1, 2, 19, 20, 101), strict=True)
    }
    waits["ai", None] += [0, 0, 1, 1]
    channel = 0
    for sender, columns in senders.items():
        for wait in waits[sender]:
            channel += 1
            asked_at = datetime(2024, 6, 10, 12, tzinfo=UTC)
            pair = {"channel": f"channel {channel}"}
            ids = sorted((new_id(), new_id()))
            host.message(lead, id=ids[0], direction="inbound", sentAt=asked_at.isoformat(), **pair)
            answered_at = (asked_at + timedelta(milliseconds=wait)).isoformat()
            host.message(lead, id=ids[1], direction="outbound", sentAt=answered_at, **pair, **columns)
    rows = {(one["sender"], one["user_id"]): one for one in figures(ann, "analytics_response_times")}
    assert rows.keys() == waits.keys()
    for sender, taken in waits.items():
        taken.sort()
        assert rows[sender]["replies"] == len(taken)
        assert rows[sender]["mean_ms"] == pytest.approx(sum(taken) / len(taken))
        for percent in (50, 90, 95):
            exact = taken[-(-len(taken) * percent // 100) - 1]
            assert rows[sender][f"p{percent}_ms"] == pytest.approx(exact, rel=0.05), (sender, percent)
    # classes meet without a gap, and ascend
    [(gaps,)] = owner.execute(
        """
        select count(*) from (
          select inboxdb.wait_class(ms) - lag(inboxdb.wait_class(ms)) over (order by ms) as step
          from generate_series(0, 3000) as ms
        ) as s
        where step < 0
        """
    ).fetchall()
    assert gaps == 0


@wide
def test_tags_and_statuses(database: Database) -> None:
    """Present ones; null and New as none; whatever else a tag is made of."""
    host, ann = Host(database.writer()), database.signed_in(ANN)
    odd = "Ümläut \"\\' {} \u202e" + "x" * 5000
    for tag in (None, "New", "new", "", odd, "Interested", "Interested"):
        host.message(host.lead(HERE, sentimentTag=tag, status=tag or "new", createdAt=NOW), sentAt=NOW)
    host.message(host.lead(HERE, sentimentTag="Silent"), sentAt=NOW, direction="outbound")
    found = {one["sentiment_tag"]: (one["responses"], one["share"]) for one in figures(ann, "analytics_sentiments")}
    assert found == {
        None: (2, 2 / 7),
        "new": (1, 1 / 7),
        "": (1, 1 / 7),
        odd: (1, 1 / 7),
        "Interested": (2, 2 / 7),
    }
    statuses = {
        one["status"]: one["leads_created"] for one in figures(ann, "analytics_statuses", "2024-06-15", "2024-06-15")
    }
    assert statuses["new"] >= 3
    assert (statuses[odd], statuses["Interested"]) == (1, 2)


@wide
def test_positive_tags(database: Database) -> None:
    host, ann = Host(database.writer()), database.signed_in(ANN)
    campaign = host.row("EmailCampaign", clientId=HERE, name="Spring", bisonCampaignId=new_id())
    for tag, positive, requested in (
        ("Meeting Requested", 1, 1),
        ("Call Requested", 1, 1),
        ("Information Requested", 1, 0),
        ("Interested", 1, 0),
        ("Positive", 1, 0),
        ("Meeting Booked", 0, 0),
        ("Follow Up", 0, 0),
        ("interested", 0, 0),
        (None, 0, 0),
    ):
        lead = host.lead(HERE, sentimentTag=tag, emailCampaignId=campaign, appointmentBookedAt=NOW)
        host.message(lead, sentAt=NOW)
        [by_sms] = figures(ann, "analytics_sms_campaigns")
        [by_email] = figures(ann, "analytics_email_campaigns")
        assert (by_sms["responses"], by_sms["positive_responses"]) == (1, positive), tag
        assert (by_email["positive_responses"], by_email["meetings_requested"]) == (positive, requested), tag
        host.delete("Lead", lead)


@wide
def test_nothing_of_another_workspace_is_named(database: Database) -> None:
    """Leads were moved here with their campaigns, sequences and enrollments, of which nothing is told."""
    host, ann = Host(database.writer()), database.signed_in(ANN)
    secret = "of another tenant"
    lead = host.lead(
        HERE,
        createdAt=NOW,
        sentimentTag="Interested",
        appointmentBookedAt=NOW,
        smsCampaignId=host.row("SmsCampaign", clientId=THERE, name=secret),
        emailCampaignId=host.row("EmailCampaign", clientId=THERE, name=secret, bisonCampaignId=new_id()),
    )
    host.message(lead, sentAt=NOW)
    before = "2024-06-14 12:00:00+00"
    sequence = host.row("FollowUpSequence", clientId=THERE, name=secret)
    host.row("FollowUpInstance", leadId=lead, sequenceId=sequence, lastStepAt=before, updatedAt=NOW)
    campaign = host.row("ReactivationCampaign", clientId=THERE, name=secret)
    host.row("ReactivationEnrollment", leadId=lead, campaignId=campaign, sentAt=before)
    for read in READS:
        assert secret not in json.dumps(figures(ann, read)), read
    assert figures(ann, "analytics_email_campaigns") == figures(ann, "analytics_reactivations") == []
    assert figures(ann, "analytics_workflows")["without_sequence"] == 1
    [unnamed] = figures(ann, "analytics_sms_campaigns")
    assert (unnamed["name"], unnamed["responses"], unnamed["positive_responses"]) == (None, 1, 1)


@wide
def test_sequences_before_a_meeting(database: Database) -> None:
    """The last to take a step before the booking; at its instant is not before."""
    host, ann = Host(database.writer()), database.signed_in(ANN)
    first, second = (host.row("FollowUpSequence", clientId=HERE, name=name) for name in ("A", "B"))
    at = {"before": "2024-06-15 11:59:59.999+00", "earlier": "2024-06-01 00:00:00+00", "at": NOW}
    for steps, expected in (
        ({}, None),
        ({first: None}, None),
        ({first: at["at"]}, None),
        ({first: at["before"]}, first),
        ({first: at["earlier"], second: at["before"]}, second),
        ({first: at["earlier"], second: at["at"]}, first),
        ({first: "-infinity"}, None),
    ):
        lead = host.lead(HERE, appointmentBookedAt=NOW)
        for sequence, step in steps.items():
            host.row("FollowUpInstance", leadId=lead, sequenceId=sequence, lastStepAt=step, updatedAt=NOW)
        found = figures(ann, "analytics_workflows")
        assert [one["sequence_id"] for one in found["sequences"]] == ([expected] if expected else []), steps
        assert found["after_sequence"] + found["without_sequence"] == found["meetings_booked"] == 1
        host.delete("Lead", lead)


# CRM rows


class Crm(NamedTuple):
    """What a CRM row is sorted and filtered by."""

    id: str
    at: str | None
    columns: dict[str, str | None]
    user: str | None


@wide
def test_pages_of_crm_rows(database: Database) -> None:
    """Newest first, nulls last, each exactly once whatever the size of a page, where many are of one instant."""
    host = Host(database.writer())
    instants = ("infinity", NOW, "2024-06-15 11:59:59.999+00", "2024-06-14 00:00:00+00", "-infinity", None)
    rows = []
    for number in range(36):
        at, user = instants[number // 6], (SUE, None, SAM)[number % 3]
        columns = {
            "interestType": ("Meeting", "Call", None)[number % 3],
            "leadCategoryOverride": ("Hot", None)[number % 2],
            "interestCampaignName": ("Spring", "Summer", None)[number // 2 % 3],
            "responseMode": ("AI", "HUMAN", "UNKNOWN", None)[number % 4],
            "pipelineStatus": ("won", "", None)[number // 4 % 3],
        }
        lead = host.lead(HERE, assignedToUserId=user, firstName="Ada")
        id_ = host.row("LeadCrmRow", leadId=lead, interestRegisteredAt=at, updatedAt=NOW, **columns)
        rows.append(Crm(id_, at, columns, user))
    foreign = host.lead(THERE, assignedToUserId=SUE)
    host.row("LeadCrmRow", leadId=foreign, interestRegisteredAt=NOW, updatedAt=NOW)
    filters: list[tuple[Answer, Callable[[Crm], bool]]] = [
        ({}, lambda row: True),
        ({"campaign": "Spring"}, lambda row: row.columns["interestCampaignName"] == "Spring"),
        ({"category": "Hot"}, lambda row: row.columns["leadCategoryOverride"] == "Hot"),
        (
            {"category": "Call"},
            lambda row: row.columns["leadCategoryOverride"] is None and row.columns["interestType"] == "Call",
        ),
        ({"status": ""}, lambda row: row.columns["pipelineStatus"] == ""),
        (
            {"mode": "HUMAN", "campaign": "Summer"},
            lambda row: row.columns["responseMode"] == "HUMAN" and row.columns["interestCampaignName"] == "Summer",
        ),
        ({"from_day": "2024-06-15", "to_day": "2024-06-15"}, lambda row: row.at in instants[1:3]),
        ({"campaign": "no such"}, lambda row: False),
    ]
    for user, scope in ((ANN, None), (SUE, SUE)):
        reader = database.signed_in(user)
        for arguments, condition in filters:
            expected = [
                row.id
                for row in sorted(rows, key=lambda row: (instants.index(row.at), [-ord(one) for one in row.id]))
                if condition(row) and scope in (None, row.user)
            ]
            for size in (1, 5, 200):
                found: list[str] = []
                page: Answer = {"has_more": True, "cursor": None}
                while page["has_more"]:
                    page = ask(reader, "crm_rows", **arguments, page_size=size, after=page["cursor"])
                    found += [one["crm_row_id"] for one in page["crm_rows"]]
                assert found == expected, (user, arguments, size)
    ann = database.signed_in(ANN)
    cursor = ask(ann, "crm_rows", page_size=1)["cursor"]
    for arguments in ({"after": ""}, {"after": cursor[:-1]}, {"after": cursor, "mode": "AI"}):
        assert refusal(ann, "crm_rows", **arguments)["sqlstate"] == "IB016"
    assert refusal(database.signed_in(SUE), "crm_rows", after=cursor)["sqlstate"] == "IB016"


@wide
def test_a_crm_row_is_shown_by_its_keys(database: Database) -> None:
    host, ann = Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(
        HERE,
        firstName="Ada",
        lastName="Example",
        email="ada@example.com",
        sentimentTag="Interested",
        appointmentBookedAt=NOW,
        appointmentStatus="confirmed",
    )
    row = host.row(
        "LeadCrmRow",
        leadId=lead,
        interestRegisteredAt=NOW,
        interestType="Call",
        interestCampaignName="Spring",
        responseMode="HUMAN",
        responseSentByUserId=SUE,
        pipelineStatus="won",
        createdAt=NOW,
        updatedAt=NOW,
    )
    at = "2024-06-15T12:00:00+00:00"
    answer = ask(ann, "crm_rows")
    assert answer["crm_rows"] == [
        {
            "crm_row_id": row,
            "lead_id": lead,
            "name": "Ada Example",
            "email": "ada@example.com",
            "phone": None,
            "company_name": None,
            "lead_status": "new",
            "sentiment_tag": "Interested",
            "interest_registered_at": at,
            "interest_type": "Call",
            "interest_campaign_name": "Spring",
            "response_mode": "HUMAN",
            "response_sent_by_user_id": SUE,
            "lead_category_override": None,
            "category": "Call",
            "pipeline_status": "won",
            "meeting_booked_at": at,
            "meeting_status": "confirmed",
            "meeting_canceled_at": None,
            "created_at": at,
        }
    ]


# Conditional requests


@wide
def test_an_answer_is_tagged_by_its_figures(database: Database) -> None:
    """The same figures are not sent twice, whatever the version; access is checked first."""
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    host.message(host.lead(HERE, createdAt=NOW), sentAt=NOW)

    def tagged(call: str, **headers: str) -> tuple[str, str | None]:
        with as_postgrest(ann, headers or {"accept": "*/*"}):
            ann.execute(f"select * from inbox_api.{call}".encode()).fetchall()
            given, status = response(ann)
        assert given
        assert given[1:] == [{"Cache-Control": "private, no-cache"}]
        return given[0]["ETag"], status

    calls = [f"{read}('{HERE}', '2024-06-01', '2024-06-30')" for read in READS] + [f"crm_rows('{HERE}')"]
    tags = [tagged(call)[0] for call in calls]
    assert len({*tags}) == len(calls)
    owner.execute("call inboxdb.drain_dirty()")
    query = "select version from inboxdb.cache_version where family = 'analytics' and client_id::text = %s"
    [(version,)] = owner.execute(query, [HERE]).fetchall()
    for call, tag in zip(calls, tags, strict=True):
        assert ann.execute(f"select version from inbox_api.{call}".encode()).fetchall() == [(version,)]
        assert tagged(call, **{"if-none-match": tag}) == (tag, "304"), call
    set_zone(host, HERE, "Asia/Tokyo")
    host.message(host.lead(HERE, createdAt=NOW), sentAt=NOW)
    for call, tag in zip(calls[:2], tags, strict=False):
        assert tagged(call, **{"if-none-match": tag})[1] is None, call
    host.update("Client", HERE, userId=EVE)
    with pytest.raises(psycopg.Error) as raised:
        tagged(calls[0], **{"if-none-match": "*"})
    assert raised.value.sqlstate == "IB007"


# In a terminal


@pytest.mark.long
@wide
def test_the_command(database: Database, tmp_path: Path) -> None:
    """As whoever sees the whole workspace, or as a user; of the last 30 days, or of those asked for."""
    host = Host(database.writer())
    lead = host.lead(HERE, assignedToUserId=SUE, createdAt=NOW, appointmentBookedAt=NOW)
    host.lead(HERE, createdAt="2024-05-01 12:00:00+00")
    host.message(lead, direction="inbound", sentAt="2024-06-14 12:00:00+00")
    host.message(lead, direction="outbound", sentByUserId=SUE, sentAt="2024-06-14 13:30:00+00")

    def run(*arguments: str) -> Result:
        return invoke("analytics", *arguments, "--dsn", database.dsn)

    empty = run(HERE, "--from", "2020-02-28", "--to", "2020-03-01", "--plot", str(tmp_path / "empty.svg"))
    assert empty.exit_code == 0, empty.output
    text = run(HERE, "--from", "2024-06-14", "--to", "2024-06-15").stdout
    assert [line.split() for line in text.splitlines()] == [
        ["2024-06-14", "to", "2024-06-15,", "UTC"],
        [],
        ["DAY", "LEADS", "INBOUND", "OUTBOUND", "MEETINGS"],
        ["2024-06-14", "0", "1", "1", "0"],
        ["2024-06-15", "1", "0", "0", "1"],
        [],
        ["WHOSE", "WHO", "REPLIES", "MEAN", "HALF", "WITHIN", "9", "OF", "10", "IN", "BUSINESS", "HOURS"],
        ["ours", SUE, "1", "1:30:00", "1:28:45", "1:28:45", "1:30:00"],
        [],
        ["STEP", "LEADS"],
        ["created", "1", "#" * 40],
        ["contacted", "1", "#" * 40],
        ["responded", "1", "#" * 40],
        ["booked", "a", "meeting", "1", "#" * 40],
        ["kept", "the", "meeting", "1", "#" * 40],
    ]
    set_zone(host, HERE, "Pacific/Apia")  # where the next day has begun
    for user, arguments in {ANN: (), SUE: ("--as", SUE), SAM: ("--as", SAM)}.items():
        result = run(HERE, *arguments, "--json")
        assert result.exit_code == 0, result.output
        expected = {
            name: figures(database.signed_in(user), f"analytics_{name}", "2024-05-18", "2024-06-16")
            for name in ("overview", "days", "response_times")
        }
        assert json.loads(result.stdout) == {
            **{"from_day": "2024-05-18", "to_day": "2024-06-16", "time_zone": "Pacific/Apia"},
            **{"computed_at": "2024-06-15T12:00:00+00:00", **expected},
        }
    plot = tmp_path / "plot.svg"
    assert run(HERE, "--plot", str(plot)).stdout == f"wrote {plot}\n"
    drawn = plot.read_text()
    assert f">ours: {SUE}</text>" in drawn
    assert ">leads created</text>" in drawn
    for arguments, said in {
        (HERE, "--as", EVE): "IB007",
        (HERE, "--from", "2020-01-01"): "IB021",
        (new_id(),): "IB002",
        (HERE, "--plot", str(tmp_path / "none" / "plot.svg")): "cannot be written: No such file or directory.",
    }.items():
        refused = run(*arguments)
        assert refused.exit_code == 1
        assert said in refused.stderr
    assert run(HERE, "--from", "yesterday").exit_code == 2


# Hosts that lack something


PARTS = {
    "workflows": ("analytics_workflows", 'drop table public."FollowUpInstance"'),
    "email campaigns": ("analytics_email_campaigns", 'alter table public."Lead" drop column "emailCampaignId"'),
    "reactivations": ("analytics_reactivations", 'drop table public."ReactivationCampaign" cascade'),
    "CRM": ("crm_summary", 'alter table public."LeadCrmRow" drop column "interestType"'),
}


def notes(database: Database) -> list[str]:
    [examined] = [one for one in doctor.examine(database.dsn) if one.check == "analytics"]
    return [finding.evidence for finding in examined.findings]


@wide
def test_a_part_whose_tables_lack_is_refused_alone(database: Database) -> None:
    """By name; the plan and the doctor say so; and the part answers as soon as the tables are there again."""
    owner, superuser, ann = database.connect(), database.superuser(), database.signed_in(ANN)
    days = {"from_day": "2024-06-15", "to_day": "2024-06-15"}
    assert notes(database) == []
    for part, (read, change) in PARTS.items():
        with superuser.transaction(force_rollback=True):
            superuser.execute(change)
            superuser.execute("set local role authenticated")
            superuser.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": ANN})])
            for other in READS:
                if other != read:
                    ask(superuser, other, **days)
            refused = refusal(superuser, read, **days)
        assert refused["sqlstate"] == "IB020", part
        assert 'public."' in refused["message_detail"]
        ask(ann, read, **days)
    for part, (_, change) in PARTS.items():
        owner.execute(change.encode())
        assert any(note.startswith(f"there are no analytics of {part}: ") for note in notes(database))
    owner.execute('drop table public."WorkspaceSettings"')
    assert len(notes(database)) == 5
    assert ask(ann, "analytics_days", **days)["time_zone"] == "UTC"
    assert refusal(ann, "crm_rows")["sqlstate"] == "IB020"


@wide
def test_a_table_that_inboxdb_may_not_read_is_named_by_the_doctor(database: Database) -> None:
    """Though the reads of the part fail, and no other."""
    superuser, ann = database.superuser(), database.signed_in(ANN)
    source = (sources.SQL / "analytics" / "missing_for_analytics.sql").read_text()
    tables = {*re.findall(r"^ +\(\d+, '[\w ]+', '(\w+)'", source, re.MULTILINE)} - {"Client", "Lead", "Message"}
    assert {"SmsCampaign", "LeadCrmRow", "WorkspaceSettings"} < tables
    days = {"from_day": "2024-06-15", "to_day": "2024-06-15"}
    for table in tables:
        for order, evidence, undo in (
            ("revoke select on {} from host_owner", f'lacks select on public."{table}"', None),
            (
                "alter table {} enable row level security; alter table {} force row level security",
                f'hides rows of public."{table}" from role host_owner',
                "alter table {} disable row level security",
            ),
        ):
            name = f'public."{table}"'
            superuser.execute(order.replace("{}", name).encode())
            [finding] = [one for query in RIGHTS for one in checks.run_one(superuser, query)]
            is_problem = "lacks select" in evidence and table == "SmsCampaign"
            assert finding.severity == ("problem" if is_problem else "warning")
            assert evidence in finding.evidence
            failed = set()
            for read in READS:
                try:
                    ask(ann, read, **days)
                except psycopg.errors.InsufficientPrivilege:
                    failed.add(read)
            assert len(failed) == (len(READS) if table == "WorkspaceSettings" else 1), (table, failed)
            [mended] = re.findall(r"`([^`]+)`", finding.remedy)
            superuser.execute(mended)
            assert [one for query in RIGHTS for one in checks.run_one(superuser, query)] == []
            superuser.execute((undo or "select").replace("{}", name).encode())
            ask(ann, "crm_summary", **days)


@pytest.mark.host_variants(*HOSTS)
def test_a_narrow_host_counts_all_the_same(bare_database: Database) -> None:
    """There are no analytics then; the plan and the doctor say so, and nothing is unlike what is shipped."""
    planned = json.loads(invoke("migrate", "plan", "--json", "--dsn", bare_database.dsn).stdout)["findings"]
    assert {one["severity"] for one in planned if one["check"] == "analytics"} == {"note"}
    roles = ("--without-rls", "--create-roles")
    assert invoke("migrate", "apply", *roles, "--dsn", bare_database.dsn).exit_code == 0
    assert invoke("migrate", "verify", "--dsn", bare_database.dsn).exit_code == 0
    assert len(notes(bare_database)) == 6
    assert "appointmentBookedAt" in notes(bare_database)[0]
    owner, host = bare_database.connect(), Host(bare_database.writer())
    workspace = host.workspace(userId=ANN)
    lead = host.lead(workspace)
    host.message(lead, sentAt=NOW)
    days = {"from_day": "2024-06-15", "to_day": "2024-06-15"}
    ann = bare_database.signed_in(ANN)
    for read in READS:
        assert refusal(ann, read, workspace, **days)["sqlstate"] == "IB020"
    for column, kind in (("BookedAt", "timestamp"), ("Status", "text"), ("CanceledAt", "timestamptz")):
        owner.execute(f'alter table public."Lead" add column "appointment{column}" {kind}'.encode())
    assert len(notes(bare_database)) == 5
    assert ask(ann, "analytics_overview", workspace, **days)["figures"]["responses"] == 1
