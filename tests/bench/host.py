"""The host's database for all measurements: its data, its roles, and whose triggers are switched on."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database import sources
from inboxdb.database.connection import Connection
from inboxdb.demo import embedded
from inboxdb.install import migrate
from tests.bench.contenders import CONTENDERS, INBOXDB, RIVALS, Contender
from tests.bench.sizes import Size

WRITER = "bench_writer"  # the application: owns nothing, has no right in inboxdb
MEMBER = "bench_member"  # a user who is signed in: restricted on "Lead"
READER = "bench_reader"  # the same without policies, to read a bare table beside the API
ANYWHERE = 0  # the place of leads of the small workspaces in bench.lead; elsewhere a place is the workspace's size

SETTINGS = {
    # a quarter of the machine's memory, as PostgreSQL's manual advises
    "shared_buffers": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2**22}MB",
    "max_connections": "120",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    # an hour's changes are driven in within a minute or so
    "autovacuum_naptime": "10s",
}

ROLES = f"""
create role {WRITER} login;
create role authenticated;
create role {MEMBER} login in role authenticated;
create role {READER} login bypassrls in role authenticated;
"""

# pgbench chooses leads by their numbers within a place.
NUMBERS = f"""
create schema bench;
create table bench.workspace (place integer primary key, id text);
create table bench.lead (place integer, n integer, id text);
grant usage on schema bench to {WRITER};
grant select on bench.lead to {WRITER};
grant select, insert, update, delete on all tables in schema public to {WRITER};
grant select on public."Lead" to authenticated;
"""
SMALL = """
select distinct l."clientId" from public."Lead" as l
where not exists (select from bench.workspace as w where w.id = l."clientId")
"""
NUMBER = """
insert into bench.lead
select coalesce(w.place, 0), row_number() over (partition by coalesce(w.place, 0) order by md5(l.id)), l.id
from public."Lead" as l
left join bench.workspace as w on w.id = l."clientId"
"""

CHANGE = """
update public."Lead" as l
set "sentimentTag" = case l."sentimentTag" when 'Interested' then 'Neutral' else 'Interested' end, "updatedAt" = now()
from generate_series(1 + %(turn)s %% %(step)s, %(leads)s, %(step)s) as g
inner join bench.lead as b on b.place = %(place)s and b.n = g
where l.id = b.id
"""

TRIGGERS = """
select t.tgrelid::regclass::text, t.tgname, n.nspname
from pg_trigger as t
inner join pg_proc as p on p.oid = t.tgfoid
inner join pg_namespace as n on n.oid = p.pronamespace
where not t.tgisinternal and n.nspname = any (%s) and t.tgname not like 'inboxdb_note_compared%%'
"""

DIFFERENCES = """
with stored as (
  select s.is_global, s.scope_user_id, to_jsonb(s) - array['computed_at', 'updated_at', 'version'] as counts
  from inboxdb.inbox_counts as s
  where s.client_id = %(id)s
),
live as (
  select l.is_global, l.scope_user_id, to_jsonb(l) - array['computed_at', 'updated_at', 'version']
  from inboxdb.live_inbox_counts(%(id)s) as l
)
select count(*)
from ((table stored except table live) union all (table live except table stored)) as differences
"""


@dataclass(frozen=True)
class Made:
    """Workspaces to make: how many, with how many leads in all, and messages per lead."""

    workspaces: int
    leads: int
    messages: float


def generate(dsn: str, wanted: Sequence[Made]) -> None:
    """Make the host's rows over two connections.

    Parameters: dsn; wanted; each seed is the place in the list, from 1.
    """

    def make(seed: int) -> None:
        made = wanted[seed - 1]
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute((sources.HOST / "generate.sql").read_bytes())
            # a seed's rows refer to rows of the seed: foreign keys are not checked
            connection.execute("set session_replication_role = replica")
            connection.execute(
                "select pg_temp.generate_host(workspaces => %s, leads => %s, seed => %s, messages_per_lead => %s)",
                (made.workspaces, made.leads, seed, made.messages),
            )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, range(1, len(wanted) + 1)))


def milliseconds(connection: Connection, statement: str) -> float:
    """Run a statement, in a session with warm caches; return the seconds."""
    began = time.perf_counter()
    connection.execute(statement.encode())
    return (time.perf_counter() - began) * 1000


def processor_time(connection: Connection) -> float:
    """Return the seconds of processor time that a session's server process has taken, from Linux's /proc.

    Processor time, where a difference of microseconds counts, because other load on the machine blurs elapsed time.
    """
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9


class Host:
    """The database. `connection` is the superuser's, and is not measured."""

    def __init__(self, server: str, size: Size) -> None:
        """Make the tables and their rows; inboxdb comes with `install`.

        Parameters: server, the superuser's connection string; size.
        """
        self.size = size
        self.dsn = server
        self.connection: Connection = psycopg.connect(server, autocommit=True)
        self.connection.execute((sources.HOST / "host_wide.sql").read_bytes())
        self.connection.execute(f"{ROLES}{NUMBERS}")
        # the largest first: the other connection makes all others meanwhile
        alone = sorted(size.workspaces, reverse=True)
        wanted = [*(Made(1, leads, size.messages) for leads in alone), Made(size.anywhere, size.anywhere_leads, 0)]
        generate(server, wanted)
        self.connection.execute((sources.HOST / "generate.sql").read_bytes())
        self.workspaces = {
            leads: str(self.value(f"select pg_temp.generated_id({seed}, 'Client', 1)"))
            for seed, leads in enumerate(alone, 1)
        }
        for leads, workspace in self.workspaces.items():
            self.connection.execute("insert into bench.workspace values (%s, %s)", (leads, workspace))
        self.small_workspaces = [workspace for (workspace,) in self.connection.execute(SMALL)]
        self.connection.execute(NUMBER)
        self.connection.execute("alter table bench.lead add primary key (place, n)")
        self.connection.execute("vacuum analyze")
        self.connection.execute("checkpoint")
        self.writer: Connection = psycopg.connect(self.writer_dsn, autocommit=True)

    def install(self) -> None:
        """Install inboxdb, texts and aggregates filled, and its rivals, each with first counts.

        inboxdb's triggers alone are left on.
        """
        for extension in ("pg_trgm", "btree_gin"):
            self.connection.execute(f"create extension {extension}".encode())
        migrate.apply(self.dsn)
        self.connection.execute("vacuum analyze")
        self.drain()
        while self.value("select inboxdb.refresh_texts()"):
            pass
        for (workspace,) in self.connection.execute('select id from public."Client"').fetchall():
            goes_on = False
            while self.value(f"select inboxdb.recompute_analytics('{workspace}', null, {goes_on})"):
                goes_on = True
        for rival in CONTENDERS:
            if rival.schema and rival is not INBOXDB:
                self.connection.execute((RIVALS / f"{rival.schema.removeprefix('rival_')}.sql").read_bytes())
        self.switch_on(INBOXDB)
        self.connection.execute("vacuum analyze")

    def close(self) -> None:
        """Close its connections."""
        self.writer.close()
        self.connection.close()

    @property
    def writer_dsn(self) -> str:
        """The application's connection string."""
        return make_conninfo(self.dsn, user=WRITER)

    def sign_in(self, workspace: str) -> None:
        """Let MEMBER and READER be the owner of a workspace from their next connection on."""
        user = self.value(f"""select "userId" from public."Client" where id = '{workspace}'""")
        for role in (MEMBER, READER):
            self.connection.execute(f"""alter role {role} set request.jwt.claims = '{{"sub":"{user}"}}'""".encode())

    @property
    def settings(self) -> dict[str, str]:
        """The server's version, and its share of the machine's memory."""
        return {
            "PostgreSQL": str(self.value("show server_version")),
            "its buffers": str(self.value("show shared_buffers")),
        }

    @property
    def judged(self) -> str:
        """The workspace that the targets speak of."""
        return self.workspaces[self.size.judged]

    def value(self, query: str) -> object:
        """Return the single value of a superuser's query."""
        [(value,)] = self.connection.execute(query.encode())
        return value

    def number(self, query: str) -> float:
        """Return the single number of a superuser's query."""
        return float(str(self.value(query)))

    def leads_at(self, place: int) -> int:
        """Return how many leads a place of bench.lead has."""
        return place or self.size.anywhere_leads

    def change(self, place: int, changes: int, turn: int) -> None:
        """Let the application change leads of a place in one statement.

        Parameters: place, of bench.lead; changes, how many leads; turn: each writes other leads, as long as there are.
        """
        leads = self.leads_at(place)
        parameters = {"turn": turn, "step": leads // changes, "leads": leads, "place": place}
        self.writer.execute(CHANGE, parameters)

    def drain(self) -> None:
        """Drain until nothing is dirty, with nothing but SQL."""
        while self.value("select workspaces from inboxdb.work_left()"):
            self.connection.execute("call inboxdb.drain_dirty()")
            if failing := self.value("select count(*) from inboxdb.failing_workspaces()"):
                raise SystemExit(f"{failing} workspaces could not be refreshed")

    def turn_to(self, contender: Contender) -> None:
        """Have a contender's triggers alone. inboxdb recounts, because its own triggers were off."""
        self.switch_on(contender)
        if contender is INBOXDB:
            # one by one, because a mark of all has all searched texts looked at, too, for the minute that comes
            self.connection.execute('select inboxdb.mark_inbox_counts_dirty(c.id) from public."Client" as c')
            self.drain()

    def switch_on(self, contender: Contender) -> None:
        """Enable a contender's triggers alone, where nothing is kept of the writes."""
        ours = [one.schema for one in CONTENDERS if one.schema]
        for table, trigger, schema in self.connection.execute(TRIGGERS, [ours]).fetchall():
            state = "enable" if schema == contender.schema else "disable"
            self.connection.execute(f'alter table {table} {state} trigger "{trigger}"'.encode())

    def assert_counted(self, workspace: str) -> None:
        """End the run where inboxdb's stored counts of a workspace are not the live ones."""
        [(differences,)] = self.connection.execute(DIFFERENCES, {"id": workspace})
        if differences:
            raise SystemExit(f"workspace {workspace}: stored counts differ from the live ones in {differences} rows")


@contextmanager
def server() -> Iterator[str]:
    """Run a server with the benchmarks' settings; lend its superuser's connection string."""
    with embedded.server(Path(tempfile.mkdtemp(prefix="inboxdb-bench-")), settings=SETTINGS) as dsn:
        yield dsn
