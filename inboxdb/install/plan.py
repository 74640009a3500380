"""The effects of pending migrations, and their SQL for people who apply by hand."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
from psycopg import errors
from yoyo.migrations import Migration

from inboxdb import __version__
from inboxdb.database import checks, sources
from inboxdb.database.checks import NOT_LOOKED_AT, OBSTACLE, PROBLEM, WARNING, Finding
from inboxdb.database.connection import ATTEMPTS, LOCK_TIMEOUT, RIGHTS, Connection, describe, session, shares_backends
from inboxdb.database.errors import (
    DamagedFiles,
    DatabaseNewer,
    DatabaseRefused,
    InboxdbError,
    LedgerLost,
    MigrationEdited,
    PoolerInBetween,
)
from inboxdb.install import access, ledger
from inboxdb.install.differences import NOTHING, REPAIR, differences
from inboxdb.install.migrate import (
    LOCK_CLASS,
    RESET,
    SETTINGS,
    History,
    check_host,
    checked_history,
    meaning,
    read_history,
    shipped,
    statements,
    transactional,
)
from inboxdb.install.suspend import suspended_since

SHOWN = 5  # objects that are not as shipped

ALONE = f"""\
do $alone$
begin
  if not pg_catalog.pg_try_advisory_lock({LOCK_CLASS}, 0) then
    raise exception 'another `inboxdb migrate`, or `inboxdb workspace`, is at work on this database: wait for its end';
  end if;
