"""Aggregates of analytics: each answer is the live one, whatever happened, once drained, or audited."""

import json
import os
import random
import secrets
import signal
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import date, datetime, timedelta
from itertools import chain, combinations_with_replacement

import psycopg
import pytest

from inboxdb.demo import embedded
from inboxdb.drain.options import DrainOptions, Schedule
from inboxdb.drain.run import drain
from inboxdb.watch import doctor
from tests import test_analytics
from tests.aggregates import DUE, bring_up_to_date, drain_counts, is_built, refresh_all
from tests.chaos import MORTAL
from tests.interleave import DEADLINE, Stage, until
from tests.naive_analytics import Naive, Window
from tests.rows import GLOBAL, Host, new_id, set_clock
from tests.running import own_postgres
from tests.servers import WRITER, Database, Server, new_folder
from tests.test_analytics import (
    ANN,
    EVE,
    HERE,
    NIGHTS,
    NOW,
    SUE,
    THERE,
    History,
    ask,
    differing,
    figures,
    set_zone,
    wide,
)
from tests.test_cli import invoke

STORED = ("overview", "days", "sentiments", "statuses", "sms_campaigns", "response_times")


def prepare(database: Database) -> None:
    """Make two workspaces, as test_analytics does."""
    test_analytics.prepare(database)


@wide
def test_answers_are_what_plain_python_finds(database: Database) -> None:
    """After random histories, about nights on which clocks change: of the workspace, and of setters."""
    owner, host = database.connect(), Host(database.writer())
    readers = {GLOBAL: database.signed_in(ANN), SUE: database.signed_in(SUE)}
    chance = random.Random("aggregates")
    for zone in chance.sample(list(NIGHTS), 3):
        night = chance.choice(NIGHTS[zone])
        history = History(f"{zone} {night}", host, zone, night)
        for turn in range(2):
            for _ in range(40):
                history.write()
            bring_up_to_date(database, audit=True)
            assert is_built(owner, history.here), (zone, turn)
            naive = Naive(owner)
            for _ in range(3):
                first = datetime.fromisoformat(night).date() + timedelta(days=chance.randrange(-12, 12))
                last = first + timedelta(days=chance.choice((0, 0, 1, 7, 30)))
                for scope, reader in readers.items():
                    window = Window(history.here, scope, first, last, zone)
                    for read in STORED:
                        name = f"analytics_{read}"
                        answer = ask(reader, name, history.here, from_day=first, to_day=last)
                        found = differing(answer["figures"], naive.figures(name, window))
                        assert found == [], (read, window)


@pytest.mark.long
@wide
def test_what_a_writer_announces_is_answered_without_an_audit(database: Database) -> None:
    """A message whose rollup is named; a tag, status, campaign, user, booking, date; a lead moved, or gone."""
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    campaign = host.row("SmsCampaign", clientId=HERE, name="Campaign")
    leads = [host.lead(HERE, createdAt="2024-06-01 12:00:00+00") for _ in range(3)]
    bring_up_to_date(database)
    bring_up_to_date(database)
    assert is_built(owner, HERE)

    def send(lead: str, at: str, direction: str) -> None:
        host.message(lead, sentAt=at, direction=direction, sentByUserId=SUE, sentBy="setter")
        host.update("Lead", lead, lastInboundAt=at)

    changes: list[Callable[[], object]] = [
        lambda: send(leads[0], "2024-06-03 12:00:00+00", "outbound"),
        lambda: send(leads[0], "2024-06-03 13:00:00+00", "inbound"),
        lambda: send(leads[0], "2024-06-02 13:00:00+00", "inbound"),
        lambda: send(leads[1], "2024-06-04 13:00:00+00", "inbound"),
        lambda: host.update("Lead", leads[0], sentimentTag="Interested"),
        lambda: host.update("Lead", leads[0], status="contacted"),
        lambda: host.update("Lead", leads[0], smsCampaignId=campaign),
        lambda: host.update("Lead", leads[0], assignedToUserId=SUE),
        lambda: host.update("Lead", leads[0], appointmentBookedAt="2024-06-05 12:00:00+00"),
        lambda: host.update("Lead", leads[0], appointmentStatus="canceled"),
        lambda: host.update("Lead", leads[0], appointmentStatus=None, appointmentCanceledAt=NOW),
        lambda: host.update("Lead", leads[2], createdAt="2024-06-09 12:00:00+00"),
        lambda: host.update("Lead", leads[1], clientId=THERE),
        lambda: host.update("Lead", leads[1], clientId=HERE),
        lambda: host.delete("Lead", leads[0]),
    ]
    version = 0
    for number, change in enumerate(changes):
        change()
        bring_up_to_date(database)
        assert is_built(owner, HERE), number
        naive = Naive(owner)
        for scope, reader in ((GLOBAL, ann), (SUE, database.signed_in(SUE))):
            window = Window(HERE, scope, date(2024, 6, 1), date(2024, 6, 10), "UTC")
            for read in STORED:
                name = f"analytics_{read}"
                answer = ask(reader, name, from_day=window.from_day, to_day=window.to_day)
                assert differing(answer["figures"], naive.figures(name, window)) == [], (number, scope, read)
        assert answer["version"] > version
        version = answer["version"]


