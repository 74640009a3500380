"""Canaries: each planted fault takes the flag back in time, with a packet that says why; undecided is never passed."""

import json
import re
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.types.json import Jsonb

from inboxdb.demo import embedded
from inboxdb.rollout import packet
from tests.interleave import Stage, until
from tests.rows import Host, new_id, set_clock
from tests.running import Start
from tests.servers import DRAINER, MONITOR, OBSERVER, OWNER, SETTINGS, WRITER, Database, Server, new_folder
from tests.test_cli import answer, invoke, quarantine, refusal
from tests.test_flags import FLAGS

NOON = datetime(2024, 6, 10, 12, tzinfo=UTC)
FLAG = "inbox_read"
PLACES = "select id from unnest(%s::text[]) as id order by inboxdb.flag_cohort(%s, id)"
IDS = [f"workspace {number}" for number in range(400)]


class Rollout:
    """The application and an operator, minute by minute on the database's clock."""

    def __init__(self, database: Database) -> None:
        """Stop the clock at noon."""
        self.database = database
        self.owner = database.connect()
        self.observer = database.connect(OBSERVER)
        ordered = [id_ for (id_,) in self.owner.execute(PLACES, [IDS, FLAG])]
        self.cohort, self.rest = ordered[:5], ordered[-5:]  # in any percentage, and in none but the last
        self.turn_to(0)

    def turn_to(self, minute: float) -> None:
        """Set the clock to so many minutes after noon."""
        self.minute = minute
        set_clock(self.owner, (NOON + timedelta(minutes=minute)).isoformat())

    def report(self, number: int = 40, *, rest: bool = False, **fields: Any) -> None:
        """Report reads that ended now, by default good ones of the cohort's."""
        ids = self.rest if rest else self.cohort
        good = {"function": "conversations", "ms": 20, "outcome": "ok"}
        samples = [{"client_id": ids[one % len(ids)], **good, **fields} for one in range(number)]
        self.observer.execute("select inbox_api.note_reads(%s)", [Jsonb(samples)])

    def start(self, stages: str = "5,25,100", *arguments: str) -> None:
        answer(self.database, "canary", "start", FLAG, "--stages", stages, "--yes", *arguments)

    def look(self) -> str:
        """Look at the last canary."""
        query = "select inboxdb.look_at_canary((select max(canary_number) from inboxdb.canary))"
        [(state,)] = self.owner.execute(query).fetchall()
        return str(state)

    def advance(self) -> str:
        query = "select inboxdb.advance_canary((select max(canary_number) from inboxdb.canary))"
        [(state,)] = self.owner.execute(query.encode()).fetchall()
        return str(state)

    def pass_minutes(self, until: int, each: Callable[[], None] | None = None, *, step: int = 1) -> str:
        """Report good reads, or do something else, and look, minute by minute, until the state changes or the time is
        over.
        """
        state = "observing"
        while state == "observing" and self.minute < until:
            self.turn_to(self.minute + step)
            (each or self.report)()
            state = self.look()
        return state

    @property
    def percentage(self) -> int | None:
        rows = self.owner.execute("select percentage from inboxdb.flag where flag_name = %s", [FLAG]).fetchall()
        return rows[0][0] if rows else None

    @property
    def state(self) -> dict[str, Any]:
        [canary] = answer(self.database, "canary", "status", FLAG)["canaries"]
        return dict(canary)

    def gates(self) -> dict[str, str]:
        return {
            " ".join(filter(None, (gate["gate"], gate["function_name"], gate["read_class"]))): gate["verdict"]
            for gate in self.state["gates"]
        }

    def packet(self, folder: Path, *arguments: str) -> dict[str, str]:
        """Write the packet; return its texts by suffix."""
        files = answer(self.database, "canary", "report", FLAG, "--out", str(folder), *arguments)["files"]
        return {Path(file).suffix: Path(file).read_text() for file in files}


@pytest.fixture
def rollout(database: Database) -> Rollout:
    return Rollout(database)


# A run without a fault


