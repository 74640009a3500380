create or replace function inboxdb.campaigns_named(term text) returns bigint[]
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: the SMS campaigns whose name has a term, as column exact of lead_text has them. By name at the time of the
--   search, so that a renamed campaign changes no lead's text.
-- Parameters: term, folded.
-- Returns: the hashes of the first 1,000, by id, of all workspaces, since the host's campaigns name none; empty for a
--   term that is null.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "SmsCampaign".
-- INVOKER: called by search_candidates only.
begin
  return array(
    select inboxdb.exact_hash('campaign', c.id::text)
    from public."SmsCampaign" as c
    where pg_catalog.strpos(inboxdb.folded(c.name), term) > 0
    order by c.id
    limit 1000
  );
end
$$;
