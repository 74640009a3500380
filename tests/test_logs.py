"""What drains log: each line a sentence with its fields, and nothing that is nobody's business."""

import json
import re
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

from inboxdb import cli
from inboxdb.database.connection import Connection
from inboxdb.drain.run import drain
from tests.interleave import Stage, until
from tests.redis_server import RedisServer
from tests.rows import Host, new_id
from tests.running import Start, drains, hold_up, until_held_up
from tests.servers import Database

# A time, a level, a sentence, and fields in the order of their names.
PLAIN = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[(?:debug|info|warning|error)\] (?P<event>[^=]+?)"
    r"(?P<fields>(?: [a-z_]+=(?:'[^']*'|\"[^\"]*\"|[^ '\"]+))+)"
)

# Of persons, in rows, and in the DSN and the URL.
SECRETS = {
    "name": "Ada-Secretive",
    "email": "ada@secretive.example",
    "text": "a most secretive message",
    "user": new_id(),
    "redis password": "secretive-redis",
}


def drain_dirty(dsn: str, *options: str) -> Result:
    """Run `inboxdb drain-dirty` in this process."""
    return CliRunner().invoke(cli.main, ["drain-dirty", *options, "--dsn", dsn])


def lines(text: str, style: str) -> list[dict[str, str]]:
    """Read a log; anything in it that is no line of ours is an error."""
    read = []
    assert text.endswith("\n")
    for line in text.splitlines():
        if style == "json":
            fields = json.loads(line)
            assert {"event", "level", "timestamp"} <= fields.keys()
        else:
            found = PLAIN.fullmatch(line)
            assert found, line
            fields = dict(re.findall(r" ([a-z_]+)=('[^']*'|\"[^\"]*\"|[^ ]+)", found["fields"]))
            fields["event"] = found["event"]
        assert fields["action"] in ("start", "connect", "refresh", "publish", "signal", "announce", "end")
        assert re.fullmatch("[0-9a-f]{8}", fields["run"])
        assert re.fullmatch("[a-z][^.]*", fields["event"])
        read.append({name: str(value) for name, value in fields.items()})
    return read


def secretive_lead(host: Host, workspace: str) -> str:
    lead = host.lead(
        workspace,
        firstName=SECRETS["name"],
        email=SECRETS["email"],
        assignedToUserId=SECRETS["user"],
        lastInboundAt="2024-01-01 00:00:00+00",
    )
    host.message(lead, body=SECRETS["text"])
    host.draft(lead, content=SECRETS["text"])
    return lead


@pytest.mark.parametrize("style", ["plain", "json"])
def test_whatever_happens_each_line_is_one_of_ours_and_tells_no_secret(
    style: str,
    database: Database,
    host: Host,
    owner: Connection,
    stage: Stage,
    redis: RedisServer,
    start: Start,
) -> None:
    failing, killing, slow, good = workspaces = [host.workspace(name=SECRETS["name"]) for _ in range(4)]
    drain(database.dsn)
    # errors that quote rows, and the server's own words
    owner.execute(f"alter table inboxdb.inbox_counts add check (client_id <> '{failing}' or total = 0)")
    stage.always_at("counts stored", "perform pg_terminate_backend(pg_backend_pid())", about=killing)
    stage.always_at("signalling", "perform pg_sleep(3)")
    let_go = hold_up(database, slow)
    for workspace in workspaces:
        secretive_lead(host, workspace)
    redis.client.config_set("requirepass", SECRETS["redis password"])
    running = start(
        *("drain-dirty", "--watch", "--workers", "2", "--time-limit", "1", "--debug", "--log-format", style),
        INBOXDB_REDIS_URL=redis.url.replace("unix://", f"unix://:{SECRETS['redis password']}@"),
    )
    until(lambda: "57014" in running.stderr)
    until(lambda: "a refresh lost its connection" in running.stderr)
    until(lambda: "23514" in running.stderr)
    redis.kill()
    let_go()
    until(lambda: owner.execute("select from inboxdb.inbox_counts where total = 1").rowcount >= 2)
    until(lambda: "could not publish" in running.stderr)
    until(lambda: "realtime hangs" in running.stderr)
    owner.execute("select pg_terminate_backend(pid) from unnest(%s::integer[]) as pid", [drains(owner)])
    until(lambda: running.stderr.count("connected again") >= 2)
    running.signal(signal.SIGTERM)
    returned, stdout, stderr = running.end()
    assert returned == 0
    for what, secret in {**SECRETS, "password": database.server.password}.items():
        assert secret not in stdout + stderr, what
    assert {line["action"] for line in lines(stderr, style)} >= {"start", "connect", "refresh", "publish", "end"}
    assert len({line["run"] for line in lines(stderr, style)}) == 1
    assert good in stderr


