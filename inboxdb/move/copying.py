"""Make the target's rows of a workspace those of the source: a pass compares hashes by key, and copies what differs."""

import time
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier

from inboxdb.database.connection import Connection, transaction
from inboxdb.database.errors import InboxdbError
from inboxdb.move import fence
from inboxdb.move.tables import LONGEST, Belonging, Table, columns_of

BATCH = 10_000  # rows that a transaction deletes, so that none holds up vacuum for long

# So that a value has one text on both sides.
AS_ONE_TEXT = (
    "set local row_security = off; set local search_path = ''; set local timezone = 'UTC'; "
    "set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601'; set local extra_float_digits = 1; "
    "set local bytea_output = 'hex'; set local lc_monetary = 'C'; set local xmloption = 'content'"
)

HASH = SQL("pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to({}, 'UTF8')), 'hex')")


@dataclass(frozen=True)
class Pass:
    """What a pass found and did: rows at the source, and how many it wrote or deleted at the target."""

    rows: int
    written: int
    deleted: int

    @property
    def changed(self) -> int:
        """How many rows of the target's it changed."""
        return self.written + self.deleted


class RowsInTheWay(InboxdbError):
    """Rows of the target's that the workspace's rows would collide with."""

    def __init__(self, table: str, constraint: str | None) -> None:
        """Name the table, and the constraint."""
        by = f" ({constraint})" if constraint else ""
        super().__init__(
            f"the target has rows of other workspaces in {table} with keys of this workspace's{by}. Give these rows "
            "other keys on one side, then run the command again; or `inboxdb workspace undo`."
        )


def copy_once(source: Connection, target: Connection, belonging: Belonging, client_id: str) -> Pass:
    """Make the target's rows those of a snapshot of the source, a transaction a table: what is done stays done."""
    rows = written = deleted = 0
    with transaction(source, LONGEST):
        source.execute("set transaction isolation level repeatable read, read only")
        source.execute(AS_ONE_TEXT)
        for table in reversed(belonging.tables):
            deleted += _delete_what_is_gone(source, target, table, belonging.rows_of(table, client_id))
        for table in belonging.tables:
            number, copied = _copy_what_differs(source, target, table, belonging.rows_of(table, client_id))
            rows, written = rows + number, written + copied
    return Pass(rows, written, deleted)


def count(connection: Connection, belonging: Belonging, client_id: str) -> tuple[dict[str, int], float]:
    """Count a workspace's rows by table, and hash them. Returns also how many seconds that took."""
    started_at = time.monotonic()
    rows = {}
    with transaction(connection, LONGEST):
        connection.execute(AS_ONE_TEXT)
        for table in belonging.tables:
            query = SQL("select pg_catalog.count(*), pg_catalog.max({}) from {} as t where {}").format(
                HASH.format(table.row), table.sql, belonging.rows_of(table, client_id)
            )
            [(rows[table.called], _)] = connection.execute(query).fetchall()
    return rows, time.monotonic() - started_at


def delete(connection: Connection, belonging: Belonging, client_id: str) -> None:
    """Delete a workspace's rows, children first, past the fence, a transaction for so many: what is gone stays gone."""
    for table in reversed(belonging.tables):
        some = SQL(
            "delete from {} as t where t.ctid = any (array(select t.ctid from {} as t where {} limit {}))"
        ).format(table.sql, table.sql, belonging.rows_of(table, client_id), BATCH)
        deleted = BATCH
        while deleted == BATCH:
            with fence.passing(connection, client_id):
                connection.execute(AS_ONE_TEXT)
                deleted = connection.execute(some).rowcount


def _delete_what_is_gone(source: Connection, target: Connection, table: Table, belongs: Composable) -> int:
    with transaction(target, LONGEST):
        target.execute(AS_ONE_TEXT)
        if not _has_rows(target, table, belongs):
            return 0
        _bring_keys(source, target, table, belongs, with_hashes=False)
        gone = SQL(
            "delete from {} as t where {} and not exists (select from pg_temp.there as h where h.row_key = {})"
        ).format(table.sql, belongs, table.row_key)
        return target.execute(gone).rowcount


