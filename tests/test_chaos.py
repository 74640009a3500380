"""Rounds of chaos on real processes: after kills, cuts, freezes and stops no change is lost and nothing sticks.

A round starts drains of several kinds, writers and a watcher; does one to three evil things to them; then lets a
drain finish the rest, and compares. Its evil things and their moments follow from its seed, which is printed;
INBOXDB_TEST_SEED=n INBOXDB_CHAOS_ROUNDS=1 does round n again, on a new server. How the processes meet is theirs.

INBOXDB_CHAOS_ROUNDS (6) sets the size: CI takes 40 in a step of their own, a few hundred are for a run by hand.
"""

import os
import random
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from math import exp, log
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from threading import Event, Lock, Thread
from typing import Any

import psycopg
import pytest

from inboxdb.counts.verify import verify
from inboxdb.database.connection import session
from inboxdb.drain import pace
from inboxdb.drain.options import WATCH, DrainOptions
from inboxdb.drain.redis import Cache
from inboxdb.drain.run import drain
from inboxdb.drain.workspaces import requeue
from inboxdb.watch import status
from tests.chaos import Drainer, MortalServer, Process, Relay, Versions, Watcher, Writer, fill, mortal_database
from tests.interleave import DEADLINE, NO_WAIT, until
from tests.redis_server import RedisServer
from tests.rows import Host
from tests.servers import DRAINER, OWNER, SERVERS, WRITER, Database, find

ROUNDS = int(os.environ.get("INBOXDB_CHAOS_ROUNDS", "6"))

# From this many rounds on, every evil thing has to have happened.
MANY = 40

LEADS = 4000  # in the largest workspace

# Evil things begin within these seconds after the first drain has connected; a quarter of them earlier.
WINDOW = 1.3

