create or replace function inboxdb.unprotect_leads() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: undo protect_leads: take our policies off "Lead", and turn row-level security off where protect_leads turned
--   it on. Where the host has made policies since, row-level security stays on, trusted roles keep our policy, and a
--   WARNING says so. The decision is then left_out.
-- Errors: 42501 for a caller who does not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted; none with nothing to undo.
-- What was recorded may not be so any more: a policy of ours goes in any case.
-- Reads: lead_policy, lead_rls. Writes: policies on "Lead", installation; calls apply_grants.
-- INVOKER: for the owner.
declare
  decided constant pg_catalog.text := inboxdb.lead_rls();
  ours constant pg_catalog.name[] := array(
    select p.polname
    from pg_catalog.pg_policy as p
    where p.polrelid = 'public."Lead"'::pg_catalog.regclass and p.polname in ('inboxdb_member', 'inboxdb_trusted')
  );
begin
  if 'inboxdb_member' = any (ours) then
    drop policy inboxdb_member on public."Lead";
  end if;
  if decided = 'enabled' or 'inboxdb_trusted' = any (ours) then
    if exists (select from inboxdb.lead_policy) then
      raise warning 'inboxdb leaves row-level security on "Lead" on, and its policy inboxdb_trusted in place'
        using hint = 'Policies of the host''s have come since, which need it; without ours the trusted roles would see'
          ' no row.';
    else
      if 'inboxdb_trusted' = any (ours) then
        drop policy inboxdb_trusted on public."Lead";
      end if;
      alter table public."Lead" disable row level security;
    end if;
  end if;
  insert into inboxdb.installation (lead_rls) values ('left_out')
  on conflict (is_only) do update set lead_rls = excluded.lead_rls;
  perform inboxdb.apply_grants();
end
$$;