def test_a_clean_run_to_a_hundred(rollout: Rollout, tmp_path: Path) -> None:
    rollout.report(1)
    rollout.start()
    for stage, percentage in enumerate((5, 25, 100), 1):
        assert rollout.percentage == percentage
        assert rollout.pass_minutes(stage * 30 - 2, step=7) == "observing"
        with pytest.raises(psycopg.Error) as raised:
            rollout.advance()
        assert raised.value.sqlstate == "IB025", "half an hour each"
        rollout.turn_to(stage * 30)
        assert rollout.look() == "passed"
        assert rollout.percentage == percentage, "only when told"
        assert rollout.advance() == ("complete" if stage == 3 else "observing")
    assert rollout.percentage == 100
    now = rollout.state
    assert (now["state"], now["why"]) == ("complete", "every stage was passed")
    assert set(rollout.gates().values()) == {"passed"}
    states = [f"{percentage}%" for percentage in (5, 25, 100)]
    history = json.loads(rollout.packet(tmp_path)[".json"])["history"]
    assert [entry["state"] for entry in history] == states
    assert refusal(rollout.database, "canary", "abort", FLAG, "--why", "late").endswith("(IB025)\n")
    assert rollout.percentage == 100


# Faults


class Fault(NamedTuple):
    """What begins after a quarter of an hour, the gate that it breaches, and after how many minutes at most."""

    plant: Callable[[Rollout], None]
    gate: str
    within: int


def slow(rollout: Rollout) -> None:
    rollout.report(36)
    rollout.report(4, ms=301)


def storm(rollout: Rollout) -> None:
    """Of strangers, refused in truth."""
    stranger = rollout.database.signed_in(new_id())
    rollout.report(30)
    for _ in range(2):
        with pytest.raises(psycopg.Error) as raised:
            stranger.execute("select from inbox_api.conversations(%s)", [new_id()])
        rollout.report(1, outcome=raised.value.sqlstate, ms=1)


def time_out(rollout: Rollout) -> None:
    rollout.report(38)
    rollout.report(2, outcome="57014", ms=15_000)


def write_without_a_drain(rollout: Rollout) -> None:
    rollout.report()
    if not rollout.owner.execute("select from inboxdb.waiting").rowcount:
        Host(rollout.database.writer()).workspace()


def damage(rollout: Rollout) -> None:
    rollout.report()
    rollout.owner.execute("update inboxdb.inbox_counts set total = 7 where is_global")
    rollout.owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    rollout.owner.execute("call inboxdb.drain_dirty()")


def fail(rollout: Rollout) -> None:
    rollout.report()
    host = Host(rollout.database.writer())
    quarantine(rollout.database, host, host.workspace())


