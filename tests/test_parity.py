"""The counts against the specification: rows on one side, the numbers they make written out by hand on the other."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors

from tests.rows import BY_AI, GLOBAL, SNOOZED, Counts, Host, live_counts, new_id, set_clock, stored_counts
from tests.servers import Database

MONDAY = "2024-06-10 09:00:00+00"
TUESDAY = "2024-06-11 09:00:00+00"
WEDNESDAY = "2024-06-12 09:00:00+00"

# The database's clock, which stands still, and moments around it.
NOW = "2024-06-15 12:00:00+00"
JUST_BEFORE = "2024-06-15 11:59:59.999+00"
SOON = "2024-06-15 12:00:00.001+00"
LATER = "2024-06-15 13:00:00+00"
MUCH_LATER = "2024-06-16 12:00:00+00"

ANN = "00000000-0000-4000-8000-00000000000a"
BOB = "00000000-0000-4000-8000-00000000000b"

Columns = dict[str, str | None]
Scopes = dict[str, Counts]


@dataclass(frozen=True)
class Lead:
    """A lead; drafts and emails that the AI sent, each by the columns that set it apart from those in tests.rows."""

    tag: str | None = None
    inbound: str | None = None
    outbound: str | None = None
    zrg: str | None = None
    status: str = "new"
    snoozed: str | None = None
    user: str | None = None
    drafts: tuple[Columns, ...] = ()
    ai_sent: tuple[Columns, ...] = ()

    def insert(self, host: Host, workspace: str) -> str:
        """Insert it, and return its id."""
        lead = host.lead(
            workspace,
            status=self.status,
            sentimentTag=self.tag,
            lastInboundAt=self.inbound,
            lastOutboundAt=self.outbound,
            lastZrgOutboundAt=self.zrg,
            snoozedUntil=self.snoozed,
            assignedToUserId=self.user,
        )
        for draft in self.drafts:
            host.draft(lead, **draft)
        for message in self.ai_sent:
            host.ai_sent(lead, **message)
        return lead


# What a single lead may count as.
NOTHING = Counts()
QUIET = Counts(total_non_blacklisted=1, awaiting_reply=1, total=1)
OPEN = Counts(all_responses=1, total_non_blacklisted=1, awaiting_reply=1, total=1)
ATTENTION = Counts(all_responses=1, requires_attention=1, total_non_blacklisted=1, total=1)
HANDLED = Counts(previously_required_attention=1, total_non_blacklisted=1, awaiting_reply=1, total=1)
TO_REVIEW = Counts(total_non_blacklisted=1, awaiting_reply=1, ai_review=1, total=1)
AI_SENT = Counts(total_non_blacklisted=1, awaiting_reply=1, ai_sent=1, total=1)

# One lead, which nobody has, in a workspace of its own.
LEADS: list[tuple[str, Lead, Counts]] = [
    # last touch and open reply
    ("nothing was ever said", Lead(), QUIET),
    ("written to, no answer", Lead(outbound=MONDAY), QUIET),
    ("heard from, never written to", Lead(inbound=MONDAY), OPEN),
    ("heard from after", Lead(inbound=TUESDAY, outbound=MONDAY), OPEN),
    ("heard from at the same time", Lead(inbound=MONDAY, outbound=MONDAY), QUIET),
    ("heard from before", Lead(inbound=MONDAY, outbound=TUESDAY), QUIET),
    ("heard from after ZRG's", Lead(inbound=TUESDAY, zrg=MONDAY), OPEN),
    ("heard from at the time of ZRG's", Lead(inbound=MONDAY, zrg=MONDAY), QUIET),
    ("heard from before ZRG's", Lead(inbound=MONDAY, zrg=TUESDAY), QUIET),
    ("ZRG's is the last touch, even the older one", Lead(inbound=TUESDAY, zrg=MONDAY, outbound=WEDNESDAY), OPEN),
    ("ZRG's is the last touch, the newer one too", Lead(inbound=TUESDAY, zrg=WEDNESDAY, outbound=MONDAY), QUIET),
    ("a millisecond after", Lead(inbound=SOON, outbound=NOW), OPEN),
    ("a millisecond before", Lead(inbound=JUST_BEFORE, outbound=NOW), QUIET),
    ("a millisecond after ZRG's", Lead(inbound=SOON, zrg=NOW), OPEN),
    ("heard from in the future", Lead(inbound=MUCH_LATER, outbound=MONDAY), OPEN),
    # the same with an attention tag
    ("tag, nothing was ever said", Lead("Interested"), QUIET),
    ("tag, written to, no answer", Lead("Interested", outbound=MONDAY), QUIET),
    ("tag, written to by ZRG, no answer", Lead("Interested", zrg=MONDAY), QUIET),
    ("tag, never written to", Lead("Interested", inbound=MONDAY), ATTENTION),
    ("tag, heard from after", Lead("Interested", inbound=TUESDAY, outbound=MONDAY), ATTENTION),
    ("tag, at the same time", Lead("Interested", inbound=MONDAY, outbound=MONDAY), HANDLED),
    ("tag, answered", Lead("Interested", inbound=MONDAY, outbound=TUESDAY), HANDLED),
    ("tag, at the time of ZRG's", Lead("Interested", inbound=MONDAY, zrg=MONDAY), HANDLED),
    ("tag, answered by ZRG", Lead("Interested", inbound=MONDAY, zrg=TUESDAY), HANDLED),
    ("tag, ZRG's older", Lead("Interested", inbound=TUESDAY, zrg=MONDAY, outbound=WEDNESDAY), ATTENTION),
    ("tag, ZRG's newer", Lead("Interested", inbound=TUESDAY, zrg=WEDNESDAY, outbound=MONDAY), HANDLED),
    # infinite and far times
    ("inbound at -infinity", Lead(inbound="-infinity"), QUIET),
    ("tag, inbound at -infinity", Lead("Interested", inbound="-infinity"), HANDLED),
    ("tag, both at -infinity", Lead("Interested", inbound="-infinity", outbound="-infinity"), HANDLED),
    ("tag, inbound at infinity", Lead("Interested", inbound="infinity", outbound=MONDAY), ATTENTION),
    ("tag, both at infinity", Lead("Interested", inbound="infinity", outbound="infinity"), HANDLED),
    ("tag, outbound at infinity", Lead("Interested", inbound=MONDAY, outbound="infinity"), HANDLED),
    ("tag, ZRG's at -infinity", Lead("Interested", inbound=MONDAY, zrg="-infinity", outbound=TUESDAY), ATTENTION),
    ("tag, ZRG's at infinity", Lead("Interested", inbound=TUESDAY, zrg="infinity", outbound=MONDAY), HANDLED),
    ("heard from before 1970, never written to", Lead(inbound="1969-07-20 20:17:40+00"), OPEN),
    (
        "tag, answered as 1970 began",
        Lead("Interested", inbound="1969-12-31 23:59:59.999+00", outbound="1970-01-01 00:00:00+00"),
        HANDLED,
    ),
    (
        "tag, heard from after, before 1970",
        Lead("Interested", inbound="1969-12-31 23:59:59.999+00", outbound="1969-12-31 23:59:59.998+00"),
        ATTENTION,
    ),
    (
        "tag, heard from after, before Christ",
        Lead("Interested", inbound="0044-03-15 12:00:00+00 BC", outbound="0045-03-15 12:00:00+00 BC"),
        ATTENTION,
    ),
    # visible or not
    ("snoozed until now", Lead(inbound=MONDAY, snoozed=NOW), OPEN),
    ("snoozed until a millisecond ago", Lead(inbound=MONDAY, snoozed=JUST_BEFORE), OPEN),
    ("snoozed for a millisecond", Lead(inbound=MONDAY, snoozed=SOON), SNOOZED),
    ("snoozed for a day", Lead(inbound=MONDAY, snoozed=MUCH_LATER), SNOOZED),
    ("snoozed until before 1970", Lead(inbound=MONDAY, snoozed="1969-07-20 20:17:40+00"), OPEN),
    ("snoozed until -infinity", Lead(inbound=MONDAY, snoozed="-infinity"), OPEN),
    ("snoozed until infinity", Lead(inbound=MONDAY, snoozed="infinity"), SNOOZED),
    ("snoozed, quiet", Lead(snoozed=LATER), SNOOZED),
    ("snoozed, requires attention", Lead("Interested", inbound=MONDAY, snoozed=LATER), SNOOZED),
    ("snoozed, answered", Lead("Interested", inbound=MONDAY, outbound=TUESDAY, snoozed=LATER), SNOOZED),
    ("snoozed, blacklisted", Lead(status="blacklisted", snoozed=LATER), SNOOZED),
    ("snoozed, needs repair", Lead(status="needs_repair", snoozed=LATER), SNOOZED),
    ("snoozed, draft to review", Lead(drafts=({},), snoozed=LATER), SNOOZED),
    ("snoozed, AI-sent", Lead(ai_sent=({},), snoozed=LATER), SNOOZED),
    # attention tags, and what only looks like one
    ("Meeting Booked", Lead("Meeting Booked", inbound=MONDAY), ATTENTION),
    ("Meeting Requested", Lead("Meeting Requested", inbound=MONDAY), ATTENTION),
    ("Call Requested", Lead("Call Requested", inbound=MONDAY), ATTENTION),
    ("Information Requested", Lead("Information Requested", inbound=MONDAY), ATTENTION),
    ("Positive", Lead("Positive", inbound=MONDAY), ATTENTION),
    ("Interested", Lead("Interested", inbound=MONDAY), ATTENTION),
    ("Follow Up", Lead("Follow Up", inbound=MONDAY), ATTENTION),
    ("no tag, answered", Lead(None, inbound=MONDAY, outbound=TUESDAY), QUIET),
    ("empty tag", Lead("", inbound=MONDAY), OPEN),
    ("another tag", Lead("Not Interested", inbound=MONDAY), OPEN),
    ("another tag, answered", Lead("Not Interested", inbound=MONDAY, outbound=TUESDAY), QUIET),
    ("unknown tag", Lead("Gibberish", inbound=MONDAY), OPEN),
    ("lower case", Lead("interested", inbound=MONDAY), OPEN),
    ("upper case", Lead("FOLLOW UP", inbound=MONDAY), OPEN),
    ("hyphen", Lead("Follow-Up", inbound=MONDAY), OPEN),
    ("space behind", Lead("Interested ", inbound=MONDAY), OPEN),
    # statuses, and what only looks like one
    ("contacted", Lead("Interested", inbound=MONDAY, status="contacted"), ATTENTION),
    ("meeting-booked", Lead("Interested", inbound=MONDAY, status="meeting-booked"), ATTENTION),
    ("not_interested", Lead("Interested", inbound=MONDAY, status="not_interested"), ATTENTION),
    ("unknown status", Lead("Interested", inbound=MONDAY, status="gibberish"), ATTENTION),
    ("empty status", Lead("Interested", inbound=MONDAY, status=""), ATTENTION),
    ("Blacklisted", Lead("Interested", inbound=MONDAY, status="Blacklisted"), ATTENTION),
    ("UNQUALIFIED", Lead("Interested", inbound=MONDAY, status="UNQUALIFIED"), ATTENTION),
    ("needs-repair", Lead("Interested", inbound=MONDAY, status="needs-repair"), ATTENTION),
    (
        "blacklisted",
        Lead("Interested", inbound=MONDAY, status="blacklisted"),
        Counts(all_responses=1, total=1),
    ),
    (
        "blacklisted, answered",
        Lead("Interested", inbound=MONDAY, outbound=TUESDAY, status="blacklisted"),
        Counts(total=1),
    ),
    ("blacklisted, quiet", Lead(status="blacklisted"), Counts(total=1)),
    (
        "unqualified",
        Lead("Interested", inbound=MONDAY, status="unqualified"),
        Counts(all_responses=1),
    ),
    ("unqualified, answered", Lead("Interested", inbound=MONDAY, outbound=TUESDAY, status="unqualified"), NOTHING),
    ("unqualified, quiet", Lead(status="unqualified"), NOTHING),
    (
        "needs_repair",
        Lead("Interested", inbound=MONDAY, status="needs_repair"),
        Counts(all_responses=1, requires_attention=1, total_non_blacklisted=1, needs_repair=1, total=1),
    ),
    (
        "needs_repair, answered",
        Lead("Interested", inbound=MONDAY, outbound=TUESDAY, status="needs_repair"),
        Counts(previously_required_attention=1, total_non_blacklisted=1, awaiting_reply=1, needs_repair=1, total=1),
    ),
    (
        "needs_repair, quiet",
        Lead(status="needs_repair"),
        Counts(total_non_blacklisted=1, awaiting_reply=1, needs_repair=1, total=1),
    ),
    # drafts
    ("a draft to review", Lead(drafts=({},)), TO_REVIEW),
    ("an email to review", Lead(drafts=({"channel": "email"},)), TO_REVIEW),
    ("two drafts to review", Lead(drafts=({}, {"channel": "email"})), TO_REVIEW),
    ("draft approved", Lead(drafts=({"status": "approved"},)), QUIET),
    ("draft rejected", Lead(drafts=({"status": "rejected"},)), QUIET),
    ("draft Pending", Lead(drafts=({"status": "Pending"},)), QUIET),
    ("draft to send at once", Lead(drafts=({"autoSendAction": "send_immediate"},)), QUIET),
    ("draft to skip", Lead(drafts=({"autoSendAction": "skip"},)), QUIET),
    ("draft without action", Lead(drafts=({"autoSendAction": None},)), QUIET),
    ("one of two drafts", Lead(drafts=({"status": "rejected"}, {})), TO_REVIEW),
    ("half on each of two drafts", Lead(drafts=({"status": "approved"}, {"autoSendAction": "skip"})), QUIET),
    ("draft, blacklisted", Lead(drafts=({},), status="blacklisted"), Counts(ai_review=1, total=1)),
    ("draft, unqualified", Lead(drafts=({},), status="unqualified"), Counts(ai_review=1)),
    # messages
    ("AI-sent", Lead(ai_sent=({},)), AI_SENT),
    ("AI-sent twice", Lead(ai_sent=({}, {})), AI_SENT),
    ("an SMS", Lead(ai_sent=({"channel": "sms"},)), QUIET),
    ("inbound", Lead(ai_sent=({"direction": "inbound"},)), QUIET),
    ("from elsewhere", Lead(ai_sent=({"source": "external"},)), QUIET),
    ("sent by a setter", Lead(ai_sent=({"sentBy": "setter"},)), QUIET),
    ("sent by nobody", Lead(ai_sent=({"sentBy": None},)), QUIET),
    ("sent from no draft", Lead(ai_sent=({"aiDraftId": None},)), QUIET),
    ("one of two messages", Lead(ai_sent=({"channel": "sms"}, {})), AI_SENT),
    ("half on each of two messages", Lead(ai_sent=({"channel": "sms"}, {"sentBy": "setter"})), QUIET),
    ("AI-sent, blacklisted", Lead(ai_sent=({},), status="blacklisted"), Counts(ai_sent=1, total=1)),
    ("AI-sent, unqualified", Lead(ai_sent=({},), status="unqualified"), Counts(ai_sent=1)),
]


@dataclass(frozen=True)
class Workspace:
    """A workspace with its leads, and the roles of some of its members."""

    leads: tuple[Lead, ...] = ()
    roles: dict[str, str] = field(default_factory=dict)
    owner: str = BOB


# A workspace, and exactly the scopes it has counts for.
WORKSPACES: list[tuple[str, Workspace, Scopes]] = [
    ("no lead", Workspace(), {GLOBAL: NOTHING}),
    ("nobody's lead", Workspace((Lead(),)), {GLOBAL: QUIET}),
    ("the sentinel's lead", Workspace((Lead(user=GLOBAL),)), {GLOBAL: QUIET}),
    ("Ann's lead", Workspace((Lead(user=ANN),)), {GLOBAL: QUIET, ANN: QUIET}),
    ("Ann's lead, snoozed", Workspace((Lead(user=ANN, snoozed=LATER),)), {GLOBAL: SNOOZED, ANN: SNOOZED}),
    ("Ann's lead, unqualified", Workspace((Lead(user=ANN, status="unqualified"),)), {GLOBAL: NOTHING, ANN: NOTHING}),
    ("a setter without a lead", Workspace((Lead(),), roles={ANN: "SETTER"}), {GLOBAL: QUIET}),
    ("a setter", Workspace((Lead(user=ANN),), roles={ANN: "SETTER"}), {GLOBAL: QUIET, ANN: QUIET}),
    ("an admin", Workspace((Lead(user=ANN),), roles={ANN: "ADMIN"}), {GLOBAL: QUIET, ANN: QUIET}),
    ("a manager", Workspace((Lead(user=ANN),), roles={ANN: "INBOX_MANAGER"}), {GLOBAL: QUIET, ANN: QUIET}),
    ("a client", Workspace((Lead(user=ANN),), roles={ANN: "CLIENT_PORTAL"}), {GLOBAL: QUIET, ANN: QUIET}),
    ("the owner", Workspace((Lead(user=ANN),), owner=ANN), {GLOBAL: QUIET, ANN: QUIET}),
    (
        "Ann's leads, Bob's, the sentinel's and nobody's",
        Workspace(
            (
                Lead("Interested", inbound=MONDAY, user=ANN),
                Lead("Interested", inbound=MONDAY, user=ANN, drafts=({}, {"channel": "email"})),
                Lead("Positive", inbound=MONDAY, outbound=MONDAY, user=ANN, ai_sent=({}, {})),
                Lead("Positive", inbound=MONDAY, user=ANN, status="blacklisted"),
                Lead("Interested", inbound=MONDAY, user=BOB, status="unqualified"),
                Lead("Interested", inbound=MONDAY, user=BOB, snoozed=LATER),
                Lead("Neutral", inbound=MONDAY, user=GLOBAL, status="needs_repair"),
                Lead("Neutral", outbound=MONDAY, drafts=({},)),
            )
        ),
        {
            GLOBAL: Counts(
                all_responses=5,
                requires_attention=2,
                previously_required_attention=1,
                total_non_blacklisted=5,
                awaiting_reply=3,
                needs_repair=1,
                ai_sent=1,
                ai_review=2,
                total=6,
            ).plus(SNOOZED),
            ANN: Counts(
                all_responses=3,
                requires_attention=2,
                previously_required_attention=1,
                total_non_blacklisted=3,
                awaiting_reply=1,
                needs_repair=0,
                ai_sent=1,
                ai_review=1,
                total=4,
            ),
            BOB: Counts(all_responses=1).plus(SNOOZED),
        },
    ),
]


@dataclass(frozen=True)
class Scene:
    """Two workspaces: here with a lead that requires Ann's attention and has a draft, there with a quiet one."""

    here: str
    there: str
    lead: str
    draft: str
    there_lead: str


