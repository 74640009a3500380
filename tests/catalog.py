"""A database's catalog as text, the same on every supported PostgreSQL, to be compared and committed.

tests/catalog.txt holds what installing inboxdb adds to a host. ``python -m tests.catalog --write`` writes it anew,
on an embedded server of its own.
"""

import secrets
import sys
from pathlib import Path
from typing import Any

from psycopg import Connection

from tests.servers import Servers, find

COMMITTED = Path(__file__).with_suffix(".txt")
HOW_TO_WRITE = "run `python -m tests.catalog --write` and read the difference"

# Objects older than this are the server's own: made by initdb.
FIRST_USER_OID = 16384

QUERY = f"""
with
space as (
  select n.* from pg_namespace as n where n.oid >= {FIRST_USER_OID} or n.nspname = 'public'
),
relation as (
  select c.*, format('%I.%I', s.nspname, c.relname) as name
  from pg_class as c
  inner join space as s on c.relnamespace = s.oid
),
-- privileges of anyone but the owner, who has them all: as default (null) or spelled out
privilege (about, acl, owner) as (
  select format('schema %I', s.nspname), coalesce(s.nspacl, acldefault('n', s.nspowner)), s.nspowner
  from space as s
  union all
  select
    format('relation %s', r.name),
    coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner)),
    r.relowner
  from relation as r
  union all
  select format('column %s.%I', r.name, a.attname), a.attacl, r.relowner
  from relation as r
  inner join pg_attribute as a on r.oid = a.attrelid
  union all
  select format('routine %s', p.oid::regprocedure), coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
  from pg_proc as p
  inner join space as s on p.pronamespace = s.oid
  union all
  select format('type %s', t.oid::regtype), coalesce(t.typacl, acldefault('T', t.typowner)), t.typowner
  from pg_type as t
  inner join space as s on t.typnamespace = s.oid
  where t.typtype in ('d', 'e')
)
select format('schema %I owner=%s', s.nspname, s.nspowner::regrole)
from space as s
union all
select
  format(
    'relation %s kind=%s persistence=%s rls=%s force_rls=%s replica_identity=%s options=%s owner=%s',
    r.name, r.relkind, r.relpersistence, r.relrowsecurity, r.relforcerowsecurity, r.relreplident, r.reloptions,
    r.relowner::regrole
  )
  -- without aliases, which PostgreSQL 15 writes before columns of an only table, too
  || case r.relkind
    when 'v' then ' definition=' || md5(regexp_replace(pg_get_viewdef(r.oid), '\\m[a-z]\\.', '', 'g')) else ''
  end
from relation as r
where r.relkind not in ('i', 'I')
union all
select format(
  'column %s.%I %s%s%s%s%s%s',
  r.name, a.attname, format_type(a.atttypid, a.atttypmod),
  case when a.attnotnull then ' not null' end,
  ' default ' || pg_get_expr(d.adbin, d.adrelid),
  ' identity=' || nullif(a.attidentity::text, ''),
  ' generated=' || nullif(a.attgenerated::text, ''),
  ' collation=' || case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end
)
from relation as r
inner join pg_attribute as a on r.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
inner join pg_type as t on a.atttypid = t.oid
left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
where r.relkind in ('r', 'p', 'v', 'm')
union all
select format(
  'constraint %s on %s %s validated=%s',
  c.conname, coalesce(nullif(c.conrelid, 0)::regclass::text, c.contypid::regtype::text),
  pg_get_constraintdef(c.oid), c.convalidated
)
from pg_constraint as c
inner join space as s on c.connamespace = s.oid
-- from 18 on, NOT NULL is a constraint too; "column" says it on every version
where c.contype <> 'n'
union all
select format('index %s valid=%s ready=%s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready)
from pg_index as i
inner join relation as r on i.indexrelid = r.oid
where r.relkind in ('i', 'I')
union all
select format('trigger %s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled)
from pg_trigger as t
inner join relation as r on t.tgrelid = r.oid
where not t.tgisinternal
union all
select format(
  'policy %I on %s command=%s permissive=%s roles=%s using=(%s) check=(%s)',
  p.polname, r.name, p.polcmd, p.polpermissive,
  (select string_agg(coalesce(nullif(o, 0)::regrole::text, 'public'), ',') from unnest(p.polroles) as o),
  pg_get_expr(p.polqual, r.oid), pg_get_expr(p.polwithcheck, r.oid)
)
from pg_policy as p
inner join relation as r on p.polrelid = r.oid
union all
select format('rule %s', pg_get_ruledef(w.oid))
from pg_rewrite as w
inner join relation as r on w.ev_class = r.oid
where w.rulename <> '_RETURN'
union all
select format(
  'sequence %s type=%s start=%s increment=%s min=%s max=%s cache=%s cycle=%s',
  r.name, q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle
)
from pg_sequence as q
inner join relation as r on q.seqrelid = r.oid
union all
select format(
  'routine %s kind=%s arguments=(%s) result=%s language=%s volatility=%s definer=%s strict=%s leakproof=%s'
  ' parallel=%s cost=%s rows=%s settings=%s owner=%s body=%s',
  p.oid::regprocedure, p.prokind, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname,
  p.provolatile, p.prosecdef, p.proisstrict, p.proleakproof, p.proparallel, p.procost, p.prorows, p.proconfig,
  p.proowner::regrole, md5(p.prosrc)
)
from pg_proc as p
inner join space as s on p.pronamespace = s.oid
inner join pg_language as l on p.prolang = l.oid
where p.prokind <> 'a'
union all
select format(
  'type %s kind=%s base=%s not_null=%s default=%s labels=%s owner=%s',
  t.oid::regtype, t.typtype, nullif(t.typbasetype, 0)::regtype, t.typnotnull, t.typdefault,
  (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum as e where e.enumtypid = t.oid),
  t.typowner::regrole
)
from pg_type as t
inner join space as s on t.typnamespace = s.oid
where t.typtype in ('d', 'e')
union all
select format(
  'privilege %s %s %s%s',
  p.about, coalesce(nullif(e.grantee, 0)::regrole::text, 'public'),
  string_agg(lower(e.privilege_type), ',' order by e.privilege_type),
  case when bool_or(e.is_grantable) then ' grantable' end
)
from privilege as p
cross join aclexplode(p.acl) as e
-- from 17 on
where e.grantee <> p.owner and e.privilege_type <> 'MAINTAIN'
group by p.about, e.grantee
union all
select format('comment %s %s %L', o.type, o.identity, d.description)
from pg_description as d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) as o
where d.objoid >= {FIRST_USER_OID}
"""


