"""The figures of analytics, a second time: plain Python over the host's raw rows, for a few hundred of them.

The oracle shares nothing with the SQL under test: local days and business hours are zoneinfo's, classes of waits exact
fractions.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg import Connection

from tests.naive import EVER, Row, rows_of
from tests.rows import GLOBAL

POSITIVE = {"Meeting Requested", "Call Requested", "Information Requested", "Interested", "Positive"}
REQUESTED = {"Meeting Requested", "Call Requested"}
WEEK = timedelta(days=7)
QUARTER = timedelta(minutes=15)  # every offset of a time zone of today is a multiple
# Where classes of waits begin, in milliseconds: class n is from BOUNDS[n - 1] to below BOUNDS[n].
BOUNDS = [Fraction(11, 10) ** n for n in range(250)]

TABLES = (
    "Lead",
    "Message",
    "SmsCampaign",
    "EmailCampaign",
    "FollowUpSequence",
    "FollowUpInstance",
    "ReactivationCampaign",
    "ReactivationEnrollment",
    "LeadCrmRow",
)


class Window(NamedTuple):
    """What is asked: days of a workspace in a time zone, of all leads (GLOBAL) or of a user's."""

    workspace: str
    scope: str
    from_day: date
    to_day: date
    zone: str


class Reply(NamedTuple):
    """A reply: whose side, who sent it, how long it took, and how much of that was within business hours."""

    side: str
    sender: str
    user: str | None
    wait: timedelta
    business: timedelta


class Naive:
    """The host's rows as they are now."""

    def __init__(self, connection: Connection[Any]) -> None:
        """Read every table, as a role that may."""
        self.tables = {table: [_with_text_ids(row) for row in rows_of(connection, table)] for table in TABLES}

    def figures(self, read: str, window: Window) -> Any:
        """Return the figures that a read of inbox_api answers with."""
        return READS[read](Asked(self.tables, window))


