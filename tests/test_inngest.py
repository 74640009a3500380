"""Functions for Inngest: by the SDK's simulation of it, and over HTTP with its signatures, on the loopback alone."""

import asyncio
import hmac
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import inngest
import jcs  # type: ignore[import-untyped]
import pytest
import uvicorn
from inngest.experimental import mocked

from inboxdb.database.connection import Connection
from inboxdb.database.errors import UnusableDsn
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import DrainResult
from inboxdb.inngest import (
    APP,
    FUNCTIONS,
    ONCE_A_WINDOW,
    RETRIES,
    WrongEnvironment,
    make_app,
    make_functions,
    require_environment,
)
from tests.aggregates import drain_counts, is_built
from tests.interleave import DEADLINE, until
from tests.rows import Host, live_counts, stored_counts
from tests.running import hold_up, until_held_up
from tests.servers import DRAINER, Database
from tests.test_trigger import free_port

KEY, OTHER_KEY = "signkey-prod-0123456789abcdef0123456789abcdef", "signkey-prod-fedcba9876543210fedcba9876543210"
UNIT = Path(__file__).parents[1] / "docs/deploy/inboxdb-inngest.service"

COUNTS, AGGREGATES, MAINTENANCE = "recompute-inbox-counts", "recompute-analytics-aggregates", "maintenance"
NOTHING = DrainResult("0a1b2c3d", 0, 0, 0, 0, 0, 1, [])


@pytest.fixture(autouse=True)
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of production, with its keys."""
    for name in ("INNGEST_DEV", "INNGEST_SIGNING_KEY_FALLBACK", "INBOXDB_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INNGEST_SIGNING_KEY", KEY)
    monkeypatch.setenv("INNGEST_ENV", "production")


def prepare(database: Database) -> None:
    """Make it a database of production."""
    name(database.connect(), "production")


def name(owner: Connection, environment: str | None) -> None:
    owner.execute("select inboxdb.set_setting('environment', %s)", [environment])


def mac(body: bytes, key: str, at: int) -> str:
    return hmac.new(key.removeprefix("signkey-prod-").encode(), body + str(at).encode(), sha256).hexdigest()


def signature(body: str, key: str, at: int) -> str:
    return f"t={at}&s={mac(jcs.canonicalize(json.loads(body)), key, at)}"


class Answer:
    """An answer to a request."""

    def __init__(self, port: int, method: str, query: str, body: str, headers: dict[str, str]) -> None:
        """Ask."""
        connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        try:
            connection.request(method, f"/api/inngest{query}", body, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            self.status, self.headers, self.text = answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    @property
    def data(self) -> Any:
        """The JSON in it."""
        return json.loads(self.text)


def call(
    port: int, function: str, *, event: str = "inbox/counts.dirty", key: str | None = KEY, run_id: str = "1"
) -> Answer:
    """Call a function as Inngest does. Parameters: run_id, sent in place of the signed one."""
    one = {"name": event, "data": {"window": "1"}, "id": "1", "ts": 1}
    ctx = {"attempt": 0, "disable_immediate_execution": False, "run_id": "1", "stack": {"stack": []}}
    body = json.dumps({"ctx": ctx, "event": one, "events": [one], "steps": {}, "use_api": False})
    headers = {"x-inngest-signature": signature(body, key, int(time.time()))} if key else {}
    sent = body.replace('"run_id": "1"', f'"run_id": "{run_id}"')
    return Answer(port, "POST", f"?fnId={APP}-{function}&stepId=step", sent, headers)


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """Serve in this process; lend the port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    thread = Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield port
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
    assert not thread.is_alive()


@pytest.fixture
def port(database: Database) -> Iterator[int]:
    """The port of the app, on the test's database, as a drainer."""
    with serving(make_app(database.dsn_of(DRAINER))) as served:
        yield served