FAULTS = {
    "a slow read": Fault(slow, "latency conversations", 11),
    "a storm of 403": Fault(storm, "refusals", 11),
    "reads that time out": Fault(time_out, "failures", 11),
    "a backlog": Fault(write_without_a_drain, "freshness", 12),  # a change is late after 15 seconds
    "drift": Fault(damage, "drift", 1),
    "a workspace in quarantine": Fault(fail, "quarantine", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_takes_the_flag_back(rollout: Rollout, host: Host, tmp_path: Path, fault: str) -> None:
    """At the latest two windows and a minute after it began, with a packet that says why."""
    planted = FAULTS[fault]
    host.lead(host.workspace())
    rollout.owner.execute("call inboxdb.drain_dirty()")
    rollout.start()
    rollout.turn_to(5)
    rollout.report(1000)
    assert rollout.pass_minutes(15, step=5) == "observing"
    assert rollout.pass_minutes(40, lambda: planted.plant(rollout)) == "taken_back"
    assert rollout.minute - 15 <= planted.within
    assert rollout.percentage == 0
    now = rollout.state
    assert now["state"] == "taken_back"
    assert now["why"].startswith(f"stage 1 breached: {planted.gate} "), now["why"]
    assert [gate for gate, verdict in rollout.gates().items() if verdict == "breached"] == [planted.gate]
    [(measured, allowed)] = re.findall(r"([\d.]+), allowed ([\d.]+)", now["why"])
    assert float(measured) > float(allowed)
    text = rollout.packet(tmp_path)[".md"]
    assert text.startswith(f"# Canary 1 of {FLAG}: taken back\n")
    assert "| breached |" in text
    assert rollout.look() == "taken_back", "for good"
    last = answer(rollout.database, "flags", "history", FLAG, "--limit", "1")["history"][0]
    assert (last["state"], last["why"]) == ("off", f"canary 1: {now['why']}")


# No faults


def test_what_passes_by_itself_is_no_breach(rollout: Rollout) -> None:
    """One slow window, one late window, a share that the stage before had, too, whatever happens to the rest, and a
    workspace that was in quarantine before.
    """
    rollout.turn_to(-5)
    fail(rollout)
    rollout.turn_to(0)
    rollout.report(1)
    rollout.start("5,25", "--observe", "11m")
    drain = rollout.owner
    host = Host(rollout.database.writer())
    assert rollout.pass_minutes(4) == "observing"
    host.workspace()
    assert rollout.pass_minutes(8, lambda: slow(rollout)) == "observing"
    rollout.report(400, rest=True, ms=5000)
    drain.execute("call inboxdb.drain_dirty()")
    assert rollout.gates()["latency conversations"] == "undecided", "not passed as long as it is slow"
    assert rollout.pass_minutes(18) == "passed"

    assert rollout.advance() == "observing"
    tell = [("IB007", 20), ("IB021", 100), ("IB015", 100)]
    for outcome, number in tell:
        rollout.report(number, outcome=outcome, rest=outcome == "IB007", ms=9000)
    assert rollout.pass_minutes(40) == "passed"
    assert rollout.gates()["refusals"] == "passed"
    assert rollout.advance() == "complete"


@pytest.mark.parametrize(("before", "now", "verdict"), [(0, 5, "breached"), (4, 7, "passed"), (4, 9, "breached")])
def test_a_share_is_compared_with_the_stage_before(rollout: Rollout, before: int, now: int, verdict: str) -> None:
    """Of 400 samples: 1 % is 4, and twice the stage before may be more."""
    rollout.report(1)
    rollout.start("5,25", "--observe", "10m")
    rollout.turn_to(10)
    rollout.report(400 - before)
    if before:
        rollout.report(before, outcome="IB006")
    assert rollout.look() == "passed"
    assert rollout.advance() == "observing"
    rollout.turn_to(12)
    rollout.report(400 - now)
    rollout.report(now, outcome="IB007")
    rollout.look()
    assert rollout.gates()["refusals"] == verdict


def test_failures_never_enter_a_latency(rollout: Rollout) -> None:
    """As fast refusals would make a slow read look good."""
    rollout.report(1)
    rollout.start()
    rollout.turn_to(1)
    rollout.report(40, ms=301)
    rollout.report(300, outcome="IB021", ms=1)
    rollout.look()
    [latency] = [gate for gate in rollout.state["gates"] if gate["gate"] == "latency"]
    assert (latency["samples"], latency["measured"], latency["verdict"]) == (40, 301, "undecided")


def test_analytics_may_be_slower_where_no_cache_answered(rollout: Rollout) -> None:
    rollout.owner.execute("select inboxdb.set_flag('analytics_read', 'on', 'a test')")
    answer(rollout.database, "canary", "start", "analytics_read", "--stages", "100")
    rollout.turn_to(1)
    for function, ms, hit in (
        ("analytics_days", 1600, True),
        ("analytics_days", 2900, False),
        ("crm_rows", 1400, True),
    ):
        rollout.report(function=function, ms=ms, cache_hit=hit)
    rollout.look()
    [found] = answer(rollout.database, "canary", "status", "analytics_read")["canaries"]
    verdicts = {(one["function_name"], one["read_class"]): one["verdict"] for one in found["gates"]}
    del verdicts[None, None]
    assert verdicts == {
        ("analytics_days", "warm"): "undecided",
        ("analytics_days", "cold"): "passed",
        ("crm_rows", "warm"): "passed",
    }


def test_every_read_has_a_target_by_its_flag(rollout: Rollout) -> None:
    query = """
        select t.flag_name, r.name
        from unnest(%s::text[]) as r (name)
        left join inboxdb.read_target as t on r.name like t.named_like escape '!'
        """
    reads = [(flag, read) for flag, names in FLAGS.items() for read in names]
    assert sorted(rollout.owner.execute(query, [[read for _, read in reads]]).fetchall()) == sorted(reads)


# Undecided


def test_undecided_is_never_passed(rollout: Rollout, tmp_path: Path) -> None:
    """Neither with 29 samples nor without any; `watch --auto` ends there with exit status 3, and what there is."""
    begun = invoke(
        "canary", "start", FLAG, "--yes", "--observe", "10m", "--at-most", "1h", "--dsn", rollout.database.dsn
    )
    assert f"Nobody has reported a read behind {FLAG} in the last 300 s: " in begun.stderr
    assert rollout.pass_minutes(20, lambda: None, step=10) == "observing"
    assert rollout.gates()["latency"] == "undecided"
    rollout.report(29)
    assert rollout.pass_minutes(59, lambda: None, step=13) == "observing"
    rollout.turn_to(60)
    assert rollout.look() == "undecided"
    assert "is undecided" in refusal(rollout.database, "canary", "advance", FLAG)
    found = answer(rollout.database, "canary", "watch", FLAG, "--auto", "--out", str(tmp_path), status=3)
    assert found["state"] == "undecided"
    assert (tmp_path / "canary-1.md").read_text().count("| undecided |") == 3
    assert rollout.percentage == 5
    rollout.report(1)
    assert rollout.look() == "passed", "once there are enough"


# By hand


def test_a_start_says_what_is_turned_off_and_asks(rollout: Rollout) -> None:
    start = ("canary", "start", FLAG, "--dsn", rollout.database.dsn)
    asked = invoke(*start)
    assert asked.exit_code == 2
    assert f"{FLAG} is on for 100 % of workspaces, and will be for 5 %: this turns it off for 95 %" in asked.stderr
    assert rollout.percentage is None
    rollout.owner.execute("select inboxdb.set_flag(%s, 'off', 'not yet')", [FLAG])
    assert invoke(*start).exit_code == 0, "nobody loses a thing"
    assert rollout.percentage == 5


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("IB025", ("--stages", "5,5")),
        ("IB025", ("--stages", "25,5")),
        ("IB025", ("--stages", "0,5")),
        ("IB025", ("--stages", "5,101")),
        ("IB025", ("--observe", "9m")),
        ("IB025", ("--observe", "1m")),
        ("IB025", ("--window", "2h", "--observe", "9h", "--at-most", "9h")),
        ("IB025", ("--at-most", "29m")),
        (None, ("--stages", "5;25")),
        (None, ("--observe", "30")),
    ],
)
def test_what_no_canary_can_be_is_refused(rollout: Rollout, code: str | None, arguments: tuple[str, ...]) -> None:
    said = invoke("canary", "start", FLAG, "--yes", *arguments, "--dsn", rollout.database.dsn)
    assert said.exit_code == (1 if code else 2)
    assert not code or said.stderr.endswith(f"({code})\n")
    assert not code or said.stderr.startswith("inboxdb: a "), "not a word of what will be turned off"
    assert arguments[0] in said.stderr or arguments[0] == "--stages", "the option to change"
    assert rollout.percentage is None
    assert answer(rollout.database, "canary", "status") == {"canaries": [], "statements": []}


