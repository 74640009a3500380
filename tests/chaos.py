"""The parts of the chaos suite: a server to crash, a network to cut, writers, drains, and a watcher.

Everything is real: servers, sockets and processes. Chance comes from the `Random` given to each part.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from inboxdb.demo import embedded
from tests.interleave import DEADLINE, until
from tests.pooler import pooler
from tests.redis_server import RedisServer
from tests.rows import BY_AI, Host, empty_small_slices, new_id, set_slice
from tests.servers import LOGINS, SETTINGS, Database, Server, new_folder

MORTAL = {
    **SETTINGS,
    # a page takes two writes to the file: a process killed between them leaves half a page
    "full_page_writes": "on",
    # leaves nothing outside of the server's folder
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "32MB",
    "deadlock_timeout": "100ms",
}

# A slice a second, delays from 30 ms, and slices emptied from 8 kB: all happen many times in a round of a few seconds.
SLICE = "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::bigint % 4)::integer"
DELAY = """
create or replace function inboxdb.retry_delay(attempts integer) returns interval language sql volatile
as $$ select interval '30 milliseconds' * power(2, least(attempts, 14) - 1) * (1 - random() / 4) $$
"""

STATUSES = ("new", "contacted", "needs_repair", "blacklisted", "unqualified")
TAGS = (None, "Interested", "Follow Up", "Not Interested")
USERS = (None, None, "ada", "ben", "cem", "dot")

# Ends of a writer's transaction that host or server may choose in normal operation.
REFUSALS = (psycopg.OperationalError, errors.UniqueViolation, errors.ForeignKeyViolation)

# Between two transactions of a writer at most, and between two looks, in seconds: drains are to have processors, too.
PAUSE = 0.03

# A writer waits for other writers' rows, never longer than this, and never for a drain; in seconds.
WRITER_PATIENCE = 10


class MortalServer(Server):
    """A server to crash, and to start again on its data."""

    def __init__(self, dsn: str, password: str, pooler: str | None) -> None:
        """Take over a server started by `embedded.server`."""
        super().__init__(dsn, password, pooler)
        self._directory = Path(str(conninfo_to_dict(dsn)["host"]))
        options = (self._directory / "data/postmaster.opts").read_text()
        self._command = re.findall(r'"([^"]*)"', options)
        self._command.insert(0, options.split(" ", 1)[0])
        self._restarted: subprocess.Popen[bytes] | None = None

    def crash(self, *, wholly: bool) -> None:
        """Stop the server at once, as `pg_ctl stop -m immediate`, or kill all processes; return when they are gone."""
        postmaster = int((self._directory / "data/postmaster.pid").read_text().split("\n", 1)[0])
        if wholly:
            os.kill(postmaster, signal.SIGSTOP)  # makes no child any more
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            for pid in (postmaster, *map(int, children)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            until(lambda: all(map(_is_gone, children)))
        else:
            os.kill(postmaster, signal.SIGQUIT)
        if self._restarted:
            self._restarted.wait()
        else:
            os.waitpid(postmaster, 0)

    def start(self) -> None:
        """Start the server again; return once the server answers."""
        owner = self._directory.stat()
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        with (self._directory / "log").open("ab") as log:
            self._restarted = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env={"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity,
            )
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        """Return once the server takes connections, after a start or during recovery from a backend's death."""

        def answers() -> bool:
            assert self._restarted is None or self._restarted.poll() is None, self.log()
            try:
                psycopg.connect(self.dsn).close()
            except psycopg.OperationalError:
                return False
            return True

        until(answers)

    def log(self) -> str:
        """Return the last lines of its log."""
        return "\n".join((self._directory / "log").read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        """Stop a server started by `start`; the first process belongs to its own starter."""
        if self._restarted and self._restarted.poll() is None:
            self._restarted.send_signal(signal.SIGINT)
            self._restarted.wait()


def _is_gone(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # the second where the process ends between opening and reading
        return True


@contextmanager
def mortal_database(source: int | Path, password: str, *, pooled: bool) -> Iterator[tuple[MortalServer, Database]]:
    """Lend a database with inboxdb and short delays, on a server to crash."""
    with embedded.server(new_folder(), source, settings=MORTAL) as dsn, ExitStack() as stack:
        address = stack.enter_context(pooler(new_folder(), dsn, LOGINS, password)) if pooled else None
        server = MortalServer(dsn, password, address)
        stack.callback(server.stop)
        database = stack.enter_context(server.database("text", installed=True))
        server.close()
        with psycopg.connect(server.dsn_of(database.name)) as superuser:
            set_slice(superuser, SLICE)
            superuser.execute(DELAY)
            empty_small_slices(superuser, 8192)
        yield server, database


class Relay:
    """A network between a process and the server, on a unix socket, to freeze and to cut.

    Frozen, it forwards nothing and closes nothing; who is at its ends cannot tell.
    """

    def __init__(self, folder: Path, dsn: str) -> None:
        """Listen in `folder`, and lead to where `dsn` leads."""
        target = conninfo_to_dict(dsn)
        self.dsn = make_conninfo(dsn, host=str(folder), port=5432)
        self.froze = Event()
        self._target = f"{target['host']}/.s.PGSQL.{target.get('port', 5432)}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen(16)
        self._bell, self._ear = socket.socketpair()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._messages_left: int | None = None
        self._cutting = False
        self._closing = False
        self._thread = Thread(target=self._run, name="relay")
        self._thread.start()

    @property
    def is_used(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._peers)

    def freeze(self, messages: int = 0) -> None:
        """Freeze when so many further messages were forwarded, both directions together; `froze` is set then."""
        self._messages_left = messages
        self._bell.send(b"!")

    def thaw(self) -> None:
        """Forward again, and do not freeze."""
        self._messages_left = None
        self.froze.clear()
        self._bell.send(b"!")

    def cut(self) -> None:
        """Close all connections at both ends."""
        self._cutting = True
        self._bell.send(b"!")

    def close(self) -> None:
        """Close everything."""
        self._closing = True
        self._bell.send(b"!")
        self._thread.join()
        for end in (self._listener, self._bell, self._ear):
            end.close()

    def _run(self) -> None:
        while not self._closing:
            if self._messages_left == 0:
                self.froze.set()
            listening = () if self.froze.is_set() else (self._listener, *self._peers)
            for ready in select.select([self._ear, *listening], [], [])[0]:
                if ready is self._ear:
                    self._ear.recv(100)
                elif ready is self._listener:
                    self._accept()
                elif self._messages_left != 0 and ready in self._peers:
                    self._forward(ready)
            if self._cutting:
                self._cutting = False
                self._hang_up(*self._peers)
        self._hang_up(*self._peers)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._target)
        except OSError:  # the server is down
            client.close()
            server.close()
        else:
            self._peers |= {client: server, server: client}

    def _forward(self, end: socket.socket) -> None:
        try:
            data = end.recv(1 << 20)
            if data:
                self._peers[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._hang_up(end, self._peers[end])
        elif self._messages_left:
            self._messages_left -= 1

    def _hang_up(self, *ends: socket.socket) -> None:
        for end in ends:
            del self._peers[end]
            end.close()


class Versions:
    """The versions and job statuses seen: a later look may not see older ones.

    The least version due after a committed write is kept here, too: a version of the commit's time.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.in_postgres: dict[tuple[str, str], int] = {}
        self.statuses: dict[str, int] = {}
        self.in_redis: tuple[int, dict[str, int]] = (0, {})  # the life of Redis, and its keys
        self.wanted: dict[str, tuple[int, str]] = {}  # and the way of writing
        self.last_snooze = datetime.now(UTC)
        self.redis_lives = 0  # odd while Redis is being killed or emptied
        self._lock = Lock()

    def want(self, workspaces: set[str], milliseconds: int, how: str) -> None:
        """Note a committed write."""
        with self._lock:
            for workspace in workspaces:
                self.wanted[workspace] = max(self.wanted.get(workspace, (0, "")), (milliseconds, how))


class Writer(Thread):
    """The application: transactions of a few random writes each, until told to stop."""

    WORKSPACES = tuple(f"workspace {number}" for number in range(10))
    LARGE = WORKSPACES[0]
    IMMORTAL, MORTAL = WORKSPACES[:-2], WORKSPACES[-2:]

    def __init__(self, dsn: str, dice: Random, versions: Versions, *, truncates: bool) -> None:
        """Prepare; `start` starts it.

        Parameters: dsn, of WRITER; truncates, whether it also empties all of the leads' tables now and then.
        """
        super().__init__(name="writer")
        self.dsn = make_conninfo(dsn, options=f"-c statement_timeout={WRITER_PATIENCE}s")
        self.dice = dice
        self.versions = versions
        self.over = Event()
        self.commits = 0
        self.problems: list[str] = []
        self._leads: list[str] = []
        self._drafts: list[str] = []
        self._touched: set[str] = set()
        writes: dict[Callable[[Host], None], int] = {
            self._insert: 12,
            self._change: 20,
            self._change_many: 2,
            self._move: 6,
            self._answer: 10,
            self._draft: 8,
            self._change_draft: 5,
            self._remove: 4,
            self._remake_workspace: 1,
        }
        if truncates:
            writes[self._truncate] = 1
        self._writes, self._weights = list(writes), list(writes.values())

    def run(self) -> None:
        """Write; the server may be gone for a while."""
        try:
            while not self.over.is_set():
                try:
                    with psycopg.connect(self.dsn, autocommit=True, application_name="writer") as connection:
                        while not self.over.is_set():
                            self._transact(connection)
                            self.over.wait(self.dice.uniform(0, PAUSE))
                except errors.QueryCanceled:
                    raise
                except psycopg.OperationalError:
                    self.over.wait(0.05)
        except Exception as error:
            self.problems.append(f"{self.name}: {error!r}")

    def _transact(self, connection: psycopg.Connection[Any]) -> None:
        host = Host(connection)
        self._touched = set()
        done = []
        ends = self.dice.choices(("commit", "late", "rollback"), (80, 10, 10))[0]
        try:
            with connection.transaction(force_rollback=ends == "rollback"):
                for _ in range(self.dice.choice((1, 1, 1, 2, 4))):
                    [write] = self.dice.choices(self._writes, self._weights)
                    write(host)
                    done.append(write.__name__)
                    if self.dice.random() < 0.05:
                        with connection.transaction(force_rollback=True):
                            self._insert(host, kept=False)
                if ends == "late":
                    self.over.wait(self.dice.uniform(0.05, 0.5))
                committing_at = time.time()
        except errors.QueryCanceled:
            raise
        except REFUSALS as error:
            if connection.closed:
                raise psycopg.OperationalError from error
        else:
            # Lost during ROLLBACK TO SAVEPOINT: psycopg reports the loss neither there nor at the end.
            if connection.closed:
                raise psycopg.OperationalError
            if ends != "rollback":
                self.commits += 1
                self.versions.want(self._touched, int(committing_at * 1000), f"{ends}: {done} on {self._touched}")

    def _lead(self) -> str:
        return self.dice.choice(self._leads) if self._leads else "none"

    def _insert(self, host: Host, *, kept: bool = True) -> None:
        workspace = self.dice.choice(self.WORKSPACES)
        for _ in range(self.dice.choice((1, 1, 3, 10))):
            lead = host.lead(workspace, **self._columns())
            if kept:
                self._leads.append(lead)
        del self._leads[:-200]
        if kept:
            self._touched.add(workspace)

    def _columns(self) -> dict[str, str | None]:
        now = datetime.now(UTC)
        snoozed_until = now + timedelta(seconds=self.dice.uniform(-1, 1))
        self.versions.last_snooze = max(self.versions.last_snooze, snoozed_until)
        return {
            "status": self.dice.choice(STATUSES),
            "sentimentTag": self.dice.choice(TAGS),
            "assignedToUserId": self.dice.choice(USERS),
            "snoozedUntil": self.dice.choice((None, None, snoozed_until.isoformat())),
            "lastInboundAt": self.dice.choice((None, now.isoformat())),
            "lastOutboundAt": self.dice.choice((None, now.isoformat())),
        }

    def _change(self, host: Host) -> None:
        columns = self._columns()
        host.update("Lead", self._lead(), **{name: columns[name] for name in self.dice.sample(sorted(columns), 2)})

    def _change_many(self, host: Host) -> None:
        self._note(
            host,
            'update "Lead" set status = %s, "lastOutboundAt" = now() where id in ('
            'select id from "Lead" where "clientId" = %s limit 300 for update skip locked) returning "clientId"',
            [self.dice.choice(STATUSES), self.dice.choice((self.LARGE, self.dice.choice(self.WORKSPACES)))],
        )

    def _move(self, host: Host) -> None:
        self._note(
            host,
            'with old as (select * from "Lead" where id = %s and "clientId" <> %s for update) '
            'update "Lead" as l set "clientId" = %s from old where l.id = old.id '
            'returning array[old."clientId", l."clientId"]',
            [self._lead(), *2 * [self.dice.choice(self.WORKSPACES)]],
        )

    def _answer(self, host: Host) -> None:
        """Store a message and bump the lead's rollup columns with it, whether their values change or not."""
        lead = self._lead()
        draft = {"aiDraftId": self.dice.choice(self._drafts)} if self._drafts else {}
        with suppress(errors.ForeignKeyViolation), host.connection.transaction():
            host.message(lead, **self.dice.choice(({}, BY_AI | draft)))
            self._note(
                host,
                'update "Lead" set "lastOutboundAt" = %s where id = %s returning "clientId"',
                [self.dice.choice(("2024-01-01", datetime.now(UTC).isoformat())), lead],
            )

    def _draft(self, host: Host) -> None:
        with suppress(errors.ForeignKeyViolation), host.connection.transaction():
            self._drafts.append(host.draft(self._lead()))
        del self._drafts[:-100]

    def _change_draft(self, host: Host) -> None:
        draft = self.dice.choice(self._drafts) if self._drafts else "none"
        with suppress(errors.ForeignKeyViolation), host.connection.transaction():
            match self.dice.choice(("status", "lead", "delete")):
                case "status":
                    host.update("AIDraft", draft, status=self.dice.choice(("pending", "approved")))
                case "lead":
                    host.update("AIDraft", draft, leadId=self._lead())
                case "delete":
                    host.delete("AIDraft", draft)

    def _remove(self, host: Host) -> None:
        self._note(host, 'delete from "Lead" where id = %s returning "clientId"', [self._lead()])

    def _remake_workspace(self, host: Host) -> None:
        workspace = self.dice.choice(self.MORTAL)
        self._note(host, 'delete from "Client" where id = %s returning id', [workspace])
        if self.dice.random() < 0.7:
            with suppress(errors.UniqueViolation), host.connection.transaction():
                host.workspace(id=workspace)
                self._touched.add(workspace)

    def _truncate(self, host: Host) -> None:
        host.connection.execute("set local lock_timeout = '300ms'")
        host.connection.execute('truncate "Lead" cascade')

    def _note(self, host: Host, statement: str, parameters: list[Any]) -> None:
        """Write, and note the workspaces returned by the statement: they will have a new version."""
        for (returned,) in host.connection.execute(statement.encode(), parameters):
            self._touched.update(returned if isinstance(returned, list) else [returned])


def fill(connection: psycopg.Connection[Any], leads: int) -> None:
    """Make the missing workspaces, and bring the large workspace to so many leads, for a slow refresh."""
    connection.execute(
        """
        insert into "Client" (id, name, "userId", "updatedAt")
        select w, 'Workspace', 'owner', now() from unnest(%s::text[]) as w
        on conflict do nothing
        """,
        [list(Writer.WORKSPACES)],
    )
    connection.execute(
        """
        insert into "Lead" (id, "clientId", status, "assignedToUserId", "updatedAt")
        select %s || n, %s, (array['new', 'blacklisted'])[n %% 2 + 1], 'user ' || n %% 50, now()
        from generate_series(1, %s - (select count(*) from "Lead" where "clientId" = %s)) as n
        """,
        [new_id(), Writer.LARGE, leads, Writer.LARGE],
    )


class Watcher(Thread):
    """Who looks on: versions never go back, Redis has none unknown to Postgres, no settled count is wrong."""

    def __init__(self, dsn: str, redis: RedisServer, dice: Random, versions: Versions) -> None:
        """Prepare; `start` starts it.

        Parameters: dsn, of a role that may read everything, straight to the server.
        """
        super().__init__(name="watcher")
        self.dsn = dsn
        self.dice = dice
        self.versions = versions
        self.over = Event()
        self.looks = 0
        self.settled = 0
        self.problems: list[str] = []
        self._redis: Any = Redis.from_url(
            redis.url, decode_responses=True, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)
        )

    def run(self) -> None:
        """Look, and look again."""
        try:
            while not self.over.is_set():
                try:
                    with psycopg.connect(self.dsn, autocommit=True, application_name="watcher") as connection:
                        while not self.over.is_set():
                            self.look(connection)
                            self.over.wait(PAUSE)
                except psycopg.OperationalError:
                    self.over.wait(0.05)
        except Exception as error:
            self.problems.append(f"{self.name}: {error!r}")
        finally:
            self._redis.close()

    def look(self, connection: psycopg.Connection[Any]) -> None:
        """Look once, first at Redis, then at Postgres, because Postgres is never behind.

        Raises AssertionError where something is wrong.
        """
        seen = self.versions
        published = self._published()
        rows = connection.execute("select client_id, family, version from inboxdb.cache_version").fetchall()
        stored = {(client_id, family): version for client_id, family, version in rows}
        for key, version in seen.in_postgres.items():
            assert stored.get(key, -1) >= version, f"the version of {key} went back, {version} to {stored.get(key)}"
        seen.in_postgres = stored
        for (client_id, family), version in stored.items():
            copied = published.get(f"{family}:v1:ver:{client_id}", 0)
            assert copied <= version, f"Redis has version {copied} of {client_id}, Postgres {version}"

        rows = connection.execute(
            "select client_id, date_part('epoch', last_started_at) * 1000000 from inboxdb.job_status"
        ).fetchall()
        statuses = {client_id: int(started_at) for client_id, started_at in rows}
        for client_id, started_at in seen.statuses.items():
            now = statuses.get(client_id, started_at)
            assert now >= started_at, f"the status of {client_id} went back by {(started_at - now) / 1e6} s"
        seen.statuses = statuses

        workspace = self.dice.choice(Writer.WORKSPACES)
        [(settled, drifted, differences)] = connection.execute(
            "select settled, drifted, differences from inboxdb.verify_workspace(%s)", [workspace]
        ).fetchall()
        assert not (settled and drifted), f"{workspace} is settled, and wrong: {differences}"
        self.looks += 1
        self.settled += settled

    def _published(self) -> dict[str, int]:
        seen = self.versions
        life = seen.redis_lives
        try:
            keys = [key for key in self._redis.scan_iter(count=1000) if ":ver:" in key]
            values = self._redis.mget(keys) if keys else []
        except RedisError:
            return {}
        if life % 2 or life != seen.redis_lives:
            return {}  # Redis was emptied or killed meanwhile
        published = {key: int(value) for key, value in zip(keys, values, strict=True)}
        for key, version in seen.in_redis[1].items() if seen.in_redis[0] == life else ():
            now = published.get(key, -1)
            assert now >= version, f"{key} went back in Redis, from {version} to {now}"
        seen.in_redis = (life, published)
        return published


# Exit status 7: the server was gone. Any other error fails the test.
PROCEDURE = """
import sys
import psycopg
try:
    with psycopg.connect(sys.argv[1], autocommit=True, application_name="inboxdb by SQL") as connection:
        connection.execute("call inboxdb.drain_dirty(max_seconds => 1)")
except psycopg.OperationalError:
    sys.exit(7)
"""

# Last lines of a drain that gives up because of an evil thing.
GIVEN_UP = re.compile(r"(cannot connect to|lost the connection to|\(SQLSTATE (57014|57P0\d|08\w{3}|53\w{3}|25006)\))")


@dataclass
class Process:
    """A drain process, and the network between the process and the server."""

    popen: subprocess.Popen[bytes]
    relay: Relay
    said: Path
    told: int = 0  # so many times to end

    @property
    def runs(self) -> bool:
        """Whether the process runs."""
        return self.popen.poll() is None

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal; return whether the process was there."""
        if not self.runs:
            return False
        self.popen.send_signal(number)
        self.told += number == signal.SIGTERM
        return True

    def last_words(self) -> str:
        """Return the end of stderr."""
        return "\n".join(self.said.read_text().splitlines()[-30:])


class Drainer(Thread):
    """Runs drains of a kind one after the other, as cron and systemd do: processes, each with a network of its own."""

    KINDS = ("once", "for", "watch", "sql")

    def __init__(self, kind: str, folder: Path, dsn: str, redis: str, dice: Random, *, hasty: bool) -> None:
        """Prepare; `start` starts it.

        Parameters: kind, one of KINDS; folder, its own; dsn, of DRAINER, as a program gets it; redis, its URL; hasty,
        whether a refresh has but a second.
        """
        super().__init__(name=kind)
        self.kind = kind
        self.over = Event()
        self.processes: list[Process] = []
        self.killed = 0
        self.gave_up: dict[str, str] = {}  # log lines of watching runs that refreshed, by their ids
        self.problems: list[str] = []
        self._folder = folder
        self._dsn = dsn
        self._redis = redis
        self._dice = dice
        self._hasty = hasty

    def run(self) -> None:
        """Run processes one after the other."""
        try:
            while not self.over.is_set():
                self._judge(*self._run_once())
                self.over.wait(self._dice.uniform(0.1, 0.5))
        except Exception as error:
            self.problems.append(f"{self.kind}: {error!r}")

    def at_work(self) -> Process | None:
        """Return the running process, if any."""
        return self.processes[-1] if self.processes and self.processes[-1].runs else None

    def end(self, *, kill: bool) -> None:
        """Let the process at hand end, or kill the process past its time; return when the process is gone."""
        self.over.set()
        told: Process | None = None
        give_up_at = time.monotonic() + DEADLINE
        while self.is_alive():
            process = self.at_work()
            if process and (process is not told or kill):
                process.signal(signal.SIGKILL if kill else signal.SIGTERM)
                told = process
            if process and not kill and time.monotonic() > give_up_at:
                self.problems.append(f"{self.kind} does not end by SIGTERM\n{process.last_words()}")
                kill = True
            self.join(0.05)

    def close(self) -> None:
        """Close the networks, those of lost machines too."""
        for process in self.processes:
            process.relay.close()

    def _run_once(self) -> tuple[Process, int]:
        folder = self._folder / str(len(self.processes))
        folder.mkdir()
        relay = Relay(folder, self._dsn)
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", *self._arguments(relay.dsn)],
                env={**os.environ, "INBOXDB_DSN": relay.dsn},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self.processes.append(Process(process, relay, folder / "said"))
        return self.processes[-1], process.wait()

    def _arguments(self, dsn: str) -> list[str]:
        if self.kind == "sql":
            return ["-c", PROCEDURE, dsn]
        arguments = ["-m", "inboxdb", "drain-dirty", "--log-format", "json", "--redis-url", self._redis]
        arguments += ["--workers", str(self._dice.choice((1, 2, 2, 3)))]
        arguments += ["--time-limit", "1"] if self._hasty else []
        arguments += {"for": ["--for", "2", "--every", "0.2"], "watch": ["--watch"]}.get(self.kind, [])
        return arguments

    def _judge(self, process: Process, status: int) -> None:
        """Note a wrong end."""
        self.killed += status == -signal.SIGKILL
        text = process.said.read_text()
        ended = '"ended"' in text  # as told: what the announcer could not do is among the last lines, too
        gave_up = status in (1, -signal.SIGTERM) and not ended and any(map(GIVEN_UP.search, text.splitlines()[-3:]))
        as_it_should = {0, -signal.SIGKILL}
        if self.kind == "sql":
            as_it_should |= {7, -signal.SIGTERM}
        elif self.kind != "watch":
            as_it_should.add(3)
        if gave_up:
            as_it_should.add(1)
        if process.told > 1:  # so the workspace at hand was left, too
            as_it_should.add(130)
        if gave_up or "draining" not in text or ended:  # Redis does not listen any more, or yet
            as_it_should.add(-signal.SIGTERM)
        if gave_up and self.kind == "watch":
            self.gave_up[json.loads(text.splitlines()[0])["run"]] = process.last_words()
        if status not in as_it_should or "Traceback" in text:
            self.problems.append(f"{self.kind} ended by {status}\n{process.last_words()}")
