create or replace function inboxdb.lead_rls() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: what was decided about row-level security on "Lead".
  -- Returns: undecided, left_out, enabled or joined. Where the row of installation is lost, the policies that
  --   protect_leads made say it: protection is never taken for absent while they are there.
  -- Reads: installation.
  -- INVOKER: called by functions of the owner's, and by `inboxdb`.
  select coalesce(
    (select i.lead_rls from inboxdb.installation as i),
    (
      select pg_catalog.min(case p.polcmd when '*' then 'enabled' else 'joined' end)
      from pg_catalog.pg_policy as p
      where p.polrelid = pg_catalog.to_regclass('public."Lead"')
        and p.polname in ('inboxdb_member', 'inboxdb_trusted')
    ),
    'undecided'
  )
$$;
