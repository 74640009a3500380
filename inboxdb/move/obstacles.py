"""What keeps a workspace from being moved exactly. Looking changes nothing."""

from collections.abc import Iterator
from typing import NamedTuple

from psycopg.sql import SQL, Composable

from inboxdb.database.connection import Connection, transaction
from inboxdb.move.copying import AS_ONE_TEXT, HASH
from inboxdb.move.tables import LONGEST, Belonging, Reference, Table, columns_of, find

# What the host has on a table that would act on rows copied or deleted: its triggers, and rules.
ACTING = """
select
  pg_catalog.format('trigger %%s', t.tgname),
  pg_catalog.format('alter table %%s disable trigger %%I', %(table)s::pg_catalog.text, t.tgname)
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
where t.tgrelid = %(oid)s and not t.tgisinternal and t.tgenabled in ('O', 'A')
  and n.nspname not in ('inboxdb', 'inboxdb_move')
union all
select
  pg_catalog.format('rule %%s', r.rulename),
  pg_catalog.format('alter table %%s disable rule %%I', %(table)s::pg_catalog.text, r.rulename)
from pg_catalog.pg_rewrite as r
where r.ev_class = %(oid)s and r.ev_enabled in ('O', 'A')
order by 1
"""

PLACE = """
select (inboxdb.place(), d.oid)::pg_catalog.text, pg_catalog.current_setting('server_encoding')
from pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database()
"""

RIGHTS = """
select
  pg_catalog.pg_has_role(c.relowner, 'usage')
from pg_catalog.pg_class as c
where c.oid = %s
"""

DATABASE_RIGHTS = """
select
  (
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')
    or pg_catalog.to_regnamespace('inboxdb_move') is not null
  )
  and pg_catalog.has_database_privilege(pg_catalog.current_database(), 'temporary'),
  pg_catalog.current_database()::pg_catalog.text
"""


UP_TO_DATE = "bring both schemas up to date"


class Obstacle(NamedTuple):
    """What is in the way, and the remedy."""

    what: str
    remedy: str


class Sides(NamedTuple):
    """Both databases of a move."""

    source: Connection
    target: Connection


def of_schemas(sides: Sides) -> tuple[Belonging, list[Obstacle]]:
    """Compare the host's tables on both sides. Returns the source's tables, and what is in the way."""
    with transaction(sides.source, LONGEST):
        here = find(sides.source)
    with transaction(sides.target, LONGEST):
        there = find(sides.target)
    found = [*_of_places(sides)]
    if here.circle:
        circle = " → ".join(here.circle)
        found.append(Obstacle(f"foreign keys form a circle: {circle}", "drop one of them for the time of the move"))
    others = {table.called: table for table in there.tables}
    for table in here.tables:
        found += _of_table(sides, table, others.get(table.called))
    for called in sorted(others.keys() - {table.called for table in here.tables}):
        found.append(Obstacle(f"the source has no table {called} with rows of workspaces", UP_TO_DATE))
    mine, theirs = _foreign_keys(here), _foreign_keys(there)
    for name in sorted(mine ^ theirs):
        side = "source" if name in mine else "target"
        found.append(Obstacle(f"only the {side} has {name}", UP_TO_DATE))
    return here, found


def of_rows(sides: Sides, belonging: Belonging, client_id: str, *, copied: bool) -> list[Obstacle]:
    """Look at rows: of the workspace at the target, unless these are the copy, and rows that name others' rows."""
    found: list[Obstacle] = []
    if not copied:
        found += _of_target(sides.target, belonging, client_id)
    for one in belonging.references:
        if belonging.has(one.child):
            found += _named_outside(sides, belonging, one, client_id)
        if belonging.has(one.parent):
            found += _named_from_outside(sides.source, belonging, one, client_id)
    return found


def _of_places(sides: Sides) -> Iterator[Obstacle]:
    [(here, encoding)], [(there, other)] = (one.execute(PLACE).fetchall() for one in sides)
    if here == there:
        yield Obstacle("source and target are one database", "name another --to")
    if encoding != other:
        yield Obstacle(f"the source's encoding is {encoding}, the target's {other}", "move to a database of the same")
    for side, connection in zip(("source", "target"), sides, strict=True):
        [(may, database)] = connection.execute(DATABASE_RIGHTS).fetchall()
        if not may:
            yield Obstacle(
                f"at the {side} this role may not make a schema, or temporary tables",
                f"grant create, temporary on database {database} to it, for the time of the move",
            )


