"""`inboxdb serve-trigger`: who may ask for a run over HTTP, what is answered, what it bears; on the loopback alone."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner

from inboxdb import cli
from inboxdb.database.connection import Connection
from inboxdb.drain.options import DrainOptions, Schedule
from inboxdb.drain.run import DrainResult, drain
from inboxdb.serve import http
from tests.interleave import DEADLINE, until
from tests.programs import program
from tests.rows import Host, live_counts, set_clock, stored_counts
from tests.running import Program, Start, hold_up, programs, until_held_up
from tests.servers import DRAINER, Database

DEPLOY = Path(__file__).parents[1] / "docs/deploy"

SECRET = "synthetic-secret-0123456789-abcdef"
BEARER = {"Authorization": f"Bearer {SECRET}"}
HEAD = f"POST /drain HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n".encode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


class Answer:
    """An answer to a request."""

    def __init__(self, port: int, method: str, path: str, headers: dict[str, str], body: str | None) -> None:
        """Ask."""
        connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            self.status = answer.status
            self.headers = answer.headers
            self.text = answer.read().decode()
        finally:
            connection.close()

    @property
    def data(self) -> Any:
        """The JSON in it."""
        return json.loads(self.text)


def post(port: int, path: str = "/drain", headers: dict[str, str] = BEARER, body: str | None = None) -> Answer:
    return Answer(port, "POST", path, headers, body)


def health(port: int) -> int | None:
    """Ask how it is; None where nobody listens."""
    try:
        return Answer(port, "GET", "/healthz", {}, None).status
    except OSError:
        return None


class Served:
    """`inboxdb serve-trigger` in a process of its own."""

    def __init__(self, start: Start, *options: str) -> None:
        """Start it."""
        self.port = free_port()
        self.program: Program = start(
            "serve-trigger", "--port", str(self.port), *options, INBOXDB_TRIGGER_SECRET=f" {SECRET}\n"
        )
        until(lambda: health(self.port) == 200 or not self.program.runs)
        assert self.program.runs, self.program.stderr


@pytest.fixture
def dirty(host: Host) -> list[str]:
    """Workspaces with an uncounted lead."""
    workspaces = [host.workspace() for _ in range(3)]
    for workspace in workspaces:
        host.lead(workspace)
    return workspaces


@contextmanager
def serving(carry_out: Callable[[DrainOptions], DrainResult], answer_within: float = 20) -> Iterator[int]:
    """Serve in this process; lend the port."""
    stop, port = Event(), free_port()
    address = ("127.0.0.1", port)
    options = {"address": address, "secret": SECRET, "answer_within": answer_within}
    thread = Thread(target=http.serve, args=(DrainOptions(), carry_out, stop), kwargs=options)
    thread.start()
    try:
        until(lambda: health(port) == 200)
        yield port
    finally:
        stop.set()
        thread.join(DEADLINE)
    assert not thread.is_alive()


def never(options: DrainOptions) -> DrainResult:
    """Carry out a run that nobody was to begin."""
    raise AssertionError(options)


@pytest.fixture(scope="module")
def idle() -> Iterator[int]:
    """The port of a server in this process, of which nobody is to get a run."""
    with serving(never) as port:
        yield port


def counted(owner: Connection, workspaces: list[str]) -> bool:
    stored = stored_counts(owner)
    return all(stored.get(workspace) == live_counts(owner, workspace) for workspace in workspaces)


# Runs


def test_a_run_drains_and_is_answered(database: Database, owner: Connection, dirty: list[str]) -> None:
    with programs(database.dsn_of(DRAINER)) as start:
        served = Served(start)
        answer = post(served.port)
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert counted(owner, dirty)
        [(run_id, kind)] = owner.execute("select run_id, kind from inboxdb.run").fetchall()
        assert answer.data.pop("run_id") == run_id
        assert kind == "http"
        told = answer.data
        assert told.keys() == {
            *("run_id", "refreshed", "failed", "skipped", "audited", "remaining", "duration_ms", "healthy")
        }
        assert (told["refreshed"], told["remaining"], told["healthy"]) == (3, 0, True)
        again = post(served.port, body='{"ignored": true}').data
        assert again["refreshed"] == 0
        assert again["run_id"] != run_id
        assert served.program.stderr.count(f"run={run_id}") == 2


def test_the_log_tells_which_request_began_which_run(start: Start) -> None:
    """By the caller's name for it, if that is one; what else a caller sends is in no line."""
    served = Served(start)
    for request_id, is_told in (("req-1:a/b", True), ("x" * 128, True), ("x" * 129, False), ("a b", False)):
        run_id = post(served.port, headers=BEARER | {"X-Request-Id": request_id}).data["run_id"]
        told = [line for line in served.program.stderr.splitlines() if "action=call" in line]
        assert (f"request_id={request_id} run={run_id}" in "".join(told)) == is_told, told
    assert len(told) == 2