def test_one_canary_at_a_time_for_a_flag(rollout: Rollout) -> None:
    rollout.start()
    refused = invoke("canary", "start", FLAG, "--yes", "--dsn", rollout.database.dsn).stderr
    assert refused.startswith("inboxdb: a canary of flag inbox_read is at work. ")
    answer(rollout.database, "canary", "start", "counts_read", "--yes")
    aborted = answer(rollout.database, "canary", "abort", FLAG, "--why", "not today")
    assert (aborted["state"], aborted["why"]) == ("aborted", "not today")
    assert rollout.percentage == 0
    rollout.start("10")
    assert [one["canary_number"] for one in answer(rollout.database, "canary", "status")["canaries"]] == [2, 3]
    for unknown in ("inbox", "analytics_read"):
        assert refusal(rollout.database, "canary", "advance", unknown)


def test_who_sets_the_flag_ends_the_canary(rollout: Rollout) -> None:
    """A kill switch is not turned back on by going on."""
    for state, percentage in (("off", 0), ("50%", 50), ("default", None)):
        rollout.start("5,25", "--observe", "10m")
        rollout.turn_to(rollout.minute + 10)
        rollout.report()
        assert rollout.look() == "passed"
        rollout.owner.execute("select inboxdb.set_flag(%s, %s, 'by hand')", [FLAG, state])
        assert rollout.advance() == "overtaken"
        assert rollout.percentage == percentage
        assert rollout.state["state"] == "overtaken"
    rollout.start("5,25")
    rollout.owner.execute("select inboxdb.set_flag(%s, 'on', 'by hand')", [FLAG])
    said = refusal(rollout.database, "canary", "abort", FLAG, "--why", "late")
    assert said.startswith("inboxdb: canary 4 has ended: overtaken. Nothing was changed. ")
    assert rollout.percentage == 100