@pytest.mark.parametrize("style", ["plain", "json"])
@pytest.mark.parametrize("kind", [["--watch"], ["--for", "2"], []], ids=str)
def test_last_words_are_a_line_too(style: str, kind: list[str], bare_database: Database) -> None:
    for dsn in (bare_database.dsn, make_conninfo(bare_database.dsn, dbname="absent")):
        result = drain_dirty(dsn, *kind, "--log-format", style, "--debug")
        assert (result.exit_code, result.stdout) == (1, "")
        assert bare_database.server.password not in result.stderr
        start_line, end_line = lines(result.stderr, style)
        assert (start_line["action"], end_line["action"]) == ("start", "end")
        assert "in session" in end_line["trace"]


def test_a_single_run_is_silent_unless_asked(database: Database, host: Host, owner: Connection) -> None:
    owner.execute("alter table inboxdb.inbox_counts add check (total < 0)")
    host.workspace()
    result = drain_dirty(database.dsn, "--limit", "1")
    assert (result.exit_code, result.stderr) == (3, "")
    result = drain_dirty(database.dsn, "--log-format", "plain")
    assert [line["action"] for line in lines(result.stderr, "plain")] == ["start", "refresh", "end"]


@pytest.mark.parametrize(
    ("checkpoint", "ends"), [("candidate chosen", True), ("workspace locked", False), ("signalling", False)]
)
def test_what_the_server_says_is_not_repeated(
    checkpoint: str, ends: bool, database: Database, host: Host, owner: Connection, stage: Stage, start: Start
) -> None:
    words = ", ".join(f"{part} = 'secretive {part}'" for part in ("message", "detail", "hint"))
    stage.always_at(checkpoint, f"raise warning using {words}; raise exception using {words}")
    host.workspace()
    running = start("drain-dirty", "--watch", "--log-format", "json", "--debug")
    until(lambda: "P0001" in running.stderr)
    if not ends:  # a worker that cannot claim gives up by itself
        running.signal(signal.SIGTERM)
    _, stdout, stderr = running.end()
    assert "secretive" not in stdout + stderr
    assert len(lines(stderr, "json")) >= 2


def test_libraries_are_not_heard() -> None:
    """What they warn of may quote what the server says."""
    libraries = "logging.getLogger(one).warning('secretive') for one in ('psycopg', 'redis')"
    warn = f"import logging, inboxdb.database.logs; [{libraries}]"
    result = subprocess.run([sys.executable, "-c", warn], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_interruption_is_a_line_too(database: Database, host: Host, owner: Connection, start: Start) -> None:
    workspace = host.workspace()
    drain(database.dsn)
    hold_up(database, workspace)
    host.lead(workspace)
    running = start("drain-dirty", "--for", "30", "--log-format", "json")
    until_held_up(owner)
    running.signal(signal.SIGINT)
    returned, stdout, stderr = running.end()
    assert (returned, stdout) == (130, "")
    assert [line["event"] for line in lines(stderr, "json")] == ["draining", "interrupted"]


def test_a_failed_refresh_says_why(database: Database, host: Host, owner: Connection) -> None:
    workspace = host.workspace()
    owner.execute("alter table inboxdb.inbox_counts add check (total < 0)")
    result = drain_dirty(database.dsn, "--log-format", "json")
    [failed] = [line for line in lines(result.stderr, "json") if line["action"] == "refresh"]
    assert (failed["workspace"], failed["outcome"]) == (workspace, "failed")
    assert failed["error"].startswith("23514: the refresh failed")