def test_a_failed_workspace_is_not_named_to_the_caller(
    owner: Connection, dirty: list[str], start: Start, database: Database
) -> None:
    owner.execute(f"alter table inboxdb.inbox_counts add check (client_id <> '{dirty[0]}') not valid")
    answer = post(Served(start).port)
    assert answer.status == 200
    assert (answer.data["refreshed"], answer.data["failed"], answer.data["healthy"]) == (2, 1, False)
    assert not [workspace for workspace in dirty if workspace in answer.text]


def test_runs_are_bounded(database: Database, owner: Connection, dirty: list[str], start: Start) -> None:
    answer = post(Served(start, "--limit", "1").port).data
    assert (answer["refreshed"], answer["remaining"]) == (1, 2)
    for_a_second = post(Served(start, "--for", "1").port).data
    assert (for_a_second["refreshed"], for_a_second["remaining"]) == (2, 0)


def test_a_single_run_ends_at_its_time(database: Database, dirty: list[str]) -> None:
    result = drain(database.dsn, DrainOptions(Schedule(seconds=0)))
    assert (result.refreshed, result.remaining) == (0, 3)


def test_maintenance_refreshes_nothing_and_is_no_sign_of_a_drain(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    set_clock(owner, "2024-06-10 00:00:00+00")
    audited = host.workspace()
    host.lead(audited)
    drain(database.dsn)
    owner.execute("delete from inboxdb.run")
    set_clock(owner, "2024-06-10 07:00:00+00")
    host.lead(host.workspace())
    owner.execute("insert into inboxdb.freshness (sampled_at, seconds) values ('2020-01-01', '{1}')")
    answer = post(Served(start).port, "/maintenance")
    assert answer.status == 200
    assert (answer.data["refreshed"], answer.data["audited"], answer.data["remaining"]) == (0, 1, 1)
    assert stored_counts(owner).keys() == {audited}
    assert owner.execute("select from inboxdb.freshness where sampled_at = '2020-01-01'").rowcount == 0
    assert owner.execute("select from inboxdb.run").rowcount == 0


def test_a_run_that_takes_longer_goes_on_alone(
    database: Database, owner: Connection, dirty: list[str], host: Host, start: Start
) -> None:
    drain(database.dsn)
    let_go = hold_up(database, dirty[0])
    host.lead(dirty[0])
    served = Served(start, "--answer-within", "0")
    began = post(served.port)
    assert (began.status, began.data["status"]) == (202, "running")
    until_held_up(owner)
    for path in ("/drain", "/maintenance"):
        refused = post(served.port, path)
        assert (refused.status, refused.data["run_id"]) == (409, began.data["run_id"])
    let_go()
    until(lambda: counted(owner, dirty))
    until(lambda: post(served.port).status == 202)


def test_two_servers_share_the_work(
    database: Database, owner: Connection, dirty: list[str], host: Host, start: Start
) -> None:
    drain(database.dsn)
    let_go = hold_up(database, dirty[0])
    for workspace in dirty:
        host.lead(workspace)
    one, other = Served(start, "--answer-within", "0"), Served(start, "--answer-within", "0")
    assert [post(served.port).status for served in (one, other)] == [202, 202]
    until_held_up(owner)
    until(lambda: post(one.port).status == post(other.port).status == 409 or counted(owner, dirty[1:]))
    let_go()
    until(lambda: counted(owner, dirty))


def test_an_internal_error_ends_the_run_alone() -> None:
    def fail(options: DrainOptions) -> DrainResult:
        raise ZeroDivisionError("with a secret in it")

    with serving(fail) as port:
        answers = [post(port) for _ in range(2)]
    assert [answer.status for answer in answers] == [500, 500]
    assert "secret" not in answers[0].text


# Callers


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        SECRET,
        f"Basic {SECRET}",
        f"Bearer {SECRET[:-1]}",
        f"Bearer {SECRET}x",
        f"Bearer {SECRET} {SECRET}",
        f"Bearer {SECRET.upper()}",
        "Bearer é",
    ],
)
def test_who_does_not_show_the_secret_is_refused(idle: int, shown: str | None) -> None:
    for path in ("/drain", "/maintenance"):
        answer = post(idle, path, {} if shown is None else {"Authorization": shown})
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert SECRET not in answer.text