def delete_both(host: Host, scene: Scene) -> None:
    """Delete both workspaces."""
    host.delete("Client", scene.here)
    host.delete("Client", scene.there)


def send_from_the_other_leads_draft(host: Host, scene: Scene) -> None:
    """Store a message as the application does: the row, then the lead's own column."""
    host.message(scene.there_lead, **BY_AI, aiDraftId=scene.draft)
    host.update("Lead", scene.there_lead, lastOutboundAt=NOW)


HERS = Counts(all_responses=1, requires_attention=1, total_non_blacklisted=1, ai_review=1, total=1)
BOTH = Counts(all_responses=1, requires_attention=1, total_non_blacklisted=2, awaiting_reply=1, ai_review=1, total=2)
HERE_BEFORE = {GLOBAL: HERS, ANN: HERS}
THERE_BEFORE = {GLOBAL: QUIET, ANN: QUIET}

# What the application does to a scene, and what is counted here and there after it.
CHANGES: list[tuple[str, Callable[[Host, Scene], Any], Scopes, Scopes]] = [
    ("nothing", lambda host, scene: None, HERE_BEFORE, THERE_BEFORE),
    (
        "her last lead here is nobody's now",
        lambda host, scene: host.update("Lead", scene.lead, assignedToUserId=None),
        {GLOBAL: HERS},
        THERE_BEFORE,
    ),
    (
        "her last lead here is the sentinel's now",
        lambda host, scene: host.update("Lead", scene.lead, assignedToUserId=GLOBAL),
        {GLOBAL: HERS},
        THERE_BEFORE,
    ),
    (
        "her last lead here is Bob's now",
        lambda host, scene: host.update("Lead", scene.lead, assignedToUserId=BOB),
        {GLOBAL: HERS, BOB: HERS},
        THERE_BEFORE,
    ),
    (
        "her last lead here is deleted",
        lambda host, scene: host.delete("Lead", scene.lead),
        {GLOBAL: NOTHING},
        THERE_BEFORE,
    ),
    (
        "her last lead here moves there",
        lambda host, scene: host.update("Lead", scene.lead, clientId=scene.there),
        {GLOBAL: NOTHING},
        {GLOBAL: BOTH, ANN: BOTH},
    ),
    (
        "her last lead here is snoozed",
        lambda host, scene: host.update("Lead", scene.lead, snoozedUntil=LATER),
        {GLOBAL: SNOOZED, ANN: SNOOZED},
        THERE_BEFORE,
    ),
    ("the workspace is deleted", lambda host, scene: host.delete("Client", scene.here), {}, THERE_BEFORE),
    ("both workspaces are deleted", delete_both, {}, {}),
    (
        "the draft is approved",
        lambda host, scene: host.update("AIDraft", scene.draft, status="approved"),
        {GLOBAL: ATTENTION, ANN: ATTENTION},
        THERE_BEFORE,
    ),
    (
        "the draft is deleted",
        lambda host, scene: host.delete("AIDraft", scene.draft),
        {GLOBAL: ATTENTION, ANN: ATTENTION},
        THERE_BEFORE,
    ),
    (
        "the draft moves to the lead there",
        lambda host, scene: host.update("AIDraft", scene.draft, leadId=scene.there_lead),
        {GLOBAL: ATTENTION, ANN: ATTENTION},
        {GLOBAL: TO_REVIEW, ANN: TO_REVIEW},
    ),
    (
        "the draft is sent to the lead there",
        send_from_the_other_leads_draft,
        HERE_BEFORE,
        {GLOBAL: AI_SENT, ANN: AI_SENT},
    ),
]