@wide
def test_a_lead_with_many_messages_is_added_up_from_where_it_differs(database: Database) -> None:
    """Messages behind all others, among them, before them; flipped, re-dated, given to another user, gone."""
    owner, host = database.connect(), Host(database.writer())
    readers = {GLOBAL: database.signed_in(ANN), SUE: database.signed_in(SUE)}
    lead = host.lead(HERE, assignedToUserId=SUE)
    sent: list[str] = []

    def send(hour: int, direction: str = "inbound", channel: str = "email", user: str = ANN) -> None:
        at = (datetime(2024, 6, 1) + timedelta(hours=hour)).isoformat()
        columns = {"direction": direction, "channel": channel, "sentBy": "setter", "sentByUserId": user}
        sent.append(host.message(lead, sentAt=f"{at}+00", **columns))

    # answers by turns in either channel, and then two days without one
    for number in range(40):
        direction = "inbound" if number % 4 == 0 and number < 24 else "outbound"
        send(3 * number, direction, "email" if number % 8 < 4 else "sms", SUE if number % 3 else ANN)
    bring_up_to_date(database)
    bring_up_to_date(database)
    assert is_built(owner, HERE)
    changes: list[Callable[[], object]] = [
        lambda: send(121),
        lambda: send(122, "outbound", "sms"),
        lambda: send(119, "inbound", "sms"),
        lambda: send(61, "inbound"),
        lambda: send(-30),
        lambda: host.update("Message", sent[1], sentByUserId=ANN),
        lambda: host.update("Message", sent[9], direction="inbound"),
        lambda: host.update("Message", sent[1], sentBy="ai"),
        lambda: host.update("Message", sent[8], sentAt="2024-06-04 12:30:00+00"),
        lambda: host.delete("Message", sent.pop(20)),
        lambda: host.delete("Message", sent.pop()),
        lambda: host.update("Lead", lead, sentimentTag="Interested"),
        lambda: host.update("Lead", lead, assignedToUserId=ANN),
        lambda: host.update("Lead", lead, assignedToUserId=SUE),
    ]
    look = "select inboxdb.compare_facts(w.number, w.client_id, w.time_zone, %s::inboxdb.lead_id[], '{t}') "
    look += "from inboxdb.analytics_workspace as w where w.client_id = %s"
    for number, change in enumerate(changes):
        change()
        if number % 3 == 2:
            send(123 + number)
        owner.execute(look.encode(), [[lead], HERE])
        naive = Naive(owner)
        for scope, reader in readers.items():
            # the other has a whole month, whose replies are added up apart
            for first, last in ((date(2024, 6, 1), date(2024, 6, 2)), (date(2024, 5, 30), date(2024, 7, 1))):
                window = Window(HERE, scope, first, last, "UTC")
                for read in ("overview", "days", "sentiments", "response_times"):
                    name = f"analytics_{read}"
                    answer = ask(reader, name, from_day=window.from_day, to_day=window.to_day)
                    assert differing(answer["figures"], naive.figures(name, window)) == [], (number, scope, last, read)


