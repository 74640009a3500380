"""The standing audit: workspaces are recounted in turn, and drift without a change in the log is found and mended."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from psycopg import Connection

from inboxdb.drain.run import drain as run
from inboxdb.watch import status
from tests.interleave import Stage
from tests.rows import GLOBAL, Host, drift, live_counts, set_clock, stored_counts
from tests.servers import Database

ANN = "00000000-0000-4000-8000-00000000000a"

# The audits are due six hours after the first fill.
FILLED, BEFORE, DUE, LATE = (f"2024-06-10 {time}+00" for time in ("00:00:00", "05:59:59", "06:00:00", "12:00:01"))


@pytest.fixture
def workspace(owner: Connection[Any], host: Host) -> str:
    """A workspace of three leads, drained."""
    set_clock(owner, FILLED)
    workspace = host.workspace()
    host.lead(workspace, assignedToUserId=ANN)
    host.ai_sent(host.lead(workspace, assignedToUserId=ANN))
    host.lead(workspace, snoozedUntil=BEFORE)
    owner.execute("call inboxdb.drain_dirty()")
    return workspace


def audit(owner: Connection[Any]) -> list[str]:
    """Audit whatever is due; return the workspaces in order."""
    audited = []
    while (chosen := owner.execute("select inboxdb.next_audit()").fetchone()) != (None,):
        assert chosen
        [(outcome,)] = owner.execute("select outcome from inboxdb.audit_claimed(%s)", chosen).fetchall()
        assert outcome in ("audited", "refreshed")
        audited.append(str(chosen[0]))
    return audited


def delete_message(owner: Connection[Any]) -> None:
    """As no application does: its lead is not told."""
    owner.execute('delete from "Message"')


def write_in_replica_role(owner: Connection[Any]) -> None:
    owner.execute('alter table "Lead" disable trigger user')
    owner.execute(
        'delete from "Lead" where id not in (select "leadId" from "Message") and "assignedToUserId" is not null'
    )
    owner.execute('alter table "Lead" enable trigger user')


def tamper(owner: Connection[Any]) -> None:
    owner.execute("update inboxdb.inbox_counts set total = 7 where is_global")


def lose_row(owner: Connection[Any]) -> None:
    owner.execute("delete from inboxdb.inbox_counts where not is_global")


def lose_memory(owner: Connection[Any]) -> None:
    owner.execute("delete from inboxdb.counted_lead")


UNANNOUNCED: dict[str, tuple[Callable[[Connection[Any]], None], tuple[int, int]]] = {
    "a message deleted alone": (delete_message, (1, 0)),
    "a lead deleted without its trigger": (write_in_replica_role, (1, 0)),
    "a count tampered with": (tamper, (0, 1)),
    "a row lost": (lose_row, (0, 1)),
    "memory lost": (lose_memory, (3, 2)),
}


@pytest.mark.all_hosts
@pytest.mark.parametrize("cause", UNANNOUNCED)
def test_what_no_change_announced_is_found_and_mended(owner: Connection[Any], workspace: str, cause: str) -> None:
    set_clock(owner, BEFORE)
    owner.execute("call inboxdb.drain_dirty()")
    act, found = UNANNOUNCED[cause]
    act(owner)
    owner.execute("call inboxdb.drain_dirty()")
    assert drift(owner) == []
    assert status.read(owner).drifted_workspaces == 0

    set_clock(owner, DUE)
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner)[workspace] == live_counts(owner, workspace)
    assert drift(owner) == [("audit", *found)]
    now = status.read(owner)
    assert (now.drifted_workspaces, now.self_healed_workspaces) == (1, 0)
    job = "select last_status, recount_reason from inboxdb.job_status"
    assert owner.execute(job).fetchall() == [("succeeded", "audit")]

    set_clock(owner, LATE)
    owner.execute("call inboxdb.drain_dirty()")
    assert len(drift(owner)) == 1


def lead_of(owner: Connection[Any]) -> str:
    [(lead,)] = owner.execute('select id::text from "Lead" where "assignedToUserId" is not null limit 1').fetchall()
    return str(lead)


def write_leads(owner: Connection[Any], host: Host, workspace: str) -> None:
    host.update("Lead", lead_of(owner), status="blacklisted")
    host.delete("Lead", host.lead(workspace))
    host.lead(workspace)


def add_draft(owner: Connection[Any], host: Host, workspace: str) -> None:
    """A draft's change names no workspace before a drain collects."""
    host.draft(lead_of(owner))


def truncate(owner: Connection[Any], host: Host, workspace: str) -> None:
    owner.execute('truncate "AIDraft" cascade')


ANNOUNCED: dict[str, Callable[[Connection[Any], Host, str], None]] = {
    "leads": write_leads,
    "a draft": add_draft,
    "a truncated table": truncate,
    "a mark": lambda owner, host, workspace: mark(owner, workspace),
}


def mark(owner: Connection[Any], workspace: str) -> None:
    owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])