def _of_table(sides: Sides, table: Table, other: Table | None) -> Iterator[Obstacle]:
    if table.has_parts:
        yield Obstacle(f"{table.called} has partitions, or inherits", "inboxdb cannot move its rows")
    if not table.key:
        yield Obstacle(f"{table.called} has no primary key", "give it one on both sides")
    if other is None:
        yield Obstacle(f"the target has no table {table.called} with rows of workspaces", UP_TO_DATE)
        return
    if table.columns != other.columns or table.key != other.key:
        differ = {column.name for column in set(table.columns) ^ set(other.columns)}
        yield Obstacle(f"{table.called} differs: {', '.join(sorted(differ)) or 'its primary key'}", UP_TO_DATE)
    for side, connection, one in zip(("source", "target"), sides, (table, other), strict=True):
        for name, remedy in connection.execute(ACTING, {"oid": one.oid, "table": one.called}).fetchall():
            yield Obstacle(
                f"{name} of {table.called} would act on rows moved, at the {side}",
                f"`{remedy}` for the time of the move, if the application can do without it",
            )
        if connection.execute(RIGHTS, (one.oid,)).fetchone() != (True,):
            yield Obstacle(f"this role does not own {table.called} at the {side}", "connect as its owner")


def _foreign_keys(belonging: Belonging) -> set[str]:
    return {
        f"foreign key {one.name} of {one.child.called} to {one.parent.called}"
        for one in belonging.references
        if belonging.has(one.child)
    }


def _of_target(target: Connection, belonging: Belonging, client_id: str) -> Iterator[Obstacle]:
    with transaction(target, LONGEST):
        target.execute(AS_ONE_TEXT)
        for table in belonging.tables:
            rows = SQL("select pg_catalog.count(*) from {} as t where {}").format(
                table.sql,
                belonging.rows_of(table, client_id),
            )
            [(number,)] = target.execute(rows).fetchall()
            if number:
                yield Obstacle(
                    f"the target has {number} rows of the workspace in {table.called}",
                    "delete what is there, if it is an old copy; else the workspace is on two servers, and a person "
                    "has to say which is right",
                )


def _named_outside(sides: Sides, belonging: Belonging, one: Reference, client_id: str) -> Iterator[Obstacle]:
    """Look at rows of others that rows of the workspace name: the target must have them, alike."""
    if belonging.owned_by[one.child.oid] is one:
        return
    parent = one.parent.sql
    child = one.child.sql
    key = SQL("row({})::pg_catalog.text").format(columns_of("t", one.targets))
    outside: Composable = SQL("true")
    if belonging.has(one.parent):
        outside = SQL("({}) is not true").format(belonging.rows_of(one.parent, client_id))
    query = SQL("select {}, {} from {} as t where {} and exists (select from {} as c where {} and {})").format(
        key,
        HASH.format(one.parent.row),
        parent,
        outside,
        child,
        one.joins("c", "t"),
        belonging.rows_of(one.child, client_id, "c"),
    )
    with transaction(sides.source, LONGEST):
        sides.source.execute(AS_ONE_TEXT)
        named = sides.source.execute(query).fetchall()
    if not named:
        return
    with transaction(sides.target, LONGEST):
        sides.target.execute(AS_ONE_TEXT)
        if sides.target.execute("select pg_catalog.to_regclass(%s)", (one.parent.called,)).fetchone() == (None,):
            alike = set()
        else:
            alike = set(
                sides.target.execute(
                    SQL("select {}, {} from {} as t where {} = any (%s)").format(
                        key, HASH.format(one.parent.row), parent, key
                    ),
                    ([row_key for row_key, _ in named],),
                ).fetchall()
            )
    if missing := set(named) - alike:
        yield Obstacle(
            f"{len(missing)} rows of {one.parent.called} that rows of the workspace in {one.child.called} name "
            f"({one.name}) are not the workspace's, and not at the target, or others there",
            "copy them there first",
        )


def _named_from_outside(source: Connection, belonging: Belonging, one: Reference, client_id: str) -> Iterator[Obstacle]:
    """Look at rows that are not the workspace's and name rows that are: they would lose them."""
    if belonging.owned_by.get(one.child.oid) is one:
        return
    outside: Composable = SQL("true")
    if belonging.has(one.child):
        outside = SQL("({}) is not true").format(belonging.rows_of(one.child, client_id))
    query = SQL(
        "select pg_catalog.count(*) from {} as t where {} and exists (select from {} as p where {} and {})"
    ).format(
        one.child.sql,
        outside,
        one.parent.sql,
        one.joins("t", "p"),
        belonging.rows_of(one.parent, client_id, "p"),
    )
    with transaction(source, LONGEST):
        source.execute(AS_ONE_TEXT)
        [(number,)] = source.execute(query).fetchall()
    if number:
        yield Obstacle(
            f"{number} rows of {one.child.called} are not the workspace's and name rows of it in {one.parent.called} "
            f"({one.name})",
            "let them name others, or none",
        )
