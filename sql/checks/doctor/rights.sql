-- Looks for: objects of inboxdb's with another owner than the others; rights lost since the install by the role that
-- inboxdb's functions run as, on tables, schemas and functions; row-level security hiding rows from that role; a host
-- table that it no longer owns.
-- Why: nothing can be counted or noted, although the asking role lacks nothing.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/, whose functions are DEFINER or called by DEFINER functions; docs/operations.md, Owners and
-- rights. Also read by `migrate plan`, and by every command that is refused with 42501.
with ours (oid, nspname, nspowner) as (
  select n.oid, n.nspname, n.nspowner from pg_catalog.pg_namespace as n
  where n.nspname in ('inboxdb', 'inbox_api')
),

routine (oid, proowner, prosrc) as (
  select p.oid, p.proowner, p.prosrc
  from pg_catalog.pg_proc as p
  inner join ours as o on p.pronamespace = o.oid
),

-- whoever owns most functions: one object, and be it a schema, may be somebody else's by now
acting (oid, rolname, is_unbound) as (
  select r.oid, pg_catalog.quote_ident(r.rolname), r.rolsuper or r.rolbypassrls
  from pg_catalog.pg_roles as r
  where r.oid = (
      select pg_catalog.mode() within group (order by p.proowner) from routine as p
    )
),

strange (place, owner_name, object_name, statement) as (
  select
    1, pg_catalog.pg_get_userbyid(o.nspowner), pg_catalog.format('schema %I', o.nspname),
    pg_catalog.format('alter schema %I owner to %s', o.nspname, a.rolname)
  from acting as a
  inner join ours as o on a.oid <> o.nspowner
  union all
  select
    2, pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.format('%I.%I', o.nspname, c.relname),
    pg_catalog.format(
      'alter %s %I.%I owner to %s', case c.relkind when 'v' then 'view' else 'table' end, o.nspname, c.relname,
      a.rolname
    )
  from acting as a
  inner join pg_catalog.pg_class as c on a.oid <> c.relowner and c.relkind in ('r', 'v')
  inner join ours as o on c.relnamespace = o.oid
  union all
  select
    3, pg_catalog.pg_get_userbyid(p.proowner), p.oid::pg_catalog.regprocedure::pg_catalog.text,
    pg_catalog.format('alter routine %s owner to %s', p.oid::pg_catalog.regprocedure, a.rolname)
  from acting as a
  inner join routine as p on a.oid <> p.proowner
),

-- the ledger, which no function reads, is left out
used (oid, table_name, relowner, relrowsecurity, relforcerowsecurity, is_ours, needs) as (
  select
    c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relowner, c.relrowsecurity, c.relforcerowsecurity,
    n.nspname = 'inboxdb',
    case
      when n.nspname = 'inboxdb' and c.relname like 'change\__' then '{select,insert,update,delete,truncate}'::text[]
      when n.nspname = 'inboxdb' and c.relkind = 'r' then '{select,insert,update,delete}'
      when c.relname = 'Message' then '{select,update}'
      else '{select}'
    end
  from pg_catalog.pg_class as c
  inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
  where (n.nspname = 'inboxdb' and c.relkind in ('r', 'v') and c.relname !~ '^(_?yoyo_|migration_text$)')
    or (n.nspname = 'public' and c.relname in ('Client', 'ClientMember', 'Lead', 'AIDraft', 'Message'))
),

refused (role_name, table_name, is_ours, privileges, is_log) as (
  select
    a.rolname, u.table_name, u.is_ours, pg_catalog.string_agg(needed.privilege, ', ' order by needed.place),
    u.table_name like 'inboxdb.change\__'
  from acting as a
  cross join used as u
  cross join lateral pg_catalog.unnest(u.needs) with ordinality as needed (privilege, place)
  where (u.relowner = a.oid or not u.is_ours)
    and not pg_catalog.has_table_privilege(a.oid, u.oid, needed.privilege)
    -- for FOR NO KEY UPDATE any column is enough
    and not (needed.privilege = 'update' and pg_catalog.has_any_column_privilege(a.oid, u.oid, 'update'))
  group by a.rolname, u.table_name, u.is_ours
),

-- materialized: few rows, for which alone the texts of our functions are searched
uncallable as materialized (
  select a.rolname, p.oid, p.proname, p.pronamespace
  from acting as a
  inner join pg_catalog.pg_proc as p on not pg_catalog.has_function_privilege(a.oid, p.oid, 'execute')
),

