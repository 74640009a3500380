create or replace function inboxdb.leads_of(
  target_client_id inboxdb.client_id, target_user_id inboxdb.user_id, most integer
)
returns inboxdb.lead_id[]
language plpgsql stable
set search_path = ''
set row_security = off
-- planned for this user: along the index of a user's leads
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
-- Purpose: the leads of a user, where no index has them in the order of the list.
-- Parameters: target_client_id; target_user_id; most, how many may be returned.
-- Returns: their ids, in no order; null where there are more.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead.
-- INVOKER: called by find_page only.
declare
  lead_ids inboxdb.lead_id[];
begin
  select pg_catalog.array_agg(o.lead_id) into lead_ids
  from (
    select l.lead_id
    from inboxdb.listed_lead as l
    where l.client_id = target_client_id and l.is_listed and l.scope_user_id = target_user_id
    limit most + 1
  ) as o;
  return case when pg_catalog.cardinality(lead_ids) > most then null else coalesce(lead_ids, '{}') end;
end
$$;