@pytest.mark.host_variants("wide-text")
def test_windows_begin_and_end_within_months_and_pairs_reach_over_them(database: Database) -> None:
    """A row is a month of days before a next day, which may be of another month, or year."""
    host = Host(database.writer())
    active = {
        "New": ("2023-12-31", "2024-01-01", "2024-02-15"),
        "Called": ("2024-01-15", "2024-03-15"),
        "Positive": ("2024-01-30", "2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01", "2024-03-15"),
    }
    for tag, days in active.items():
        lead = host.lead(HERE, sentimentTag=tag, createdAt=f"{days[0]} 09:00:00+00")
        for day in days:
            host.message(lead, sentAt=f"{day} 12:00:00+00")
    bring_up_to_date(database)
    owner, ann = database.connect(), database.signed_in(ANN)
    assert is_built(owner, HERE)
    naive = Naive(owner)
    bounds = [date.fromisoformat(day) for day in sorted({*chain(*active.values()), "2024-02-02", "2024-03-16"})]
    for first, last in combinations_with_replacement(bounds, 2):
        window = Window(HERE, GLOBAL, first, last, "UTC")
        for read in ("overview", "days", "sentiments"):
            name = f"analytics_{read}"
            answer = ask(ann, name, from_day=first, to_day=last)
            assert differing(answer["figures"], naive.figures(name, window)) == [], (read, window)


@pytest.mark.host_variants("wide-text")
def test_a_day_that_counts_more_than_fits_is_no_wrong_sum(database: Database) -> None:
    """Nothing is changed, and without attempts left the workspace is answered live."""
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    host.message(host.lead(HERE), sentAt="2024-06-03 12:00:00+00")
    bring_up_to_date(database)
    owner.execute("update inboxdb.analytics_count set day_counts = array[67108863 * 32 + 3]")
    host.message(host.lead(HERE), sentAt="2024-06-03 12:00:00+00")
    stored = [
        f"select coalesce(jsonb_agg(t order by t::text), '[]') from inboxdb.{table} as t"
        for table in ("analytics_change", "analytics_count", "lead_fact")
    ]
    drain_counts(owner)
    before = [owner.execute(query.encode()).fetchone() for query in stored]
    for _ in range(8):
        assert owner.execute("select inboxdb.next_analytics()::text").fetchone() == (HERE,)
        failed = owner.execute("select outcome from inboxdb.refresh_analytics(%s)", [HERE]).fetchone()
        assert failed == ("failed",)
        assert [owner.execute(query.encode()).fetchone() for query in stored] == before
        assert figures(ann, "analytics_overview")["responses"] > 2, "of aggregates"
        owner.execute("update inboxdb.analytics_workspace set due_at = inboxdb.clock() where client_id = %s", [HERE])
    assert owner.execute("select inboxdb.next_analytics()").fetchone() == (None,)
    assert figures(ann, "analytics_overview")["responses"] == 2, "live"
    [(error,)] = owner.execute("select last_error from inboxdb.analytics_workspace where client_id = %s", [HERE])
    assert error.startswith("22003: ")


@wide
def test_what_nobody_announces_an_audit_finds(database: Database) -> None:
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(HERE)
    sent = host.message(lead, sentAt="2024-06-03 12:00:00+00")
    bring_up_to_date(database)
    assert figures(ann, "analytics_overview")["responses"] == 1
    host.delete("Message", sent)
    bring_up_to_date(database)
    assert figures(ann, "analytics_overview")["responses"] == 1, "answered from aggregates"
    bring_up_to_date(database, audit=True)
    assert figures(ann, "analytics_overview")["responses"] == 0
    assert is_built(owner, HERE)