# Messages between a drain and its server until something happens to them: as often few as many.
MESSAGES = 300


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on a server of our own in each version of --pg; a server of --pg-dsn is not ours to kill."""
    if "version" in metafunc.fixturenames:
        names = metafunc.config.stash[SERVERS].sources
        metafunc.parametrize("version", [name for name in names if name != "dsn"])


Evil = Callable[["Round", Random], bool]

EVILS: dict[str, Evil] = {}


def evil(name: str) -> Callable[[Evil], Evil]:
    """Make a function an evil thing; the function returns whether the thing came about."""

    def register(function: Evil) -> Evil:
        EVILS[name] = function
        return function

    return register


class Chaos:
    """The parts shared by the rounds of a run."""

    def __init__(self, server: MortalServer, database: Database, redis: RedisServer, folder: Path) -> None:
        """Begin with an empty database and an empty Redis."""
        self.server = server
        self.database = database
        self.redis = redis
        self.folder = folder
        self.versions = Versions()
        self.counted: Counter[str] = Counter()
        self.dsn = server.dsn_of(database.name)  # the superuser's

    def connect(self) -> psycopg.Connection[Any]:
        """Connect as the superuser."""
        return psycopg.connect(self.dsn, autocommit=True, application_name="chaos")


class Round:
    """One round."""

    def __init__(self, chaos: Chaos, seed: int) -> None:
        """Draw the round's events."""
        self.chaos = chaos
        self.seed = seed
        self.redis_lost = False
        self.server_lock = Lock()
        self.redis_lock = Lock()
        self.problems: list[str] = []
        dice = Random(seed)
        names = list(EVILS)
        evils = [names[seed % len(names)], *dice.choices(names, k=dice.choice((0, 1, 1, 2)))]
        self.plan = sorted((dice.uniform(-WINDOW / 3, WINDOW), name) for name in evils)
        hasty = "hold up a refresh" in evils
        dsn = chaos.database.dsn_of(DRAINER)
        self.drainers = []
        for number, kind in enumerate(["watch", *dice.choices(Drainer.KINDS, k=dice.choice((1, 2)))]):
            folder = chaos.folder / f"{seed}.{number}"
            folder.mkdir()
            self.drainers.append(Drainer(kind, folder, dsn, chaos.redis.url, Random(dice.random()), hasty=hasty))
        truncates = dice.random() < 0.2
        self.writers = [
            Writer(
                chaos.server.dsn_of(chaos.database.name, WRITER),
                Random(dice.random()),
                chaos.versions,
                truncates=truncates and not number,
            )
            for number in range(3)
        ]
        self.watcher = Watcher(chaos.dsn, chaos.redis, Random(dice.random()), chaos.versions)
        self.dice = dice

    def __str__(self) -> str:
        """Return the settings to repeat the round."""
        plan = ", ".join(f"{name} at {at:.2f}" if at > 0 else f"{name} at first" for at, name in self.plan)
        kinds = " ".join(drainer.kind for drainer in self.drainers)
        return f"INBOXDB_TEST_SEED={self.seed} INBOXDB_CHAOS_ROUNDS=1: {kinds}; {plan}"

    def go(self) -> None:
        """Do the round; raise AssertionError for a broken promise."""
        with self.chaos.connect() as connection:
            fill(connection, LEADS)
        threads = [*self.writers, self.watcher, *self.drainers]
        for thread in threads:
            thread.start()
        try:
            self._do_evil()
        finally:
            for writer in self.writers:
                writer.over.set()
            for writer in self.writers:
                writer.join()
            for drainer in self.drainers:
                drainer.end(kill=self.dice.random() < 0.3)
                self.chaos.counted[f"{drainer.kind} killed"] += drainer.killed
            self.chaos.server.wait_until_it_answers()
        try:
            self._finish()
            self.watcher.over.set()
            self.watcher.join()
            self.problems.extend(self._compare())
        finally:
            self.watcher.over.set()
            self.watcher.join()
            for drainer in self.drainers:
                drainer.close()
        parts: list[Writer | Watcher | Drainer] = [*self.writers, self.watcher, *self.drainers]
        for part in parts:
            self.problems.extend(part.problems)
        assert not self.problems, "\n\n".join(self.problems)

    def running(self, dice: Random) -> Process:
        """Choose a drain at work."""
        return dice.choice(until(lambda: [process for each in self.drainers if (process := each.at_work())]))

    def frozen(self, dice: Random) -> Process:
        """Freeze the network of a drain after some messages."""
        process = self.running(dice)
        process.relay.freeze(int(exp(dice.uniform(0, log(MESSAGES)))))
        process.relay.froze.wait(3)
        return process

    @contextmanager
    def redis_gone(self) -> Iterator[None]:
        """Tell the watcher that Redis loses its keys meanwhile."""
        with self.redis_lock:
            self.redis_lost = True
            self.chaos.versions.redis_lives += 1
            yield
            self.chaos.versions.redis_lives += 1

    def backends(self, dice: Random, *, busy: bool = False) -> list[int]:
        """List the drains' backends in any order, backends at work first; or just these."""
        with self.chaos.connect() as connection:
            rows = connection.execute(
                "select state = 'active', pid from pg_stat_activity where application_name like 'inboxdb %%' "
                "and (state = 'active' or not %s)",
                [busy],
            ).fetchall()
        return [pid for _, _, pid in sorted((not active, dice.random(), pid) for active, pid in rows)]

    def _do_evil(self) -> None:
        started = None
        threads = []
        for at, name in self.plan:
            if started is None and at > 0:
                started = self._wait_for_a_drain()
            if started:
                time.sleep(max(started + at - time.monotonic(), 0))
            thread = Thread(target=self._do, args=(name, Random(self.dice.random())), name=name)
            thread.start()
            threads.append(thread)
        time.sleep(max((started or self._wait_for_a_drain()) + WINDOW - time.monotonic(), 0))
        for thread in threads:
            thread.join()

    def _wait_for_a_drain(self) -> float:
        until(lambda: any(process.relay.is_used for drainer in self.drainers for process in drainer.processes))
        return time.monotonic()

    def _do(self, name: str, dice: Random) -> None:
        try:
            self.chaos.counted[name] += EVILS[name](self, dice)
        except psycopg.OperationalError:
            pass  # the server is gone already
        except Exception as error:
            self.problems.append(f"{name}: {error!r}")

    def _finish(self) -> None:
        """Let a drain finish the rest."""
        chaos = self.chaos
        time.sleep(max(chaos.versions.last_snooze.timestamp() + 0.01 - time.time(), 0))
        # the last statements of killed processes
        until(lambda: not self.backends(self.dice, busy=True))
        with session(chaos.database.dsn_of(OWNER), application_name="chaos") as connection:
            chaos.counted["quarantined"] += requeue(connection, [])
            if self.redis_lost:
                connection.execute("select inboxdb.mark_all_unpublished()")
        give_up_at = time.monotonic() + DEADLINE
        while (
            drain(chaos.database.dsn_of(DRAINER), DrainOptions(workers=2, cache=Cache(chaos.redis.url))).remaining
            and time.monotonic() < give_up_at
        ):
            chaos.counted["another drain"] += 1

    def _compare(self) -> Iterator[str]:
        """List the broken promises."""
        chaos, seen = self.chaos, self.chaos.versions
        with chaos.connect() as connection:
            for table in ("change_0", "change_1", "change_2", "change_3", "inbox_counts_dirty"):
                left = connection.execute(f"select * from inboxdb.{table}").fetchall()
                if left:
                    yield f"left in {table}: {left[:5]}"
            now = status.read(connection)
            left_over = (now.dirty_workspaces, now.pending_changes, now.failing_workspaces, now.quarantined_workspaces)
            if any((*left_over, now.unpublished_keys)) or now.broken_promises:
                yield f"status: {now}"
            if now.last_drain_at is None:
                yield "no drain left a sign"

            gave_up = {run: words for drainer in self.drainers for run, words in drainer.gave_up.items()}
            for (run,) in connection.execute("select run_id from inboxdb.run where run_id = any (%s)", [list(gave_up)]):
                yield f"a watching run gave up, although it had been connected\n{gave_up[run]}"

            result = verify(chaos.database.dsn_of(OWNER))
            if not result.healthy:
                yield f"verify: {result}"
            self.watcher.look(connection)
            for workspace, (wanted, how) in seen.wanted.items():
                version = seen.in_postgres.get((workspace, "inbox"), 0)
                if version < wanted:
                    rows = connection.execute(
                        "select v.*, j.*, w.*, c.id, (select s from inboxdb.drain_state as s) "
                        "from inboxdb.cache_version as v left join inboxdb.job_status as j using (client_id) "
                        "left join inboxdb.workspace as w using (client_id) "
                        'left join "Client" as c on c.id = v.client_id where client_id = %s',
                        [workspace],
                    ).fetchall()
                    yield f"{workspace} has version {version}, but a change was committed at {wanted}: {how}; {rows}"

            with connection.transaction(force_rollback=True):
                connection.execute("select inboxdb.mark_all_unpublished()")
                truth = dict(connection.execute("select redis_key, value from inboxdb.unpublished(100000)").fetchall())
            copy = chaos.redis.contents()
            for key in truth | copy:
                # the status of a deleted workspace stays
                if truth.get(key) != copy.get(key) and (key in truth or not key.startswith("jobs:")):
                    yield f"{key} is {truth.get(key)} in Postgres, {copy.get(key)} in Redis"


