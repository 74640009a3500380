"""Reads as the extension pg_stat_statements saw them: shown beside a canary's gates, none of which asks it."""

from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from inboxdb.database.connection import Connection, transaction

# The schema that the extension is in, in this database.
WHERE = """
    select n.nspname
    from pg_catalog.pg_extension as e
    inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
    where e.extname = 'pg_stat_statements'
    """

# PostgREST quotes both names.
QUERY = r"""
    select r.function_name, sum(r.calls)::bigint as calls, sum(r.total_exec_time) / sum(r.calls) as mean_ms
    from (
      select
        s.calls, s.total_exec_time,
        pg_catalog.substring(s.query, '"?\yinbox_api"?[.]"?(\w+)"?\s*[(]') as function_name
      from {}.pg_stat_statements as s
      where s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
    ) as r
    inner join inboxdb.read_target as t on r.function_name like t.named_like escape '!'
    group by r.function_name
    order by r.function_name
    """


@dataclass(frozen=True)
class Statements:
    """The calls of a read since the extension was reset, and what one took on average, in milliseconds."""

    function_name: str
    calls: int
    mean_ms: float


def read(connection: Connection) -> list[Statements]:
    """List the reads that it saw, as far as the role may see: all with pg_read_all_stats, else its own.

    Returns nothing where the extension is not there, or the server does not load its library.
    """
    try:
        with transaction(connection):
            found = connection.execute(WHERE).fetchone()
            if found is None:
                return []
            with connection.cursor(row_factory=class_row(Statements)) as cursor:
                return cursor.execute(sql.SQL(QUERY).format(sql.Identifier(found[0]))).fetchall()
    except (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.InsufficientPrivilege):
        return []