@wide
def test_a_lead_handed_on_while_its_change_is_taken_is_looked_at_again(stage: Stage) -> None:
    """The job has taken the lead's change and not yet looked; the host writes, and the counts' refresh hands it on."""
    host, ann = Host(stage.session(WRITER)), stage.database.signed_in(ANN)
    lead = host.lead(HERE)
    host.message(lead, sentAt="2024-06-03 12:00:00+00")
    bring_up_to_date(stage.database)
    refresh = f"select outcome from inboxdb.refresh_analytics('{HERE}')"
    due = "update inboxdb.analytics_workspace set due_at = inboxdb.clock() where client_id = %s"
    choose = "select inboxdb.next_analytics()::text"
    for pause_at, before, after in (("analytics taken", "New", "Positive"), ("facts compared", "Follow Up", "Called")):
        host.update("Lead", lead, sentimentTag=before)
        drain_counts(stage.owner)
        assert stage.owner.execute(choose).fetchone() == (HERE,)
        step = stage.start(stage.session(), refresh, pause_at=pause_at)
        host.update("Lead", lead, sentimentTag=after)
        # neither waits for the other
        drain_counts(stage.owner)
        stage.owner.execute(due, [HERE])
        assert stage.owner.execute(choose).fetchone() == (None,)
        step.assert_paused()
        step.resume()
        stage.owner.execute(due, [HERE])
        assert stage.owner.execute(choose).fetchone() == (HERE,)
        stage.owner.execute(refresh)
    [found] = figures(ann, "analytics_sentiments")
    assert found["sentiment_tag"] == "Called"
    assert is_built(stage.owner, HERE)


@wide
def test_a_change_behind_a_recompute_that_ends_a_quarantine_is_looked_at(stage: Stage) -> None:
    """In quarantine changes are thrown away, but not behind a recompute by hand that has looked at the lead already."""
    host, ann = Host(stage.session(WRITER)), stage.database.signed_in(ANN)
    lead = host.lead(HERE)
    host.message(lead, sentAt="2024-06-03 12:00:00+00")
    bring_up_to_date(stage.database)
    quarantine = "update inboxdb.analytics_workspace set due_at = 'infinity', refreshed_at = null where client_id = %s"
    stage.owner.execute(quarantine, [HERE])
    host.update("Lead", lead, sentimentTag="New")
    recompute = f"select inboxdb.recompute_analytics('{HERE}')"
    step = stage.start(stage.session(), recompute, pause_at="facts compared")
    host.update("Lead", lead, sentimentTag="Called")
    drain_counts(stage.owner)
    stage.owner.execute("select inboxdb.collect_analytics()")
    step.assert_paused()
    step.resume()
    bring_up_to_date(stage.database)
    [found] = figures(ann, "analytics_sentiments")
    assert found["sentiment_tag"] == "Called"
    assert is_built(stage.owner, HERE)


