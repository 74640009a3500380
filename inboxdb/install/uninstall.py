"""Remove every trace of inboxdb from a database, in whatever state it is.

The catalog is the guide, not the ledger: installations half applied, suspended or without a ledger go, too (D79). What
this release does not ship is known by the migrations' text: shipped, or kept in the ledger by a newer release.
Each step is a transaction of its own, one host table at a time, triggers first: no writer meets a missing function, and
after a crash the same command goes on.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier

from inboxdb.database import sources
from inboxdb.database.connection import LOCK_TIMEOUT, Connection, describe, retrying
from inboxdb.database.errors import DatabaseRefused, InboxdbError
from inboxdb.install import access, catalog, migrate
from inboxdb.install.catalog import Object, Objects
from inboxdb.install.differences import MEMBER, TRUSTED
from inboxdb.install.lists import is_of_lists

ROLES = tuple(role for role in access.ROLES if role.startswith("inboxdb_"))  # nobody else's

# What people would look for; the rest goes with these.
NAMED = ("schema", "relation", "routine", "type", "trigger", "policy", "index", "publication")

MISSING = ("42P01", "42883", "42704")  # a table, a function, a type

STAND_IN = "inboxdb.suspended_"

# What a migration makes, by its name.
MAKES = re.compile(
    r"^ *(?:execute pg_catalog\.format\(')?create (?:or replace )?"
    r"(?:function|procedure|view|table|type|domain|trigger|policy|index) (?:concurrently )?(?:if not exists )?([\w.]+)",
    re.MULTILINE,
)

# A damaged installation cannot tell whether it was inboxdb that turned it on, nor can a host's that was found so.
CLOSED = """
select
from pg_catalog.pg_class as c
where c.oid = pg_catalog.to_regclass('public."Lead"') and c.relrowsecurity
  and not exists (select from pg_catalog.pg_policy as p where p.polrelid = c.oid and p.polname <> 'inboxdb_trusted')
"""


@dataclass(frozen=True)
class Uninstalled:
    """The objects removed, or to be removed, and the remaining ones, with reasons."""

    removed: list[str]
    remains: list[str]


def uninstall(
    dsn: str,
    *,
    rls_off: bool = False,
    drop_roles: bool = False,
    dry_run: bool = False,
    lock_timeout: float = LOCK_TIMEOUT,
    on_step: Callable[[str], None] = lambda _: None,
) -> Uninstalled:
    """Remove inboxdb: triggers, indexes, policies, the publication, and the schemas with all that is in them.

    Parameters: dsn; rls_off, whether its policies on "Lead" may go, after which restricted roles see what they saw
    before; drop_roles, whether to drop our roles (ROLES), which other databases may use; dry_run, only to say what
    would go; lock_timeout, how many seconds to wait at a time for a lock; on_step,
    called with what is about to be removed.
    Raises, before anything is changed: InboxdbError where a move is unfinished, "Lead" has policies of ours and
    rls_off is not given, or something that is not ours depends on it or stands in its schemas, naming it;
    MigrationsBusy. DatabaseRefused (55P03: what was removed before is gone, and `uninstall` once more goes on).
    """
    with migrate.alone(dsn) as connection:
        migrate.require_no_move(connection, dsn)
        ours = catalog.installed(connection)
        _refuse_what_is_not_ours(connection, ours, dsn)
        if not rls_off and (MEMBER in ours or (TRUSTED in ours and Object("schema", "inboxdb") in ours)):
            raise InboxdbError(
                "row-level security on \"Lead\" is inboxdb's: without it restricted roles may see every tenant's "
                "leads. "
                "Decide that by --rls-off (or `inboxdb rls off` before). Nothing was changed."
            )
        roles = _roles(connection)
        if dry_run:
            return Uninstalled(_named(ours), [f"role {role}: see --drop-roles" for role in roles])
        _remove(connection, dsn, ours, lock_timeout, on_step)
        left = _named(catalog.installed(connection))
        removed = [name for name in _named(ours) if name not in left]
        left = [f"{name}: without it the roles that it names would see no row of that table any more" for name in left]
        if (MEMBER in ours or TRUSTED in ours) and connection.execute(CLOSED).rowcount:
            left.append(
                'row-level security on public."Lead": it is on without a policy of the host\'s, closed to restricted '
                "roles. `inboxdb migrate apply`, naming each role, protects it anew. To open it to all: "
                'alter table public."Lead" disable row level security'
            )
        for role in roles:
            why = _drop_role(connection, role) if drop_roles else "other databases may use it; see --drop-roles"
            if why:
                left.append(f"role {role}: {why}")
            else:
                removed.append(f"role {role}")
        return Uninstalled(removed, left)


def _named(ours: Objects) -> list[str]:
    return sorted(str(obj) for obj in ours if obj.kind in NAMED)


def _refuse_what_is_not_ours(connection: Connection, ours: Objects, dsn: str) -> None:
    shipped, history = catalog.shipped(), migrate.read_history(connection)
    texts = [history.entries[name].body or "" for name in history.unknown]
    if history.pending:
        texts += [file.read_text() for file in sources.MIGRATIONS.glob("*.sql") if ".rollback." not in file.name]
    of_other_releases = {name for text in texts for name in MAKES.findall(text)}
    strange = [
        str(obj)
        for obj in sorted(ours)
        if obj.kind in ("relation", "routine", "type", "trigger", "policy", "index")
        and obj not in shipped
        and obj != TRUSTED
        and not is_of_lists(obj)
        and not obj.name.startswith(STAND_IN)
        and not {obj.table, re.split(r"\(| on |_[a-z]+_seq$", obj.name)[0].removeprefix("public.")} & of_other_releases
    ]
    if strange := strange + dependents(connection):
        raise InboxdbError(
            f"in {describe(dsn)} this is not inboxdb's, and depends on it or stands among its objects: "
            f"{', '.join(strange)}. Drop it or move it away first. Nothing was changed."
            + (
                f" The database is newer than this inboxdb, which does not know {', '.join(history.unknown)}: the "
                "inboxdb that applied it knows more."
                if history.unknown
                else ""
            )
        )


def dependents(connection: Connection) -> list[str]:
    """Describe other people's objects that depend on ours."""
    query = (sources.SQL / "checks" / "uninstall" / "dependents.sql").read_bytes()
    return [dependent for (dependent,) in connection.execute(query)]


