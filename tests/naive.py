"""The counts, a second time: plain Python over the host's raw rows.

The oracle shares nothing with the SQL under test and knows none of its tables, so the two are hardly wrong in the
same way. Meant for a few dozen rows, not for speed.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import dict_row

from tests.rows import GLOBAL, SNOOZED, Counts

ATTENTION_TAGS = {
    "Meeting Booked",
    "Meeting Requested",
    "Call Requested",
    "Information Requested",
    "Positive",
    "Interested",
    "Follow Up",
}

EVER = {"-infinity": datetime.min.replace(tzinfo=UTC), "infinity": datetime.max.replace(tzinfo=UTC)}

Row = dict[str, Any]


class Lead(NamedTuple):
    """A lead: its workspace, and its user, unless nobody's; what it counts while visible; whether snoozed."""

    id: str
    workspace: str
    user: str | None
    counts: Counts
    snoozed: bool
    columns: Row


def naive_leads(connection: Connection[Any], as_of: datetime) -> list[Lead]:
    """Judge every lead; who awaits a reply follows from the sums.

    Parameters: connection, which may read the host's tables; as_of, the instant at which snoozes are judged.
    """
    leads, messages, drafts = (rows_of(connection, table) for table in ("Lead", "Message", "AIDraft"))
    sent_by_ai = {str(message["leadId"]) for message in messages if _is_sent_by_ai(message)}
    to_review = {str(draft["leadId"]) for draft in drafts if _is_to_review(draft)}
    return [
        Lead(
            id=str(lead["id"]),
            workspace=str(lead["clientId"]),
            # the sentinel is nobody
            user=None if str(lead["assignedToUserId"]) in ("None", GLOBAL) else str(lead["assignedToUserId"]),
            counts=_count(lead, ai_sent=str(lead["id"]) in sent_by_ai, ai_review=str(lead["id"]) in to_review),
            snoozed=lead["snoozedUntil"] is not None and lead["snoozedUntil"] > as_of,
            columns=lead,
        )
        for lead in leads
    ]


def naive_counts(connection: Connection[Any], as_of: datetime) -> dict[str, dict[str, Counts]]:
    """Count everything: by workspace, then by scope (GLOBAL, or the id of a user who has a lead there).

    Parameters: as of naive_leads.
    """
    workspaces: dict[str, dict[str, Counts]] = {
        str(workspace["id"]): {GLOBAL: Counts()} for workspace in rows_of(connection, "Client")
    }
    for lead in naive_leads(connection, as_of):
        scopes = workspaces[lead.workspace]
        for scope in {GLOBAL, lead.user or GLOBAL}:
            scopes[scope] = (SNOOZED if lead.snoozed else lead.counts).plus(scopes.get(scope, Counts()))
    return {
        workspace: {
            scope: counts._replace(awaiting_reply=max(counts.total_non_blacklisted - counts.requires_attention, 0))
            for scope, counts in scopes.items()
        }
        for workspace, scopes in workspaces.items()
    }


def _count(lead: Row, *, ai_sent: bool, ai_review: bool) -> Counts:
    """Count one visible lead; who awaits a reply follows from the sums."""
    last_inbound = lead["lastInboundAt"]
    touches = (lead["lastZrgOutboundAt"], lead["lastOutboundAt"], EVER["-infinity"])
    last_touch = next(touch for touch in touches if touch is not None)
    open_reply = last_inbound is not None and last_inbound > last_touch
    answered = last_inbound is not None and last_touch >= last_inbound
    attention_tag = lead["sentimentTag"] in ATTENTION_TAGS
    workable = lead["status"] not in ("blacklisted", "unqualified")
    return Counts(
        all_responses=int(open_reply),
        requires_attention=int(open_reply and attention_tag and workable),
        previously_required_attention=int(answered and attention_tag and workable),
        total_non_blacklisted=int(workable),
        needs_repair=int(lead["status"] == "needs_repair"),
        ai_sent=int(ai_sent),
        ai_review=int(ai_review),
        total=int(workable or lead["status"] == "blacklisted"),
    )


def _is_sent_by_ai(message: Row) -> bool:
    return (
        message["channel"] == "email"
        and message["direction"] == "outbound"
        and message["source"] == "zrg"
        and message["sentBy"] == "ai"
        and message["aiDraftId"] is not None
    )


def _is_to_review(draft: Row) -> bool:
    return bool(draft["status"] == "pending" and draft["autoSendAction"] == "needs_review")


def rows_of(connection: Connection[Any], table: str) -> list[Row]:
    """Read a table of the host's: either kind of time as an instant."""
    cursor = connection.cursor(row_factory=dict_row)
    cursor.adapters.register_loader("timestamp", _InstantLoader)
    cursor.adapters.register_loader("timestamptz", _InstantLoader)
    return cursor.execute(f'select * from public."{table}"'.encode()).fetchall()


class _InstantLoader(Loader):
    """Loads either kind of timestamp as an instant: one without a time zone is in UTC; infinities compare as such."""

    def load(self, data: Buffer) -> datetime:
        text = bytes(data).decode()
        if text in EVER:
            return EVER[text]
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
