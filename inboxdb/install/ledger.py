"""The ledger: which migrations a database has, since when, and with which text.

The ledger is yoyo's tables, so that yoyo by hand and inboxdb continue each other, and a table of ours with the applied
text. Its rows are written by plain SQL without parameters: `migrate apply` runs this SQL, `migrate plan --sql` prints
it.
"""

from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from hashlib import sha256
from pathlib import Path

from psycopg import sql
from yoyo.migrations import Migration

from inboxdb.database.connection import Connection

# As yoyo 9 makes its tables, so that yoyo finds nothing to do.
MAKE = """\
create table if not exists inboxdb._yoyo_migration (
  migration_hash varchar(64) primary key,
  migration_id varchar(255),
  applied_at_utc timestamp
);

create table if not exists inboxdb._yoyo_log (
  id varchar(36) primary key,
  migration_hash varchar(64),
  migration_id varchar(255),
  operation varchar(10),
  username varchar(255),
  hostname varchar(255),
  comment varchar(255),
  created_at_utc timestamp
);

create table if not exists inboxdb._yoyo_version (
  version integer primary key,
  installed_at_utc timestamp
);

insert into inboxdb._yoyo_version (version, installed_at_utc)
values (2, pg_catalog.clock_timestamp() at time zone 'UTC')
on conflict (version) do nothing;

create table if not exists inboxdb.migration_text (
  migration_id text primary key,
  checksum text not null,
  body text not null,
  applied_at timestamptz not null
);
"""

_APPLIED = sql.SQL("""\
insert into inboxdb._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ({hash}, {id}, pg_catalog.clock_timestamp() at time zone 'UTC');

""")

_UNDONE = sql.SQL("""\
delete from inboxdb._yoyo_migration as m where m.migration_hash = {hash};

delete from inboxdb.migration_text as t where t.migration_id = {id};

""")

_LOG = sql.SQL("""\
insert into inboxdb._yoyo_log (id, migration_hash, migration_id, operation, username, hostname, created_at_utc)
values (
  pg_catalog.gen_random_uuid()::text, {hash}, {id}, {operation}, session_user,
  pg_catalog.host(pg_catalog.inet_client_addr()), pg_catalog.clock_timestamp() at time zone 'UTC'
);
""")

_TEXT = sql.SQL("""
insert into inboxdb.migration_text (migration_id, checksum, body, applied_at)
select m.migration_id, {checksum}, {body}, m.applied_at_utc at time zone 'UTC'
from inboxdb._yoyo_migration as m
where m.migration_hash = {hash}
on conflict (migration_id) do update
set checksum = excluded.checksum, body = excluded.body, applied_at = excluded.applied_at;
""")


@dataclass(frozen=True)
class Entry:
    """When a migration was applied, and its text then, if known."""

    applied_at: datetime
    body: str | None


def read(connection: Connection) -> dict[str, Entry]:
    """Return the applied migrations, by id. Changes nothing, and works without the ledger's tables."""
    if not _exists(connection, "inboxdb._yoyo_migration"):
        return {}
    rows = connection.execute(
        """
        select m.migration_id, m.applied_at_utc at time zone 'UTC'
        from inboxdb._yoyo_migration as m
        order by m.migration_id
        """
    ).fetchall()
    bodies: dict[tuple[str, datetime], str] = {}
    if _exists(connection, "inboxdb.migration_text"):
        texts = connection.execute("select t.migration_id, t.applied_at, t.body from inboxdb.migration_text as t")
        bodies = {(migration, applied_at): body for migration, applied_at, body in texts}
    # yoyo by hand does not write our table: a row of another time is not the applied text
    return {migration: Entry(applied_at, bodies.get((migration, applied_at))) for migration, applied_at in rows}


def text(migration: Migration) -> str:
    """Return a migration's shipped text."""
    return Path(migration.path).read_bytes().decode()


def difference(migration: Migration, applied: str) -> list[str]:
    """List how a migration's shipped text differs from the applied text: lines of a unified diff, without header.

    Empty without a difference.
    """
    lines = unified_diff(applied.splitlines(), text(migration).splitlines(), n=0, lineterm="")
    differing = list(lines)[2:]
    return differing or ([] if applied == text(migration) else ["the ends of lines differ"])


def record_applied(migration: Migration, operation: str = "apply") -> str:
    """Write the SQL to record a migration as applied: operation is yoyo's word for how (apply, mark)."""
    return _fill(_APPLIED, migration) + _fill(_LOG, migration, operation) + record_text(migration)


def record_undone(migration: Migration) -> str:
    """Write the SQL to record a migration as undone."""
    return _fill(_UNDONE, migration) + _fill(_LOG, migration, "rollback")


def record_text(migration: Migration) -> str:
    """Write the SQL to store the shipped text of an applied migration."""
    return _fill(_TEXT, migration)


def _fill(statement: sql.SQL, migration: Migration, operation: str = "") -> str:
    body = text(migration)
    checksum = sha256(body.encode()).hexdigest()
    # no text holds a part of its own checksum
    quote = f"$text_{checksum[:16]}$"
    return statement.format(
        hash=sql.Literal(migration.hash),
        id=sql.Literal(migration.id),
        operation=sql.Literal(operation),
        checksum=sql.Literal(checksum),
        body=sql.SQL(quote + body + quote),
    ).as_string(None)


def _exists(connection: Connection, table: str) -> bool:
    return connection.execute("select pg_catalog.to_regclass(%s) is not null", (table,)).fetchone() == (True,)