@pytest.mark.parametrize("cause", ANNOUNCED)
@pytest.mark.parametrize("by", ["an audit", "a recompute"])
def test_what_a_change_or_a_snooze_says_is_no_drift(
    owner: Connection[Any], host: Host, workspace: str, cause: str, by: str
) -> None:
    set_clock(owner, DUE)
    ANNOUNCED[cause](owner, host, workspace)
    if by == "an audit":
        assert audit(owner) == [workspace]
    else:
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    owner.execute("call inboxdb.drain_dirty()")
    assert drift(owner) == []
    assert stored_counts(owner)[workspace] == live_counts(owner, workspace)
    assert owner.execute("select count(*) from inboxdb.change").fetchall() == [(0,)]


def test_an_audit_that_finds_nothing_takes_nothing(database: Database, owner: Connection[Any], workspace: str) -> None:
    """An audit holds up nobody: another session may refresh the workspace meanwhile."""
    set_clock(owner, DUE)
    Host(database.writer()).update("Lead", lead_of(owner), status="contacted")
    [chosen] = owner.execute("select inboxdb.next_audit()").fetchall()
    with closing(Stage(database)) as stage:
        auditing = stage.start(
            stage.session(), "select outcome from inboxdb.audit_claimed(%s)", chosen, pause_at="counted"
        )
        assert stage.owner.execute("select outcome from inboxdb.drain_next(%s)", chosen).fetchall() == [("refreshed",)]
        assert auditing.resume() == [("audited",)]
    reasons = "select recount_reason from inboxdb.job_status"
    assert owner.execute(reasons).fetchall() == [(None,)]
    assert status.read(owner).oldest_audit_seconds == 0


def test_what_an_audit_mends_has_a_new_version(owner: Connection[Any], workspace: str) -> None:
    versions = "select version from inboxdb.cache_version where family = 'inbox'"
    before = owner.execute(versions).fetchall()
    set_clock(owner, DUE)
    delete_message(owner)
    [chosen] = owner.execute("select inboxdb.next_audit()").fetchall()
    answer = "select outcome, changed_scopes::text[] from inboxdb.audit_claimed(%s)"
    assert owner.execute(answer, chosen).fetchall() == [("refreshed", [ANN])]
    assert owner.execute(versions).fetchall() > before


def test_a_message_whose_lead_is_not_told_yet_is_no_drift(owner: Connection[Any], host: Host, workspace: str) -> None:
    """The lead may be told in a later transaction; the message counts all the same."""
    host.ai_sent(host.lead(workspace))
    owner.execute("call inboxdb.drain_dirty()")
    [(silent,)] = owner.execute(
        """select id from "Lead" where "snoozedUntil" is null and id not in (select "leadId" from "Message") limit 1"""
    ).fetchall()
    host.ai_sent(silent)
    owner.execute("delete from inboxdb.change_0; delete from inboxdb.change_1")
    owner.execute("delete from inboxdb.change_2; delete from inboxdb.change_3")
    set_clock(owner, LATE)
    assert audit(owner) == [workspace]
    assert drift(owner) == []
    assert stored_counts(owner)[workspace] == live_counts(owner, workspace)


def test_a_quarantined_workspace_is_left_alone(owner: Connection[Any], host: Host, workspace: str) -> None:
    mark(owner, workspace)
    owner.execute("select inboxdb.collect()")
    owner.execute("update inboxdb.inbox_counts_dirty set attempts = 20, last_error = '22012: …'")
    owner.execute("select inboxdb.claim_next()")
    assert status.read(owner).quarantined_workspaces == 1
    set_clock(owner, LATE)
    assert audit(owner) == []
    assert status.read(owner).oldest_audit_seconds is None


def test_a_clock_that_was_ahead_stops_no_audit(owner: Connection[Any], workspace: str) -> None:
    set_clock(owner, "2030-01-01 00:00:00+00")
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    set_clock(owner, DUE)
    assert audit(owner) == [workspace]
    assert audit(owner) == []


def test_a_change_of_the_whole_workspace_hides_no_wrong_count(owner: Connection[Any], workspace: str) -> None:
    owner.execute("update inboxdb.inbox_counts set total = 7 where is_global")
    owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
    owner.execute("call inboxdb.drain_dirty()")
    assert drift(owner) == [("whole_workspace", 0, 1)]


def test_each_has_its_turn_whose_last_count_is_longest_ago(owner: Connection[Any], host: Host, workspace: str) -> None:
    set_clock(owner, "2024-06-10 01:00:00+00")
    others = [host.workspace() for _ in range(2)]
    owner.execute("call inboxdb.drain_dirty()")
    set_clock(owner, "2024-06-10 02:00:00+00")
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [others[0]])
    set_clock(owner, BEFORE)
    assert audit(owner) == []
    set_clock(owner, DUE)
    assert audit(owner) == [workspace]
    set_clock(owner, LATE)
    assert audit(owner) == [others[1], others[0], workspace]
    assert audit(owner) == []


def test_the_setting_says_how_often(owner: Connection[Any], workspace: str) -> None:
    owner.execute("select inboxdb.set_setting('audit_hours', '1')")
    set_clock(owner, DUE)
    assert audit(owner) == [workspace]
    set_clock(owner, "2024-06-10 06:30:00+00")
    assert audit(owner) == []
    owner.execute("select inboxdb.set_setting('audit_hours', '9')")
    set_clock(owner, LATE)
    assert audit(owner) == []
    owner.execute("select inboxdb.set_setting('audit_hours', '1')")
    assert audit(owner) == [workspace]
    assert status.read(owner).audit_period_seconds == 3600