def test_who_sets_the_flag_is_told_and_may_start_another(rollout: Rollout) -> None:
    """At once, without a look in between; what a canary has set itself is not set by hand."""
    dsn = ("--dsn", rollout.database.dsn)
    workspace = Host(rollout.database.writer()).workspace()
    rollout.start("5,25")
    for arguments in (("5%",), ("on", "--workspace", workspace)):
        assert invoke("flags", "set", FLAG, *arguments, "--why", "so", *dsn).stderr == ""
    said = invoke("flags", "set", FLAG, "on", "--why", "enough", *dsn)
    assert (said.exit_code, said.stderr) == (0, f"This ends canary 1 of {FLAG} at its next look.\n")
    rollout.start("10")
    ended = "select canary_number, ended_as from inboxdb.canary order by canary_number"
    assert rollout.owner.execute(ended).fetchall() == [(1, "overtaken"), (2, None)]
    assert rollout.percentage == 10


# Whoever looks


def test_a_drain_tells_which_flag_it_took_back(rollout: Rollout, start: Start) -> None:
    """Once, and not the drains after it."""
    rollout.start("5", "--observe", "10m")
    for minute in (4, 9):
        rollout.turn_to(minute)
        slow(rollout)
    rollout.turn_to(10)

    def told() -> list[dict[str, Any]]:
        status, _, log = start("drain-dirty", "--log-format", "json").end()
        assert status == 0, log
        return [line for line in map(json.loads, log.splitlines()) if line["action"] == "canary"]

    [line] = told()
    assert (line["event"], line["level"], line["flag"], line["canary"]) == ("took a flag back", "warning", FLAG, 1)
    assert line["why"] == rollout.state["why"]
    assert told() == []


def test_a_drain_takes_a_flag_back_too(rollout: Rollout) -> None:
    """With nobody who watches."""
    rollout.report(1)
    rollout.start()
    drain = rollout.database.connect(DRAINER)
    looks = "select from inboxdb.canary_look"
    for minute in range(1, 12):
        rollout.turn_to(minute)
        slow(rollout)
        assert rollout.percentage == 5
        for _ in range(2):
            drain.execute("call inboxdb.drain_dirty()")
        assert rollout.owner.execute(looks).rowcount == minute, "not one for each drain"
        if rollout.state["state"] != "observing":
            break
    assert (rollout.state["state"], rollout.percentage) == ("taken_back", 0)
    assert rollout.owner.execute("select from inboxdb.maintenance_failure").rowcount == 0
    drain.execute("call inboxdb.drain_dirty()")


def test_two_who_go_on_go_on_once(stage: Stage) -> None:
    rollout = Rollout(stage.database)
    rollout.start("5,25,100", "--observe", "10m")
    rollout.turn_to(10)
    rollout.report()
    one, other = stage.session(), stage.session()
    query = "select inboxdb.advance_canary(1)"
    first = stage.start(one, query, pause_at="advance_canary: set")
    second = stage.start(other, query)
    second.wait_until_it_waits_for(one)
    assert first.resume() == [("observing",)]
    with pytest.raises(psycopg.Error) as raised:
        second.finish()
    assert raised.value.sqlstate == "IB025"
    assert (rollout.percentage, rollout.state["stage_number"]) == (25, 2)


