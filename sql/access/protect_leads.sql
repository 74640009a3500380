create or replace function inboxdb.protect_leads(
  trusted text[] default '{}', restricted text[] default '{}', keep_host_policies boolean default false
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: turn row-level security on "Lead" on, so that members see their workspaces' leads and setters their own.
-- Parameters: trusted, roles going on as before; restricted, roles seeing and writing only rows of the signed-in user
--   ('public' names everybody else). Every role with rights on "Lead" has to be in one of the two, unless the role
--   bypasses policies anyway: see lead_right. keep_host_policies, whether the host's own permissive policies may go on
--   showing restricted roles more.
-- Errors: as require_named_roles, and IB012 while suspended, before anything is changed; 42501 for a caller who does
--   not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted.
-- Reads: lead_rls. Writes: policies on "Lead", installation; calls apply_grants.
-- INVOKER: for the owner.
declare
  was_on pg_catalog.bool;
  decided pg_catalog.text;
begin
  perform inboxdb.require_resumed();
  perform inboxdb.require_named_roles(trusted, restricted, keep_host_policies);

  lock table public."Lead" in access exclusive mode;
  select c.relrowsecurity into was_on from pg_catalog.pg_class as c where c.oid = 'public."Lead"'::pg_catalog.regclass;
  decided := inboxdb.lead_rls();
  -- enabled: row-level security was off before, also before an earlier call, as a policy of ours for all commands says
  -- where the record was lost or says otherwise.
  decided := case
    when not was_on or decided = 'enabled' or exists (
      select
      from pg_catalog.pg_policy as p
      where p.polrelid = 'public."Lead"'::pg_catalog.regclass
        and p.polname in ('inboxdb_member', 'inboxdb_trusted') and p.polcmd = '*'
    ) then 'enabled'
    else 'joined'
  end;
  insert into inboxdb.installation (lead_rls) values (decided)
  on conflict (is_only) do update set lead_rls = excluded.lead_rls;

  drop policy if exists inboxdb_member on public."Lead";
  drop policy if exists inboxdb_trusted on public."Lead";
  if pg_catalog.cardinality(restricted) > 0 then
    -- Where row-level security was on before, the host's policies decide about writing; where off, nobody may lose the
    -- writing of visible rows (D60).
    execute pg_catalog.format(
      'create policy inboxdb_member on public."Lead" for %s to %s using (%s)',
      case decided when 'enabled' then 'all' else 'select' end,
      inboxdb.role_list(restricted),
      inboxdb.member_condition()
    );
  end if;
  if pg_catalog.cardinality(trusted) > 0 and decided = 'enabled' then
    execute pg_catalog.format(
      'create policy inboxdb_trusted on public."Lead" for all to %s using (true)', inboxdb.role_list(trusted)
    );
  end if;
  if not was_on then
    alter table public."Lead" enable row level security;
  end if;
  perform inboxdb.apply_grants();
end
$$;
