-- Looks for: rights that the role as which inboxdb works has lost since the install, on schemas, tables and functions.
-- Why: nothing can be counted or noted, although the asking role lacks nothing; or reads of analytics fail (42501).
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/, whose functions are DEFINER or called by DEFINER functions; docs/operations.md, Owners and
-- rights. Also read by `migrate plan`, and by every command that is refused with 42501.
with ours (oid, nspname, nspowner) as (
  select n.oid, n.nspname, n.nspowner from pg_catalog.pg_namespace as n
  where n.nspname in ('inboxdb', 'inbox_api')
),

routine (oid, proname, proowner, prosrc) as (
  select p.oid, p.proname, p.proowner, p.prosrc
  from pg_catalog.pg_proc as p
  inner join ours as o on p.pronamespace = o.oid
),

-- whoever owns most functions: one object, and be it a schema, may be somebody else's by now
acting (oid, rolname) as (
  select r.oid, pg_catalog.quote_ident(r.rolname)
  from pg_catalog.pg_roles as r
  where r.oid = (
      select pg_catalog.mode() within group (order by p.proowner) from routine as p
    )
),

-- the ledger, which no function reads, is left out
used (oid, table_name, relowner, is_ours, severity, needs) as (
  select
    c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relowner, n.nspname = 'inboxdb',
    -- counts and lists do without the others
    case
      when n.nspname = 'inboxdb' then 'problem'
      when c.relname in ('Client', 'ClientMember', 'Lead', 'AIDraft', 'Message', 'SmsCampaign') then 'problem'
      else 'warning'
    end,
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
    -- read by lists alone
    or (
      n.nspname = 'public' and c.relname = 'SmsCampaign'
      and exists (
        select
        from pg_catalog.pg_class as v
        inner join ours as o on v.relnamespace = o.oid
        where v.relname = 'listed_lead'
      )
    )
    -- read by analytics
    or (
      n.nspname = 'public'
      and c.relname in (
        'EmailCampaign', 'FollowUpInstance', 'FollowUpSequence', 'LeadCrmRow', 'ReactivationCampaign',
        'ReactivationEnrollment', 'SmsCampaign', 'WorkspaceSettings'
      )
      and exists (
        select from routine as r
        where r.proname = 'missing_for_analytics'
      )
    )
),

refused (role_name, table_name, is_ours, severity, privileges, is_log) as (
  select
    a.rolname, u.table_name, u.is_ours, u.severity, pg_catalog.string_agg(needed.privilege, ', ' order by needed.place),
    u.table_name like 'inboxdb.change\__'
  from acting as a
  cross join used as u
  cross join lateral pg_catalog.unnest(u.needs) with ordinality as needed (privilege, place)
  where (u.relowner = a.oid or not u.is_ours)
    and not pg_catalog.has_table_privilege(a.oid, u.oid, needed.privilege)
    -- for FOR NO KEY UPDATE any column is enough
    and not (needed.privilege = 'update' and pg_catalog.has_any_column_privilege(a.oid, u.oid, 'update'))
  group by a.rolname, u.table_name, u.is_ours, u.severity
),

-- materialized: few rows, for which alone the texts of our functions are searched
uncallable as materialized (
  select a.rolname, p.oid, p.proname, p.pronamespace
  from acting as a
  inner join pg_catalog.pg_proc as p on not pg_catalog.has_function_privilege(a.oid, p.oid, 'execute')
),

found (place, severity, evidence, remedy) as (
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
    2, r.severity,
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
  group by r.role_name, r.privileges, r.is_ours, r.severity
  union all
  select
    3, 'problem',
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
)

select f.severity, f.evidence, f.remedy
from found as f
order by f.place, f.severity, f.evidence;