@pytest.mark.slow
@pytest.mark.host_variants("wide-text")
def test_a_crash_between_take_and_store_loses_nothing(request: pytest.FixtureRequest) -> None:
    """A backend is killed, and the server with it, while refreshes stand where changes are taken and nothing stored."""
    with ExitStack() as stack:
        source = own_postgres(request.config)
        server = Server(
            stack.enter_context(embedded.server(new_folder(), source, settings=MORTAL)), secrets.token_hex(16)
        )
        database = stack.enter_context(server.database("wide-text", installed=True, prepare=prepare))
        server.close()
        host = Host(database.writer())
        paused = {"analytics taken": HERE, "facts compared": THERE, "walking": host.workspace(userId=ANN)}
        leads = {workspace: host.lead(workspace) for workspace in paused.values()}
        sent = [host.message(lead, sentAt="2024-06-03 12:00:00+00") for lead in leads.values()]
        bring_up_to_date(database)
        for workspace in (HERE, THERE):
            host.update("Lead", leads[workspace], sentimentTag="Positive")
        host.delete("Message", sent[-1])
        with closing(Stage(database)) as stage:
            drain_counts(stage.owner)
            stage.owner.execute(f"{DUE} where client_id = %s", [paused["walking"]])
            for _ in paused:
                assert stage.owner.execute("select inboxdb.next_analytics() is not null").fetchone() == (True,)
            steps = [
                stage.start(stage.session(), "select inboxdb.refresh_analytics(%s)", [workspace], pause_at=pause)
                for pause, workspace in paused.items()
            ]
            os.kill(steps[0].session.info.backend_pid, signal.SIGKILL)
            for step in steps:
                with pytest.raises(psycopg.OperationalError):
                    step.finish()

        until(lambda: answers(database))
        owner = database.connect()
        left = "select w.attempts, count(c) from inboxdb.analytics_workspace as w"
        left += " left join inboxdb.analytics_change as c using (client_id) group by w.number"
        assert sorted(owner.execute(left).fetchall()) == [(1, 0), (1, 1), (1, 1)]
        owner.execute("update inboxdb.analytics_workspace set due_at = inboxdb.clock()")
        assert set(refresh_all(owner)) == {"refreshed"}
        naive = Naive(owner)
        for workspace, reader in ((HERE, ANN), (THERE, EVE), (paused["walking"], ANN)):
            assert is_built(owner, workspace)
            window = Window(workspace, GLOBAL, date(2024, 6, 1), date(2024, 6, 30), "UTC")
            for read in STORED:
                name = f"analytics_{read}"
                answer = ask(
                    database.signed_in(reader), name, workspace, from_day=window.from_day, to_day=window.to_day
                )
                assert differing(answer["figures"], naive.figures(name, window)) == [], (workspace, read)


def answers(database: Database) -> bool:
    """Say whether the server has recovered."""
    try:
        database.connect()
    except psycopg.OperationalError:
        return False
    return True


