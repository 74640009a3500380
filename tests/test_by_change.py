"""A refresh by what changed: the counts are those of a recount, and a recount takes its place where needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import Connection

from inboxdb.watch import metrics, status
from tests.interleave import NO_WAIT
from tests.rows import GLOBAL, SNOOZED, Host, drift, live_counts, new_id, set_clock, stored_counts
from tests.servers import Database

HERE = "00000000-0000-4000-8000-00000000c001"
THERE = "00000000-0000-4000-8000-00000000c002"
ANN = "00000000-0000-4000-8000-00000000000a"
BOB = "00000000-0000-4000-8000-00000000000b"
CAT = "00000000-0000-4000-8000-00000000000c"

MONDAY, TUESDAY = "2024-06-10 09:00:00+00", "2024-06-11 09:00:00+00"

# Rows of counted_lead unlike lead_now.
MISREMEMBERED = """
    select coalesce(n.lead_key, k.lead_key)
    from inboxdb.workspace as w
    cross join lateral (
      select inboxdb.id_key(l.lead_id) as lead_key, l.user_key, l.counts,
        case when l.snoozed_until > inboxdb.clock() then l.snoozed_until end as snoozed_until
      from inboxdb.lead_now as l
      where l.client_id = w.client_id
    ) as n
    full join (
      select w.client_id, k.* from inboxdb.counted_lead as k left join inboxdb.workspace as w on w.number = k.workspace
    ) as k on n.lead_key = k.lead_key and w.client_id = k.client_id
    where (n.user_key, n.counts, n.snoozed_until) is distinct from (k.user_key, k.counts, k.snoozed_until)