@pytest.mark.all_hosts
def test_counts_are_what_the_specification_says(database: Database) -> None:
    """Live and stored, for every lead and every workspace of the tables above."""
    assert_counts_are_what_the_specification_says(database)


@pytest.mark.all_hosts
def test_counts_after_a_change_are_what_the_specification_says(database: Database) -> None:
    """Live and stored, before and after every change of the table above."""
    assert_counts_after_a_change_are_what_the_specification_says(database)


@pytest.mark.all_hosts
def test_counts_are_what_the_specification_says_in_a_container(container_database: Database) -> None:
    """The same cases on the image that production runs."""
    assert_counts_are_what_the_specification_says(container_database)


@pytest.mark.all_hosts
def test_counts_after_a_change_are_what_the_specification_says_in_a_container(container_database: Database) -> None:
    """The same changes on the image that production runs."""
    assert_counts_after_a_change_are_what_the_specification_says(container_database)


def assert_counts_are_what_the_specification_says(database: Database) -> None:
    owner, writer = database.connect(), database.writer()
    set_clock(owner, NOW)
    alone = [(name, Workspace((lead,)), {GLOBAL: counts}) for name, lead, counts in LEADS]
    cases = alone + WORKSPACES
    with writer.transaction():
        made = {name: insert(Host(writer), workspace) for name, workspace, _ in cases}
    assert_counts(owner, {name: (made[name], expected) for name, _, expected in cases})