def counted(owner: Connection, workspace: str) -> bool:
    return stored_counts(owner).get(workspace) == live_counts(owner, workspace)


# Over HTTP


def test_a_call_drains(port: int, host: Host, owner: Connection) -> None:
    workspace = host.workspace()
    host.lead(workspace)
    answer = call(port, COUNTS)
    assert (answer.status, answer.data["refreshed"], answer.data["healthy"]) == (200, 1, True)
    assert counted(owner, workspace)
    assert owner.execute("select kind from inboxdb.run").fetchall() == [("inngest",)]
    at, signed = (part[2:] for part in answer.headers["x-inngest-signature"].split("&"))
    assert mac(answer.text.encode(), KEY, int(at)) == signed, "Inngest knows who answers"
    assert workspace not in answer.text


def test_maintenance_refreshes_nothing(port: int, host: Host, owner: Connection) -> None:
    host.lead(host.workspace())
    owner.execute("insert into inboxdb.freshness (sampled_at, seconds) values ('2020-01-01', '{1}')")
    answer = call(port, MAINTENANCE, event="background/maintenance.requested")
    assert (answer.status, answer.data["refreshed"], answer.data["remaining"]) == (200, 0, 1)
    assert owner.execute("select from inboxdb.freshness where sampled_at = '2020-01-01'").rowcount == 0


@pytest.mark.host_variants("wide-text")
def test_aggregates_are_brought_up_to_date_alone(port: int, host: Host, owner: Connection) -> None:
    """Until none is due, in which a drain would rest after a quarter of a second; counts are left alone."""

    def call_for_aggregates() -> tuple[Any, ...]:
        answer = call(port, AGGREGATES, event="analytics/aggregates.recompute").data
        return answer["refreshed"], answer["failed"], answer["remaining"], answer["healthy"]

    workspaces = [host.workspace() for _ in range(12)]
    leads = [host.lead(workspace) for workspace in workspaces]
    drain_counts(owner)
    owner.execute("insert into inboxdb.freshness (sampled_at, seconds) values ('2020-01-01', '{1}')")
    owner.execute(
        "create function public.slow() returns trigger language plpgsql "
        "as 'begin perform pg_catalog.pg_sleep(0.03); return new; end'"
    )
    owner.execute("create trigger slow before insert on inboxdb.lead_fact for each row execute function public.slow()")
    assert call_for_aggregates() == (12, 0, 0, True)
    assert all(is_built(owner, workspace) for workspace in workspaces)
    assert owner.execute("select from inboxdb.freshness where sampled_at = '2020-01-01'").rowcount == 1
    owner.execute("alter table inboxdb.lead_fact add constraint none check (tag_key = 0)")
    host.update("Lead", leads[0], sentimentTag="Interested")
    host.update("Lead", leads[1], status="qualified")
    drain_counts(owner)
    host.lead(workspaces[2])
    assert call_for_aggregates() == (1, 1, 0, False)
    assert owner.execute("select from inboxdb.waiting").rowcount == 1, "counts"


def test_without_the_right_signature_nothing_is_done(port: int, host: Host, owner: Connection) -> None:
    host.lead(host.workspace())
    refused = [
        call(port, COUNTS, key=None),
        call(port, COUNTS, key=OTHER_KEY),
        call(port, COUNTS, run_id="2"),
        Answer(port, "POST", f"?fnId={APP}-{COUNTS}", "{}", {"x-inngest-signature": "t=1&s=ab"}),
        Answer(port, "POST", f"?fnId={APP}-{COUNTS}", "{}", {"x-inngest-signature": "nonsense"}),
        Answer(port, "PUT", "", '{"url": "http://127.0.0.1/"}', {}),
        Answer(port, "PUT", "", '{"url": "http://127.0.0.1/"}', {"x-inngest-sync-kind": "in_band"}),
    ]
    assert [one.status for one in refused] == [401] * 7
    assert owner.execute("select from inboxdb.run").rowcount == 0
    assert call(port, "drop-everything").status >= 400