def _copy_what_differs(source: Connection, target: Connection, table: Table, belongs: Composable) -> tuple[int, int]:
    """Return how many rows the source has, and how many were copied."""
    try:
        with transaction(target, LONGEST):
            target.execute(AS_ONE_TEXT)
            if not _has_rows(target, table, belongs):
                return (number := _copy(source, target, table, table.sql, belongs)), number
            number = _bring_keys(source, target, table, belongs, with_hashes=True)
            keys = target.execute(
                SQL(
                    "select h.row_key from pg_temp.there as h where not exists ("
                    "select from {} as t where {} and h.row_key = {} and h.hash = {})"
                ).format(table.sql, belongs, table.row_key, HASH.format(table.row))
            ).fetchall()
            if keys:
                wanted = SQL("{} and {} = any (%s)").format(belongs, table.row_key)
                target.execute(
                    SQL("create temporary table brought on commit drop as table {} with no data").format(table.sql)
                )
                _copy(source, target, table, SQL("pg_temp.brought"), wanted, [key for (key,) in keys])
                _require_own_keys(target, table, belongs)
                try:
                    with target.transaction():
                        _upsert(target, table)
                except psycopg.errors.UniqueViolation:
                    # rows that exchanged a unique value: what hangs on the deleted ones is copied behind them
                    target.execute(
                        SQL("delete from {} as t using pg_temp.brought as b where {}").format(
                            table.sql, _same_key(table)
                        )
                    )
                    _upsert(target, table)
            return number, len(keys)
    except psycopg.errors.UniqueViolation as error:
        raise RowsInTheWay(table.called, error.diag.constraint_name) from error


def _same_key(table: Table) -> Composable:
    pairs = (SQL("{} = {}").format(Identifier("t", name), Identifier("b", name)) for name in table.key)
    return SQL(" and ").join(pairs)


def _require_own_keys(target: Connection, table: Table, belongs: Composable) -> None:
    """Refuse to write over a row of another workspace's."""
    others = SQL(
        "select exists (select from {} as t inner join pg_temp.brought as b on {} where ({}) is not true)"
    ).format(table.sql, _same_key(table), belongs)
    if target.execute(others).fetchone() == (True,):
        raise RowsInTheWay(table.called, None)


def _upsert(target: Connection, table: Table) -> None:
    rest = [name for name in table.copied if name not in table.key]
    action: Composable = SQL("nothing")
    if rest:
        action = SQL("update set {}").format(
            SQL(", ").join(SQL("{} = {}").format(Identifier(name), Identifier("excluded", name)) for name in rest)
        )
    target.execute(
        SQL(
            "insert into {} as t ({}) overriding system value select {} from pg_temp.brought as b "
            "on conflict ({}) do {}"
        ).format(
            table.sql,
            SQL(", ").join(map(Identifier, table.copied)),
            columns_of("b", table.copied),
            SQL(", ").join(map(Identifier, table.key)),
            action,
        )
    )


def _has_rows(connection: Connection, table: Table, belongs: Composable) -> bool:
    query = SQL("select exists (select from {} as t where {})").format(table.sql, belongs)
    return connection.execute(query).fetchone() == (True,)


def _bring_keys(source: Connection, target: Connection, table: Table, belongs: Composable, *, with_hashes: bool) -> int:
    """Fill a temporary table of the target's with the keys of the source's rows, and their hashes. Returns how many."""
    target.execute("create temporary table there (row_key text not null, hash text) on commit drop")
    query = SQL("copy (select {}, {} from {} as t where {}) to stdout").format(
        table.row_key, HASH.format(table.row) if with_hashes else SQL("null"), table.sql, belongs
    )
    number = _stream(source, query, target, SQL("copy pg_temp.there (row_key, hash) from stdin"))
    target.execute("analyze pg_temp.there")
    return number


def _copy(
    source: Connection,
    target: Connection,
    table: Table,
    into: Composable,
    where: Composable,
    keys: list[str] | None = None,
) -> int:
    columns = columns_of("t", table.copied)
    query = SQL("copy (select {} from {} as t where {}) to stdout").format(columns, table.sql, where)
    names = SQL(", ").join(map(Identifier, table.copied))
    return _stream(source, query, target, SQL("copy {} ({}) from stdin").format(into, names), keys)


def _stream(
    source: Connection, query: Composed, target: Connection, into: SQL | Composed, keys: list[str] | None = None
) -> int:
    with source.cursor() as reading, target.cursor() as writing:
        with (
            reading.copy(query, None if keys is None else [keys]) as rows,
            writing.copy(into) as copy,
        ):
            for block in rows:
                copy.write(block)
        return writing.rowcount
