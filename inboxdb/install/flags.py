"""Flags: which reads are on for which workspaces, and who set them. The rules are in SQL."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from inboxdb.database.connection import Connection, naming, transaction
from inboxdb.database.errors import InboxdbError


@dataclass(frozen=True)
class Flag:
    """A flag, and its last change.

    Fields: percentage, for how many workspaces of a hundred it is on, None by default: on; on_for and off_for, how many
    workspaces have a state of their own; is_on, whether it is on for the workspace asked for, None without one.
    """

    flag_name: str
    meaning: str
    percentage: int | None
    on_for: int
    off_for: int
    is_on: bool | None
    changed_at: datetime | None
    changed_by: str | None
    why: str | None


@dataclass(frozen=True)
class Entry:
    """An entry of a flag's history; `client_id` is None for all workspaces without a state of their own."""

    flag_name: str
    number: int
    client_id: str | None
    state: str
    why: str
    changed_by: str
    changed_at: datetime


def read(connection: Connection, client_id: str | None = None) -> list[Flag]:
    """List the flags by name, as they are for all workspaces, or for one.

    Raises MalformedId; DatabaseRefused (IB002, through the session) for an unknown workspace.
    """
    query = """
        select
          d.flag_name, d.meaning, f.percentage, o.on_for, o.off_for,
          case
            when w.client_id is not null then inboxdb.is_on_for(d.flag_name, f.percentage, w.client_id::text)
          end as is_on,
          h.changed_at, h.changed_by, h.why
        from inboxdb.flag_definition as d
        cross join (select %(client_id)s::inboxdb.client_id) as w (client_id)
        left join inboxdb.flag as f on d.flag_name = f.flag_name
        cross join lateral (
          select count(*) filter (where o.is_on) as on_for, count(*) filter (where not o.is_on) as off_for
          from inboxdb.flag_override as o
          where o.flag_name = d.flag_name
        ) as o
        left join lateral (
          select h.changed_at, h.changed_by, h.why
          from inboxdb.flag_history as h
          where h.flag_name = d.flag_name
          order by h.number desc
          limit 1
        ) as h on true
        order by d.flag_name
        """
    with naming(*filter(None, [client_id])), transaction(connection):
        if client_id is not None:
            connection.execute("select inboxdb.require_workspace(%s)", (client_id,))
        with connection.cursor(row_factory=class_row(Flag)) as cursor:
            return cursor.execute(query, {"client_id": client_id}).fetchall()


def switch(connection: Connection, flag_name: str, state: str, why: str, client_id: str | None) -> Flag:
    """Set a flag, in force from now on, and return it as it is then.

    Parameters: as of inboxdb.set_flag.
    Raises MalformedId; DatabaseRefused (through the session): IB017 for an unknown flag, a state that it may not have,
    or no reason, IB002 for an unknown workspace.
    """
    with naming(*filter(None, [client_id])), transaction(connection):
        connection.execute("select inboxdb.set_flag(%s, %s, %s, %s)", (flag_name, state, why, client_id))
    [flag] = [flag for flag in read(connection) if flag.flag_name == flag_name]
    return flag


def history(connection: Connection, flag_name: str | None, limit: int) -> list[Entry]:
    """List the last changes, of a flag or of all, the latest first.

    Raises InboxdbError for an unknown flag.
    """
    query = """
        select h.flag_name, h.number, h.client_id, h.state, h.why, h.changed_by, h.changed_at
        from inboxdb.flag_history as h
        where h.flag_name = %(flag_name)s or %(flag_name)s::text is null
        order by h.changed_at desc, h.flag_name, h.number desc
        limit %(limit)s
        """
    with transaction(connection), connection.cursor(row_factory=class_row(Entry)) as cursor:
        known = [name for (name,) in connection.execute("select flag_name from inboxdb.flag_definition order by 1")]
        if flag_name is not None and flag_name not in known:
            raise InboxdbError(f"inboxdb has no flag {flag_name!r}: there are {', '.join(known)}.")
        return cursor.execute(query, {"flag_name": flag_name, "limit": limit}).fetchall()