def assert_counts_after_a_change_are_what_the_specification_says(database: Database) -> None:
    owner, writer = database.connect(), database.writer()
    host = Host(writer)
    set_clock(owner, NOW)
    scenes = {}
    for name, *_ in CHANGES:
        here, there = host.workspace(), host.workspace()
        lead = Lead("Interested", inbound=MONDAY, user=ANN).insert(host, here)
        there_lead = Lead(user=ANN).insert(host, there)
        scenes[name] = Scene(here, there, lead, host.draft(lead), there_lead)
    before = {}
    after = {}
    for name, _, here_after, there_after in CHANGES:
        before[f"here, before {name}"] = scenes[name].here, HERE_BEFORE
        before[f"there, before {name}"] = scenes[name].there, THERE_BEFORE
        after[f"here, after {name}"] = scenes[name].here, here_after
        after[f"there, after {name}"] = scenes[name].there, there_after
    assert_counts(owner, before)
    for name, change, *_ in CHANGES:
        change(host, scenes[name])
    assert_counts(owner, after)


def insert(host: Host, workspace: Workspace) -> str:
    """Insert a workspace and all that is in it, and return its id."""
    client = host.workspace(userId=workspace.owner)
    for user, role in workspace.roles.items():
        host.member(client, user, role)
    for lead in workspace.leads:
        lead.insert(host, client)
    return client