@wide
def test_a_time_zone_that_changed_is_answered_at_once(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    ann, eve = database.signed_in(ANN), database.signed_in(EVE)
    host.message(host.lead(HERE), sentAt="2024-06-15 02:00:00+00")
    bring_up_to_date(database)
    assert is_built(owner, HERE)
    numbers = "select count(distinct workspace) from inboxdb.lead_fact"
    for zone, day in (("America/New_York", "2024-06-14"), ("Asia/Tokyo", "2024-06-15")):
        set_zone(host, HERE, zone)
        for _ in range(2):
            [found] = [one["day"] for one in figures(ann, "analytics_days") if one["inbound"]]
            assert found == day
            bring_up_to_date(database)
            assert is_built(owner, HERE)
    before = ask(eve, "analytics_days", THERE, from_day="2024-06-15", to_day="2024-06-15")
    set_zone(host, THERE, "Asia/Tokyo")
    bring_up_to_date(database)
    answer = ask(eve, "analytics_days", THERE, from_day="2024-06-15", to_day="2024-06-15")
    assert (answer["time_zone"], answer["version"] > before["version"]) == ("Asia/Tokyo", True), (
        "told, also without leads"
    )
    while owner.execute("select from inboxdb.analytics_workspace where client_id is null").rowcount:
        owner.execute("select inboxdb.keep_analytics()")
    assert owner.execute(numbers).fetchone() == (1,), "rows out of use are deleted"


@wide
def test_a_look_at_all_workspaces_reads_no_zone_and_what_the_host_has_once(database: Database) -> None:
    """The data of a zone take milliseconds, and there are thousands of workspaces."""
    bring_up_to_date(database)
    superuser = database.superuser()
    superuser.execute("set track_functions = 'all'")
    superuser.execute("select inboxdb.keep_analytics()")  # warms up
    with superuser.transaction():
        calls = dict(superuser.execute("select funcname, calls from pg_stat_xact_user_functions").fetchall())
        superuser.execute("select inboxdb.keep_analytics()")
        after = dict(superuser.execute("select funcname, calls from pg_stat_xact_user_functions").fetchall())
    called = {name: times - calls.get(name, 0) for name, times in after.items()}
    assert called["workspace_time_zones"] == 1
    assert called.get("zone_data", 0) == 0


@wide
@pytest.mark.parametrize("table", ["lead_fact", "analytics_count", "analytics_reply", "analytics_workspace"])
def test_rows_that_are_lost_are_made_anew(database: Database, table: str) -> None:
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(HERE)
    for hour, direction in ((11, "outbound"), (12, "inbound")):
        host.message(lead, sentAt=f"2024-06-03 {hour}:00:00+00", direction=direction)
    bring_up_to_date(database)
    truth = {read: figures(ann, f"analytics_{read}") for read in STORED}
    owner.execute(f"delete from inboxdb.{table}".encode())
    bring_up_to_date(database, audit=True, may_fail=True)
    bring_up_to_date(database)
    assert is_built(owner, HERE)
    assert {read: figures(ann, f"analytics_{read}") for read in STORED} == truth


@wide
def test_a_workspace_that_cannot_be_refreshed_ends_in_quarantine(database: Database) -> None:
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)

    def version() -> int:
        answer: int = ask(ann, "analytics_overview", from_day="2024-06-01", to_day="2024-06-30")["version"]
        return answer

    lead = host.lead(HERE)
    bring_up_to_date(database)
    owner.execute("alter table inboxdb.lead_fact add constraint none check (tag_key = 0)")
    host.update("Lead", lead, sentimentTag="Interested")
    drain_counts(owner)
    outcomes = []
    for _ in range(8):
        owner.execute("update inboxdb.analytics_workspace set due_at = inboxdb.clock() where due_at < 'infinity'")
        outcomes += refresh_all(owner)
    assert outcomes.count("failed") == 8
    status = "select quarantined, failing, last_error from inboxdb.analytics_status()"
    owner.execute("update inboxdb.analytics_workspace set due_at = inboxdb.clock() where due_at < 'infinity'")
    versions = [version()]
    refresh_all(owner)
    versions.append(version())
    refresh_all(owner)
    said = "23514: the refresh of aggregates failed; inboxdb.recompute_analytics raises the error in full"
    assert owner.execute(status).fetchone() == (1, 0, said)
    told = invoke("status", "--json", "--dsn", database.dsn)
    assert (told.exit_code, json.loads(told.stdout)["broken_promises"]) == (3, ["aggregates are quarantined"])
    assert [one.status for one in doctor.examine(database.dsn) if one.check == "aggregates"] == ["problem"]
    assert figures(ann, "analytics_overview")["leads_created"] == 0, "live"
    for second, tag in ((20, "New"), (25, "Positive"), (35, None)):
        set_clock(owner, f"2024-06-15 12:00:{second}+00")
        if tag:
            host.update("Lead", lead, sentimentTag=tag)
            drain_counts(owner)
        assert refresh_all(owner) == []
        versions.append(version())
    # what is answered live is told: at once, and every ten seconds
    assert versions[0] < versions[1] < versions[2] == versions[3] < versions[4]
    assert owner.execute("select from inboxdb.analytics_change").rowcount == 0
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("select inboxdb.recompute_analytics(%s)", [HERE])
    owner.execute("alter table inboxdb.lead_fact drop constraint none")
    assert invoke("recompute-analytics", HERE, "--dsn", database.dsn).exit_code == 0
    assert is_built(owner, HERE)
    assert owner.execute(status).fetchone() == (0, 0, None)


@pytest.mark.host_variants("wide-text")
def test_a_run_of_the_job_ends_with_what_comes_up_again(database: Database) -> None:
    """Under steady writes it would go on for ever."""
    owner = database.connect()
    owner.execute("select inboxdb.keep_analytics()")
    owner.execute("""
        create or replace function inboxdb.refresh_analytics(
          claimed inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[]
        ) language plpgsql as $$
        begin
          outcome := 'refreshed';
          update inboxdb.analytics_workspace set due_at = inboxdb.clock() where client_id = claimed;
        end $$
        """)
    job = "recompute-analytics-aggregates"
    result = drain(database.dsn, DrainOptions(Schedule(seconds=DEADLINE), refreshes=False, job=job))
    assert (result.refreshed, result.remaining) == (3, 2)


