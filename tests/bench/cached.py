"""How often a cache of the application's has the analytics that its users look at, beside a writer.

    python -m tests.bench.cached [--leads 20000] [--users 20] [--seconds 120] [--every 2 --every 3 --every 5]

Each user looks at a dashboard of six reads, and again after some seconds, as docs/contracts.md has a cache do: the
version out of Redis, then the answer under a key with this version, out of Redis (a hit), or of inbox_api and into
Redis. A watching drain copies versions to Redis; a writer sends messages. In turn changes wait for ten seconds after a
refresh, as collect_analytics has it, and not at all.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import psycopg
from psycopg.conninfo import make_conninfo
from redis import Redis

from inboxdb.database.connection import Connection
from tests.bench.analytics import CHANGE, LARGEST, make
from tests.bench.contenders import watching
from tests.bench.host import READER, ROLES, WRITER, server
from tests.redis_server import redis_server

PAGE = ("overview", "days", "sentiments", "statuses", "sms_campaigns", "response_times")
DAYS = 30
FILL_LIMIT = 1800.0  # seconds for the first fill
MEMBER = """
with member as (
  insert into public."ClientMember" (id, "clientId", "userId", role, "updatedAt")
  select gen_random_uuid(), %s, gen_random_uuid(), 'ADMIN', now() from generate_series(1, %s)
  returning "userId"
)
select * from member
"""
BUILT = "select from inboxdb.analytics_workspace where client_id = %s and walked_at is not null"
DEFINITION = "select pg_get_functiondef('inboxdb.collect_analytics()'::regprocedure)"


class Dashboard:
    """A workspace's dashboard, as its users look at it through a cache."""

    def __init__(self, dsn: str, redis: str, workspace: str) -> None:
        """Keep where database, Redis and workspace are."""
        self.dsn = make_conninfo(dsn, user=READER)
        self.redis = redis
        self.workspace = workspace

    def look_on(self, user: str, begins_in: float, every: float, ends_at: float) -> tuple[int, int, set[bytes]]:
        """Let a user look again and again.

        Parameters: user; begins_in, seconds, so that users look one after the other; every, seconds; ends_at.
        Returns: how many reads the cache answered, of how many, and the versions seen.
        """
        hits, looks, versions = 0, 0, set[bytes]()
        with psycopg.connect(self.dsn, autocommit=True) as reader, Redis.from_url(self.redis) as cache:
            reader.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": user})])
            at = time.monotonic() + begins_in
            while at < ends_at:
                time.sleep(max(at - time.monotonic(), 0))
                at += every
                version = cache.get(f"analytics:v1:ver:{self.workspace}")
                assert isinstance(version, bytes)
                versions.add(version)
                for read in PAGE:
                    hits += self.answered(reader, cache, user, read, version)
                    looks += 1
        return hits, looks, versions

    def answered(self, reader: Connection, cache: Redis, user: str, read: str, version: bytes) -> bool:
        """Answer a read for a user; return whether the cache did."""
        key = f"analytics:v1:{user}:{self.workspace}:{DAYS}:{read}:{version.decode()}"
        if cache.get(key) is not None:
            return True
        query = f"select figures from inbox_api.analytics_{read}(%s, current_date - {DAYS - 1}, current_date)"
        [(figures,)] = reader.execute(query.encode(), [self.workspace])
        cache.set(key, json.dumps(figures), ex=600)
        return False


@contextmanager
def writing(dsn: str, workspace: str, rate: float) -> Iterator[None]:
    """Send messages at a rate until the block ends."""
    stop = Event()
    with psycopg.connect(make_conninfo(dsn, user=WRITER), autocommit=True) as writer, ThreadPoolExecutor(1) as pool:

        def write() -> None:
            turn = 0
            while not stop.wait(1 / rate):
                writer.execute(CHANGE, {"workspace": workspace, "turn": turn, "changes": 1})
                turn += 1

        at_work = pool.submit(write)
        try:
            yield
        finally:
            stop.set()
        at_work.result()


def hits(dashboard: Dashboard, users: list[str], every: float, seconds: float) -> tuple[float, int]:
    """Let all users look for some seconds; return the share of looks that the cache answered, and the versions seen."""
    ends_at = time.monotonic() + seconds
    with ThreadPoolExecutor(len(users)) as pool:
        looking = [
            pool.submit(dashboard.look_on, user, every * place / len(users), every, ends_at)
            for place, user in enumerate(users)
        ]
        found = [one.result() for one in looking]
    return sum(one[0] for one in found) / sum(one[1] for one in found), len(set().union(*(one[2] for one in found)))


def wait_until_built(connection: Connection, workspace: str) -> None:
    """Return once aggregates answer."""
    give_up_at = time.monotonic() + FILL_LIMIT
    while not connection.execute(BUILT, [workspace]).rowcount:
        if time.monotonic() > give_up_at:
            raise SystemExit("the first fill took too long")
        time.sleep(0.1)


def main() -> None:
    """Run the benchmark."""
    options = argparse.ArgumentParser(prog="python -m tests.bench.cached", description=__doc__)
    options.add_argument("--leads", type=int, default=20_000, help="of the workspace (20,000)")
    options.add_argument("--users", type=int, default=20)
    options.add_argument("--seconds", type=float, default=120, help="of each row (120)")
    options.add_argument("--every", type=float, action="append", help="seconds between two looks of a user (2, 3, 5)")
    options.add_argument("--writes", type=float, default=5, help="messages a second (5)")
    given = options.parse_args()
    with server() as admin_dsn, redis_server() as redis:
        with psycopg.connect(admin_dsn, autocommit=True) as admin:
            admin.execute(ROLES.encode())
        dsn, connection = make(admin_dsn, given.leads)
        [(workspace, _)] = connection.execute(LARGEST)
        users = [user for (user,) in connection.execute(MEMBER, [workspace, given.users])]
        [(shipped,)] = connection.execute(DEFINITION)
        dashboard = Dashboard(dsn, redis.url, workspace)
        with watching(dsn, "--redis-url", redis.url):
            wait_until_built(connection, workspace)
            sys.stdout.write(
                f"{given.users} users, {given.writes:g} messages a second in a workspace of {given.leads:,} leads\n\n"
                "| a user looks every | pause | hits | a version lived | load |\n|---|---|---|---|---|\n"
            )
            for every in given.every or [2.0, 3.0, 5.0]:
                for name, definition in (
                    ("as it ships", shipped),
                    ("none", shipped.replace("'10 seconds'", "'0'")),
                ):
                    connection.execute(definition.encode())
                    with writing(dsn, workspace, given.writes):
                        share, versions = hits(dashboard, users, every, given.seconds)
                    lived = given.seconds / versions
                    load = os.getloadavg()[0]
                    sys.stdout.write(f"| {every:g} s | {name} | {share:.1%} | {lived:.1f} s | {load:.1f} |\n")
                    sys.stdout.flush()
        connection.close()


if __name__ == "__main__":
    main()
