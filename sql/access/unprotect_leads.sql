create or replace function inboxdb.unprotect_leads() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: undo protect_leads: take our policies off "Lead", and turn row-level security off where protect_leads turned
--   it on. Where the host has made policies since, row-level security stays on, trusted roles keep our policy, and a
--   WARNING says so. The decision is then left_out.
-- Errors: 42501 for a caller who does not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted; none with nothing to undo.
-- Reads: lead_policy, lead_rls. Writes: policies on "Lead", installation; calls apply_grants.
-- INVOKER: for the owner.
declare
  decided pg_catalog.text := inboxdb.lead_rls();
begin
  if decided in ('enabled', 'joined') then
    drop policy if exists inboxdb_member on public."Lead";
    if decided = 'enabled' and exists (select from inboxdb.lead_policy) then
      raise warning 'inboxdb leaves row-level security on "Lead" on, and its policy inboxdb_trusted in place'
        using hint = 'Policies of the host''s have come since, which need it; without ours the trusted roles would see'
          ' no row.';
    else
      drop policy if exists inboxdb_trusted on public."Lead";
      if decided = 'enabled' then
        alter table public."Lead" disable row level security;
      end if;
    end if;
  end if;
  insert into inboxdb.installation (lead_rls) values ('left_out')
  on conflict (is_only) do update set lead_rls = excluded.lead_rls;
  perform inboxdb.apply_grants();
end
$$;