def test_wrong_secrets_are_logged_once(database: Database, dirty: list[str], start: Start) -> None:
    served = Served(start)
    assert post(served.port, headers={"authorization": f"bearer   {SECRET} "}).data["refreshed"] == 3
    for _ in range(3):
        assert post(served.port, headers={"Authorization": "Bearer guessed-by-somebody"}).status == 401
    serving, *of_the_run, refused = served.program.stderr.splitlines()
    assert refused.endswith(" refused a request without the secret action=call")
    assert "run=" not in serving
    assert ["run=" in line for line in of_the_run] == [True] * 2
    assert "guessed" not in served.program.stderr


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(
            ("GET", "/drain", 405),
            ("PUT", "/drain", 405),
            ("DELETE", "/maintenance", 405),
            ("GET", "/maintenance", 405),
        ),
        *(("POST", "/healthz", 405), ("TRACE", "/drain", 405), ("MADE-UP", "/drain", 405)),
        *(("POST", "/drain/", 404), ("POST", "/", 404), ("POST", "//drain", 404), ("POST", "/drain%2f", 404)),
        *(("HEAD", "/healthz", 200), ("GET", "/healthz", 200)),
    ],
)
def test_other_methods_and_paths(idle: int, method: str, path: str, status: int) -> None:
    assert Answer(idle, method, path, BEARER, None).status == status