@pytest.mark.host_variants("wide-text")
def test_beside_a_run_that_stays_a_workspace_is_refreshed_every_ten_seconds(database: Database) -> None:
    """A single run refreshes at once, since nobody may come after it."""
    owner, host = database.connect(), Host(database.writer())
    lead = host.lead(HERE)
    bring_up_to_date(database)
    beat = "select inboxdb.heartbeat('00000001', %s, 1, 0, 0, is_over => %s)"

    def seen_at(second: int, tag: str | None = None) -> list[str]:
        """Have a run look at a second, behind a change; return what it refreshes."""
        set_clock(owner, f"2024-06-15 12:01:{second:02}+00")
        if tag:
            host.update("Lead", lead, sentimentTag=tag)
            drain_counts(owner)
        return refresh_all(owner)

    assert seen_at(0, "New") == ["refreshed"]
    owner.execute(beat, ["watch", False])
    assert (seen_at(1, "Called"), seen_at(2, "Positive"), seen_at(9)) == ([], [], [])
    assert seen_at(10) == ["refreshed"]
    assert seen_at(11, "New") == []
    # a clock that goes back holds nothing up
    assert (seen_at(4, "Called"), seen_at(20), seen_at(3, "New"), seen_at(13)) == ([], ["refreshed"], [], ["refreshed"])
    owner.execute(beat, ["watch", True])
    assert seen_at(14, "Positive") == ["refreshed"], "the run has ended"
    owner.execute("delete from inboxdb.run")
    owner.execute(beat, ["once", False])
    assert seen_at(15, "Called") == ["refreshed"], "the run will not stay"
    owner.execute(beat.replace("00000001", "00000002"), ["for", False])
    assert (seen_at(16, "New"), seen_at(25)) == ([], ["refreshed"])
    assert (seen_at(50, "Called"), seen_at(51, "New")) == (["refreshed"], ["refreshed"]), "the run was killed"


@wide
def test_days_that_are_not_kept_are_answered_live(database: Database) -> None:
    owner, host, ann = database.connect(), Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(HERE, createdAt="2023-01-01 12:00:00+00")
    for day in ("2023-06-03", "2024-06-03"):
        host.message(lead, sentAt=f"{day} 12:00:00+00")
    owner.execute("select inboxdb.set_setting('analytics_days', '100')")
    bring_up_to_date(database)
    count = "select pg_catalog.sum(packed >> 5) from inboxdb.analytics_count, unnest(day_counts) as packed"
    kept = owner.execute(f"{count} where scope_key = 0").fetchone()
    assert kept == (3,), "a message, and a lead that responded, by tag and by campaign"
    for first, responses in (("2024-06-01", 1), ("2023-06-01", 1)):
        answer = ask(ann, "analytics_overview", from_day=first, to_day=date.fromisoformat(first) + timedelta(days=29))
        assert answer["figures"]["responses"] == responses


@wide
def test_recompute_of_days_looks_at_leads_with_messages_since(database: Database) -> None:
    host, ann = Host(database.writer()), database.signed_in(ANN)
    lead = host.lead(HERE)
    bring_up_to_date(database)
    host.message(lead, sentAt="2024-06-14 12:00:00+00")
    host.message(host.lead(THERE), sentAt="2024-06-14 12:00:00+00")
    assert figures(ann, "analytics_overview")["responses"] == 0
    assert invoke("recompute-analytics", HERE, "--days", "3", "--dsn", database.dsn).exit_code == 0
    assert figures(ann, "analytics_overview")["responses"] == 1
    refused = invoke("recompute-analytics", HERE, new_id(), "--dsn", database.dsn)
    assert (refused.exit_code, "IB002" in refused.output) == (1, True)


def test_a_narrow_host_keeps_no_aggregates(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    workspace = host.workspace()
    host.lead(workspace)
    bring_up_to_date(database)
    for table in ("analytics_change", "analytics_workspace", "lead_fact"):
        assert owner.execute(f"select from inboxdb.{table}".encode()).rowcount == 0, table
    families = owner.execute("select distinct family from inboxdb.cache_version order by 1").fetchall()
    assert families == [("analytics",), ("inbox",)]