def test_a_look_waits_for_one_that_takes_back_and_finds_the_end(stage: Stage) -> None:
    """It does not judge by what it read before: the flag that the other set would be somebody's."""
    rollout = Rollout(stage.database)
    rollout.start("5,25", "--observe", "10m")
    for minute in (4, 9):
        rollout.turn_to(minute)
        slow(rollout)
    rollout.turn_to(10)
    one, other = stage.session(), stage.session()
    query = "select inboxdb.look_at_canary(1)"
    first = stage.start(one, query, pause_at="look_at_canary: taken back")
    second = stage.start(other, query)
    second.wait_until_it_waits_for(one)
    assert first.resume() == second.finish() == [("taken_back",)]
    assert (rollout.percentage, rollout.state["state"]) == (0, "taken_back")


CHECKPOINTS = ["looked", "judged", "taken back", "set", "advanced"]


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_a_watcher_that_is_killed_loses_nothing(rollout: Rollout, start: Start, checkpoint: str) -> None:
    """Whoever watches next ends as if nobody had been killed."""
    breached = checkpoint == "taken back"
    owner = rollout.owner
    rollout.start("5,25", "--observe", "10m")
    for minute in (4, 9):
        rollout.turn_to(minute)
        if breached:
            slow(rollout)
        else:
            rollout.report()
    rollout.turn_to(10)
    gate = rollout.database.connect()
    gate.execute("select pg_advisory_lock(18)")
    owner.execute(
        "create or replace function inboxdb.checkpoint(name text, about text default null) returns void "
        f"language plpgsql as $$ begin if name like '%%: {checkpoint}' then perform pg_advisory_lock_shared(18); "
        "perform pg_advisory_unlock_shared(18); end if; end $$"
    )
    watcher = start("canary", "watch", FLAG, "--auto", "--every", "0.05")
    waiting = "select pid from pg_locks where locktype = 'advisory' and objid = 18 and not granted"
    [(pid,)] = until(lambda: owner.execute(waiting).fetchall())
    watcher.signal(signal.SIGKILL)
    watcher.end()
    gate.execute("select pg_advisory_unlock(18)")
    until(lambda: not owner.execute("select from pg_stat_activity where pid = %s", [pid]).rowcount)
    assert rollout.state["state"] == ("passed" if checkpoint in ("set", "advanced") else "observing"), (
        "by a look before"
    )
    assert (rollout.percentage, rollout.state["stage_number"]) == (5, 1), "all of a step or nothing"

    again = start("canary", "watch", FLAG, "--auto", "--every", "0.05", "--json")
    if not breached:
        until(lambda: rollout.percentage == 25)
        rollout.turn_to(20)
        rollout.report()
    status, said, told = again.end()
    assert (status, json.loads(said)["state"]) == ((3, "taken_back") if breached else (0, "complete")), told
    assert rollout.percentage == (0 if breached else 25)


# Evidence


def test_a_packet_is_the_same_at_any_later_time(rollout: Rollout, tmp_path: Path) -> None:
    """Whatever is noted, set or pruned since, short of the samples; and no workspace is named."""
    rollout.report(1)
    rollout.start("5", "--observe", "10m")
    late = rollout.database.connect(OBSERVER, autocommit=False)
    rollout.turn_to(9)
    rollout.report()
    rollout.report(7, outcome="IB015", rest=True)
    late_sample = {"client_id": rollout.cohort[0], "function": "conversations", "ms": 9000, "outcome": "ok"}
    late.execute("select inbox_api.note_reads(%s)", [Jsonb([late_sample] * 400)])
    rollout.turn_to(10)
    assert rollout.look() == "passed"
    first = rollout.packet(tmp_path / "first")
    late.commit()
    rollout.observer.execute(
        "select inbox_api.note_reads(%s)",
        [Jsonb([late_sample | {"at": (NOON + timedelta(minutes=8)).timestamp() * 1000}] * 400)],
    )
    rollout.turn_to(2000)
    assert rollout.packet(tmp_path / "second") == first
    assert first.keys() == {".json", ".md", ".svg"}
    evidence = json.loads(first[".json"])
    [found] = evidence["stages"]
    assert [(read["of"], read["workspaces"], read["samples"], read["other_outcomes"]) for read in found["reads"]] == [
        ("cohort", 5, 40, {}),
        ("rest", 5, 7, {"IB015": 7}),
    ]
    assert [found["looks"][0]["at"], found["to"]] == ["2024-06-10T12:10:00.000000Z"] * 2
    assert found["windows"] == [{"read": "conversations", "class": None, "window": 1, "samples": 40, "p95": 20}]
    for workspace in (*rollout.cohort, *rollout.rest):
        assert workspace not in "".join(first.values())
    answer(rollout.database, "canary", "abort", FLAG, "--why", "enough seen")
    after = json.loads(rollout.packet(tmp_path / "third", "--number", "1")[".json"])
    assert after["canary"]["ended_as"] == "aborted"
    assert "there is no canary 7" in refusal(
        rollout.database, "canary", "report", FLAG, "--out", str(tmp_path), "--number", "7"
    )