@pytest.mark.parametrize("secret", ["", "   ", "hunter2", "x" * 31, "with a blank " * 5, "ä" * 40, "line\n" * 10])
def test_it_does_not_start_without_a_good_secret(secret: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(
            cli.main,
            ["serve-trigger", "--port", str(taken.getsockname()[1])],
            env={"INBOXDB_TRIGGER_SECRET": secret, "INBOXDB_DSN": "host=x"},
        )
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("inboxdb: INBOXDB_TRIGGER_SECRET ")
    assert not secret.strip() or secret.strip() not in result.stderr


def test_a_port_that_is_taken(database: Database, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        returned, stdout, stderr = start("serve-trigger", "--port", str(port), INBOXDB_TRIGGER_SECRET=SECRET).end()
    assert (returned, stdout, stderr.count("\n")) == (1, "", 1)
    assert f"cannot listen on 127.0.0.1, port {port}" in stderr


@pytest.mark.parametrize("lacking", ["uvicorn", "starlette"])
def test_the_extra_that_is_missing(lacking: str) -> None:
    code = (
        f"import sys; sys.modules['{lacking}'] = None; from inboxdb.cli import main; "
        "main(['--dsn', 'host=x', 'serve-trigger', '--port', '1'])"
    )
    said = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert said.returncode == 1
    assert said.stderr == "inboxdb: serve-trigger needs an extra: install it with `pip install 'inboxdb[trigger]'`.\n"


# A database that is away


def test_a_database_that_is_away_is_not_named_to_the_caller() -> None:
    port = free_port()
    with programs(f"postgresql://somebody:hush-hush@127.0.0.1:{port}/nowhere") as start:
        served = Served(start)
        for path in ("/drain", "/maintenance"):
            answer = post(served.port, path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
            assert "the database cannot be reached" in answer.text
            assert served.program.stderr.splitlines()[-1].endswith(f"run={answer.data['run_id']}")
            for secret in ("hush-hush", "somebody", "127.0.0.1", "nowhere", str(port)):
                assert secret not in answer.text
        assert health(served.port) == 200
        assert f"cannot connect to nowhere on 127.0.0.1:{port}: nothing listens there" in served.program.stderr
        assert "hush-hush" not in served.program.stderr
        assert SECRET not in served.program.stderr


def test_a_database_without_inboxdb(bare_database: Database) -> None:
    with programs(bare_database.dsn) as start:
        answer = post(Served(start).port)
    assert (answer.status, answer.data["sqlstate"]) == (503, "3F000")


# What it bears


def send(port: int, sent: bytes) -> bytes:
    """Send some bytes and then nothing more; return the answer, or what there was of one before the end."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        answer = b""
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                answer += received
        except ConnectionError:
            pass
        return answer


def memory(pid: int) -> int:
    """How much memory a process has, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def bad_request(chance: Random) -> bytes:
    """Make up a request that nobody is to get a run for."""
    stranger = b"POST /drain HTTP/1.1\r\nHost: x\r\n"
    return chance.choice(
        [
            chance.randbytes(200),
            b"\r\n" * 50,
            HEAD[: chance.randrange(len(HEAD))],
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /drain HTTP/1.1\r\n\r\n",  # no Host
            stranger + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
            stranger + b"".join(b"X-%d: a\r\n" % number for number in range(2_000)) + b"\r\n",
            stranger + b"Authorization: Bearer " + chance.randbytes(40).hex().encode() + b"\r\n\r\n",
            HEAD + b"Content-Length: -1\r\n\r\n",
            HEAD + b"Content-Length: 1e9\r\n\r\n",
            HEAD + b"Content-Length: 99999999999\r\n\r\n" + b"a" * 50_000,
            HEAD + b"Content-Length: 10\r\n\r\nshort",
            HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n%s\r\n" % (b"a" * 4096) * 10,
            stranger + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"POST /drain\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST http://other.example/drain HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(100),  # TLS
        ]
    )


def test_five_hundred_bad_requests(database: Database, owner: Connection, dirty: list[str], start: Start) -> None:
    served, chance = Served(start), Random(7)
    assert served.program.process.pid
    before = memory(served.program.process.pid)
    answers = [send(served.port, bad_request(chance)) for _ in range(500)]
    statuses = {answer.split(b" ")[1] for answer in answers if answer}
    assert statuses == {b"400", b"401", b"404", b"413"}
    assert not stored_counts(owner), "a run was begun"
    assert memory(served.program.process.pid) - before < 20 * 2**20
    assert served.program.stderr.count("\n") == 2, served.program.stderr
    assert SECRET not in served.program.stderr
    assert post(served.port).data["refreshed"] == 3


@contextmanager
def connections(port: int, number: int) -> Iterator[list[socket.socket]]:
    """Hold so many connections open."""
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE)) for _ in range(number)]


def status(connection: socket.socket) -> bytes:
    """Wait for the answer to a request; return its status."""
    return connection.recv(12)[9:]


def test_a_flood_begins_one_run() -> None:
    asked: list[DrainOptions] = []
    go_on = Event()

    def carry_out(options: DrainOptions) -> DrainResult:
        asked.append(options)
        assert go_on.wait(DEADLINE)
        return DrainResult(options.run_id, 0, 0, 0, 0, 0, 0, [])

    with serving(carry_out) as port, connections(port, http.REQUESTS_MOST - 1) as flood:
        first, *others = flood
        first.sendall(HEAD + b"\r\n")
        until(lambda: asked)
        for connection in others:
            connection.sendall(HEAD + b"\r\n")
        assert [status(connection) for connection in others] == [b"409"] * len(others)
        go_on.set()
        assert status(first) == b"200"
    assert len(asked) == 1


def test_requests_beyond_a_bound_are_refused() -> None:
    with serving(never) as port:
        with connections(port, http.REQUESTS_MOST):
            assert post(port).status == 503
        until(lambda: health(port) == 200)


def test_connections_beyond_a_bound_are_cut() -> None:
    with serving(never) as port, connections(port, http.CONNECTIONS_MOST + 20) as flood:
        ended = select.poll()
        for connection in flood:
            ended.register(connection, select.POLLIN)
        until(lambda: len(ended.poll(0)) == 20)


