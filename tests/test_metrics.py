"""Prometheus' text: that Prometheus reads it, that it says what the status says, and that it names no workspace."""

import socket
import subprocess
import urllib.error
import urllib.request
from datetime import datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inboxdb.database.connection import Connection
from inboxdb.database.errors import CannotConnect
from inboxdb.drain import run
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.redis import Cache
from inboxdb.watch import metrics, status
from tests.chaos import mortal_database
from tests.interleave import until
from tests.programs import program
from tests.redis_server import RedisServer
from tests.rows import Host, set_clock
from tests.running import Start, own_postgres, programs
from tests.servers import MONITOR, Database


def samples(text: str) -> dict[str, float]:
    """Parse a text; return each sample by its name and, if it has one, its quantile."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def scrape(port: int) -> str | None:
    """Ask what Prometheus asks; None where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
            return text
    except ConnectionRefusedError:
        return None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return None
        raise


def busy(database: Database, host: Host, owner: Connection, redis: RedisServer) -> list[str]:
    """Let every metric have a value; return the ids of the workspaces."""
    workspaces = [host.workspace() for _ in range(3)]
    run.drain(database.dsn, DrainOptions(cache=Cache(redis.url)))
    owner.execute(f"alter table inboxdb.inbox_counts add check (client_id <> '{workspaces[0]}') not valid")
    for workspace in workspaces:
        host.lead(workspace)
    assert run.drain(database.dsn).failed == 1
    host.lead(workspaces[1])
    return workspaces


def test_prometheus_takes_all_of_it(database: Database, host: Host, owner: Connection, redis: RedisServer) -> None:
    idle = metrics.text(database.dsn)
    busy(database, host, owner, redis)
    for text in (idle, metrics.text(database.dsn)):
        assert samples(text)["inboxdb_up"] == 1
        check = [program("promtool", "prometheus"), "check", "metrics"]
        checked = subprocess.run(check, input=text, capture_output=True, text=True)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_it_says_what_the_status_says(database: Database, host: Host, owner: Connection, redis: RedisServer) -> None:
    busy(database, host, owner, redis)
    [(now,)] = owner.execute("select clock_timestamp() + interval '20 s'").fetchall()
    set_clock(owner, now.isoformat())
    said = samples(metrics.text(database.dsn))
    read = status.read(owner)
    assert (read.dirty_workspaces, read.failing_workspaces, read.unpublished_keys) == (2, 1, 7)
    for fact, value in read.told:
        if fact.metric and value is not None and not isinstance(value, datetime):
            name = "/".join(filter(None, [fact.metric, fact.quantile]))
            assert said[name] == pytest.approx(value, abs=5 if name.endswith("seconds") else 0), name
    assert said["inboxdb_broken_promises"] == len(read.broken_promises) == 2
    assert 0 <= said["inboxdb_last_drain_age_seconds"] < 60


def test_what_is_not_known_has_no_sample(database: Database) -> None:
    said = samples(metrics.text(database.dsn))
    assert said.keys() == {
        "inboxdb_up",
        "inboxdb_broken_promises",
        *(fact.metric for fact, value in status.read(database.connect()).told if fact.metric and value is not None),
    }


def test_no_workspace_is_named(database: Database, host: Host, owner: Connection, redis: RedisServer) -> None:
    workspaces = busy(database, host, owner, redis)
    text = metrics.text(database.dsn)
    assert not [workspace for workspace in workspaces if workspace in text]
    assert {name for family in text_string_to_metric_families(text) for s in family.samples for name in s.labels} == {
        "quantile"
    }


def test_who_watches_may_ask(database: Database) -> None:
    assert "\ninboxdb_up 1.0\n" in metrics.text(database.server.dsn_of(database.name, MONITOR))


def test_a_database_that_is_away_is_an_error_of_the_command(database: Database) -> None:
    with pytest.raises(CannotConnect):
        metrics.text(database.dsn.replace(database.name, "absent"))


def test_a_watching_run_serves_it(database: Database, host: Host, start: Start) -> None:
    port = free_port()
    running = start("drain-dirty", "--watch", "--metrics-port", str(port))
    until(lambda: samples(scrape(port) or "").get("inboxdb_workers_seen") == 1)
    host.workspace()
    until(lambda: samples(scrape(port) or "").get("inboxdb_freshness_seconds/0.99"))
    assert running.runs
    assert running.stderr.count("\n") == 1  # a request is not logged


def test_it_is_served_while_the_database_is_away(pytestconfig: pytest.Config) -> None:
    postgres = own_postgres(pytestconfig)
    with mortal_database(postgres, "synthetic", pooled=False) as (server, database), programs(database.dsn) as start:
        port = free_port()
        running = start("drain-dirty", "--watch", "--metrics-port", str(port))
        until(lambda: samples(scrape(port) or "").get("inboxdb_workers_seen"))
        server.crash(wholly=False)
        try:
            text = scrape(port) or ""
        finally:
            server.start()
        assert samples(text) == {"inboxdb_up": 0}
        until(lambda: samples(scrape(port) or "")["inboxdb_up"] == 1)
        assert running.runs


def test_a_port_that_is_taken_is_an_error(database: Database, start: Start) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        running = start("drain-dirty", "--watch", "--metrics-port", str(port))
        returned, stdout, stderr = running.end()
    assert (returned, stdout, stderr.count("\n")) == (1, "", 1)
    assert f"cannot serve metrics on port {port}: it is taken, or not allowed. Choose another." in stderr