# Drains


@evil("kill a drain")
def kill_a_drain(round: Round, dice: Random) -> bool:
    return round.running(dice).signal(SIGKILL)


@evil("kill a drain between two messages")
def kill_between_messages(round: Round, dice: Random) -> bool:
    process = round.frozen(dice)
    killed = process.signal(SIGKILL)
    process.relay.thaw()
    return killed


@evil("lose the machine of a drain")
def lose_a_machine(round: Round, dice: Random) -> bool:
    """Cut the drain's machine off: the server does not learn of its death before the round is over."""
    return round.frozen(dice).signal(SIGKILL)


@evil("stop a drain for a while")
def stop_a_drain(round: Round, dice: Random) -> bool:
    process = round.running(dice)
    stopped = process.signal(SIGSTOP)
    time.sleep(dice.uniform(0.1, 1))
    return stopped and process.signal(SIGCONT)


@evil("tell a drain to end")
def tell_to_end(round: Round, dice: Random) -> bool:
    return round.running(dice).signal(SIGTERM)


# Connections


@evil("cut a connection between two messages")
def cut_between_messages(round: Round, dice: Random) -> bool:
    relay = round.frozen(dice).relay
    relay.cut()
    relay.thaw()
    return True


@evil("freeze a network for a while")
def freeze_a_network(round: Round, dice: Random) -> bool:
    relay = round.frozen(dice).relay
    time.sleep(dice.uniform(0.1, 1))
    relay.thaw()
    return True