found (place, severity, evidence, remedy) as (
  select
    0, 'problem',
    pg_catalog.format(
      '%s of inboxdb''s belongs to %I, not to %s, as which inboxdb works',
      pg_catalog.string_agg(s.object_name, ', ' order by s.place, s.object_name), s.owner_name, a.rolname
    ),
    pg_catalog.format(
      '`%s`, then `inboxdb mark --all`, since changes may be lost',
      pg_catalog.string_agg(s.statement, '; ' order by s.place, s.object_name)
    )
  from strange as s
  cross join acting as a
  group by s.owner_name, a.rolname
  union all
  select
    1, 'problem',
    pg_catalog.format('role %s, as which inboxdb works, may not use schema %I', a.rolname, n.nspname),
    pg_catalog.format('`grant usage on schema %I to %s`', n.nspname, a.rolname)
    || case when n.nspname <> 'public' then ', then `inboxdb mark --all`, since changes may be lost' else '' end
  from acting as a
  inner join pg_catalog.pg_namespace as n on n.nspname in ('public', 'inboxdb', 'inbox_api', 'pg_catalog')
  where not pg_catalog.has_schema_privilege(a.oid, n.oid, 'usage')
  union all
  select
    2, 'problem',
    pg_catalog.format(
      'role %s, as which inboxdb works, lacks %s on %s', r.role_name, r.privileges,
      pg_catalog.string_agg(r.table_name, ', ' order by r.table_name)
    ),
    pg_catalog.format(
      '`%s`%s',
      pg_catalog.string_agg(
        pg_catalog.format('grant %s on %s to %s', r.privileges, r.table_name, r.role_name), '; ' order by r.table_name
      ),
      case when pg_catalog.bool_or(r.is_log) then ', then `inboxdb mark --all`, since changes may be lost' else '' end
    )
  from refused as r
  group by r.role_name, r.privileges, r.is_ours
  union all
  select
    3, 'problem',
    pg_catalog.format(
      'row-level security hides rows of %s from role %s, as which inboxdb works', u.table_name, a.rolname
    ),
    case
      when u.relforcerowsecurity then pg_catalog.format('`alter table %s no force row level security`', u.table_name)
      else pg_catalog.format('`alter table %s owner to %s`, or give that role BYPASSRLS', u.table_name, a.rolname)
    end
  from acting as a
  cross join used as u
  where not a.is_unbound
    and u.relrowsecurity
    and (u.relowner = a.oid or not u.is_ours)
    and (u.relforcerowsecurity or not pg_catalog.pg_has_role(a.oid, u.relowner, 'usage'))
  union all
  select
    4, 'problem',
    pg_catalog.format(
      'role %s, as which inboxdb works, may not call %s', p.rolname,
      pg_catalog.string_agg(p.oid::pg_catalog.regprocedure::pg_catalog.text, ', ' order by p.oid)
    ),
    pg_catalog.format(
      '`%s`, then `inboxdb mark --all`, since changes may be lost',
      pg_catalog.string_agg(
        pg_catalog.format('grant execute on routine %s to %s', p.oid::pg_catalog.regprocedure, p.rolname), '; '
        order by p.oid
      )
    )
  from uncallable as p
  where p.oid in (
      select r.oid from routine as r
      inner join acting as a on r.proowner = a.oid
    )
    or (
      p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
      -- as the server was made, many are nobody's
      and not exists (
        select from pg_catalog.pg_init_privs as i
        where i.objoid = p.oid and i.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      )
      -- inboxdb.place does without
      and p.proname not in ('pg_control_system', 'pg_walfile_name', 'pg_current_wal_insert_lsn')
      and (
        exists (
          select from routine as r
          where pg_catalog.strpos(r.prosrc, 'pg_catalog.' || p.proname || '(') > 0
        )
        or exists (
          select from pg_catalog.pg_operator as o
          where o.oprcode = p.oid
        )
      )
    )
  group by p.rolname
  union all
  select
    5, 'warning',
    pg_catalog.format(
      'role %s, as which inboxdb works, does not own %s: upgrades, repairs and row-level security need its owner',
      a.rolname, u.table_name
    ),
    pg_catalog.format(
      '`alter table %s owner to %s`, or make that role a member of %I', u.table_name, a.rolname,
      pg_catalog.pg_get_userbyid(u.relowner)
    )
  from acting as a
  inner join used as u on not u.is_ours and u.table_name <> 'public."ClientMember"'
  where not pg_catalog.pg_has_role(a.oid, u.relowner, 'usage')
  union all
  select
    6, 'warning',
    pg_catalog.format(
      'role %s, as which inboxdb works, may not create objects in schema %I: upgrades and repairs do', a.rolname,
      o.nspname
    ),
    pg_catalog.format('`grant create on schema %I to %s`', o.nspname, a.rolname)
  from acting as a
  inner join ours as o on not pg_catalog.has_schema_privilege(a.oid, o.oid, 'create')
  union all
  select
    7, 'warning',
    pg_catalog.format(
      'role %s, as which inboxdb works, may not use language %I: upgrades and repairs need it', a.rolname, l.lanname
    ),
    pg_catalog.format('`grant usage on language %I to %s`', l.lanname, a.rolname)
  from acting as a
  inner join pg_catalog.pg_language as l on l.lanname in ('sql', 'plpgsql')
  where not pg_catalog.has_language_privilege(a.oid, l.oid, 'usage')
)

select f.severity, f.evidence, f.remedy
from found as f
order by f.place, f.evidence;