class Asked:
    """A window, and the rows in its scope."""

    def __init__(self, tables: dict[str, list[Row]], window: Window) -> None:
        """Choose the rows."""
        self.tables, self.window, self.zone = tables, window, ZoneInfo(window.zone)
        self.leads = {
            lead["id"]: lead
            for lead in tables["Lead"]
            if lead["clientId"] == window.workspace and window.scope in (GLOBAL, lead["assignedToUserId"])
        }
        self.messages = [message for message in tables["Message"] if message["leadId"] in self.leads]
        self.responders = {
            message["leadId"]
            for message in self.messages
            if message["direction"] == "inbound" and self.day(message["sentAt"])
        }

    def day(self, instant: datetime | None) -> date | None:
        """Return the local day of an instant, if it is in the window."""
        if instant is None or instant in EVER.values():
            return None
        day = instant.astimezone(self.zone).date()
        return day if self.window.from_day <= day <= self.window.to_day else None

    @property
    def created(self) -> list[Row]:
        return [lead for lead in self.leads.values() if self.day(lead["createdAt"])]

    @property
    def booked(self) -> list[Row]:
        return [lead for lead in self.leads.values() if self.day(lead["appointmentBookedAt"])]

    def of_workspace(self, table: str) -> dict[str, Row]:
        return {row["id"]: row for row in self.tables[table] if row["clientId"] == self.window.workspace}

    @property
    def replies(self) -> list[Reply]:
        conversations = defaultdict(list)
        for message in self.messages:
            conversations[message["leadId"], message["channel"]].append(message)
        found = []
        for messages in conversations.values():
            messages.sort(key=lambda one: (one["sentAt"], one["id"]))
            for one, reply in pairwise(messages):
                directions = (one["direction"], reply["direction"])
                side = {("inbound", "outbound"): "ours", ("outbound", "inbound"): "theirs"}.get(directions)
                if side and self.day(reply["sentAt"]) and reply["sentAt"] - one["sentAt"] <= WEEK:
                    sender, user = sent_by(reply) if side == "ours" else ("lead", None)
                    wait = reply["sentAt"] - one["sentAt"]
                    found.append(Reply(side, sender, user, wait, self.business(one["sentAt"], reply["sentAt"])))
        return found

    def business(self, since: datetime, until: datetime) -> timedelta:
        """Add up the quarters of an hour, and the parts of such, that are within business hours."""
        total, at = timedelta(), since
        while at < until:
            end = min(until, datetime.fromtimestamp((at.timestamp() // 900 + 1) * 900, UTC))
            local = at.astimezone(self.zone)
            if local.weekday() < 5 and 9 <= local.hour < 17:
                total += end - at
            at = end
        return total


def sent_by(message: Row) -> tuple[str, str | None]:
    if message["source"] == "inboxxia_campaign":
        return "campaign", None
    if message["sentBy"] == "ai":
        return "ai", None
    if message["sentByUserId"] not in (None, GLOBAL):
        return "user", message["sentByUserId"]
    return "unknown", None


def is_kept(lead: Row) -> bool:
    return lead["appointmentStatus"] != "canceled" and lead["appointmentCanceledAt"] is None


def milliseconds(wait: timedelta) -> Fraction:
    return Fraction(wait // timedelta(microseconds=1), 1000)


def mean(waits: list[timedelta]) -> float | None:
    return float(sum(map(milliseconds, waits)) / len(waits)) if waits else None


def percentile(waits: list[timedelta], percent: int) -> float:
    """Return the middle of the class of the wait that is as long as so many of 100, or longer."""
    wait = sorted(waits)[-(-len(waits) * percent // 100) - 1]
    number = bisect_right(BOUNDS, milliseconds(wait))
    return 1.1 ** (number - 0.5) if number else 0.0


def by(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def nulls_last(*values: str | None) -> list[tuple[bool, str]]:
    return [(value is None, value or "") for value in values]


def overview(asked: Asked) -> Row:
    contacted = {
        message["leadId"]
        for message in asked.messages
        if message["direction"] == "outbound" and asked.day(message["sentAt"])
    }
    waits = {side: [reply.wait for reply in asked.replies if reply.side == side] for side in ("ours", "theirs")}
    return {
        "leads_created": len(asked.created),
        "contacted": len(contacted),
        "responses": len(asked.responders),
        "response_rate": len(asked.responders) / len(contacted) if contacted else None,
        "meetings_booked": len(asked.booked),
        "meetings_kept": sum(map(is_kept, asked.booked)),
        "our_response_ms": mean(waits["ours"]),
        "our_response_samples": len(waits["ours"]),
        "their_response_ms": mean(waits["theirs"]),
        "their_response_samples": len(waits["theirs"]),
    }


def days(asked: Asked) -> list[Row]:
    found = []
    day = asked.window.from_day
    while day <= asked.window.to_day:
        on_day = [message for message in asked.messages if asked.day(message["sentAt"]) == day]
        found.append(
            {
                "day": day.isoformat(),
                "inbound": sum(message["direction"] == "inbound" for message in on_day),
                "outbound": sum(message["direction"] == "outbound" for message in on_day),
                "leads_created": sum(asked.day(lead["createdAt"]) == day for lead in asked.created),
                "meetings_booked": sum(asked.day(lead["appointmentBookedAt"]) == day for lead in asked.booked),
            }
        )
        day += timedelta(days=1)
    return found


def sentiments(asked: Asked) -> list[Row]:
    tags = [asked.leads[lead]["sentimentTag"] for lead in asked.responders]
    tags = [None if tag == "New" else tag for tag in tags]
    found = [
        {"sentiment_tag": tag, "responses": tags.count(tag), "share": tags.count(tag) / len(tags)} for tag in set(tags)
    ]
    return sorted(found, key=lambda one: (-one["responses"], nulls_last(one["sentiment_tag"])))


def statuses(asked: Asked) -> list[Row]:
    found = [{"status": status, "leads_created": len(leads)} for status, leads in by(asked.created, "status").items()]
    return sorted(found, key=lambda one: (-one["leads_created"], one["status"]))


def sms_campaigns(asked: Asked) -> list[Row]:
    names = {
        row["id"]: row["name"]
        for row in asked.tables["SmsCampaign"]
        if row["clientId"] in (None, asked.window.workspace)
    }
    found = []
    for campaign, leads in by(asked.leads.values(), "smsCampaignId").items():
        responders = [lead for lead in leads if lead["id"] in asked.responders]
        figures = {
            "leads_created": sum(lead in asked.created for lead in leads),
            "responses": len(responders),
            "positive_responses": sum(lead["sentimentTag"] in POSITIVE for lead in responders),
            "meetings_booked": sum(lead in asked.booked for lead in leads),
        }
        if any(figures.values()):
            found.append({"sms_campaign_id": campaign, "name": names.get(campaign), **figures})
    return sorted(found, key=lambda one: nulls_last(one["name"], one["sms_campaign_id"]))


def response_times(asked: Asked) -> list[Row]:
    groups = defaultdict(list)
    for reply in asked.replies:
        groups[reply.side, reply.sender, reply.user].append(reply)
    found = []
    for (side, sender, user), replies in groups.items():
        waits = [reply.wait for reply in replies]
        found.append(
            {
                "side": side,
                "sender": sender,
                "user_id": user,
                "replies": len(replies),
                "mean_ms": mean(waits),
                "p50_ms": percentile(waits, 50),
                "p90_ms": percentile(waits, 90),
                "p95_ms": percentile(waits, 95),
                "business_mean_ms": mean([reply.business for reply in replies]),
            }
        )
    return sorted(found, key=lambda one: (one["side"], -one["replies"], one["sender"], nulls_last(one["user_id"])))


def workflows(asked: Asked) -> Row:
    sequences = asked.of_workspace("FollowUpSequence")
    steps = [
        step
        for step in asked.tables["FollowUpInstance"]
        if step["sequenceId"] in sequences and step["lastStepAt"] not in (None, *EVER.values())
    ]
    ran: list[str | None] = []
    for lead in asked.booked:
        before = [
            (step["lastStepAt"], step["sequenceId"])
            for step in steps
            if step["leadId"] == lead["id"] and step["lastStepAt"] < lead["appointmentBookedAt"]
        ]
        latest = max((at for at, _ in before), default=None)
        ran.append(min((sequence for at, sequence in before if at == latest), default=None))
    found = [
        {
            "sequence_id": sequence,
            "name": sequences[sequence]["name"],
            "meetings_booked": ran.count(sequence),
            "share": ran.count(sequence) / len(ran),
        }
        for sequence in {sequence for sequence in ran if sequence is not None}
    ]
    return {
        "meetings_booked": len(ran),
        "after_sequence": len(ran) - ran.count(None),
        "without_sequence": ran.count(None),
        "sequences": sorted(found, key=lambda one: (-one["meetings_booked"], one["name"], one["sequence_id"])),
    }


def email_campaigns(asked: Asked) -> list[Row]:
    found = []
    for campaign, row in asked.of_workspace("EmailCampaign").items():
        leads = [lead for lead in asked.leads.values() if lead["emailCampaignId"] == campaign]
        responders = [lead for lead in leads if lead["id"] in asked.responders]
        booked = [lead for lead in leads if lead in asked.booked]
        figures = {
            "positive_responses": sum(lead["sentimentTag"] in POSITIVE for lead in responders),
            "meetings_requested": sum(lead["sentimentTag"] in REQUESTED for lead in responders),
            "meetings_booked": len(booked),
            "meetings_kept": sum(map(is_kept, booked)),
        }
        if any(figures.values()):
            found.append({"email_campaign_id": campaign, "name": row["name"], **figures})
    return sorted(found, key=lambda one: (one["name"], one["email_campaign_id"]))


def reactivations(asked: Asked) -> list[Row]:
    found = []
    for campaign, row in asked.of_workspace("ReactivationCampaign").items():
        sent = [
            one
            for one in asked.tables["ReactivationEnrollment"]
            if one["campaignId"] == campaign and one["leadId"] in asked.leads and asked.day(one["sentAt"])
        ]
        responded = booked = 0
        for one in sent:
            booked_at = asked.leads[one["leadId"]]["appointmentBookedAt"]
            booked += booked_at not in (None, *EVER.values()) and booked_at > one["sentAt"]
            responded += any(
                message["leadId"] == one["leadId"]
                and message["direction"] == "inbound"
                and one["sentAt"] < message["sentAt"] < EVER["infinity"]
                for message in asked.messages
            )
        if sent:
            figures = {"sent": len(sent), "responded": responded, "booked": booked}
            found.append({"reactivation_campaign_id": campaign, "name": row["name"], **figures})
    return sorted(found, key=lambda one: (one["name"], one["reactivation_campaign_id"]))


def crm_summary(asked: Asked) -> Row:
    cohort = [
        row
        for row in asked.tables["LeadCrmRow"]
        if row["leadId"] in asked.leads and asked.day(row["interestRegisteredAt"])
    ]

    def totals(rows: list[Row]) -> Row:
        leads = [asked.leads[row["leadId"]] for row in rows]
        ever = [lead for lead in leads if lead["appointmentBookedAt"] not in (None, *EVER.values())]
        here = [lead for lead in leads if lead in asked.booked]
        return {
            "leads": len(rows),
            "booked_ever": len(ever),
            "kept_ever": sum(map(is_kept, ever)),
            "booked_in_window": len(here),
            "kept_in_window": sum(map(is_kept, here)),
        }

    def groups(key: str, column: str) -> list[Row]:
        found = [{key: value, **totals(rows)} for value, rows in by(cohort, column).items()]
        return sorted(found, key=lambda one: (-one["leads"], nulls_last(one[key])))

    return {
        "total": totals(cohort),
        "by_type": groups("interest_type", "interestType"),
        "by_mode": groups("response_mode", "responseMode"),
        "by_setter": groups("user_id", "responseSentByUserId"),
    }


READS: dict[str, Callable[[Asked], Any]] = {
    "analytics_overview": overview,
    "analytics_days": days,
    "analytics_sentiments": sentiments,
    "analytics_statuses": statuses,
    "analytics_sms_campaigns": sms_campaigns,
    "analytics_response_times": response_times,
    "analytics_workflows": workflows,
    "analytics_email_campaigns": email_campaigns,
    "analytics_reactivations": reactivations,
    "crm_summary": crm_summary,
}


def _with_text_ids(row: Row) -> Row:
    return {
        name: str(value) if name.lower().endswith("id") and value is not None else value for name, value in row.items()
    }