"""


@dataclass
class Inbox:
    """Two workspaces, drained: HERE with three leads, Ann's, Bob's and nobody's; THERE with one of Ann's."""

    owner: Connection[Any]
    host: Host
    anns: str
    bobs: str
    free: str

    def refresh(self) -> dict[str, str | None]:
        """Drain; return the reason for each refreshed workspace's recount, None for a refresh by change.

        Fails unless inbox_counts and counted_lead are right afterwards.
        """
        self.owner.execute("delete from inboxdb.job_status")
        self.owner.execute("call inboxdb.drain_dirty()")
        workspaces = [row[0] for row in self.owner.execute("select client_id::text from inboxdb.known_workspace")]
        assert stored_counts(self.owner) == {workspace: live_counts(self.owner, workspace) for workspace in workspaces}
        assert self.owner.execute(MISREMEMBERED).fetchall() == []
        reasons = self.owner.execute("select client_id::text, recount_reason from inboxdb.job_status").fetchall()
        return dict(reasons)


def prepare(database: Database) -> tuple[str, str, str]:
    """Make the two workspaces; return the leads of HERE."""
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, MONDAY)
    for workspace in (HERE, THERE):
        host.workspace(id=workspace)
    made = Inbox(
        owner,
        host,
        anns=host.lead(HERE, assignedToUserId=ANN, sentimentTag="Interested", lastInboundAt=MONDAY),
        bobs=host.lead(HERE, assignedToUserId=BOB, snoozedUntil="2024-06-10 10:00:00+00"),
        free=host.lead(HERE),
    )
    host.lead(THERE, assignedToUserId=ANN)
    assert made.refresh() == {HERE: "first_fill", THERE: "first_fill"}
    return made.anns, made.bobs, made.free


@pytest.fixture
def inbox(database: Database, owner: Connection[Any], host: Host) -> Inbox:
    return Inbox(owner, host, *database.prepared)


def moved(inbox: Inbox) -> None:
    inbox.host.update("Lead", inbox.anns, clientId=THERE)


def recreated(inbox: Inbox) -> None:
    inbox.host.delete("Lead", inbox.anns)
    inbox.host.lead(HERE, id=inbox.anns, assignedToUserId=BOB)


def recreated_elsewhere(inbox: Inbox) -> None:
    inbox.host.delete("Lead", inbox.anns)
    inbox.host.lead(THERE, id=inbox.anns, assignedToUserId=ANN)


def there_and_back(inbox: Inbox) -> None:
    inbox.host.update("Lead", inbox.anns, clientId=THERE)
    inbox.host.update("Lead", inbox.anns, clientId=HERE, assignedToUserId=CAT)


def sent_by_ai(inbox: Inbox) -> None:
    inbox.host.ai_sent(inbox.anns)
    inbox.host.update("Lead", inbox.anns, lastOutboundAt=MONDAY)


def update(lead: str, **columns: str | None) -> Callable[[Inbox], None]:
    return lambda inbox: inbox.host.update("Lead", getattr(inbox, lead), **columns)


WRITES: dict[str, tuple[Callable[[Inbox], object], set[str]]] = {
    "a lead comes": (lambda inbox: inbox.host.lead(HERE, assignedToUserId=CAT), {HERE}),
    "a lead goes, and its user's row": (lambda inbox: inbox.host.delete("Lead", inbox.anns), {HERE}),
    "a count moves": (update("anns", status="blacklisted"), {HERE}),
    "no count moves": (update("anns", status="contacted"), {HERE}),
    "a lead changes hands": (update("anns", assignedToUserId=CAT), {HERE}),
    "a lead becomes nobody's": (update("anns", assignedToUserId=None), {HERE}),
    "a lead becomes somebody's": (update("free", assignedToUserId=BOB), {HERE}),
    "a lead is the sentinel's": (update("anns", assignedToUserId=GLOBAL), {HERE}),
    "a lead is snoozed": (update("anns", snoozedUntil=TUESDAY), {HERE}),
    "a lead is snoozed for ever": (update("anns", snoozedUntil="infinity"), {HERE}),
    "a snooze is ended by hand": (update("bobs", snoozedUntil=None), {HERE}),
    "a snooze lasts longer": (update("bobs", snoozedUntil=TUESDAY), {HERE}),
    "a snoozed lead goes": (lambda inbox: inbox.host.delete("Lead", inbox.bobs), {HERE}),
    "a lead moves to another workspace": (moved, {HERE, THERE}),
    "a lead moves there and back": (there_and_back, {HERE, THERE}),
    "a lead comes back": (recreated, {HERE}),
    "a lead comes back elsewhere": (recreated_elsewhere, {HERE, THERE}),
    "a draft comes": (lambda inbox: inbox.host.draft(inbox.anns), {HERE}),
    "a message is sent": (sent_by_ai, {HERE}),
}


@pytest.mark.all_hosts
@pytest.mark.parametrize("write", WRITES)
def test_what_changed_is_all_that_is_counted(inbox: Inbox, write: str) -> None:
    act, refreshed = WRITES[write]
    act(inbox)
    assert inbox.refresh() == dict.fromkeys(refreshed)
    inbox.owner.execute("select inboxdb.recompute_inbox_counts(c.client_id) from inboxdb.known_workspace as c")
    assert drift(inbox.owner) == []


def test_each_scope_vanishes_with_its_last_lead_and_comes_back(inbox: Inbox) -> None:
    assert set(stored_counts(inbox.owner)[HERE]) == {GLOBAL, ANN, BOB}
    inbox.host.delete("Lead", inbox.bobs)  # snoozed, but his
    assert inbox.refresh() == {HERE: None}
    assert set(stored_counts(inbox.owner)[HERE]) == {GLOBAL, ANN}
    inbox.host.lead(HERE, assignedToUserId=BOB, snoozedUntil="infinity")
    assert inbox.refresh() == {HERE: None}
    assert stored_counts(inbox.owner)[HERE][BOB] == SNOOZED


def test_a_snooze_that_ends(inbox: Inbox) -> None:
    set_clock(inbox.owner, "2024-06-10 09:59:59+00")
    assert inbox.refresh() == {}
    set_clock(inbox.owner, "2024-06-10 10:00:00+00")
    assert inbox.refresh() == {HERE: None}
    assert stored_counts(inbox.owner)[HERE][BOB].total == 1
    assert inbox.owner.execute("select next_snooze_at from inboxdb.workspace").fetchall() == [(None,), (None,)]


@pytest.mark.parametrize("write", ["a snoozed lead goes", "a snooze is ended by hand", "a snooze lasts longer"])
def test_a_snooze_that_ends_while_its_lead_changes(inbox: Inbox, write: str) -> None:
    WRITES[write][0](inbox)
    set_clock(inbox.owner, "2024-06-10 10:00:00+00")
    assert inbox.refresh() == {HERE: None}


def test_no_row_is_written_that_is_true_still(inbox: Inbox) -> None:
    """Nor by a recount: but for the global row, with the recount's time."""
    rows = "select scope_user_id::text, xmin::text from inboxdb.inbox_counts where client_id = %s"
    leads = "select lead_key, xmin::text from inboxdb.counted_lead"
    before, leads_before = dict(inbox.owner.execute(rows, [HERE]).fetchall()), inbox.owner.execute(leads).fetchall()
    inbox.owner.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE])
    inbox.host.update("Lead", inbox.anns, status="contacted")
    assert inbox.refresh() == {HERE: None}
    after = dict(inbox.owner.execute(rows, [HERE]).fetchall())
    assert {scope for scope in before if before[scope] != after[scope]} == {GLOBAL}
    assert inbox.owner.execute(leads).fetchall() == leads_before

    inbox.host.update("Lead", inbox.anns, status="blacklisted")
    assert inbox.refresh() == {HERE: None}
    last = dict(inbox.owner.execute(rows, [HERE]).fetchall())
    assert {scope for scope in after if after[scope] != last[scope]} == {GLOBAL, ANN}
    assert len(set(inbox.owner.execute(leads).fetchall()) - set(leads_before)) == 1