@pytest.mark.parametrize("nonsense", ["0", "-1", "six", "", "1.5", "10000"])
def test_a_period_that_makes_no_sense_is_refused(owner: Connection[Any], nonsense: str) -> None:
    with pytest.raises(Exception, match="setting audit_hours cannot be"):
        owner.execute("select inboxdb.set_setting('audit_hours', %s)", [nonsense])


def test_status_says_how_long_ago_and_alarms(owner: Connection[Any], workspace: str) -> None:
    broken = "workspaces are not audited in time"
    assert status.read(owner).oldest_audit_seconds == 0
    set_clock(owner, DUE)
    now = status.read(owner)
    assert now.oldest_audit_seconds == 6 * 3600
    assert broken not in now.broken_promises
    set_clock(owner, LATE)
    assert broken in status.read(owner).broken_promises
    owner.execute("call inboxdb.drain_dirty()")
    assert broken not in status.read(owner).broken_promises


def test_nothing_is_audited_while_suspended(owner: Connection[Any], workspace: str) -> None:
    set_clock(owner, DUE)
    owner.execute("select inboxdb.suspend_views()")
    assert owner.execute("select inboxdb.next_audit()").fetchall() == [(None,)]


def test_a_workspace_that_somebody_has_is_passed_over(database: Database, owner: Connection[Any], host: Host) -> None:
    set_clock(owner, FILLED)
    workspaces = [host.workspace() for _ in range(2)]
    owner.execute("call inboxdb.drain_dirty()")
    set_clock(owner, DUE)
    holder = database.connect()
    with holder.transaction():
        assert holder.execute("select inboxdb.try_lock_workspace(%s)", [workspaces[0]]).fetchall() == [(True,)]
        assert audit(owner) == [workspaces[1]]
    assert audit(owner) == [workspaces[0]]


@pytest.mark.parametrize("by", ["the procedure", "a run"])
def test_an_audit_that_fails_holds_up_no_other(database: Database, by: str) -> None:
    """A refresh takes the audit's place, as any refresh: with a record, further attempts, and quarantine."""
    with closing(Stage(database)) as stage:
        host = Host(database.writer())
        set_clock(stage.owner, FILLED)
        broken, *others = (host.workspace() for _ in range(3))
        stage.owner.execute("call inboxdb.drain_dirty()")
        stage.always_at("auditing", "raise sqlstate '22012'", about=broken)
        set_clock(stage.owner, DUE)
        if by == "a run":
            assert run(database.dsn).audited == len(others)
        else:
            stage.owner.execute("call inboxdb.drain_dirty()")
        stage.owner.execute("call inboxdb.drain_dirty()")
        audited = "select client_id::text from inboxdb.workspace where audited_at = inboxdb.clock()"
        assert {row[0] for row in stage.owner.execute(audited)} == {broken, *others}
        reasons = "select client_id::text from inboxdb.job_status where recount_reason = 'whole_workspace'"
        assert stage.owner.execute(reasons).fetchall() == [(broken,)]


def test_an_audit_that_kills_its_backend_comes_again_in_five_minutes(owner: Connection[Any], workspace: str) -> None:
    set_clock(owner, DUE)
    begun = "select inboxdb.next_audit()::text"
    assert owner.execute(begun).fetchall() == [(workspace,)]
    set_clock(owner, "2024-06-10 06:04:59+00")
    assert owner.execute(begun).fetchall() == [(None,)]
    set_clock(owner, "2024-06-10 06:05:01+00")
    assert owner.execute(begun).fetchall() == [(workspace,)]


def test_a_run_audits_for_a_while_only(database: Database, owner: Connection[Any], workspace: str) -> None:
    set_clock(owner, DUE)
    [(shipped,)] = owner.execute("select pg_get_viewdef('inboxdb.maintenance'::regclass)").fetchall()
    assert "'1 s'" in shipped
    owner.execute(f"""create or replace view inboxdb.maintenance as {shipped.replace("'1 s'", "'0 s'")}""")
    assert run(database.dsn).audited == 0
    owner.execute("call inboxdb.drain_dirty()")
    assert status.read(owner).oldest_audit_seconds != 0
    owner.execute(f"create or replace view inboxdb.maintenance as {shipped}")
    result = run(database.dsn)
    assert (result.refreshed, result.audited) == (0, 1)
    assert stored_counts(owner)[workspace][GLOBAL].total == 3


def test_an_audit_finds_a_workspace_gone(owner: Connection[Any], workspace: str) -> None:
    owner.execute('alter table "Client" disable trigger user')
    owner.execute('alter table "Lead" disable trigger user')
    owner.execute('delete from "Client"')
    set_clock(owner, DUE)
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {}
    for table in ("workspace", "counted_lead", "job_status"):
        assert owner.execute(f"select count(*) from inboxdb.{table}").fetchall() == [(0,)]
