"""Which tables of the host's have rows of a workspace, and which rows these are: found by foreign keys.

Where a host declares no foreign key, as Prisma hosts may, a column "clientId" is taken for one to "Client", "leadId"
for one to "Lead".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier, Literal

from inboxdb.database.connection import Connection

LONGEST = 86_400.0  # seconds that a statement of a move may take

WORKSPACES = 'public."Client"'

TABLES = """
select
  c.oid::pg_catalog.int8 as oid, n.nspname::pg_catalog.text as schema, c.relname::pg_catalog.text as name,
  pg_catalog.format('%I.%I', n.nspname, c.relname) as called,
  c.relkind = 'p' or exists (
    select from pg_catalog.pg_inherits as i where c.oid in (i.inhparent, i.inhrelid)
  ) as has_parts,
  (
    select pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_object(
        'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'required', a.attnotnull,
        'generated', a.attgenerated <> '', 'labels', array(
          select e.enumlabel
          from pg_catalog.pg_type as t
          inner join pg_catalog.pg_enum as e on e.enumtypid in (t.oid, t.typelem)
          where t.oid = a.atttypid
          order by e.enumsortorder
        )
      )
      order by a.attname
    )
    from pg_catalog.pg_attribute as a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ) as columns,
  array(
    select a.attname::pg_catalog.text
    from pg_catalog.pg_index as i
    cross join pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality as k (attnum, place)
    inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and k.attnum = a.attnum
    where i.indrelid = c.oid and i.indisprimary
    order by k.place
  ) as key
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where c.relkind in ('r', 'p') and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema', 'inboxdb', 'inbox_api', 'inboxdb_move')
order by called
"""

REFERENCES = """
select
  f.conrelid::pg_catalog.int8 as child, f.confrelid::pg_catalog.int8 as parent, f.conname::pg_catalog.text as name,
  array(
    select a.attname::pg_catalog.text
    from pg_catalog.unnest(f.conkey) with ordinality as k (attnum, place)
    inner join pg_catalog.pg_attribute as a on f.conrelid = a.attrelid and k.attnum = a.attnum
    order by k.place
  ) as columns,
  array(
    select a.attname::pg_catalog.text
    from pg_catalog.unnest(f.confkey) with ordinality as k (attnum, place)
    inner join pg_catalog.pg_attribute as a on f.confrelid = a.attrelid and k.attnum = a.attnum
    order by k.place
  ) as targets
from pg_catalog.pg_constraint as f
where f.contype = 'f' and f.conparentid = 0
order by f.conrelid, f.conname
"""

# Columns taken for foreign keys where none is declared: the column, and the table whose "id" it names.
BY_NAME = (("clientId", "Client"), ("leadId", "Lead"))


class Column(NamedTuple):
    """A column of a table: its type as declared, with an enum's labels; whether it is NOT NULL, or computed."""

    name: str
    type: str
    required: bool
    generated: bool
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table of the host's: its name for statements, its columns, and those of its primary key."""

    oid: int
    schema: str
    name: str
    called: str
    has_parts: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def sql(self) -> Identifier:
        """The table, in statements."""
        return Identifier(self.schema, self.name)

    def is_public(self, name: str) -> bool:
        """Whether it is the table of this name in schema public."""
        return (self.schema, self.name) == ("public", name)

    @property
    def row(self) -> Composable:
        """All of a row `t`, as text: the same on both sides only for rows that are alike."""
        return SQL("row({})::pg_catalog.text").format(columns_of("t", [one.name for one in self.columns]))

    @property
    def row_key(self) -> Composable:
        """The primary key of a row `t`, as text."""
        return SQL("row({})::pg_catalog.text").format(columns_of("t", self.key))

    @property
    def copied(self) -> list[str]:
        """The columns that are copied: the server computes the others."""
        return [one.name for one in self.columns if not one.generated]


@dataclass(frozen=True)
class Reference:
    """A foreign key, declared or by name: the child's columns name the parent's."""

    child: Table
    parent: Table
    name: str
    columns: tuple[str, ...]
    targets: tuple[str, ...]

    def joins(self, child: str, parent: str) -> Composable:
        """Write the condition that a row of the child names a row of the parent; both by their aliases."""
        pairs = zip(self.columns, self.targets, strict=True)
        return SQL(" and ").join(
            SQL("{} = {}").format(Identifier(child, one), Identifier(parent, other)) for one, other in pairs
        )

    @property
    def is_required(self) -> bool:
        """Whether each row of the child names one of the parent."""
        required = {column.name for column in self.child.columns if column.required}
        return required.issuperset(self.columns)