# --- Reasons for a recount


def mark(inbox: Inbox) -> None:
    inbox.owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [HERE])


def change_many(inbox: Inbox) -> None:
    for _ in range(11):
        inbox.host.lead(HERE)


def change_nearly_many(inbox: Inbox) -> None:
    for _ in range(10):
        inbox.host.lead(HERE)


def turn_back_the_clock(inbox: Inbox) -> None:
    set_clock(inbox.owner, "2024-06-10 08:00:00+00")
    inbox.host.update("Lead", inbox.free, status="contacted")


def redefine(inbox: Inbox) -> None:
    inbox.owner.execute("create or replace function inboxdb.definitions() returns text language sql as $$select '…'$$")
    inbox.host.update("Lead", inbox.free, status="contacted")


def remake(inbox: Inbox) -> None:
    inbox.host.delete("Client", HERE)
    inbox.host.workspace(id=HERE)
    inbox.host.lead(HERE, assignedToUserId=ANN)


def remake_after_a_refresh(inbox: Inbox) -> None:
    inbox.host.delete("Client", HERE)
    assert inbox.refresh() == {}
    assert set(stored_counts(inbox.owner)) == {THERE}
    assert inbox.owner.execute("select count(*) from inboxdb.counted_lead").fetchall() == [(1,)]
    remake_there = Host(inbox.host.connection)
    remake_there.workspace(id=HERE)
    remake_there.lead(HERE, assignedToUserId=ANN)


REASONS: dict[str, tuple[Callable[[Inbox], object], str | None]] = {
    "a mark": (mark, "whole_workspace"),
    "more changes than are worth looking up": (change_many, "many_changes"),
    "as many as are": (change_nearly_many, None),
    "a clock that went back": (turn_back_the_clock, "clock_set_back"),
    "other definitions": (redefine, "definitions_changed"),
    "a workspace made anew": (remake, "whole_workspace"),
    "a workspace made anew after it was gone": (remake_after_a_refresh, "first_fill"),
}


@pytest.mark.parametrize("cause", REASONS)
def test_why_all_was_counted_is_told(inbox: Inbox, cause: str) -> None:
    act, reason = REASONS[cause]
    act(inbox)
    assert inbox.refresh()[HERE] == reason
    assert drift(inbox.owner) == []
    inbox.host.update("Lead", inbox.host.lead(HERE), assignedToUserId=BOB)
    assert inbox.refresh() == {HERE: None}


def test_a_truncated_table(inbox: Inbox) -> None:
    inbox.owner.execute('truncate "Lead" cascade')
    assert inbox.refresh() == dict.fromkeys((HERE, THERE), "whole_workspace")
    assert drift(inbox.owner) == []


def test_a_recompute_counts_all_and_takes_the_changes(inbox: Inbox) -> None:
    inbox.host.update("Lead", inbox.anns, status="blacklisted")
    inbox.owner.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE])
    reasons = "select recount_reason from inboxdb.job_status where client_id = %s"
    assert inbox.owner.execute(reasons, [HERE]).fetchall() == [("recompute",)]
    assert drift(inbox.owner) == []
    assert inbox.refresh() == {}


def test_the_cache_is_told_how_it_was_counted(inbox: Inbox) -> None:
    jobs = (
        "select value::jsonb ->> 'mode', value::jsonb ->> 'recountReason' from inboxdb.unpublished() where kind = 'job'"
    )
    assert inbox.owner.execute(jobs).fetchall() == [("recount", "first_fill")] * 2
    inbox.host.update("Lead", inbox.anns, status="blacklisted")
    inbox.refresh()
    assert inbox.owner.execute(jobs).fetchall() == [("by_change", None)]


