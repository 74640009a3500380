"""The fence: while it stands, whoever writes a workspace's rows at the source is refused (IB024).

What a move has come to stands beside it, in schema inboxdb_move of both databases, which goes with the last move.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Literal

from inboxdb.database.connection import Connection, retrying, transaction
from inboxdb.move.tables import LONGEST, Belonging, Table

COPYING, FENCED, READY, SWITCHING, SWITCHED = "copying", "fenced", "ready", "switching", "switched"
ARRIVING = "arriving"  # at the target

MAKE = """
create schema if not exists inboxdb_move;

create table if not exists inboxdb_move.move (
  client_id text primary key,
  move_id text not null,
  other_side text not null,
  step text not null,
  started_at timestamptz not null default pg_catalog.clock_timestamp(),
  -- the backend that deletes at the end: seen by itself alone, because it never commits the number
  deleted_by integer
);
comment on table inboxdb_move.move is 'Workspaces that are being moved from here or to here: see docs/scale.md.';

create or replace function inboxdb_move.refuse() returns trigger
language plpgsql volatile security definer
set search_path = ''
set row_security = off
as $$
-- Purpose: refuse whoever writes rows of a workspace that is being moved, but for the move itself.
-- Parameters: as of the trigger: the workspace; whether a row, $1, belongs to it, as a query.
-- Errors: IB024. DEFINER: writers have no rights in this schema, and policies hide leads from some.
declare
  is_of boolean := tg_op = 'TRUNCATE';
begin
  -- asked first, because a move deletes many rows, and the query of the trigger costs more
  if exists (
    select
    from inboxdb_move.move as m
    where m.client_id = tg_argv[0] and m.deleted_by = pg_catalog.pg_backend_pid()
  ) then
    return null;
  end if;
  if tg_op in ('UPDATE', 'DELETE') then
    execute tg_argv[1] into is_of using old;
  end if;
  if tg_op in ('INSERT', 'UPDATE') and is_of is not true then
    execute tg_argv[1] into is_of using new;
  end if;
  if is_of then
    raise exception using
      errcode = 'IB024',
      message = pg_catalog.format('workspace %s is being moved to another database', tg_argv[0]),
      detail = 'Nothing was written.',
      hint = 'Ask the directory of workspaces again in a moment, and write where it is then.';
  end if;
  return null;
end
$$;
revoke all on function inboxdb_move.refuse() from public;
"""


@dataclass(frozen=True)
class Move:
    """What a move has come to: `other_side` is the other database, for people."""

    client_id: str
    move_id: str
    other_side: str
    step: str


def read(connection: Connection, client_id: str) -> Move | None:
    """Read what a move has come to, if one is under way."""
    if connection.execute("select pg_catalog.to_regclass('inboxdb_move.move')").fetchone() == (None,):
        return None
    with connection.cursor(row_factory=class_row(Move)) as cursor:
        query = "select client_id, move_id, other_side, step from inboxdb_move.move where client_id = %s"
        return cursor.execute(query, (client_id,)).fetchone()


def begin(connection: Connection, move: Move) -> None:
    """Write that a move has begun."""
    with connection.transaction():
        connection.execute(MAKE.encode())
        connection.execute("delete from inboxdb_move.move where client_id = %s", (move.client_id,))
        connection.execute(
            "insert into inboxdb_move.move (client_id, move_id, other_side, step) values (%s, %s, %s, %s)",
            (move.client_id, move.move_id, move.other_side, move.step),
        )


def advance(connection: Connection, client_id: str, step: str) -> None:
    """Write that a move has come to a step."""
    connection.execute("update inboxdb_move.move set step = %s where client_id = %s", (step, client_id))


def forget(connection: Connection, client_id: str) -> None:
    """Take a move off; the schema goes with the last one."""
    with connection.transaction():
        if connection.execute("select pg_catalog.to_regclass('inboxdb_move.move')").fetchone() == (None,):
            return
        connection.execute("lock table inboxdb_move.move in access exclusive mode")
        connection.execute("delete from inboxdb_move.move where client_id = %s", (client_id,))
        if connection.execute("select exists (select from inboxdb_move.move)").fetchone() == (False,):
            connection.execute(
                "drop table inboxdb_move.move; drop function inboxdb_move.refuse(); drop schema inboxdb_move"
            )


@contextmanager
def passing(connection: Connection, client_id: str) -> Iterator[None]:
    """Write past the fence, in a transaction, for as long as the `with` block lasts."""
    with transaction(connection, LONGEST):
        connection.execute(
            "update inboxdb_move.move set deleted_by = pg_catalog.pg_backend_pid() where client_id = %s", (client_id,)
        )
        yield
        connection.execute("update inboxdb_move.move set deleted_by = null where client_id = %s", (client_id,))


def put_up(connection: Connection, belonging: Belonging, client_id: str, lock_timeout: float) -> None:
    """Refuse writers from now on, a table at a time: once a trigger stands, no earlier write is still open."""
    for table in belonging.tables:
        query = (
            SQL("select exists (select from (select ($1).*) as r where {})")
            .format(belonging.rows_of(table, client_id, "r"))
            .as_string(connection)
        )
        of_rows = SQL(
            "create or replace trigger {name} after insert or update or delete on {table} for each row "
            "execute function inboxdb_move.refuse({client_id}, {query})"
        )
        of_all = SQL(
            "create or replace trigger {name} before truncate on {table} for each statement "
            "execute function inboxdb_move.refuse({client_id})"
        )
        arguments: dict[str, Any] = {
            "table": table.sql,
            "client_id": Literal(client_id),
            "query": Literal(query),
        }
        row, whole = _names(client_id)
        _in_steps(
            connection,
            [of_rows.format(name=Identifier(row), **arguments), of_all.format(name=Identifier(whole), **arguments)],
            lock_timeout,
        )


def take_down(connection: Connection, tables: Sequence[Table], client_id: str, lock_timeout: float) -> None:
    """Let writers go on."""
    standing = "select tgname::pg_catalog.text from pg_catalog.pg_trigger where tgrelid = %s and tgname = any (%s)"
    for table in tables:
        drops = [
            SQL("drop trigger {} on {}").format(Identifier(name), SQL(table.called))
            for (name,) in connection.execute(standing, (table.oid, list(_names(client_id)))).fetchall()
        ]
        if drops:
            _in_steps(connection, drops, lock_timeout)


def _names(client_id: str) -> tuple[str, str]:
    """Name the triggers of a workspace; the hash of an id is no secret, and short."""
    of = sha256(client_id.encode()).hexdigest()[:16]
    return f"workspace_moves_{of}", f"workspace_moves_whole_{of}"


def _in_steps(connection: Connection, statements: Sequence[Any], lock_timeout: float) -> None:
    def once() -> None:
        with connection.transaction():
            connection.execute("select pg_catalog.set_config('lock_timeout', %s, true)", (f"{lock_timeout:g}s",))
            for statement in statements:
                connection.execute(statement)

    retrying(once)