def catalog(connection: Connection[Any]) -> list[str]:
    """Describe whatever a database holds besides rows, in sorted lines; the runner's books are left out, which a
    migration that is applied by hand does not make: yoyo's tables, and the text of the migrations.

    Parameters: connection, in autocommit mode.
    """
    with connection.transaction():
        # so that every name is written with its schema
        connection.execute("set local search_path = ''")
        lines = [line for (line,) in connection.execute(QUERY.encode())]
    return sorted(line for line in lines if "yoyo_" not in line and "inboxdb.migration_text" not in line)


def difference(before: list[str], after: list[str]) -> str:
    """Say in one text which lines went (-) and which came (+)."""
    changed = [(line, "-") for line in set(before) - set(after)] + [(line, "+") for line in set(after) - set(before)]
    return "".join(f"{sign} {line}\n" for line, sign in sorted(changed))


def main() -> None:
    """Write tests/catalog.txt anew."""
    servers = Servers({"pg18": find(18)}, secrets.token_hex(16))
    try:
        server = servers["pg18"]
        with (
            server.database("text", installed=False) as bare,
            server.database("text", installed=True) as installed,
        ):
            COMMITTED.write_text(difference(catalog(bare.connect()), catalog(installed.connect())))
    finally:
        servers.close()


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.catalog --write")
    main()
