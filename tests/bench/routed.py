"""Several servers: a routed read beside a direct one, a refused one beside a good one, three shards' drains beside
one's, and a workspace that moves.

    python -m tests.bench.routed [--reads 2000] [--workspaces 3000] [--leads 10000]

Three shards and a router on PostgreSQL 15, with PL/Proxy and without PgBouncer, as tests/test_router.py sets them up;
client, router and shards share the processors. One client, prepared statements, unix sockets; direct and routed reads
take turns, so that other load hits both alike. Figures are medians.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import median

import psycopg
from psycopg import Connection

from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import drain
from inboxdb.move import steps
from tests.rows import new_id
from tests.tenants import ACME, GLOBEX
from tests.test_identity import claim
from tests.test_router import BOSS, Fleet

# Ratios that are promised: routed over direct, refused over good.
MOST_ROUTED, MOST_REFUSED = 4.0, 2.0

ROUNDS = 5  # of drains

WORKSPACES = """
insert into "Client" (id, name, "userId", "updatedAt")
select 'bench-' || n, 'bench', gen_random_uuid(), now() from generate_series(1, %s) as n
"""
LEADS = """
insert into "Lead" (id, "clientId", "assignedToUserId", "updatedAt")
select 'bench-' || n || '-' || m, 'bench-' || n, 'bench', now()
from generate_series(1, %s) as n cross join generate_series(1, 10) as m
"""
CHANGE = """
update "Lead" as l
set "sentimentTag" = case l."sentimentTag" when 'Interested' then 'Neutral' else 'Interested' end
from generate_series(1, %s) as n
where l.id = 'bench-' || n || '-1'
"""

QUERY = "select * from inbox_api.inbox_counts(%s)"


def main() -> None:
    """Measure, and print a line for each figure."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.routed", description=__doc__)
    options.add_argument("--reads", type=int, default=2000, help="of each kind (2000)")
    options.add_argument("--workspaces", type=int, default=3000, help="that are drained, of ten leads each (3000)")
    options.add_argument("--leads", type=int, default=10_000, help="of the workspace that moves (10000)")
    given = options.parse_args()
    with ExitStack() as stack:
        fleet = Fleet(stack)
        read(fleet, given.reads)
        drain_all(fleet, given.workspaces)
        move(fleet, given.leads)


def read(fleet: Fleet, number: int) -> None:
    """Read one's counts in turns."""
    workspace = fleet.workspaces[1][ACME]
    ways = {"direct": fleet.direct(1), "routed": fleet.member()}
    asks = {"good": f'{{"sub": "{BOSS}"}}', "refused": f'{{"sub": "{new_id()}"}}'}
    took: dict[tuple[str, str], list[float]] = {(way, ask): [] for way in ways for ask in asks}
    for ask, claims in asks.items():
        for connection in ways.values():
            claim(connection, claims)
        for _ in range(number):
            for way, connection in ways.items():
                with timed(took[way, ask]):
                    once(connection, workspace)
    for (way, ask), times in took.items():
        show(f"{ask} read, {way}", f"{median(times) * 1000:.3f} ms")
    for what, one, other, most in (
        ("routed over direct", ("routed", "good"), ("direct", "good"), MOST_ROUTED),
        ("refused over good, routed", ("routed", "refused"), ("routed", "good"), MOST_REFUSED),
    ):
        ratio = median(took[one]) / median(took[other])
        show(what, f"{ratio:.2f} times, at most {most:g}: {'met' if ratio <= most else 'MISSED'}")


def once(connection: Connection[tuple[object, ...]], workspace: str) -> None:
    """Ask; a refusal is an answer, too."""
    try:
        connection.execute(QUERY, [workspace], prepare=True).fetchall()
    except psycopg.Error as error:
        if error.sqlstate != "IB007":
            raise


def drain_all(fleet: Fleet, number: int) -> None:
    """Refresh workspaces of which one lead has changed, in turns: all in one shard, and a third of them in each."""
    owners = [shard.connect() for shard in fleet.shards]
    for place, owner in enumerate(owners):
        of_shard = number if place == 0 else number // 3
        owner.execute(WORKSPACES, [of_shard])
        owner.execute(LEADS, [of_shard])
        owner.execute("analyze")
        drain_whole(fleet.shards[place].dsn, workers=1)
    # how many workspaces of each shard, and the workers of its drain
    ways = {
        "one shard, one worker": {0: (number, 1)},
        "one shard, three workers": {0: (number, 3)},
        "three shards, one worker each": dict.fromkeys(range(3), (number // 3, 1)),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    with ThreadPoolExecutor(len(owners)) as pool:
        for _ in range(ROUNDS):
            for way, shards in ways.items():
                for place, (workspaces, _) in shards.items():
                    owners[place].execute(CHANGE, [workspaces])
                with timed(took[way]):
                    running = [
                        pool.submit(drain_whole, fleet.shards[place].dsn, workers)
                        for place, (_, workers) in shards.items()
                    ]
                    for one in running:
                        one.result()
    for way, times in took.items():
        show(f"drains: {way}", f"{number / median(times):,.0f} workspaces a second")


def drain_whole(dsn: str, workers: int) -> None:
    """Drain until nothing waits: on a busy machine a run may leave workspaces to the next."""
    is_left = True
    while is_left:
        done = drain(dsn, DrainOptions(workers=workers))
        if not done.is_healthy:
            raise SystemExit(f"{done.failed} workspaces could not be refreshed")
        is_left = done.remaining != 0


def move(fleet: Fleet, leads: int) -> None:
    """Fill a workspace, with two messages and half a draft for each lead, and move it."""
    source, target = fleet.shards[1], fleet.shards[0]
    workspace = fleet.workspaces[1][GLOBEX]
    owner = source.connect()
    owner.execute(
        'insert into "Lead" (id, "clientId", "updatedAt", "lastMessageAt", "lastInboundAt", email) '
        "select gen_random_uuid(), %s, now(), now(), now(), n || '@example.com' from generate_series(1, %s) as n",
        [workspace, leads],
    )
    owner.execute(
        'insert into "Message" (id, "leadId", body, direction) '
        """select gen_random_uuid(), l.id, repeat('word ', 40), case n when 1 then 'inbound' else 'outbound' end """
        'from "Lead" as l cross join generate_series(1, 2) as n where l."clientId" = %s',
        [workspace],
    )
    owner.execute(
        'insert into "AIDraft" (id, "leadId", content, "updatedAt") '
        """select gen_random_uuid(), l.id, '', now() from "Lead" as l where l."clientId" = %s and l.email < '5'""",
        [workspace],
    )
    owner.execute("analyze")
    owner.execute("call inboxdb.drain_dirty()")
    began = time.monotonic()
    done = steps.move(
        source.dsn,
        target.dsn,
        workspace,
        router=steps.Router(fleet.dsn_of("postgres"), 0),
        report=lambda line: show(f"{time.monotonic() - began:6.1f} s", line),
    )
    took = time.monotonic() - began
    show("a move", f"{took:.1f} s for {done.rows:,} rows, {took / leads * 10_000:.1f} s for 10,000 leads")
    show("its stop", f"{done.stop:.1f} s")


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Note how long the `with` block takes, in seconds."""
    began = time.perf_counter()
    yield
    into.append(time.perf_counter() - began)


def show(what: str, figure: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{what:<40}{figure}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