def assert_counts(owner: Connection[Any], cases: dict[str, tuple[str, Scopes]]) -> None:
    """Compare what each case counts live, and after a drain stored; nothing else is stored."""
    live = {name: live_counts(owner, workspace) for name, (workspace, _) in cases.items()}
    assert live == {name: expected for name, (_, expected) in cases.items()}
    owner.execute("call inboxdb.drain_dirty()")
    stored = stored_counts(owner)
    assert {name: stored.pop(workspace, {}) for name, (workspace, _) in cases.items()} == live
    assert stored == {}


def test_ids_need_not_be_uuids(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    for name in ("acme", "Ünï cödé", 'it\'s "quoted" %s \\', ""):
        user = f"auth0|{name}"
        workspace = host.workspace(id=name)
        host.lead(workspace, id=f"lead of {name}", assignedToUserId=user)
        expected = {GLOBAL: QUIET, user: QUIET}
        assert live_counts(owner, workspace) == expected
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
        assert stored_counts(owner)[workspace] == expected


@pytest.mark.all_hosts
def test_a_renamed_workspace_takes_its_counts_along(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    workspace, renamed = host.workspace(), new_id()
    host.lead(workspace, assignedToUserId=ANN)
    assert_counts(owner, {"before": (workspace, {GLOBAL: QUIET, ANN: QUIET})})
    host.update("Client", workspace, id=renamed)
    assert_counts(owner, {"old": (workspace, {}), "new": (renamed, {GLOBAL: QUIET, ANN: QUIET})})


@pytest.mark.all_hosts
def test_a_snooze_ends_at_its_instant(database: Database) -> None:
    """To the microsecond, also where the host keeps milliseconds."""
    owner, host = database.connect(), Host(database.writer())
    workspace = host.workspace()
    host.lead(workspace, snoozedUntil=NOW)
    for instant, expected in (
        ("2024-06-15 11:59:59.999999+00", SNOOZED),
        ("2024-06-15 12:00:00+00", QUIET),
        ("2024-06-15 12:00:00.000001+00", QUIET),
        ("-infinity", SNOOZED),
        ("infinity", QUIET),
    ):
        assert live_counts(owner, workspace, instant) == {GLOBAL: expected}


def test_an_unknown_workspace(database: Database) -> None:
    """Nothing to count, and an error to ask for it. One that the host deleted is known until its rows are gone."""
    owner, host = database.connect(), Host(database.writer())
    unknown = new_id()
    owner.execute("call inboxdb.drain_dirty()")
    assert live_counts(owner, unknown) == {}
    for function in ("recompute_inbox_counts", "mark_inbox_counts_dirty"):
        with pytest.raises(psycopg.Error) as raised:
            owner.execute(f"select inboxdb.{function}(%s)", [unknown])
        assert raised.value.sqlstate == "IB002"
    assert (changes(owner), stored_counts(owner), versions(owner, unknown)) == (0, {}, {})

    deleted = host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    host.delete("Client", deleted)
    assert live_counts(owner, deleted) == {}
    owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [deleted])
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [deleted])
    assert stored_counts(owner) == {}
    with pytest.raises(psycopg.Error) as raised:
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [deleted])
    assert raised.value.sqlstate == "IB002"


