"""The command line, as DBAs, cron and CI use it: output, errors and exit status."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

import inboxdb
from inboxdb import cli
from inboxdb.cli import render
from inboxdb.database.connection import Connection
from tests.redis_server import RedisServer, redis_server
from tests.rows import GLOBAL, Counts, Host, new_id, set_clock
from tests.running import programs
from tests.servers import OWNER, WRITER, Database

VARIABLES = (
    *("INBOXDB_DSN", "DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE"),
    *("INBOXDB_REDIS_URL", "INBOXDB_REDIS_PREFIX"),
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def program(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program itself."""
    command = [sys.executable, "-W", "error", "-m", "inboxdb", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def invoke(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run a command in this process."""
    result = CliRunner().invoke(cli.main, arguments, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def answer(database: Database, *arguments: str, status: int = 0) -> Any:
    """Run a command with --json, and return its answer."""
    result = invoke(*arguments, "--json", "--dsn", database.dsn)
    assert result.exit_code == status, result.output
    assert result.stdout.endswith("}\n")
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def refusal(database: Database, *arguments: str, status: int = 1) -> str:
    """Run a command that has to fail with a single line on stderr and nothing on stdout; return the line."""
    result = invoke(*arguments, "--dsn", database.dsn)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    if status == 1:
        assert result.stderr.startswith("inboxdb: ")
        assert result.stderr.count("\n") == 1
        as_json = invoke(*arguments, "--json", "--dsn", database.dsn)
        assert (as_json.exit_code, as_json.stdout) == (1, "")
        assert json.loads(as_json.stderr)["error"] == result.stderr.removeprefix("inboxdb: ").rstrip("\n")
    assert database.server.password not in result.stderr
    return result.stderr


def everything_stored(database: Database) -> list[Any]:
    """Read whatever a command might have changed."""
    return [
        database.connect().execute(f"select t::text from inboxdb.{table} as t order by 1").fetchall()
        for table in ("inbox_counts", "inbox_counts_dirty", "change", "cache_version", "job_status")
    ]


KEYS = ("analytics:v1:ver", "inbox:v1:ver", "jobs:v1:recompute-inbox-counts")

FAILS = "23514: the refresh failed; inboxdb.recompute_inbox_counts raises the error in full"


def fail(owner: Connection, *workspaces: str) -> None:
    """Let every refresh of these workspaces fail."""
    named = ", ".join(f"'{workspace}'" for workspace in workspaces)
    owner.execute(
        f"alter table inboxdb.inbox_counts add constraint unlucky check (client_id::text not in ({named})) not valid"
    )


def quarantine(database: Database, host: Host, workspace: str) -> None:
    """Let a workspace fail until quarantined."""
    owner = database.connect()
    owner.execute("alter table inboxdb.inbox_counts drop constraint if exists unlucky")
    fail(owner, workspace)
    host.lead(workspace)
    for _ in range(8):
        assert owner.execute("select outcome from inboxdb.drain_next()").fetchall() == [("failed",)]
        owner.execute(
            "update inboxdb.inbox_counts_dirty set next_attempt_at = inboxdb.clock() - interval '1 second' "
            "where quarantined_at is null"
        )
        owner.execute("update inboxdb.drain_state set claim_from = '-infinity'")
    assert owner.execute("select outcome from inboxdb.drain_next()").fetchall() == [("idle",)]


def small_workspace(host: Host, user: str) -> str:
    """Make a workspace with an open reply that asks for attention and is assigned, and a draft to review."""
    workspace = host.workspace()
    lead = host.lead(
        workspace,
        sentimentTag="Interested",
        lastInboundAt="2024-01-02 00:00:00+00",
        assignedToUserId=user,
    )
    host.draft(lead)
    host.lead(workspace, status="needs_repair")
    return workspace


# The program itself


def test_the_whole_life_of_an_installation(bare_database: Database) -> None:
    """In processes."""
    password = bare_database.server.password
    user = new_id()

    def run(*arguments: str, status: int = 0) -> str:
        returned, stdout, stderr = start(*arguments, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing").end()
        assert returned == status, stderr
        assert password not in stdout + stderr
        return stderr if status == 1 else stdout

    with programs(bare_database.dsn) as start:
        assert "not installed" in run("status", status=1)
        pending = run("migrate", "status").count("pending")
        assert pending > 1
        assert f"applied {pending} migrations" in run("migrate", "apply", "--without-rls")
        workspace = small_workspace(Host(bare_database.writer()), user)
        assert "refreshed 1, failed 0, skipped 0, remaining 0" in run("drain-dirty")
        assert "total                          2" in run("counts", workspace)
        assert json.loads(run("verify", "--json"))["drifted"] == 0
        bare_database.connect().execute("update inboxdb.inbox_counts set total = 7")
        assert "total was stored as 7, live 2" in run("verify", status=3)
        assert "dirty workspaces        0" in run("status")
        assert "no role but the owner reads counts any more" in run("migrate", "rollback", "--to", "0006-lead-triggers")
        assert "Undoes 0001-tables" in run("migrate", "rollback", "--all")
        assert "nothing to undo" in run("migrate", "rollback")


def test_version_and_help() -> None:
    assert program("--version").stdout == f"inboxdb {inboxdb.__version__}\n"
    assert program("-h").stdout.startswith("Usage: inboxdb [OPTIONS] COMMAND")
    helped = invoke("drain-dirty", "-h")
    assert "--workers" in helped.stdout, helped.output


# Which database


def test_the_dsn_may_stand_before_or_behind_the_command_and_wins(database: Database) -> None:
    elsewhere = "host=127.0.0.1 port=1 dbname=elsewhere"
    right = database.dsn
    assert invoke("status", "--dsn", right, env={"INBOXDB_DSN": elsewhere}).exit_code == 0
    assert invoke("--dsn", right, "status", env={"INBOXDB_DSN": elsewhere}).exit_code == 0
    assert invoke("--dsn", elsewhere, "status", "--dsn", right).exit_code == 0
    assert invoke("status", env={"INBOXDB_DSN": right, "DATABASE_URL": elsewhere}).exit_code == 0
    assert invoke("status", env={"DATABASE_URL": right, "PGHOST": "127.0.0.1", "PGPORT": "1"}).exit_code == 0

    result = invoke("status", env={"INBOXDB_DSN": elsewhere, "DATABASE_URL": right})
    assert result.exit_code == 1
    assert result.stderr.startswith("inboxdb: cannot connect to elsewhere on 127.0.0.1:1: nothing listens there.")


def test_libpqs_variables_are_enough(database: Database) -> None:
    info = database.connect().info
    variables = {"PGHOST": info.host, "PGPORT": str(info.port), "PGDATABASE": info.dbname, "PGUSER": OWNER}
    result = invoke("status", env={**variables, "PGPASSWORD": database.server.password})
    assert result.exit_code == 0
    assert f"database                {info.dbname} on {info.host}" in result.stdout


def test_the_server_sees_which_command_it_is(database: Database) -> None:
    owner = database.connect()
    owner.execute(
        "create or replace function inboxdb.clock() returns timestamptz language sql volatile as "
        "$$ select case when current_setting('application_name') = 'inboxdb status' "
        "then clock_timestamp() + interval '1 hour' else clock_timestamp() end $$"
    )
    Host(database.writer()).workspace()
    assert answer(database, "status", status=3)["oldest_dirty_seconds"] >= 3600


# JSON of each command


def test_migrate_answers(bare_database: Database) -> None:
    names = [one["id"] for one in answer(bare_database, "migrate", "status")["migrations"]]
    assert names[0] == "0001-tables"
    assert answer(bare_database, "migrate", "apply", "--trust", WRITER) == {"applied": names, "unlike_shipped": []}
    assert answer(bare_database, "migrate", "apply") == {"applied": [], "unlike_shipped": []}
    assert all("+00:00" in one["applied_at"] for one in answer(bare_database, "migrate", "status")["migrations"])
    answer(bare_database, "rls", "off")
    [latest] = answer(bare_database, "migrate", "rollback")["undone"]
    assert latest["id"] == names[-1]
    assert latest["meaning"].startswith(f"Undoes {names[-1]}")
    listed = answer(bare_database, "migrate", "status")["migrations"]
    assert [one["id"] for one in listed if not one["applied_at"]] == [names[-1]]
    assert [one["id"] for one in answer(bare_database, "migrate", "rollback", "--all")["undone"]] == names[-2::-1]
    assert answer(bare_database, "migrate", "rollback") == {"undone": []}


@pytest.mark.all_hosts
def test_counts_answer(database: Database, host: Host) -> None:
    user, stranger = new_id(), new_id()
    workspace = small_workspace(host, user)
    drained = answer(database, "drain-dirty")
    assert drained.pop("duration_ms") > 0
    assert re.fullmatch("[0-9a-f]{8}", drained.pop("run_id"))
    assert drained == {
        **{"refreshed": 1, "failed": 0, "skipped": 0, "audited": 0, "remaining": 0, "failures": []},
        "suspended_since": None,
        "suspended_because": None,
    }

    whole = answer(database, "counts", workspace)
    assert whole["computed_at"].endswith("+00:00")
    expected = Counts(1, 1, total_non_blacklisted=2, awaiting_reply=1, needs_repair=1, ai_review=1, total=2)
    assert {name: whole[name] for name in Counts._fields} == expected._asdict()
    place = ("client_id", "is_global", "scope_user_id", "dirty")
    assert [whole[name] for name in place] == [workspace, True, GLOBAL, False]

    own = answer(database, "counts", workspace, "--setter", user)
    assert [own[name] for name in place] == [workspace, False, user, False]
    assert (own["total"], own["needs_repair"], own["version"]) == (1, 0, whole["version"])

    nothing = answer(database, "counts", workspace, "--setter", stranger)
    assert [nothing[name] for name in place] == [workspace, False, stranger, False]
    assert {nothing[name] for name in Counts._fields} == {0}
    assert nothing["computed_at"] == whole["computed_at"]

    host.lead(workspace)
    assert answer(database, "counts", workspace)["dirty"] is True
    assert "yes, a refresh is due" in invoke("counts", workspace, "--dsn", database.dsn).stdout
    answer(database, "drain-dirty")
    again = answer(database, "counts", workspace)
    assert (again["total"], again["dirty"]) == (3, False)
    assert again["version"] > whole["version"]


def test_mark_recompute_and_status_answer(database: Database, host: Host) -> None:
    first, second = host.workspace(), host.workspace()
    answer(database, "drain-dirty")
    quiet = answer(database, "status")
    assert (quiet["dirty_workspaces"], quiet["pending_changes"], quiet["oldest_dirty_seconds"]) == (0, 0, 0)
    assert quiet["last_drain_at"].endswith("+00:00")

    assert answer(database, "mark", first, first) == {"all": False, "client_ids": [first, first]}
    marked = answer(database, "status")
    assert (marked["dirty_workspaces"], marked["pending_changes"]) == (1, 2)
    assert 0 < marked["oldest_dirty_seconds"] < 60

    assert answer(database, "mark", "--all") == {"all": True, "client_ids": []}
    assert answer(database, "status")["dirty_workspaces"] == 2
    assert answer(database, "recompute", first, second) == {"client_ids": [first, second]}
    assert answer(database, "drain-dirty")["remaining"] == 0


def test_requeue_answers(database: Database, host: Host) -> None:
    bad, good = host.workspace(), host.workspace()
    answer(database, "drain-dirty")
    owner = database.connect()
    quarantine(database, host, bad)
    host.lead(bad)  # is no reason to try again
    assert answer(database, "drain-dirty")["refreshed"] == 0
    before = everything_stored(database)
    for unable, code in ((good, "IB011"), ("absent", "IB002")):
        assert f"({code})" in refusal(database, "requeue", bad, unable)
    assert everything_stored(database) == before
    owner.execute("alter table inboxdb.inbox_counts drop constraint unlucky")

    assert answer(database, "requeue", bad) == {"requeued": 1}
    assert answer(database, "drain-dirty")["refreshed"] == 1
    assert answer(database, "counts", bad)["total"] == 2
    assert answer(database, "requeue", "--all") == {"requeued": 0}
    for workspace in (bad, good):
        quarantine(database, host, workspace)
    assert "put back 2 workspaces" in invoke("requeue", "--all", "--dsn", database.dsn).stdout


def test_publish_answers(database: Database, host: Host, redis: RedisServer) -> None:
    workspace = host.workspace()
    answer(database, "drain-dirty")
    there = ["--redis-url", redis.url, "--redis-prefix", "preview:"]
    keys = [f"preview:{key}:{workspace}" for key in KEYS]
    assert answer(database, "publish", *there) == {"published": 3}
    assert list(redis.contents()) == keys
    assert answer(database, "publish", *there) == {"published": 0}
    redis.client.flushall()
    assert answer(database, "publish", *there) == {"published": 0}
    assert answer(database, "publish", "--all", *there) == {"published": 3}
    assert list(redis.contents()) == keys

    variables = {"INBOXDB_REDIS_URL": redis.url, "INBOXDB_REDIS_PREFIX": "other:"}
    result = invoke("publish", "--all", "--dsn", database.dsn, env=variables)
    assert result.stdout == "published 3 keys\n"
    assert list(redis.contents()) == [f"other:{key}:{workspace}" for key in KEYS] + keys
    [(run_id,)] = database.connect().execute("select run_id from inboxdb.job_status").fetchall()
    assert json.loads(redis.contents()[keys[2]] or "")["runId"] == run_id


def test_a_single_run_publishes(database: Database, host: Host, redis: RedisServer) -> None:
    workspace = host.workspace()
    answer(database, "drain-dirty", "--redis-url", redis.url)
    assert list(redis.contents()) == [f"{key}:{workspace}" for key in KEYS]
    assert "unpublished keys        0" in invoke("status", "--dsn", database.dsn).stdout


def test_metrics_answers(database: Database) -> None:
    result = invoke("metrics", "--dsn", database.dsn)
    assert result.exit_code == 0
    assert "\ninboxdb_up 1.0\n" in result.stdout
    names = set(re.findall("^inboxdb[a-z_]*", result.stdout, re.MULTILINE))
    assert names == set(re.findall("^inboxdb[a-z_]*", answer(database, "metrics")["metrics"], re.MULTILINE))


def test_a_limit_leaves_the_rest(database: Database, host: Host) -> None:
    for _ in range(3):
        host.workspace()
    drained = answer(database, "drain-dirty", "--limit", "2", "--workers", "2")
    assert (drained["refreshed"], drained["remaining"]) == (2, 1)


# Not healthy


@pytest.mark.all_hosts
def test_drift_is_found_named_and_repaired(database: Database, host: Host) -> None:
    user = new_id()
    workspace, other = small_workspace(host, user), small_workspace(host, user)
    answer(database, "drain-dirty")
    healthy = answer(database, "verify")
    assert healthy == {
        "workspaces": 2,
        "scopes": 4,
        "drifted": 0,
        "unverified": 0,
        "repaired": 0,
        "differences": [],
        "unverified_workspaces": [],
    }
    version = answer(database, "counts", workspace)["version"]

    owner = database.connect()
    owner.execute("update inboxdb.inbox_counts set total = 9 where is_global and client_id = %s", [workspace])
    owner.execute("delete from inboxdb.inbox_counts where not is_global and client_id = %s", [other])
    found = answer(database, "verify", status=3)
    assert (found["workspaces"], found["scopes"], found["drifted"], found["unverified"]) == (2, 4, 2, 0)
    place = {"client_id": workspace, "is_global": True, "scope_user_id": GLOBAL, "repaired": False}
    assert {**place, "count": "total", "stored": 9, "live": 2} in found["differences"]
    place = {"client_id": other, "is_global": False, "scope_user_id": user, "repaired": False}
    assert {**place, "count": "ai_review", "stored": None, "live": 1} in found["differences"]
    assert len(found["differences"]) == 1 + len(Counts._fields)
    text = invoke("verify", "--dsn", database.dsn).stdout
    assert f"workspace {workspace}, the whole workspace: total was stored as 9, live 2\n" in text
    assert f"workspace {other}, user {user}: ai_review was stored as no row, live 1\n" in text
    assert "--repair" in text

    repaired = answer(database, "verify", "--repair")
    assert (repaired["drifted"], repaired["repaired"]) == (2, 2)
    assert all(one["repaired"] for one in repaired["differences"])
    assert answer(database, "counts", workspace)["version"] > version  # or caches would keep the drift
    assert answer(database, "verify") == healthy


def test_a_sample_looks_at_no_more(database: Database, host: Host) -> None:
    for _ in range(3):
        host.workspace()
    assert answer(database, "verify", "--sample", "2")["workspaces"] == 2
    assert answer(database, "verify", "--sample", "5")["workspaces"] == 3


def test_without_a_terminal_a_line_now_and_then_tells_how_far_it_is(
    database: Database, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        host.workspace()
    there = ("--dsn", database.dsn)
    assert invoke("drain-dirty", *there).stderr == ""
    monkeypatch.setattr(render, "PROGRESS_EVERY", 0)
    assert invoke("verify", *there).stderr.splitlines() == [
        "verifying: 1 of 2 workspaces",
        "verifying: 2 of 2 workspaces",
    ]
    for options in ([], ["--json"]):
        invoke("mark", "--all", *there)
        assert invoke("drain-dirty", *options, *there).stderr.splitlines() == [
            "draining: 0 of 2 workspaces",
            "draining: 1 of 2 workspaces",
            "draining: 2 of 2 workspaces",
        ]
    invoke("mark", "--all", *there)
    lines = map(json.loads, invoke("drain-dirty", "--log-format", "json", *there).stderr.splitlines())
    told = [(line["done"], line["total"]) for line in lines if line["action"] == "progress"]
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_how_long_it_takes_is_said_as_people_say_it(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(render, "PROGRESS_EVERY", 0)
    with cli.main.make_context("inboxdb", ["status"]), render.progress("draining") as show:
        assert show
        show(1, 1200, 3725.4)
    assert capsys.readouterr().err == "draining: 1 of 1,200 workspaces, about 1:02:05 left\n"


def test_waiting_changes_are_drained_not_called_drift(database: Database, host: Host) -> None:
    workspace = small_workspace(host, new_id())
    assert answer(database, "verify")["drifted"] == 0
    host.lead(workspace)
    host.delete("Client", workspace)
    gone = answer(database, "verify")
    assert (gone["workspaces"], gone["scopes"], gone["drifted"]) == (1, 0, 0)
    assert answer(database, "verify")["workspaces"] == 0


def test_what_cannot_be_compared_is_unverified_not_drifted(database: Database, host: Host) -> None:
    busy, quiet = host.workspace(), host.workspace()
    answer(database, "drain-dirty")
    owner = database.connect()
    owner.execute("update inboxdb.inbox_counts set total = 9 where client_id = %s", [busy])
    host.lead(busy)

    # somebody else has it
    holder = database.connect(autocommit=False)
    assert holder.execute("select inboxdb.try_lock_workspace(%s)", [busy]).fetchall() == [(True,)]
    found = answer(database, "verify", status=3)
    assert (found["workspaces"], found["drifted"], found["unverified"]) == (2, 0, 1)
    reason = "another drain or recompute had it"
    assert found["unverified_workspaces"] == [{"client_id": busy, "reason": reason}]
    assert f"workspace {busy} is unverified: {reason}\n" in invoke("verify", "--dsn", database.dsn).stdout
    holder.rollback()

    # it changes whenever it is refreshed
    owner.execute(
        "create function public.again() returns trigger language plpgsql as "
        "$$ begin perform inboxdb.note_change(new.client_id, null); return null; end $$"
    )
    owner.execute(
        "create trigger again after update on inboxdb.inbox_counts for each row "
        f"when (new.client_id = '{busy}') execute function public.again()"
    )
    found = answer(database, "verify", "--repair", status=3)
    assert (found["drifted"], found["repaired"], found["unverified"]) == (0, 0, 1)
    assert found["unverified_workspaces"] == [{"client_id": busy, "reason": "it kept changing"}]
    owner.execute("drop trigger again on inboxdb.inbox_counts")
    assert answer(database, "verify")["unverified"] == 0
    assert answer(database, "counts", quiet)["total"] == 0


def test_a_failed_workspace_is_named_and_the_others_are_refreshed(database: Database, host: Host) -> None:
    good, bad = host.workspace(), host.workspace()
    owner = database.connect()
    owner.execute(f"alter table inboxdb.inbox_counts add check (client_id::text <> '{bad}' or total = 0)")
    host.lead(good)
    host.lead(bad, firstName="Ada")
    error = FAILS
    drained = answer(database, "drain-dirty", status=3)
    assert (drained["refreshed"], drained["failed"], drained["remaining"]) == (1, 1, 1)
    assert drained["failures"] == [{"client_id": bad, "error": error}]
    status = answer(database, "status", status=3)
    assert status["failing_workspaces"] == 1
    assert (status["failing"][0]["client_id"], status["failing"][0]["last_error"]) == (bad, error)
    assert (
        f"workspace {bad} failed (attempt {status['failing'][0]['attempts']}): {error}\n"
        in invoke("status", "--dsn", database.dsn).stdout
    )
    found = answer(database, "verify", status=3)
    assert found["unverified_workspaces"] == [{"client_id": bad, "reason": "its refresh failed: see `inboxdb status`"}]


Break = Callable[[Database, Host, Connection], None]


def late(database: Database, host: Host, owner: Connection) -> None:
    set_clock(owner, "2024-01-01 00:00:00+00")
    host.workspace()
    owner.execute("select inboxdb.collect()")
    set_clock(owner, "2024-01-01 00:00:14+00")
    assert answer(database, "status")["broken_promises"] == []
    set_clock(owner, "2024-01-01 00:00:16+00")


def late_and_nobody_looks(database: Database, host: Host, owner: Connection) -> None:
    set_clock(owner, "2024-01-01 00:00:00+00")
    host.workspace()
    set_clock(owner, "2024-01-01 00:00:14+00")
    assert answer(database, "status")["broken_promises"] == []
    set_clock(owner, "2024-01-01 00:00:16+00")


def failing(database: Database, host: Host, owner: Connection) -> None:
    fail(owner, host.workspace())
    answer(database, "drain-dirty", status=3)


def quarantined(database: Database, host: Host, owner: Connection) -> None:
    quarantine(database, host, host.workspace())


def unpublished(database: Database, host: Host, owner: Connection) -> None:
    host.workspace()
    with redis_server() as redis:
        answer(database, "drain-dirty", "--redis-url", redis.url)
    host.workspace()
    answer(database, "drain-dirty")
    assert answer(database, "status")["broken_promises"] == []
    set_clock(owner, (datetime.now(UTC) + timedelta(seconds=61)).isoformat())


def drifted(database: Database, host: Host, owner: Connection) -> None:
    answer(database, "rls", "on", "--trust", WRITER)
    assert answer(database, "status")["broken_promises"] == []
    owner.execute('alter table public."Lead" disable row level security')


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (late, "changes are not counted within 15 seconds"),
        (late_and_nobody_looks, "changes are not counted within 15 seconds"),
        (failing, "refreshes fail"),
        (quarantined, "workspaces are quarantined"),
        (unpublished, "Redis is behind"),
        (drifted, 'row-level security on "Lead" is not as decided'),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_promise_is_said_and_exits_with_3(broken: Break, promise: str, database: Database, host: Host) -> None:
    owner = database.connect()
    assert answer(database, "status")["broken_promises"] == []
    broken(database, host, owner)
    assert answer(database, "status", status=3)["broken_promises"] == [promise]
    result = invoke("status", "--dsn", database.dsn)
    assert result.exit_code == 3
    assert result.stdout.endswith(f"\nBROKEN: {promise}\n")


def test_a_quarantined_workspace_is_named_with_its_reason(database: Database, host: Host) -> None:
    bad = host.workspace()
    quarantine(database, host, bad)
    status = answer(database, "status", status=3)
    assert (status["failing_workspaces"], status["quarantined_workspaces"], status["late_workspaces"]) == (0, 1, 0)
    [one] = status["failing"]
    assert (one["client_id"], one["attempts"], one["last_error"]) == (bad, 8, FAILS)
    assert one["next_attempt_at"] is None
    assert one["quarantined_at"].endswith("+00:00")
    said = f"\nworkspace {bad} is quarantined (attempt 8): {FAILS}\n"
    assert said in invoke("status", "--dsn", database.dsn).stdout


# Errors


def test_a_host_that_does_not_fit_is_named_before_anything_is_changed(bare_database: Database) -> None:
    bare_database.connect().execute('alter table "Lead" drop column "snoozedUntil"')
    said = refusal(bare_database, "migrate", "apply")
    assert 'public."Lead"."snoozedUntil" is missing' in said
    assert "(IB001)" in said
    assert bare_database.connect().execute("select to_regnamespace('inboxdb')").fetchall() == [(None,)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["drain-dirty"],
        ["counts", "x"],
        ["mark", "x"],
        ["mark", "--all"],
        ["requeue", "x"],
        ["requeue", "--all"],
        ["metrics"],
        ["recompute", "x"],
        ["verify"],
    ],
    ids=" ".join,
)
def test_a_database_without_inboxdb_is_said_to_be(arguments: list[str], bare_database: Database) -> None:
    said = refusal(bare_database, *arguments)
    assert f"{bare_database.name} on " in said
    assert "not installed" in said
    assert "`inboxdb migrate apply`" in said


def test_a_run_that_logs_says_there_why_it_ended(bare_database: Database) -> None:
    for arguments in (["--watch"], ["--for", "5"], ["--log-format", "json"]):
        result = invoke("drain-dirty", *arguments, "--dsn", bare_database.dsn)
        assert (result.exit_code, result.stdout) == (1, "")
        start, end = result.stderr.splitlines()
        assert "draining" in start
        assert "not installed" in end
        assert "3F000" in end


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["drain-dirty", "--limit", "0"], "'--limit': 0"),
        (["drain-dirty", "--workers", "0"], "'--workers': 0"),
        (["drain-dirty", "--time-limit", "0"], "'--time-limit': 0"),
        (["drain-dirty", "--time-limit", "nan"], "'--time-limit': nan"),
        (["drain-dirty", "--watch", "--for", "5"], "--watch goes on for ever, --for for a time: give one of them."),
        (["drain-dirty", "--every", "1"], "--every needs --for or --watch."),
        (["drain-dirty", "--for", "5", "--every", "0"], "'--every': 0"),
        (["drain-dirty", "--for", "5", "--every", "nan"], "'--every': nan"),
        (["drain-dirty", "--for", "0"], "'--for': 0"),
        (["drain-dirty", "--for", "inf"], "'--for': inf"),
        (["drain-dirty", "--watch", "--limit", "1"], "--limit is for a single run, without --watch or --for."),
        (["drain-dirty", "--for", "5", "--limit", "1"], "--limit is for a single run, without --watch or --for."),
        (["drain-dirty", "--metrics-port", "9178"], "--metrics-port needs --watch."),
        (["drain-dirty", "--for", "5", "--metrics-port", "9178"], "--metrics-port needs --watch."),
        (["drain-dirty", "--watch", "--metrics-port", "0"], "'--metrics-port': 0"),
        (["drain-dirty", "--log-format", "xml"], "'--log-format': 'xml'"),
        (["drain-dirty", "--pace", "0"], "'--pace': 0"),
        (["publish"], "--redis-url or INBOXDB_REDIS_URL"),
        (["requeue"], "--all"),
        (["requeue", "--all", "x"], "--all"),
        (["verify", "--sample", "0"], "'--sample': 0"),
        (["mark"], "--all"),
        (["mark", "--all", "x"], "--all"),
        (["recompute"], "CLIENT_ID"),
        (["counts"], "CLIENT_ID"),
        (["counts", "x", "y"], "y"),
        (["migrate"], "Usage"),
        (["demo", "--leads", "0"], "--leads"),
        (["nothing"], "nothing"),
    ],
    ids=str,
)
def test_wrong_usage_exits_2(arguments: list[str], said: str) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_unknown_workspace_is_named_and_nothing_is_changed(database: Database, host: Host) -> None:
    known = host.workspace()
    answer(database, "drain-dirty")
    before = everything_stored(database)
    for arguments in (["mark", known, "absent"], ["recompute", known, "absent"], ["counts", "absent"]):
        said = refusal(database, *arguments)
        assert "'absent'" in said
        assert "(IB002)" in said
    assert everything_stored(database) == before


@pytest.mark.parametrize("arguments", [["drain-dirty"], ["drain-dirty", "--watch"], ["publish"]], ids=" ".join)
@pytest.mark.parametrize(
    "url",
    ["not-a-url", "http://user:hidden@localhost", "redis://user:hid/den@localhost", "redis://:hidden@localhost:x"],
)
def test_a_malformed_redis_url_is_not_quoted(arguments: list[str], url: str, database: Database) -> None:
    for given in (["--redis-url", url], []):
        result = invoke(*arguments, *given, "--dsn", database.dsn, env={"INBOXDB_REDIS_URL": url})
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("inboxdb: --redis-url or INBOXDB_REDIS_URL holds no URL that can be read")
        assert result.stderr.count("\n") == 1
        assert "hid" not in result.stderr


def test_without_an_extra_its_name_is_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("redis", "prometheus_client", "matplotlib"):
        monkeypatch.setitem(sys.modules, module, None)
    for module in ("inboxdb.watch.metrics", "inboxdb.cli.plots"):
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.delattr(module, raising=False)
    for arguments, extra in {
        ("drain-dirty", "--redis-url", "redis://localhost"): "redis",
        ("publish", "--redis-url", "redis://localhost"): "redis",
        ("metrics",): "metrics",
        ("drain-dirty", "--watch", "--metrics-port", "9178"): "metrics",
        ("analytics", new_id(), "--plot", "plot.svg"): "plot",
    }.items():
        result = invoke(*arguments, "--dsn", database.dsn)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"install it with `pip install 'inboxdb[{extra}]'`" in result.stderr
        assert result.stderr.count("\n") == 1
    assert answer(database, "drain-dirty")["failed"] == 0
    assert answer(database, "status")["broken_promises"] == []


def test_a_redis_that_is_away_is_an_error_of_publish_alone(database: Database, host: Host) -> None:
    host.workspace()
    there = ["--redis-url", "redis://somebody:hidden@127.0.0.1:1/0"]
    result = invoke("drain-dirty", *there, "--log-format", "plain", "--dsn", database.dsn)
    assert result.exit_code == 0
    assert "could not publish" in result.stderr
    said = refusal(database, "publish", *there)
    assert "cannot publish to Redis on 127.0.0.1:1: it cannot be reached" in said
    assert "hidden" not in said + result.output


@pytest.mark.host_variants("uuid")
def test_a_malformed_id_is_named_and_nothing_is_changed(database: Database, host: Host) -> None:
    known = host.workspace()
    answer(database, "drain-dirty")
    before = everything_stored(database)
    for arguments in (["mark", known, "42"], ["recompute", known, "42"], ["counts", known, "--setter", "42"]):
        assert "'42' does not have the form of this host's ids" in refusal(database, *arguments)
    assert everything_stored(database) == before


def test_a_workspace_not_counted_yet_is_told_from_an_unknown_one(database: Database, host: Host) -> None:
    workspace = host.workspace()
    said = refusal(database, "counts", workspace)
    assert f"'{workspace}' has not been counted yet" in said
    assert "`inboxdb drain-dirty`" in said
    assert refusal(database, "counts", workspace, "--setter", new_id()) == said


def test_the_sentinel_is_nobody(database: Database, host: Host) -> None:
    assert "nobody's id" in refusal(database, "counts", host.workspace(), "--setter", GLOBAL)
    assert "--setter is empty" in refusal(database, "counts", host.workspace(), "--setter", "")


def test_a_workspace_that_stays_locked_is_an_error(database: Database, host: Host) -> None:
    workspace = host.workspace()
    holder = database.connect(autocommit=False)
    holder.execute("select inboxdb.try_lock_workspace(%s)", [workspace])
    result = invoke("recompute", workspace, "--dsn", database.dsn)
    assert result.exit_code == 1
    assert "stayed locked for 5 seconds" in result.stderr
    assert "(IB003)" in result.stderr


def test_a_read_only_server_is_said_to_be(database: Database, host: Host) -> None:
    workspace = host.workspace()
    answer(database, "drain-dirty")
    database.superuser().execute(f"alter database {database.name} set default_transaction_read_only = on")
    for arguments in (["drain-dirty"], ["mark", workspace], ["mark", "--all"], ["recompute", workspace]):
        assert "read-only" in refusal(database, *arguments)
    # commands that only read work on a standby
    assert answer(database, "counts", workspace)["total"] == 0
    assert answer(database, "verify")["workspaces"] == 1
    assert answer(database, "status")["dirty_workspaces"] == 0


def test_a_role_without_rights_is_told_whom_to_be(database: Database) -> None:
    dsn = database.server.dsn_of(database.name, "app_writer")
    for arguments in (["status"], ["drain-dirty"], ["verify"], ["rls", "plan"]):
        result = invoke(*arguments, "--dsn", dsn)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "lacks a right" in result.stderr
        assert "the role that installed inboxdb" in result.stderr
    assert f"schema inboxdb belongs to {OWNER}" in invoke("migrate", "apply", "--dsn", dsn).stderr


def test_a_traceback_only_if_asked_for_and_never_a_servers_words(database: Database) -> None:
    dsn = make_conninfo(database.dsn, dbname="absent")
    assert "Traceback" not in invoke("status", "--dsn", dsn).stderr
    debug = invoke("status", "--debug", "--dsn", dsn).stderr
    assert "in connect\n" in debug
    assert "OperationalError" in debug
    assert 'database "absent" does not exist' not in debug
    assert database.server.password not in debug
    assert debug.splitlines()[-1].startswith("inboxdb: cannot connect to absent on ")


def test_a_mistake_of_ours_is_one_line_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("inboxdb.watch.status.read", mistaken)
    assert refusal(database, "status") == "inboxdb: internal error: KeyError (see --debug)\n"