@dataclass(frozen=True)
class Belonging:
    """The tables with rows of workspaces, parents first; by which reference rows belong; and all references."""

    tables: tuple[Table, ...]
    owned_by: dict[int, Reference | None]
    references: tuple[Reference, ...]
    circle: tuple[str, ...] = ()

    def rows_of(self, table: Table, client_id: str, alias: str = "t") -> Composable:
        """Write the condition that a row of a table, by its alias, belongs to a workspace."""
        reference = self.owned_by[table.oid]
        if reference is None:
            return SQL("{} = {}").format(Identifier(alias, "id"), Literal(client_id))
        if reference.parent.called == WORKSPACES and reference.targets == ("id",):
            return SQL("{} = {}").format(Identifier(alias, reference.columns[0]), Literal(client_id))
        above = f"{alias}_"
        return SQL("exists (select from {} as {} where {} and {})").format(
            reference.parent.sql,
            Identifier(above),
            reference.joins(alias, above),
            self.rows_of(reference.parent, client_id, above),
        )

    def has(self, table: Table) -> bool:
        """Whether rows of a table belong to workspaces."""
        return table.oid in self.owned_by


def columns_of(alias: str, names: Sequence[str]) -> Composable:
    """Write columns of a row by its alias."""
    return SQL(", ").join(Identifier(alias, name) for name in names)


def find(connection: Connection) -> Belonging:
    """Find the tables with rows of workspaces. `connection` is in a transaction."""
    with connection.cursor(row_factory=dict_row) as cursor:
        tables = {row["oid"]: _table(row) for row in cursor.execute(TABLES).fetchall()}
        declared = [
            Reference(
                tables[row["child"]], tables[row["parent"]], row["name"], tuple(row["columns"]), tuple(row["targets"])
            )
            for row in cursor.execute(REFERENCES).fetchall()
            if row["child"] in tables and row["parent"] in tables
        ]
    references = [*declared, *_by_name(list(tables.values()), declared)]
    owned_by = _owners(list(tables.values()), references)
    among = [one for one in references if one.child.oid in owned_by and one.parent.oid in owned_by]
    sorter = TopologicalSorter({oid: set[int]() for oid in owned_by})
    for one in among:
        if one.child.oid != one.parent.oid:
            sorter.add(one.child.oid, one.parent.oid)
    try:
        order = tuple(tables[oid] for oid in sorter.static_order())
    except CycleError as error:
        circle = tuple(tables[oid].called for oid in error.args[1])
        return Belonging((), owned_by, tuple(references), circle)
    return Belonging(order, owned_by, tuple(references))


def _table(row: dict[str, Any]) -> Table:
    columns = tuple(Column(**{**column, "labels": tuple(column["labels"])}) for column in row["columns"] or ())
    return Table(**{**row, "columns": columns, "key": tuple(row["key"])})


def _by_name(tables: list[Table], declared: list[Reference]) -> list[Reference]:
    found = []
    for column, name in BY_NAME:
        [parent] = (table for table in tables if table.is_public(name))
        for table in tables:
            known = any(one.child is table and one.columns == (column,) for one in declared)
            if table.schema == "public" and column in {one.name for one in table.columns} and not known:
                found.append(Reference(table, parent, f'column "{column}"', (column,), ("id",)))
    return found


def _owners(tables: list[Table], references: list[Reference]) -> dict[int, Reference | None]:
    """Choose the reference by which the rows of each table belong: one that each row has, and the nearest "Client".

    One that a row may lack says whose the row is by a name of BY_NAME alone: else a user who once opened a workspace
    would move with it.
    """
    named = [(column,) for column, _ in BY_NAME]
    owned_by: dict[int, Reference | None] = {table.oid: None for table in tables if table.is_public("Client")}
    for required in (True, False):
        grown = True
        while grown:
            grown = False
            nearest = dict(owned_by)
            for one in references:
                fits = one.is_required or (not required and one.columns in named)
                if fits and one.child.oid not in nearest and one.parent.oid in owned_by:
                    nearest[one.child.oid] = one
                    grown = True
            owned_by = nearest
    return owned_by