def test_the_fallback_key_is_taken_while_keys_are_changed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", OTHER_KEY)
    with serving(make_app(database.dsn_of(DRAINER), lambda _: NOTHING)) as port:
        assert [call(port, COUNTS, key=key).status for key in (KEY, OTHER_KEY)] == [200, 200]


def test_the_handshake_tells_the_functions(port: int) -> None:
    body = json.dumps({"url": f"http://127.0.0.1:{port}/api/inngest"})
    headers = {"x-inngest-sync-kind": "in_band", "x-inngest-signature": signature(body, KEY, int(time.time()))}
    answer = Answer(port, "PUT", "", body, headers)
    assert answer.status == 200
    assert (answer.data["app_id"], answer.data["env"]) == (APP, "production")
    told = {function["id"]: function for function in answer.data["functions"]}
    assert told.keys() == {f"{APP}-{work.name}" for work in FUNCTIONS}
    for work in FUNCTIONS:
        function = told[f"{APP}-{work.name}"]
        assert function["triggers"] == [{"cron": work.cron}, {"event": work.event}]
        assert function["concurrency"] == [{"limit": 1, "scope": "fn"}]
        assert function["idempotency"] == ONCE_A_WINDOW
        [step] = function["steps"].values()
        assert step["retries"] == {"attempts": RETRIES}
    assert Answer(port, "GET", "", "", {}).status == 401


def test_parallel_events_have_one_run_at_a_time(database: Database, host: Host, owner: Connection) -> None:
    """One that comes meanwhile is to be called again, and is no success: changes may have come since."""
    workspace = host.workspace()
    with serving(make_app(database.dsn)) as port:
        assert call(port, COUNTS).status == 200
        let_go = hold_up(database, workspace)
        host.lead(workspace)
        with ThreadPoolExecutor() as pool:
            first = pool.submit(call, port, COUNTS)
            until_held_up(owner)
            others = [call(port, COUNTS) for _ in range(3)]
            assert [one.status for one in others] == [500] * 3
            assert all(one.headers["retry-after"] for one in others)
            assert not any("x-inngest-no-retry" in one.headers for one in others)
            assert call(port, MAINTENANCE).status == 200, "another function is not in the way"
            let_go()
            assert first.result(DEADLINE).status == 200
        until(lambda: call(port, COUNTS).status == 200 and counted(owner, workspace))


def test_a_database_that_is_away_is_called_again_and_not_named(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(database.dsn_of(DRAINER))
    with serving(app) as port:
        database.superuser().execute(f"alter database {database.name} connection limit 0".encode())
        try:
            answer = call(port, COUNTS)
        finally:
            database.superuser().execute(f"alter database {database.name} connection limit -1".encode())
        assert (answer.status, "53300" in answer.text) == (500, True)
        assert "x-inngest-no-retry" not in answer.headers
        assert not [part for part in (database.name, DRAINER, database.server.password) if part in answer.text]
        assert call(port, COUNTS).status == 200


@pytest.mark.slow
def test_the_unit_serves(database: Database, host: Host, owner: Connection, tmp_path: Path) -> None:
    """By the command of the unit, and the environment that operations.md names."""
    host.lead(host.workspace())
    [command] = re.findall(r"^ExecStart=/usr/local/bin/(.*) --port \d+ (.*)$", UNIT.read_text(), re.MULTILINE)
    port = free_port()
    words = shlex.split(f"{Path(sys.executable).with_name('uvicorn').parent}/{command[0]} --port {port} {command[1]}")
    environment = {name: os.environ[name] for name in ("PATH", "INNGEST_ENV", "INNGEST_SIGNING_KEY")}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            words, env=environment | {"INBOXDB_DSN": database.dsn_of(DRAINER)}, stderr=log, stdout=log
        )
    try:
        until(lambda: is_there(port) or process.poll() is not None)
        assert call(port, COUNTS).data["refreshed"] == 1
    finally:
        process.terminate()
        process.wait(DEADLINE)
    told = (tmp_path / "log").read_text()
    assert "action=end" in told
    assert KEY not in told