@evil("end backends")
def end_backends(round: Round, dice: Random) -> bool:
    backends = round.backends(dice)
    with round.chaos.connect() as connection:
        ended = connection.execute(
            "select from unnest(%s::int[]) as pid where pg_terminate_backend(pid)",
            [backends[: dice.choice((1, len(backends)))]],
        )
    return ended.rowcount > 0


@evil("cancel a statement")
def cancel_a_statement(round: Round, dice: Random) -> bool:
    """Whichever is caught: most take a few milliseconds."""
    with round.chaos.connect() as connection:
        for _ in range(1000):
            busy = connection.execute(
                "select from pg_stat_activity where application_name like 'inboxdb %' and state = 'active' "
                "and pg_cancel_backend(pid)"
            )
            if busy.rowcount:
                return True
            time.sleep(0.001)
    return False


@evil("hold up a refresh")
def hold_up_a_refresh(round: Round, dice: Random) -> bool:
    """Lock the counts of a workspace until a refresh of it has hit its time limit."""
    workspace = dice.choice(Writer.IMMORTAL)
    give_up_at = time.monotonic() + 4
    with round.chaos.connect() as connection, round.chaos.connect() as holder, holder.transaction():
        counts = "select from inboxdb.inbox_counts where client_id = %s for update"
        while time.monotonic() < give_up_at and not holder.execute(counts, [workspace]).rowcount:
            time.sleep(0.02)
        connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
        failed = "select from inboxdb.inbox_counts_dirty where client_id = %s and left(last_error, 5) = '57014'"
        while time.monotonic() < give_up_at:
            if connection.execute(failed, [workspace]).rowcount:
                return True
            time.sleep(0.02)
    return False


# Servers


@evil("kill a backend")
def kill_a_backend(round: Round, dice: Random) -> bool:
    """Kill a backend, and with it all: the server recovers as from a crash."""
    with round.chaos.connect() as connection:
        for pid in round.backends(dice)[:1]:
            os.kill(pid, SIGKILL)
            with suppress(psycopg.OperationalError):
                while True:
                    connection.execute("select")
            return True
    return False


def crash(round: Round, dice: Random, *, wholly: bool) -> bool:
    with round.server_lock:
        round.chaos.server.crash(wholly=wholly)
        time.sleep(dice.choice((0, dice.uniform(0, 1))))
        round.chaos.server.start()
    return True


@evil("stop the server at once")
def stop_the_server(round: Round, dice: Random) -> bool:
    return crash(round, dice, wholly=False)


@evil("kill the server")
def kill_the_server(round: Round, dice: Random) -> bool:
    return crash(round, dice, wholly=True)


@evil("kill Redis")
def kill_redis(round: Round, dice: Random) -> bool:
    with round.redis_gone():
        round.chaos.redis.kill()
        time.sleep(dice.choice((0, dice.uniform(0, 1))))
        round.chaos.redis.start()
    return True


@evil("empty Redis")
def empty_redis(round: Round, dice: Random) -> bool:
    with round.redis_gone():
        round.chaos.redis.client.flushall()
    return True


@evil("let Redis hang")
def let_redis_hang(round: Round, dice: Random) -> bool:
    with round.redis_lock:
        round.chaos.redis.stop()
        time.sleep(dice.uniform(0.1, 2))
        round.chaos.redis.go_on()
    return True