def test_new_definitions_hold_for_leads_that_did_not_change(inbox: Inbox) -> None:
    """As a migration does: a new view, a new hash of definitions, all workspaces marked."""
    [(view,)] = inbox.owner.execute("select pg_get_viewdef('inboxdb.classified_lead')").fetchall()
    assert view.count("'needs_repair'") == 1
    redefined = view.replace("'needs_repair'", "'new'")
    inbox.owner.execute(f"create or replace view inboxdb.classified_lead as {redefined}")
    inbox.owner.execute("create or replace function inboxdb.definitions() returns text language sql as $$select '…'$$")
    inbox.owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    inbox.host.update("Lead", inbox.free, status="contacted")
    assert inbox.refresh() == dict.fromkeys((HERE, THERE), "definitions_changed")
    assert stored_counts(inbox.owner)[HERE][ANN].needs_repair == 1
    assert drift(inbox.owner) == []


# --- Memory unlike the log

DAMAGES = {
    "a count too low": "update inboxdb.inbox_counts set total_non_blacklisted = 0, awaiting_reply = 0, total = 0",
    "a count too high": "update inboxdb.inbox_counts set all_responses = 7",
    "no global row": "delete from inboxdb.inbox_counts where is_global",
    "no rows": "delete from inboxdb.inbox_counts",
    "too few leads": "update inboxdb.inbox_counts set leads = 0",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_difference_that_does_not_fit_is_healed(inbox: Inbox, database: Database, damage: str) -> None:
    inbox.owner.execute(f"{DAMAGES[damage]}{' and' if 'where' in DAMAGES[damage] else ' where'} client_id = '{HERE}'")
    inbox.host.update("Lead", inbox.anns, status="blacklisted")
    assert inbox.refresh() == {HERE: "did_not_fit"}
    [(found_by, leads, scopes)] = drift(inbox.owner)
    assert (found_by, leads) == ("did_not_fit", 0)
    assert scopes > 0
    now = status.read(inbox.owner)
    assert (now.drifted_workspaces, now.self_healed_workspaces) == (1, 1)
    assert "inboxdb_self_healed_workspaces 1.0" in metrics.text(database.dsn)


def test_lost_memory_is_made_anew(inbox: Inbox) -> None:
    inbox.owner.execute("delete from inboxdb.counted_lead")
    inbox.host.delete("Lead", inbox.anns)
    inbox.owner.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE])
    [(found_by, leads, scopes)] = drift(inbox.owner)
    # the deleted lead's row was lost, too: no difference any more
    assert (found_by, leads, scopes) == ("recompute", 2, 3)
    inbox.owner.execute("select inboxdb.recompute_inbox_counts(%s)", [THERE])
    assert inbox.refresh() == {}


# --- Memory


@pytest.mark.long
@pytest.mark.host_variants("text", "uuid")
def test_a_lead_is_remembered_in_few_bytes(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    for _ in range(5):
        owner.execute(
            """
            insert into "Lead" (id, "clientId", "assignedToUserId", "updatedAt")
            select gen_random_uuid(), %s, %s, now() from generate_series(1, 10000)
            """,
            [host.workspace(), new_id()],
        )
    owner.execute("call inboxdb.drain_dirty()")
    [(bytes_per_lead,)] = owner.execute("select pg_total_relation_size('inboxdb.counted_lead') / 50000.0").fetchall()
    assert bytes_per_lead <= 120


def test_two_workspaces_first_counted_at_once_get_numbers_without_waiting(inbox: Inbox, database: Database) -> None:
    [(before,)] = inbox.owner.execute("select max(number) from inboxdb.workspace").fetchall()
    other = database.connect(options=NO_WAIT)
    with inbox.owner.transaction():
        [(one,)] = inbox.owner.execute("select inboxdb.draw_number()").fetchall()
        [(two,)] = other.execute("select inboxdb.draw_number()").fetchall()
        assert before < one < two


def test_a_number_of_leads_whose_workspace_was_lost_is_not_given_again(inbox: Inbox) -> None:
    inbox.owner.execute("update inboxdb.counted_lead set workspace = 2147483647 - 1")
    inbox.owner.execute("update inboxdb.workspace set number = 2147483647 - 2 where client_id = %s", [HERE])
    assert inbox.owner.execute("select inboxdb.draw_number()").fetchall() == [(2147483647,)]