def test_a_packet_without_a_look_says_so(rollout: Rollout, tmp_path: Path) -> None:
    """And has the flag's history nevertheless."""
    rollout.start("5,25")
    rollout.report()
    report = ("canary", "report", FLAG, "--out", str(tmp_path), "--dsn", rollout.database.dsn)
    said = invoke(*report)
    assert (said.exit_code, said.stderr.startswith("No look at canary 1 yet")) == (0, True)
    evidence = json.loads((tmp_path / "canary-1.json").read_text())
    assert [(entry["state"], entry["why"]) for entry in evidence["history"]] == [("5%", "canary 1, stage 1")]
    rollout.look()
    assert invoke(*report).stderr == ""


def test_a_packet_without_a_drawing_says_so(rollout: Rollout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "inboxdb.rollout.plots", raising=False)
    monkeypatch.delattr("inboxdb.rollout.plots", raising=False)
    rollout.start("5", "--observe", "10m")
    rollout.turn_to(10)
    rollout.report()
    watched = invoke("canary", "watch", FLAG, "--auto", "--out", str(tmp_path), "--dsn", rollout.database.dsn)
    assert watched.exit_code == 0
    assert [line.split()[0] for line in watched.stderr.splitlines()] == ["canary", "No", "wrote", "wrote"]
    assert "No drawing: extra `plot` is not installed" in watched.stderr


def test_a_packet_says_what_is_next(rollout: Rollout) -> None:
    """Nobody whose flag is off is told to switch it off, nor to compare with a stage that was not passed."""
    rollout.start()
    for ended_as in (None, "complete", "taken_back", "aborted", "overtaken"):
        if ended_as:
            rollout.owner.execute("update inboxdb.canary set ended_at = inboxdb.clock(), ended_as = %s", [ended_as])
        [(evidence,)] = rollout.owner.execute("select inboxdb.canary_evidence(1)").fetchall()
        text = packet.markdown(evidence)
        assert text.startswith(f"# Canary 1 of {FLAG}: {(ended_as or 'at work').replace('_', ' ')}\n")
        _, following = text.split("## What is next")
        is_off = ended_as in ("taken_back", "aborted")
        assert ("kill switch" in following) is not is_off
        assert ("The flag was set to off" in following) is is_off
        assert ("next day's" in following) is (ended_as == "complete")


def test_stages_are_drawn_to_one_scale(rollout: Rollout, tmp_path: Path) -> None:
    """Counts are whole numbers, and no stage's samples are out of the frame."""
    rollout.start("5,25", "--observe", "10m")
    for minute, number in ((10, 40), (14, 900)):
        rollout.turn_to(minute)
        rollout.report(number)
        assert rollout.look() == ("passed" if minute == 10 else "observing")
        if minute == 10:
            rollout.advance()
    svg = rollout.packet(tmp_path)[".svg"]
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    numbers = [float(text) for text in texts if re.fullmatch(r"[\d.]+", text)]
    assert max(numbers) >= 800
    assert all(number.is_integer() for number in numbers), numbers
    assert texts.count("allowed") == 2
    assert texts.count("window of 300 s") == 2


def test_words_of_people_are_no_markdown(rollout: Rollout, tmp_path: Path) -> None:
    rollout.start()
    answer(rollout.database, "canary", "abort", FLAG, "--why", "a | b\n# <b>*bold*</b> _so_ inbox_read")
    text = rollout.packet(tmp_path)[".md"]
    assert "**a \\| b \\# \\<b\\>\\*bold\\*\\</b\\> \\_so\\_ inbox_read**\n" in text


def test_a_packet_that_cannot_be_written_is_an_error(rollout: Rollout, tmp_path: Path) -> None:
    rollout.start()
    (tmp_path / "file").touch()
    out = str(tmp_path / "file" / "folder")
    assert "cannot be written" in refusal(rollout.database, "canary", "report", FLAG, "--out", out)