@pytest.fixture
def mortal(version: str, request: pytest.FixtureRequest) -> Iterator[tuple[MortalServer, Database]]:
    source = find(int(version.removeprefix("pg")))
    assert not isinstance(source, str)
    pooled = request.config.getoption("--pooler")
    with mortal_database(source, secrets.token_hex(16), pooled=pooled) as server_and_database:
        yield server_and_database


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="inboxdb-chaos-") as folder:
        yield Path(folder)


@pytest.mark.slow
def test_chaos(mortal: tuple[MortalServer, Database], redis: RedisServer, folder: Path) -> None:
    first = int(os.environ.get("INBOXDB_TEST_SEED", random.SystemRandom().randrange(1_000_000)))
    chaos = Chaos(*mortal, redis, folder)
    for seed in range(first, first + ROUNDS):
        round = Round(chaos, seed)
        say(str(round))
        started = time.monotonic()
        try:
            round.go()
        except BaseException as error:
            error.add_note(f"{round}\n{chaos.server.log()}")
            raise
        say(f"  {time.monotonic() - started:.1f} s")
    say(f"{ROUNDS} rounds: {dict(sorted(chaos.counted.items()))}")
    missing = EVILS.keys() - {name for name, number in chaos.counted.items() if number}
    assert ROUNDS < MANY or not missing


@pytest.mark.slow
def test_a_machine_lost_after_any_message_holds_up_nobody(mortal: tuple[MortalServer, Database], folder: Path) -> None:
    """Its connections stay, for hours perhaps: their locks keep others out."""
    _, database = mortal
    host, owner = Host(database.writer()), database.connect(options=NO_WAIT)
    slow, quick = host.workspace(), host.workspace()
    drain(database.dsn)

    def is_drained() -> bool:
        owner.execute("select inboxdb.drain_next()")
        return owner.execute("select from inboxdb.waiting").rowcount == 0

    was_lost, messages = True, 0
    while was_lost:
        for number in range(4):  # so that a slice is due to be emptied
            owner.execute(
                f"insert into inboxdb.change_{number} (client_id) select %s from generate_series(1, 200)", [quick]
            )
        until(is_drained)
        host.lead(slow)
        host.lead(quick)
        holder = database.connect(autocommit=False)  # has a refresh run out of time, as recorded
        holder.execute("select from inboxdb.inbox_counts where client_id = %s for update", [slow])
        (folder / str(messages)).mkdir()
        relay, stop = Relay(folder / str(messages), database.dsn_of(DRAINER)), Event()
        relay.freeze(messages)
        with ThreadPoolExecutor() as pool:
            try:
                running = pool.submit(drain, relay.dsn, DrainOptions(time_limit=0.1), stop=stop)
                while not relay.froze.wait(0.01) and not running.done():
                    pass
                was_lost = relay.froze.is_set()
                holder.close()
                until(is_drained)
            except BaseException as error:
                error.add_note(f"lost after {messages} messages")
                raise
            finally:
                stop.set()
                relay.close()
        messages += 1
    assert messages > 10  # fewer than in calm, where a held up workspace is free before the run comes to it


def test_a_watching_run_outlives_a_cut_after_any_message(
    mortal: tuple[MortalServer, Database], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "RECONNECT_FIRST", 0.01)
    _, database = mortal
    host, owner = Host(database.writer()), database.connect()
    workspace = host.workspace()
    outcomes = []
    for messages in range(1, 25):
        host.lead(workspace)
        (folder / str(messages)).mkdir()
        relay, stop = Relay(folder / str(messages), database.dsn_of(DRAINER)), Event()
        relay.freeze(messages)
        with ThreadPoolExecutor() as pool:
            try:
                running = pool.submit(drain, relay.dsn, DrainOptions(WATCH, workers=2), stop=stop)
                relay.froze.wait(DEADLINE)
                relay.cut()
                relay.thaw()
                until(lambda: running.done() or not owner.execute("select from inboxdb.waiting").rowcount)  # noqa: B023
                outcomes.append("went on" if not running.done() else str(running.exception()))
            finally:
                stop.set()
                relay.close()
    assert set(outcomes) == {"went on"}


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