def _remove(
    connection: Connection, dsn: str, ours: Objects, lock_timeout: float, on_step: Callable[[str], None]
) -> None:
    def step(statements: Sequence[str]) -> None:
        def once() -> None:
            with connection.transaction():
                connection.execute(access.SET_LOCK_TIMEOUT, (f"{lock_timeout:g}s",))
                for statement in statements:
                    connection.execute(statement.encode())

        retrying(once)

    def of(kind: str) -> list[Object]:
        return sorted(obj for obj in ours if obj.kind == kind and obj.table.startswith(("public.", "realtime.")))

    there = connection.execute("select pg_catalog.to_regproc('inboxdb.unprotect_leads') is not null").fetchone()
    if there == (True,) and (MEMBER in ours or TRUSTED in ours):
        on_step('row-level security on "Lead"')
        try:
            access.turn_off(dsn, lock_timeout=lock_timeout)
        except DatabaseRefused as error:
            # what it needs is lost: the policies go below, one by one, and what stays closed is told
            if error.sqlstate not in MISSING:
                raise
        ours = catalog.installed(connection)
    for table in dict.fromkeys(obj.table for obj in of("trigger")):
        on_step(f"triggers on {table}")
        step([f"drop trigger if exists {obj.name}" for obj in of("trigger") if obj.table == table])
    for obj in of("policy"):
        if obj != TRUSTED:
            on_step(str(obj))
            step([f"drop policy if exists {obj.name}"])
    if Object("publication", "inboxdb_lead") in ours:
        on_step("publication inboxdb_lead")
        step(["drop publication if exists inboxdb_lead"])
    for obj in of("index"):
        on_step(str(obj))
        connection.execute("set lock_timeout = 0")
        connection.execute(f"drop index concurrently if exists {obj.name.partition(' on ')[0]}".encode())

    def drop_schemas() -> None:
        with connection.transaction():
            connection.execute(access.SET_LOCK_TIMEOUT, (f"{lock_timeout:g}s",))
            if strange := dependents(connection):
                raise InboxdbError(f"not inboxdb's, and came to depend on it just now: {', '.join(strange)}.")
            connection.execute("drop schema if exists inbox_api, inboxdb cascade")

    on_step("schemas inbox_api and inboxdb")
    retrying(drop_schemas)


def _roles(connection: Connection) -> list[str]:
    query = "select r.rolname from pg_catalog.pg_roles as r where r.rolname = any (%s) order by 1"
    return [role for (role,) in connection.execute(query, (list(ROLES),))]


def _drop_role(connection: Connection, role: str) -> str | None:
    """Drop a role, or say why the role cannot be dropped."""
    try:
        connection.execute(SQL("drop role {}").format(Identifier(role)))
    except psycopg.errors.DependentObjectsStillExist:
        return "it has rights or objects elsewhere; `drop role` says where"
    except psycopg.errors.InsufficientPrivilege:
        return "this role may not drop it"
    return None