def test_connections_that_send_no_head_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_WITHIN", 0.3)
    with serving(never) as port, connections(port, 20) as idle:
        idle[0].sendall(HEAD)
        for connection in idle:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        assert health(port) == 200


@pytest.mark.parametrize("body", [b"Content-Length: 10\r\n\r\na", b"Transfer-Encoding: chunked\r\n\r\n5\r\na"])
def test_a_slow_body(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(http, "BODY_WITHIN", 0.1)
    with serving(never) as port, socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.sendall(HEAD + body)
        assert status(connection) == b"408"


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 1000000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"5000\r\n" + b"a" * 0x5000,
    ],
    ids=["declared", "chunked"],
)
def test_a_body_that_is_too_large(idle: int, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", idle), DEADLINE) as connection:
        connection.sendall(HEAD + body)
        assert status(connection) == b"413"


# The end


def test_killed_in_a_run_it_loses_nothing(
    database: Database, owner: Connection, dirty: list[str], host: Host, start: Start
) -> None:
    drain(database.dsn)
    let_go = hold_up(database, dirty[0])
    for workspace in dirty:
        host.lead(workspace)
    served = Served(start, "--answer-within", "0")
    assert post(served.port).status == 202
    until_held_up(owner)
    served.program.kill()
    let_go()
    again = Served(start, "--answer-within", "0")
    until(lambda: post(again.port).status in (202, 409) and counted(owner, dirty))


def test_sigterm_lets_the_run_be_answered(
    database: Database, owner: Connection, dirty: list[str], host: Host, start: Start
) -> None:
    drain(database.dsn)
    let_go = hold_up(database, dirty[0])
    host.lead(dirty[0])
    served = Served(start)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(post, served.port)
        until_held_up(owner)
        served.program.signal(signal.SIGTERM)
        until(lambda: health(served.port) == 503)
        refused = post(served.port)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
        let_go()
        answer = waiting.result(DEADLINE)
    assert (answer.status, answer.data["refreshed"]) == (200, 1)
    returned, stdout, stderr = served.program.end()
    assert (returned, stdout) == (0, ""), stderr
    assert counted(owner, dirty)


def test_a_second_signal_undoes_the_run(
    database: Database, owner: Connection, dirty: list[str], host: Host, start: Start
) -> None:
    drain(database.dsn)
    let_go = hold_up(database, dirty[0])
    host.lead(dirty[0])
    served = Served(start)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(post, served.port)
        until_held_up(owner)
        served.program.signal(signal.SIGTERM)
        until(lambda: health(served.port) == 503)
        served.program.signal(signal.SIGTERM)
        assert waiting.result(DEADLINE).status == 503
    assert served.program.end()[0] == 130
    let_go()
    assert not counted(owner, dirty)
    drain(database.dsn)
    assert counted(owner, dirty)


def test_sigterm_without_a_run(database: Database, start: Start) -> None:
    served = Served(start)
    served.program.signal(signal.SIGTERM)
    assert served.program.end()[0] == 0


# The schedulers of docs/deploy/


def ask_as_github(folder: Path, port: int, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    """Run the workflow's only step, as GitHub runs it."""
    program("curl", "curl")
    workflow = yaml.safe_load((DEPLOY / "github-actions.yaml").read_text())
    [step] = workflow["jobs"]["drain"]["steps"]
    assert step["env"] == {
        "URL": "${{ vars.INBOXDB_TRIGGER_URL }}",
        "SECRET": "${{ secrets.INBOXDB_TRIGGER_SECRET }}",
    }
    environment = {"PATH": os.environ["PATH"], "URL": f"http://127.0.0.1:{port}", "SECRET": secret}
    command = ["bash", "-e", "-c", step["run"]]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=DEADLINE)


def test_github_takes_the_workflow() -> None:
    schema = ["--builtin-schema", "vendor.github-workflows"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(DEPLOY / "github-actions.yaml")]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_github_asks(tmp_path: Path, owner: Connection, dirty: list[str], start: Start) -> None:
    served = Served(start)
    asked = ask_as_github(tmp_path, served.port)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert json.loads(asked.stdout)["refreshed"] == 3
    assert counted(owner, dirty)
    for port, secret in ((served.port, "wrong"), (free_port(), SECRET)):
        failed = ask_as_github(tmp_path, port, secret)
        assert failed.returncode != 0
        assert secret not in failed.stdout + failed.stderr


def test_vercel_asks(owner: Connection, dirty: list[str], start: Start) -> None:
    node = program("node", "nodejs")
    served, nobody = Served(start), free_port()
    code = """
        const { GET } = await import(process.argv[1]);
        for (const authorization of ["Bearer of-vercel", "Bearer undefined", null]) {
          const headers = authorization ? { authorization } : {};
          const answer = await GET(new Request("https://app.example/api/inboxdb-drain", { headers }));
          console.log(answer.status, await answer.text());
        }
    """

    def ask(port: int, **secret: str) -> list[str]:
        environment = {
            **secret,
            "PATH": os.environ["PATH"],
            "INBOXDB_TRIGGER_URL": f"http://127.0.0.1:{port}",
            "INBOXDB_TRIGGER_SECRET": SECRET,
        }
        command = [node, "--input-type=module", "-e", code, str(DEPLOY / "vercel-drain.mjs")]
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE)
        assert (asked.returncode, asked.stderr) == (0, "")
        assert SECRET not in asked.stdout
        return asked.stdout.splitlines()

    drained, *refused = ask(served.port, CRON_SECRET="of-vercel")
    assert drained.startswith("200 ")
    assert json.loads(drained[4:])["refreshed"] == 3
    assert counted(owner, dirty)
    assert [line[:3] for line in refused] == ["401", "401"]
    assert ask(nobody, CRON_SECRET="of-vercel")[0] == '503 {"error":"inboxdb serve-trigger does not answer"}'
    assert [line[:3] for line in ask(nobody)] == ["401"] * 3