@pytest.mark.parametrize("role", [WRITER, DRAINER, OBSERVER])
def test_canaries_are_for_the_owner(rollout: Rollout, role: str) -> None:
    rollout.start()
    connection = rollout.database.connect(role)
    for call in (
        "start_canary('inbox_read', '{5}', '30 min', '2 h', '5 min')",
        "look_at_canary(1)",
        "advance_canary(1)",
        "abort_canary(1, 'x')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select inboxdb.{call}".encode())
    assert rollout.state["state"] == "observing"


# Watching


def test_status_knows_flags_and_canaries(rollout: Rollout) -> None:
    """As a monitor may ask; a canary that nobody looks at breaks a promise."""
    monitor = rollout.database.server.dsn_of(rollout.database.name, MONITOR)

    def told(status: int = 0) -> dict[str, Any]:
        said = invoke("status", "--json", "--dsn", monitor)
        assert said.exit_code == status, said.output
        names = ("flags_off", "canaries", "undecided_canaries", "unwatched_canary_seconds", "taken_back_canaries")
        found = json.loads(said.stdout)
        assert found["broken_promises"] == (["nobody looks at a canary"] if status else [])
        return {name: found[name] for name in names}

    nothing = dict.fromkeys(told(), 0)
    assert told() == nothing
    rollout.owner.execute("select inboxdb.set_flag('counts_read', 'off', 'a test')")
    rollout.start("5", "--observe", "10m", "--at-most", "10m")
    rollout.turn_to(5)
    assert told() == nothing | {"flags_off": 2, "canaries": 1, "unwatched_canary_seconds": 300}
    rollout.turn_to(10)
    assert told(3)["unwatched_canary_seconds"] == 600
    assert rollout.look() == "undecided"
    assert told() == nothing | {"flags_off": 2, "canaries": 1, "undecided_canaries": 1}
    rollout.report(60, outcome="IB007")
    assert rollout.look() == "taken_back"
    assert told() == nothing | {"flags_off": 2, "taken_back_canaries": 1}
    rollout.turn_to(10 + 24 * 60)
    assert told() == nothing | {"flags_off": 2}


@pytest.mark.slow  # a server of its own, which loads the library
def test_calls_by_the_servers_statistics_are_shown_beside() -> None:
    """However the caller writes the name; of whom the role may see, once the extension is there."""
    settings = {**SETTINGS, "shared_preload_libraries": "pg_stat_statements"}
    with (
        embedded.server(new_folder(), 18, settings=settings) as dsn,
        closing(Server(dsn, secrets.token_hex(16))) as server,
        server.database("text", installed=True) as database,
    ):
        owner, superuser = database.connect(), database.superuser()

        def seen() -> list[dict[str, Any]]:
            return list(answer(database, "canary", "status")["statements"])

        assert seen() == []
        owner.execute("create schema elsewhere")
        superuser.execute("create extension pg_stat_statements schema elsewhere")
        user, workspace = new_id(), new_id()
        Host(database.writer()).workspace(id=workspace, userId=user)
        reader = database.signed_in(user)
        for call in ("inbox_api.inbox_counts(%s)", '"inbox_api"."inbox_counts"("client_id" := %s)'):
            reader.execute(f"select * from {call}".encode(), [workspace])
        assert seen() == [], "of other roles"
        superuser.execute(f"grant pg_read_all_stats to {OWNER}")
        [one] = seen()
        assert (one["function_name"], one["calls"]) == ("inbox_counts", 2)
        assert 0 < one["mean_ms"] < 60_000
        shown = invoke("canary", "status", "--dsn", database.dsn).stdout
        assert re.search(r"^inbox_counts +2 +[\d.]+$", shown, re.MULTILINE)


def test_status_of_an_installation_before_canaries(rollout: Rollout) -> None:
    rollout.owner.execute("drop function inboxdb.rollout_state()")
    rollout.owner.execute("drop function inboxdb.last_runs()")
    found = answer(rollout.database, "status")
    assert (found["canaries"], found["taken_back_canaries"], found["last_http_run_at"]) == (None, None, None)