end
$alone$;
"""

REFUSALS: dict[type[InboxdbError], str] = {
    DatabaseNewer: "newer_database",
    LedgerLost: "lost_ledger",
    MigrationEdited: "edited_migration",
}

# What the comment on top of a migration says to yoyo, to squawk, and to whoever runs the file by itself.
NOT_FOR_PEOPLE = ("depends:", "transactional:", "squawk-", "By hand:")

# How the comment on top of a migration names locks. A test compares the comment with the locks taken.
TABLE = r'"\w+"|\w+\.\w+'
LOCKS = re.compile(rf"(?P<mode>[A-Z]+(?: [A-Z]+)+) on (?P<tables>(?:{TABLE})(?:(?:, | and )(?:{TABLE}))*)")

# What a migration makes: inboxdb's tables and views, triggers on the host's tables, and indexes on them.
MAKES = re.compile(
    r"^create (?:or replace )?(?:(table|view) inboxdb\.|(trigger|index) (?:concurrently if not exists )?)(\w+)"
    r'(?:[^;]*? on public\."(\w+)")?',
    re.MULTILINE,
)
GRANTS = re.compile(r"^ *perform inboxdb\.apply_grants\(", re.MULTILINE)

# The statements of an application that each lock mode stops.
STOPS = {
    "ACCESS SHARE": "nobody",
    "SHARE UPDATE EXCLUSIVE": "nobody",
    "SHARE ROW EXCLUSIVE": "writers",
    "ACCESS EXCLUSIVE": "readers and writers",
}


@dataclass(frozen=True)
class Lock:
    """A lock that a migration takes on a table that is there before it, and for how long at most.

    `stops` is whoever cannot go on while it is held, or queued for. It is waited for `seconds_at_a_time`, at most
    `attempts` times; both are None for an index build, which waits for as long as it takes, and stops nobody meanwhile.
    """

    host_table: str
    mode: str
    stops: str
    seconds_at_a_time: float | None
    attempts: int | None
    held_until: str


@dataclass(frozen=True)
class Step:
    """A pending migration: whether it runs in one transaction, what its file says on top, which locks it takes on
    tables that are there before it, and what undoing it means, as its rollback file says.
    """

    id: str
    transactional: bool
    summary: str
    locks: list[Lock]
    undo: str


@dataclass(frozen=True)
class Plan:
    """What `migrate apply` would run, in order, and what stands in its way, or might, the worst first.

    A finding is of a query of sql/checks/plan/, or a reason why `apply` refuses. An obstacle is certain to make `apply`
    fail, a warning may be gone until then.
    """

    steps: list[Step]
    findings: list[Finding]

    @property
    def possible(self) -> bool:
        """Whether no obstacle stands in the way."""
        return all(finding.severity != OBSTACLE for finding in self.findings)


def examine(dsn: str, *, to: str | None = None, lock_timeout: float = LOCK_TIMEOUT) -> Plan:
    """List the migrations `migrate apply` would run, and look for obstacles in this database.

    Changes nothing, and needs no lock.

    Parameters: dsn; to, the last migration, None for all; lock_timeout, how many seconds `apply` will wait for a lock
    that stops writers, at a time.
    Raises CannotConnect, ConnectionLost, UnknownMigration.
    """
    if names := sources.damaged():
        return Plan([], [_refusal("damaged_files", DamagedFiles(names))])
    findings = []
    with session(dsn, application_name="inboxdb migrate") as connection:
        if shares_backends(connection, dsn):
            findings.append(_refusal("pooler", PoolerInBetween(describe(dsn))))
        try:
            check_host(connection)
        except errors.InsufficientPrivilege:
            # it runs a block of PL/pgSQL; `rights` says what else is missing
            may_use = f"`grant usage on language plpgsql to {connection.info.user}`"
            if connection.execute("select pg_catalog.has_language_privilege('plpgsql', 'usage')").fetchone() == (
                False,
            ):
                findings.append(Finding("host", OBSTACLE, "this role may not use language plpgsql", may_use))
        except psycopg.Error as error:
            if error.sqlstate != "IB001":
                raise
            findings.append(_refusal("host", DatabaseRefused(error, describe(dsn))))
        is_readable = True
        try:
            history = read_history(connection)
        except errors.InsufficientPrivilege:
            # the host check, or `rights`, has named the schema's owner; its objects are no leftovers
            history = History(shipped(), {})
            is_readable = False
        for refusal in history.refusals(describe(dsn)):
            findings.append(_refusal(REFUSALS[type(refusal)], refusal))
        if suspended_since(connection):
            evidence = "inboxdb is suspended here"
            remedy = "`inboxdb migrate resume`, with the inboxdb that suspended it"
            findings.append(Finding("suspended", OBSTACLE, evidence, remedy))
        pending = history.up_to(to)
        steps = [_step(connection, migration, lock_timeout) for migration in pending]
        planned = {"inboxdb.plan": json.dumps(_planned(history.shipped, steps, lock_timeout))}
        examined = checks.run(connection, "plan", planned) | checks.run(connection, "both", planned)
        if history.unrecorded or not is_readable:
            # what is left over there is the installation, whose ledger was lost
            examined.pop("leftovers", None)
        findings += itertools.chain.from_iterable(examined.values())
        read_only = checks.run_one(connection, "doctor/read_only.sql")
        findings += [replace(found, severity=OBSTACLE) for found in read_only]
        rights = [found for query in RIGHTS for found in checks.run_one(connection, query)]
        findings += [replace(found, severity=WARNING) if found.severity == PROBLEM else found for found in rights]
        if not history.pending and not any(finding.check in ("host", "suspended") for finding in findings):
            findings += unlike_shipped(connection)
    if pending and pending[-1] is history.shipped[-1] and all(finding.severity != OBSTACLE for finding in findings):
        findings += _undecided(dsn, pending[-1].id)
    return Plan(steps, checks.worst_first(findings))


def unlike_shipped(connection: Connection) -> list[Finding]:
    """Compare an installation without pending migrations with what is shipped. Changes nothing.

    Returns a finding where anything is missing or another; what somebody else put among our objects is none.
    """
    try:
        differ = [one for one in differences(connection) if one.shipped != NOTHING]
    except errors.InsufficientPrivilege:
        reason = "this role may not compare the installation with what is shipped"
        return [Finding("installation", NOT_LOOKED_AT, reason, "connect as the role that installed inboxdb")]
    if not differ:
        return []
    shown = ", ".join(f"{one.object} ({one.installed})" for one in differ[:SHOWN])
    more = f", and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
    by_repair = any(one.remedy.is_ours for one in differ)
    remedy = f"{REPAIR}, which says what becomes of each" if by_repair else differ[0].remedy.command
    return [Finding("installation", WARNING, f"not as shipped: {shown}{more}", remedy)]


def _refusal(check: str, error: InboxdbError) -> Finding:
    evidence, _, remedy = str(error).partition(" Nothing was changed. ")
    return Finding(check, OBSTACLE, evidence, remedy)


def _step(connection: Connection, migration: Migration, lock_timeout: float) -> Step:
    # what a host may lack: by the catalog, which may be read without rights in the schema
    tables = """
        select pg_catalog.format('%I.%I', n.nspname, c.relname)
        from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where n.nspname = 'realtime'
    """
    there = {table for (table,) in connection.execute(tables)}
    locks = [
        Lock(table, mode, STOPS[mode], lock_timeout, ATTEMPTS, "commit")
        if transactional(migration)
        else Lock(table, mode, STOPS[mode], None, None, "the index is built")
        for mode, table in declared_locks(ledger.text(migration))
        if table in there or not table.startswith("realtime.")
    ]
    return Step(migration.id, transactional(migration), _summary(migration), locks, meaning(migration))


def declared_locks(text: str) -> list[tuple[str, str]]:
    """Read from the comment on top of a migration which modes it locks which tables in: MODE on "Table", schema.table.

    Parameters: text, of the migration.
    Returns mode and table, each with its schema.
    """
    header = " ".join(line.removeprefix("--").strip() for line in text.partition("\n\n")[0].splitlines())
    locks = re.search(r" Locks: (.*?) Undo: ", header)
    return [
        (lock["mode"], table if "." in table else f"public.{table}")
        for lock in LOCKS.finditer(locks[1] if locks else "")
        for table in re.findall(TABLE, lock["tables"])
    ]


def _planned(shipped: list[Migration], steps: list[Step], lock_timeout: float) -> dict[str, object]:
    """What the queries of sql/checks/plan/ read of the plan: what each pending migration is the first to make, which of
    them grant rights and to which roles, which build indexes, and the locks.
    """
    first: dict[tuple[str, ...], str] = {}
    for migration in shipped:
        for made in MAKES.findall(ledger.text(migration)):
            first.setdefault(made, migration.id)
    pending = [step.id for step in steps]
    return {
        "makes": [
            {"migration": migration, "kind": relation or on_host, "name": name, "host_table": host_table}
            for (relation, on_host, name, host_table), migration in first.items()
            if migration in pending
        ],
        "grants": [
            migration.id for migration in shipped if migration.id in pending and GRANTS.search(ledger.text(migration))
        ],
        "roles": access.ROLES,
        "builds": [step.id for step in steps if not step.transactional],
        "locks": [
            {"migration": step.id, "host_table": lock.host_table, "mode": lock.mode}
            for step in steps
            for lock in step.locks
        ],
        "lock_timeout": lock_timeout,
    }


def _undecided(dsn: str, last: str) -> Iterator[Finding]:
    """List the roles still to be named to `apply`, where nothing is decided about row-level security on "Lead"."""
    lead = access.lead_access(dsn)
    names = [right.role_name for right in lead.rights if right.rights and not right.bypasses]
    if lead.undecided:
        yield Finding(
            "lead_rls",
            WARNING,
            'it is not decided what becomes of row-level security on "Lead"'
            + (f" and of the roles with rights on it: {', '.join(names)}" if names else ""),
            "`inboxdb rls plan` lists roles with rights on it; `inboxdb migrate apply` wants --trust or --restrict for "
            "each of these roles, or --without-rls",
            last,
        )


def script(dsn: str, *, to: str | None = None, lock_timeout: float = LOCK_TIMEOUT) -> str:
    """Write the statements of `migrate apply` as a script for psql, the rows of its ledger included.

    Changes nothing, and needs no lock.

    Parameters: dsn; to, the last migration, None for all; lock_timeout, how many seconds to wait for a lock that stops
    writers.
    Raises what `apply` raises before anything is changed.
    """
    with session(dsn, application_name="inboxdb migrate") as connection:
        history = checked_history(connection, dsn)
        pending = history.up_to(to)
    # on one line, as everything in a comment
    database = " ".join(describe(dsn).split())
    if not pending:
        return f"-- Nothing is pending on {database}: inboxdb {__version__} has no migration more.\n"
    return "\n".join(
        [
            f"-- What `inboxdb migrate apply` of inboxdb {__version__} would run on {database} now.\n"
            "-- By hand: psql -X -v ON_ERROR_STOP=1 -f FILE, as the role that is to own inboxdb; not with -1, not\n"
            "-- through a pooler. Where a lock is not free in time it stops, and what is committed stands: plan again\n"
            '-- and run the rest. Row-level security on "Lead" is decided apart: `inboxdb migrate apply` asks.\n',
            "set client_encoding = 'UTF8';\n",
            "-- whatever the server, the database or the role has set",
            SETTINGS,
            "-- one at a time; the lock ends with the session",
            ALONE,
            (sources.SQL / "host" / "check.sql").read_text(),
            "-- the ledger: yoyo's tables, and the text of each migration",
            "begin;\n",
            "create schema if not exists inboxdb;\n",
            ledger.MAKE,
            *(ledger.record_text(migration) for migration in history.without_text),
            "commit;\n",
            "set search_path = inboxdb;\n",
            *itertools.chain.from_iterable(_parts(migration, lock_timeout) for migration in pending),
        ]
    )


def _parts(migration: Migration, lock_timeout: float) -> Iterator[str]:
    text, record = statements(migration, lock_timeout), ledger.record_applied(migration)
    if transactional(migration):
        yield from ("begin;\n", text, record, "commit;\n")
    else:
        yield from (text, RESET, "begin;\n", record, "commit;\n")


def _summary(migration: Migration) -> str:
    """Read the comment on top of a migration, without the lines for yoyo and squawk."""
    lines = itertools.takewhile(lambda line: line.startswith("-- "), ledger.text(migration).splitlines())
    comment = (line.removeprefix("-- ") for line in lines)
    return "\n".join(line for line in comment if not line.startswith(NOT_FOR_PEOPLE))