def is_there(port: int) -> bool:
    try:
        return Answer(port, "GET", "", "", {}).status == 401
    except OSError:
        return False


# By the SDK's own simulation


def simulate(database: Database, function: str, carry_out: Callable[[DrainOptions], DrainResult]) -> Any:
    client = inngest.Inngest(app_id=APP)
    [made] = [one for one in make_functions(client, database.dsn, carry_out) if one.id == f"{APP}-{function}"]
    return mocked.trigger(made, inngest.Event(name="inbox/counts.dirty"), mocked.Inngest(app_id=APP))


@pytest.mark.parametrize("failures", [0, RETRIES, RETRIES + 1])
def test_what_fails_is_tried_again(database: Database, failures: int) -> None:
    calls: list[DrainOptions] = []

    def carry_out(options: DrainOptions) -> DrainResult:
        calls.append(options)
        if len(calls) > failures:
            return NOTHING
        raise UnusableDsn("INBOXDB_DSN", None) if len(calls) % 2 else ZeroDivisionError("with a secret in it")

    done = simulate(database, COUNTS, carry_out)
    completed = failures <= RETRIES
    assert len(calls) == min(failures, RETRIES) + 1
    assert done.status is (mocked.Status.COMPLETED if completed else mocked.Status.FAILED)
    assert "secret" not in str(done.error)
    assert len({one.run_id for one in calls}) == len(calls)


@pytest.mark.parametrize("work", FUNCTIONS, ids=lambda work: work.name)
def test_each_function_is_a_run_that_ends(database: Database, work: Any) -> None:
    calls: list[DrainOptions] = []

    def carry_out(options: DrainOptions) -> DrainResult:
        calls.append(options)
        return NOTHING

    assert simulate(database, work.name, carry_out).output["healthy"]
    [options] = calls
    assert (options.refreshes, options.job, options.schedule.kind) == (work.refreshes, work.job, "once")
    assert options.schedule.seconds < 60


# Environments


# Of the database, by the variable, whether in development, and whether that agrees.
ENVIRONMENTS = [
    ("production", "production", False, True),
    ("preview", "preview", False, True),
    ("production", "preview", False, False),
    ("preview", "production", False, False),
    ("production", "", False, False),
    (None, "production", False, False),
    (None, "", False, False),
    (None, "", True, True),
    (None, "development", True, True),
    ("development", "development", True, True),
    ("preview", "development", True, False),
    ("production", "development", True, False),
    ("production", "production", True, False),
    (None, "production", True, False),
]


def test_only_the_databases_own_environment_is_served(
    database: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for here, named, is_development, agrees in ENVIRONMENTS:
        name(owner, here)
        monkeypatch.setenv("INNGEST_ENV", named)
        try:
            require_environment(database.dsn_of(DRAINER), is_development=is_development)
        except WrongEnvironment:
            assert not agrees, (here, named, is_development)
        else:
            assert agrees, (here, named, is_development)


def test_a_preview_does_not_begin_beside_production(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_ENV", "preview")
    app = make_app(database.dsn_of(DRAINER), lambda _: NOTHING)

    async def begin() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(WrongEnvironment):
        asyncio.run(begin())


def test_a_database_that_becomes_anothers_is_left_alone(database: Database, owner: Connection, host: Host) -> None:
    """As a copy of production does, once it is named."""
    host.lead(host.workspace())
    with serving(make_app(database.dsn_of(DRAINER))) as port:
        name(owner, "preview")
        answer = call(port, COUNTS)
    assert (answer.status, "different environments" in answer.text) == (500, True)
    assert owner.execute("select from inboxdb.run").rowcount == 0
