create or replace function inboxdb.lead_rls_state() returns text
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the decision about row-level security on "Lead", and whether the catalog still agrees.
  -- Returns: undecided, left_out; enabled or joined (found on), while it is on and every role with rights on rows is
  --   named or bypasses policies; else drifted.
  -- Reads: lead_rls, lead_right.
  -- DEFINER: monitoring roles may read neither.
  select case
    when d.decided not in ('enabled', 'joined') then d.decided
    when not exists (
      select
      from pg_catalog.pg_class as c
      where c.oid = pg_catalog.to_regclass('public."Lead"') and c.relrowsecurity
    ) then 'drifted'
    -- joined: our policy names the restricted roles only
    when d.decided = 'enabled' and exists (
      select
      from inboxdb.lead_right as l
      where l.rights is not null and not l.bypasses and l.named is null
    ) then 'drifted'
    else d.decided
  end
  from inboxdb.lead_rls() as d (decided)
$$;
