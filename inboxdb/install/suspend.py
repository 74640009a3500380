"""Take inboxdb off the host's columns for the host's own migration, and put it back.

Each step is a transaction of its own that is left alone where it is done already, one host table at a time so that none
deadlocks with a writer: after a crash the same command goes on.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg

from inboxdb.database import sources
from inboxdb.database.connection import LOCK_TIMEOUT, Connection, describe, retrying, session
from inboxdb.database.errors import InboxdbError
from inboxdb.install import migrate
from inboxdb.install.access import SET_LOCK_TIMEOUT
from inboxdb.install.differences import watched
from inboxdb.install.repair import MARK, Outcome, make_anew, mend


@dataclass(frozen=True)
class Suspension:
    """Since when inboxdb is suspended, and whether it was suspended before this call."""

    since: datetime
    again: bool


def suspended_since(connection: Connection) -> datetime | None:
    """Say since when inboxdb is suspended: None while it is not, is not installed in full, or is not ours to ask."""
    may_ask = """
        select
        from pg_catalog.pg_proc as p
        inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
        where n.nspname = 'inboxdb' and p.proname = 'suspended_since'
          and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_function_privilege(p.oid, 'execute')
    """
    if connection.execute(may_ask).rowcount == 0:
        return None
    with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        [(since,)] = connection.execute("select inboxdb.suspended_since()").fetchall()
        return since  # type: ignore[no-any-return]
    return None


def suspended_because(connection: Connection) -> str | None:
    """Say what the host has changed, where inboxdb, which is suspended, suspended itself."""
    [(because,)] = connection.execute("select inboxdb.why_suspended()").fetchall()
    return because  # type: ignore[no-any-return]


def suspend(dsn: str, *, lock_timeout: float = LOCK_TIMEOUT) -> Suspension:
    """Remove the dependencies on the host's columns, and pause the drain. Steps done already are skipped.

    Parameters: dsn; lock_timeout, how many seconds to wait at a time for a lock that stops writers.
    Raises InboxdbError where migrations are pending, or a move is unfinished, before anything is changed;
    MigrationsBusy; DatabaseRefused (55P03: what the steps before have taken off stays so, and `suspend` once more goes
    on).
    """
    with migrate.alone(dsn) as connection:
        _require_all_applied(connection, dsn)
        migrate.require_no_move(connection, dsn)
        before = suspended_since(connection)
        _take_off(connection, lock_timeout)
        since = suspended_since(connection)
        assert since
        return Suspension(since, before is not None)


@dataclass(frozen=True)
class Resumption:
    """Whether inboxdb was suspended before this call, and what is not as shipped and was not mended."""

    resumed: bool
    unmended: list[Outcome]


def resume(dsn: str, *, lock_timeout: float = LOCK_TIMEOUT) -> Resumption:
    """Put back what `suspend` took off, mark every workspace, and let the drain go on.

    Lost tables are made anew, and all with ids where the host's ids have another type. Where inboxdb suspended itself,
    it is taken off first: views, triggers and policies may hang on a column that has another name now.

    Parameters: as suspend. Indexes that went with a column are built concurrently, for as long as that takes.
    Raises, before anything is changed: DatabaseRefused: IB001 for a host that no longer fits; what `migrate apply`
    raises for other migrations than those that were applied; MigrationsBusy. InboxdbError where a trigger could not be
    put back: it stays suspended then, and `resume` once more goes on.
    """
    with migrate.alone(dsn) as connection:
        if suspended_since(connection) is None:
            return Resumption(False, [])
        if pending := [migration.id for migration in migrate.checked_history(connection, dsn).pending]:
            raise _pending(dsn, pending)
        make_anew(connection, dsn, lock_timeout)
        if suspended_because(connection):
            _take_off(connection, lock_timeout)

        def put_back_views() -> None:
            with connection.transaction():
                _settings(connection, lock_timeout)
                _put_back_views(connection)

        retrying(put_back_views)
        _step(
            connection,
            lock_timeout,
            """
            do $policy$
            begin
              if exists (
                select
                from pg_catalog.pg_policy as p
                where p.polrelid = 'public."Lead"'::pg_catalog.regclass and p.polname = 'inboxdb_member'
                  and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'false'
              ) then
                execute pg_catalog.format(
                  'alter policy inboxdb_member on public."Lead" using (%s)', inboxdb.member_condition()
                );
              end if;
            end
            $policy$
            """,
        )
        # without an index counting is slow, without a trigger it is wrong
        unmended = [outcome for outcome in mend(connection, dsn, lock_timeout) if not outcome.mended]
        if lost := [outcome for outcome in unmended if outcome.object.startswith("trigger")]:
            raise InboxdbError(
                "not resumed, since not every trigger could be put back: "
                + "; ".join(
                    f"{trigger.object} ({trigger.reason or trigger.installed}): {trigger.command}" for trigger in lost
                )
                + ". Mend that, then run `inboxdb migrate resume` again."
            )
        with connection.transaction():
            connection.execute(MARK.encode())
            connection.execute("update inboxdb.installation set suspended_since = null, suspended_because = null")
        return Resumption(True, unmended)


def refuse_while_suspended(dsn: str, what: str) -> None:
    """Refuse to do `what` while inboxdb is suspended.

    Raises InboxdbError.
    """
    with session(dsn, application_name="inboxdb migrate") as connection:
        if since := suspended_since(connection):
            raise InboxdbError(
                f"inboxdb is suspended in {describe(dsn)} since {since:%Y-%m-%d %H:%M:%S} UTC, so {what}: run "
                "`inboxdb migrate resume` first. Nothing was changed."
            )


def _take_off(connection: Connection, lock_timeout: float) -> None:
    _step(connection, lock_timeout, "select inboxdb.suspend_views()")
    for table in watched():
        _step(connection, lock_timeout, f"select inboxdb.suspend_table('{table}')")


def _require_all_applied(connection: Connection, dsn: str) -> None:
    history = migrate.read_history(connection)
    if history.unknown or history.pending:
        raise _pending(dsn, history.unknown or [migration.id for migration in history.pending])


def _pending(dsn: str, names: list[str]) -> InboxdbError:
    return InboxdbError(
        f"{describe(dsn)} and this inboxdb differ in {', '.join(names)}: suspend and resume with the inboxdb that "
        "applied what is there, upgrade before or after. Nothing was changed."
    )


def _put_back_views(connection: Connection) -> None:
    """Give each view its own text again, and drop the functions with the views' texts."""
    rows = connection.execute(
        """
        select p.oid::pg_catalog.regprocedure::pg_catalog.text, pg_catalog.substr(p.proname, 11)
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'inboxdb'::pg_catalog.regnamespace
          and pg_catalog.starts_with(p.proname, 'suspended_') and p.proname <> 'suspended_since'
        """
    )
    stand_ins = {view: function for function, view in rows.fetchall()}
    for file in sources.contents():
        view = file.rpartition("/")[2].removesuffix(".view.sql")
        if not file.endswith(".view.sql") or view not in stand_ins:
            continue
        text = (sources.SQL / file).read_bytes()
        try:
            with connection.transaction():
                connection.execute(text)
        except psycopg.errors.InvalidTableDefinition:
            # a column has another type now, as where varchar became text
            connection.execute(f"drop view inboxdb.{view}".encode())
            connection.execute(text)
        connection.execute(f"drop function {stand_ins[view]}".encode())
    connection.execute("select inboxdb.apply_grants()")


def _step(connection: Connection, lock_timeout: float, statement: str) -> None:
    def once() -> None:
        with connection.transaction():
            _settings(connection, lock_timeout)
            connection.execute(statement.encode())

    retrying(once)


def _settings(connection: Connection, lock_timeout: float) -> None:
    connection.execute(SET_LOCK_TIMEOUT, (f"{lock_timeout:g}s",))
    connection.execute("set local search_path = ''")
