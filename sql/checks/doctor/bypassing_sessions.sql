-- Looks for: sessions of roles bound by no policy (the owner of "Lead", superusers, BYPASSRLS), where "Lead" has our
-- row-level security; programs of inboxdb's, psql and pg_dump aside.
-- Why: no policy filters rows read through such a session. Trusted back ends may have one.
-- Evidence: the columns of pg_stat_activity readable by everybody; present sessions only.
-- Source of the rule: docs/security.md; "Row Security Policies" in PostgreSQL's manual.
select
  'warning' as severity,
  pg_catalog.format(
    '%s of role %I (pid %s first), which sees every lead: %s',
    case when pg_catalog.count(*) = 1 then '1 session' else pg_catalog.count(*) || ' sessions' end,
    r.rolname, pg_catalog.min(a.pid),
    case
      when r.rolsuper then 'it is a superuser'
      when r.rolbypassrls then 'it has BYPASSRLS'
      else 'it owns "Lead"'
    end
  ) as evidence,
  'if what connects so serves users, let it connect as a role of its own that owns nothing: docs/security.md' as remedy
from pg_catalog.pg_stat_activity as a
inner join pg_catalog.pg_roles as r on a.usesysid = r.oid
inner join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass('public."Lead"')
where a.datname = pg_catalog.current_database()
  and a.pid <> pg_catalog.pg_backend_pid()
  -- null where the type is hidden from us
  and coalesce(a.backend_type, 'client backend') = 'client backend'
  and a.application_name not like 'inboxdb%'
  and a.application_name not in ('psql', 'pg_dump')
  and (r.rolbypassrls or pg_catalog.pg_has_role(r.oid, c.relowner, 'usage'))
  and (select inboxdb.lead_rls_state()) in ('enabled', 'joined', 'drifted')
group by r.rolname, r.rolsuper, r.rolbypassrls
order by r.rolname;
