create or replace function inboxdb.require_named_roles(
  trusted text[], restricted text[], keep_host_policies boolean
) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse to touch row-level security on "Lead" before its owner has decided about everybody.
-- Parameters: as protect_leads.
-- Errors: IB008 naming the roles: unknown, named twice or not at all, or to be restricted but bypassing policies or
--   inheriting from a trusted role; or naming the host's policies showing a restricted role more than a member may see.
-- Reads: lead_right, lead_policy.
-- INVOKER: called by protect_leads, and by `inboxdb migrate apply` before anything is changed.
declare
  unknown pg_catalog.text;
  twice pg_catalog.text;
  unnamed pg_catalog.text;
  unbound pg_catalog.text;
  wider pg_catalog.text;
  problem pg_catalog.text;
begin
  select pg_catalog.string_agg(coalesce(pg_catalog.quote_ident(n.name), 'null'), ', ' order by n.name) into unknown
  from pg_catalog.unnest(trusted || restricted) as n (name)
  where n.name is null
    or (n.name <> 'public' and not exists (select from pg_catalog.pg_roles as r where r.rolname = n.name));

  select pg_catalog.string_agg(pg_catalog.quote_ident(n.name), ', ' order by n.name) into twice
  from pg_catalog.unnest(trusted) as n (name)
  where n.name = any (restricted);

  select pg_catalog.string_agg(
    distinct pg_catalog.format(
      case when t.name is null then '%I' else '%I (by %I)' end, n.name, t.name
    ), ', '
  )
  into unbound
  from pg_catalog.unnest(restricted) as n (name)
  left join pg_catalog.pg_roles as r on n.name = r.rolname
  left join pg_catalog.unnest(trusted) as t (name)
    on t.name = 'public'
    or (r.oid is not null and pg_catalog.to_regrole(pg_catalog.quote_ident(t.name)) is not null
      and pg_catalog.pg_has_role(r.oid, pg_catalog.to_regrole(pg_catalog.quote_ident(t.name)), 'usage'))
  where t.name is not null
    or exists (select from inboxdb.lead_right as l where l.role_name = n.name and l.bypasses);

  select pg_catalog.string_agg(pg_catalog.format('%I (%s)', l.role_name, l.rights), ', ' order by l.role_name)
  into unnamed
  from inboxdb.lead_right as l
  where l.rights is not null and not l.bypasses and l.role_name <> all (trusted || restricted);

  select pg_catalog.string_agg(pg_catalog.quote_ident(p.policy_name), ', ' order by p.policy_name) into wider
  from inboxdb.lead_policy as p
  where p.is_permissive and not keep_host_policies
    and exists (
      select
      from pg_catalog.unnest(restricted) as n (name)
      left join pg_catalog.pg_roles as r on n.name = r.rolname
      cross join lateral pg_catalog.unnest(p.bound_roles) as bound (oid)
      where bound.oid = 0 or (r.oid is not null and pg_catalog.pg_has_role(r.oid, bound.oid, 'usage'))
    );

  problem := case
    when unknown is not null then 'no such role: ' || unknown
    when twice is not null then 'named both trusted and restricted: ' || twice
    when unbound is not null then 'cannot be restricted, since they see every row anyhow: ' || unbound
    when unnamed is not null then 'roles with rights on "Lead" are named neither trusted nor restricted: ' || unnamed
    when wider is not null then 'policies of the host''s let restricted roles see more than members may: ' || wider
  end;
  if problem is not null then
    raise exception using
      errcode = 'IB008',
      message = problem,
      detail = 'Nothing was changed.',
      hint = case when wider is not null and unnamed is null
        then 'Drop them or bind them to other roles, or say that they are to be kept.'
        else 'Name each role once: trusted, it goes on as before; restricted, it sees what the signed-in user may.'
      end;
  end if;
end
$$;