def test_vercels_cron_calls_the_function() -> None:
    config = json.loads((DEPLOY / "vercel.json").read_text())
    [cron] = config["crons"]
    [function] = config["functions"]
    assert (DEPLOY / "vercel-drain.mjs").read_text().startswith(f"// {function}: ")
    assert f"{cron['path']}.mjs" == f"/{function}"
    assert re.fullmatch(r"\S+( \S+){4}", cron["schedule"])


# What Supabase has besides PostgreSQL, with the names and parameters of pg_cron 1.6, pg_net 0.20 and the vault.
SUPABASE = """
create schema cron;
create table cron.job (jobname text primary key, schedule text, command text);
create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as $$
  insert into cron.job values ($1, $2, $3) on conflict (jobname) do update set command = $3;
  select 1::bigint
$$;
create schema net;
create table net.request (url text, body jsonb, headers jsonb, timeout_milliseconds integer);
create function net.http_post(
  url text, body jsonb default '{}'::jsonb, params jsonb default '{}'::jsonb,
  headers jsonb default '{"Content-Type": "application/json"}'::jsonb, timeout_milliseconds integer default 1000
) returns bigint language sql as $$
  insert into net.request values (url, body, headers, timeout_milliseconds);
  select 1::bigint
$$;
create schema vault;
create table vault.decrypted_secrets (name text, decrypted_secret text);
"""


def test_supabase_asks(database: Database, owner: Connection, dirty: list[str], start: Start) -> None:
    served, superuser = Served(start), database.superuser()
    superuser.execute(SUPABASE)
    superuser.execute(
        "insert into vault.decrypted_secrets values ('inboxdb_trigger_url', %s), ('inboxdb_trigger_secret', %s)",
        [f"http://127.0.0.1:{served.port}", SECRET],
    )
    for _ in range(2):
        superuser.execute((DEPLOY / "pg_net.sql").read_bytes())
    [(command,)] = superuser.execute("select command from cron.job").fetchall()
    assert SECRET not in command
    superuser.execute(command)
    [(url, body, headers)] = superuser.execute("select url, body::text, headers from net.request").fetchall()
    assert url == f"http://127.0.0.1:{served.port}/drain"
    answer = post(served.port, "/drain", headers, body)
    assert (answer.status, answer.data["refreshed"]) == (200, 3)
    assert counted(owner, dirty)