@pytest.mark.long
def test_a_recompute_waits_5_seconds_for_the_workspace(database: Database) -> None:
    owner, other = database.connect(), database.connect(autocommit=False)
    workspace = Host(database.writer()).workspace()
    waited = changes(owner)
    lock(other, workspace)
    began = time.monotonic()
    with pytest.raises(psycopg.Error) as raised:
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert raised.value.sqlstate == "IB003"
    assert 5 <= time.monotonic() - began < 10
    assert (stored_counts(owner), changes(owner)) == ({}, waited)


def test_a_recompute_goes_on_once_the_workspace_is_free(database: Database) -> None:
    owner, watcher, other = database.connect(), database.connect(), database.connect(autocommit=False)
    workspace = Host(database.writer()).workspace()
    lock(other, workspace)
    with ThreadPoolExecutor() as threads:
        recompute = threads.submit(owner.execute, "select inboxdb.recompute_inbox_counts(%s)", [workspace])
        while not watcher.execute(
            "select true from pg_stat_activity where pid = %s and wait_event = 'PgSleep'", [owner.info.backend_pid]
        ).fetchone():
            assert not recompute.done()
        other.rollback()
        recompute.result()
    assert stored_counts(owner) == {workspace: {GLOBAL: NOTHING}}


@pytest.mark.all_hosts
def test_a_workspace_is_dirty_once_its_next_snooze_has_ended(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    workspace = host.workspace()
    for snoozed in ("-infinity", MONDAY, NOW, LATER, MUCH_LATER, "infinity", None):
        host.lead(workspace, snoozedUntil=snoozed)

    def drain() -> tuple[str, int, str | None]:
        """Drain; return what was done, the visible leads now stored, and the next snooze."""
        [(outcome,)] = owner.execute("select outcome from inboxdb.drain_next()").fetchall()
        [(next_snooze,)] = owner.execute("select next_snooze_at from inboxdb.workspace").fetchall()
        return outcome, stored_counts(owner)[workspace][GLOBAL].total, next_snooze and utc(next_snooze)

    assert drain() == ("refreshed", 4, LATER)
    set_clock(owner, "2024-06-15 12:59:59.999999+00")
    assert waiting(owner) == []
    assert drain() == ("idle", 4, LATER)
    set_clock(owner, LATER)
    assert waiting(owner) == [(workspace, LATER)]
    assert drain() == ("refreshed", 5, MUCH_LATER)
    assert waiting(owner) == []
    assert drain() == ("idle", 5, MUCH_LATER)
    set_clock(owner, "2024-07-01 00:00:00+00")
    assert waiting(owner) == [(workspace, MUCH_LATER)]
    assert drain() == ("refreshed", 6, None)
    set_clock(owner, "2034-07-01 00:00:00+00")
    assert drain() == ("idle", 6, None)


def test_a_version_is_the_clock_in_milliseconds_or_the_last_one_plus_1(database: Database) -> None:
    owner = database.connect()
    set_clock(owner, NOW)
    workspace = Host(database.writer()).workspace()

    def refresh() -> int:
        """Mark and drain; return the version, which both families have."""
        owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
        [(version,)] = owner.execute("select version from inboxdb.drain_next()").fetchall()
        assert versions(owner, workspace) == {"inbox": version, "analytics": version}
        return int(version)

    assert refresh() == 1718452800000
    assert refresh() == 1718452800001
    set_clock(owner, "2024-06-15 12:00:00.002+00")
    assert refresh() == 1718452800002
    set_clock(owner, "2024-06-15 12:00:01+00")
    assert refresh() == 1718452801000
    set_clock(owner, MONDAY)
    assert refresh() == 1718452801001
    assert refresh() == 1718452801002


def test_a_workspace_made_anew_goes_on_from_its_old_version(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    workspace = host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    assert versions(owner, workspace) == {"inbox": 1718452800000, "analytics": 1718452800000}
    host.delete("Client", workspace)
    owner.execute("call inboxdb.drain_dirty()")
    assert versions(owner, workspace) == {"inbox": 1718452800001, "analytics": 1718452800001}
    set_clock(owner, MONDAY)
    host.workspace(id=workspace)
    owner.execute("call inboxdb.drain_dirty()")
    assert versions(owner, workspace) == {"inbox": 1718452800002, "analytics": 1718452800002}


# What the application does to Ann's quiet lead, and whether it makes a new version.
VERSIONED: list[tuple[str, Callable[[Host, str, str], Any], bool]] = [
    ("nothing", lambda host, workspace, lead: None, False),
    ("another column", lambda host, workspace, lead: host.update("Lead", lead, firstName="Ada"), False),
    ("the status to what it was", lambda host, workspace, lead: host.update("Lead", lead, status="new"), True),
    (
        "a status that counts the same",
        lambda host, workspace, lead: host.update("Lead", lead, status="contacted"),
        True,
    ),
    (
        "a status that counts otherwise",
        lambda host, workspace, lead: host.update("Lead", lead, status="blacklisted"),
        True,
    ),
    ("a message announced", lambda host, workspace, lead: host.update("Lead", lead, lastInboundAt=None), True),
    ("a draft that doesn't count", lambda host, workspace, lead: host.draft(lead, status="approved"), True),
    ("a lead more", lambda host, workspace, lead: host.lead(workspace), True),
    ("a lead less", lambda host, workspace, lead: host.delete("Lead", lead), True),
]


@pytest.mark.parametrize(("change", "bumped"), [pytest.param(*rest, id=name) for name, *rest in VERSIONED])
def test_a_version_is_bumped_for_a_change_taken_and_not_otherwise(
    database: Database, change: Callable[[Host, str, str], Any], bumped: bool
) -> None:
    """Whether counts move or not; a refresh that finds nothing to take makes no new one."""
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    version = 1718452800000
    workspace = host.workspace()
    lead = host.lead(workspace, assignedToUserId=ANN)
    owner.execute("call inboxdb.drain_dirty()")
    assert versions(owner, workspace) == {"inbox": version, "analytics": version}
    change(host, workspace, lead)
    owner.execute("call inboxdb.drain_dirty()")
    version += bumped
    assert versions(owner, workspace) == {"inbox": version, "analytics": version}
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert owner.execute("select version from inboxdb.drain_next(%s)", [workspace]).fetchone() == (version,)
    assert versions(owner, workspace) == {"inbox": version, "analytics": version}


def test_a_recompute_takes_changes_too(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    workspace = host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    host.lead(workspace)
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert versions(owner, workspace) == {"inbox": 1718452800001, "analytics": 1718452800001}
    assert (changes(owner), waiting(owner)) == (0, [])


def test_a_version_is_bumped_for_a_snooze_that_ended(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    workspace = host.workspace()
    host.lead(workspace, snoozedUntil=LATER)
    owner.execute("call inboxdb.drain_dirty()")
    set_clock(owner, LATER)
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert versions(owner, workspace) == {"inbox": 1718456400000, "analytics": 1718456400000}
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert versions(owner, workspace) == {"inbox": 1718456400000, "analytics": 1718456400000}


def test_an_unpublished_version_remembers_since_when(database: Database) -> None:
    owner = database.connect()
    set_clock(owner, NOW)
    workspace = Host(database.writer()).workspace()

    def bumped() -> list[tuple[str, str]]:
        """Mark and drain; return when each family was bumped, and since when it is unpublished."""
        owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
        owner.execute("call inboxdb.drain_dirty()")
        rows = owner.execute("select bumped_at, unpublished_since from inboxdb.cache_version").fetchall()
        return [(utc(bumped_at), utc(since)) for bumped_at, since in rows]

    assert bumped() == [(NOW, NOW)] * 2
    set_clock(owner, LATER)
    assert bumped() == [(LATER, NOW)] * 2
    owner.execute("update inboxdb.cache_version set unpublished_since = null")
    set_clock(owner, MUCH_LATER)
    assert bumped() == [(MUCH_LATER, MUCH_LATER)] * 2


def test_what_was_noted_before_the_clock_went_back_is_drained_at_once(database: Database) -> None:
    """As after a failover to a server whose clock is behind."""
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, LATER)
    workspace = host.workspace()
    set_clock(owner, NOW)
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {workspace: {GLOBAL: NOTHING}}


def test_updated_at_moves_with_a_count_and_the_global_computed_at_with_each_refresh(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, MONDAY)
    workspace = host.workspace()
    lead = host.lead(workspace, assignedToUserId=ANN)
    host.lead(workspace, assignedToUserId=BOB)

    def recompute(instant: str) -> dict[str, tuple[str, str]]:
        """Return when each scope was computed and updated."""
        set_clock(owner, instant)
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
        rows = owner.execute("select scope_user_id, computed_at, updated_at from inboxdb.inbox_counts").fetchall()
        return {scope: (utc(computed_at), utc(updated_at)) for scope, computed_at, updated_at in rows}

    assert recompute(MONDAY) == dict.fromkeys((GLOBAL, ANN, BOB), (MONDAY, MONDAY))
    as_it_was = (MONDAY, MONDAY)
    assert recompute(TUESDAY) == {GLOBAL: (TUESDAY, MONDAY), ANN: as_it_was, BOB: as_it_was}
    host.update("Lead", lead, status="contacted")
    assert recompute(WEDNESDAY) == {GLOBAL: (WEDNESDAY, MONDAY), ANN: as_it_was, BOB: as_it_was}
    host.update("Lead", lead, status="blacklisted")
    assert recompute(NOW) == {GLOBAL: (NOW, NOW), ANN: (NOW, NOW), BOB: as_it_was}


@pytest.mark.all_hosts
def test_stored_counts_are_checked(database: Database) -> None:
    """No count is negative or missing; the sentinel, and nobody else, is global."""
    owner = database.connect()
    workspace = Host(database.writer()).workspace()
    owner.execute("call inboxdb.drain_dirty()")
    for count in Counts._fields:
        owner.execute(f"update inboxdb.inbox_counts set {count} = 0")
        with pytest.raises(errors.CheckViolation):
            owner.execute(f"update inboxdb.inbox_counts set {count} = -1")
        with pytest.raises(errors.NotNullViolation):
            owner.execute(f"update inboxdb.inbox_counts set {count} = null")
    with pytest.raises(errors.CheckViolation):
        owner.execute("update inboxdb.inbox_counts set is_global = false")
    with pytest.raises(errors.CheckViolation):
        owner.execute("update inboxdb.inbox_counts set scope_user_id = %s", [ANN])
    with pytest.raises(errors.NotNullViolation):
        owner.execute("update inboxdb.inbox_counts set scope_user_id = null")
    owner.execute("update inboxdb.inbox_counts set is_global = false, scope_user_id = %s, version = null", [ANN])
    assert list(stored_counts(owner)[workspace]) == [ANN]


def lock(connection: Connection[Any], workspace: str) -> None:
    """Hold a workspace until the transaction of `connection` ends."""
    assert connection.execute("select inboxdb.try_lock_workspace(%s)", [workspace]).fetchone() == (True,)


def changes(owner: Connection[Any]) -> int:
    """Count the changes that wait in the log."""
    [(count,)] = owner.execute("select count(*) from inboxdb.change").fetchall()
    return int(count)


def waiting(owner: Connection[Any]) -> list[tuple[str, str]]:
    """List the workspaces whose counts may be behind, and since when."""
    rows = owner.execute("select client_id, since from inboxdb.waiting").fetchall()
    return [(str(workspace), utc(since)) for workspace, since in rows]


def versions(owner: Connection[Any], workspace: str) -> dict[str, int]:
    """Read a workspace's cache versions, by family."""
    return dict(
        owner.execute("select family, version from inboxdb.cache_version where client_id = %s", [workspace]).fetchall()
    )


def utc(instant: datetime) -> str:
    """Write an instant as the constants above are written."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00")
