-- Looks for: row-level security that hides rows from the role that inboxdb's functions run as.
-- Why: no count rather than too low a count, so nothing is counted; nor read, of tables that analytics alone read.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/, whose functions are DEFINER or called by DEFINER functions; docs/operations.md, Owners and
-- rights. Also read by `migrate plan`, and by every command that is refused with 42501.
with ours (oid, nspname, nspowner) as (
  select n.oid, n.nspname, n.nspowner from pg_catalog.pg_namespace as n
  where n.nspname in ('inboxdb', 'inbox_api')
),

routine (oid, proname, proowner) as (
  select p.oid, p.proname, p.proowner
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

-- the ledger, which no function reads, is left out
used (table_name, relowner, relrowsecurity, relforcerowsecurity, is_ours, severity) as (
  select
    pg_catalog.format('%I.%I', n.nspname, c.relname), c.relowner, c.relrowsecurity, c.relforcerowsecurity,
    n.nspname = 'inboxdb',
    -- counts do without the others
    case
      when n.nspname = 'inboxdb' or c.relname in ('Client', 'ClientMember', 'Lead', 'AIDraft', 'Message') then 'problem'
      else 'warning'
    end
  from pg_catalog.pg_class as c
  inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
  where (n.nspname = 'inboxdb' and c.relkind in ('r', 'v') and c.relname !~ '^(_?yoyo_|migration_text$)')
    or (n.nspname = 'public' and c.relname in ('Client', 'ClientMember', 'Lead', 'AIDraft', 'Message'))
    -- read by analytics alone, SmsCampaign by lists too
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
)

select
  u.severity,
  pg_catalog.format(
    'row-level security hides rows of %s from role %s, as which inboxdb works', u.table_name, a.rolname
  ) as evidence,
  case
    when u.relforcerowsecurity then pg_catalog.format('`alter table %s no force row level security`', u.table_name)
    else pg_catalog.format('`alter table %s owner to %s`, or give that role BYPASSRLS', u.table_name, a.rolname)
  end as remedy
from acting as a
cross join used as u
where not a.is_unbound
  and u.relrowsecurity
  and (u.relowner = a.oid or not u.is_ours)
  and (u.relforcerowsecurity or not pg_catalog.pg_has_role(a.oid, u.relowner, 'usage'))
order by u.severity, evidence;
