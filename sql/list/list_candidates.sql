create or replace function inboxdb.list_candidates(target_client_id inboxdb.client_id, count_bit integer, most integer)
returns inboxdb.lead_id[]
language plpgsql stable
set search_path = ''
set row_security = off
-- planned for this bit: the partial index of a count fits its constant alone
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Purpose: the leads for which a count has to be verified: counted at the last refresh, or with a change since.
-- Parameters: target_client_id; count_bit, of the count, as in view count; most, how many may be returned.
-- Returns: their ids, in no order; null where there are more, or where more than single leads may have changed since:
--   then leads have to be walked.
-- Reads: workspace, counted_lead, the change log, inbox_counts_dirty, installation.
-- INVOKER: called by find_page only.
declare
  this_workspace integer;
  candidates inboxdb.lead_id[];
begin
  select w.number into this_workspace
  from inboxdb.workspace as w
  where w.client_id = target_client_id and w.definitions = inboxdb.definitions();
  if this_workspace is null or inboxdb.suspended_since() is not null or exists (
    select from inboxdb.inbox_counts_dirty as d where d.client_id = target_client_id and d.collapsed
  ) then
    return null;
  end if;

  select pg_catalog.array_agg(c.lead_id) into candidates
  from (
    select n.lead_id from inboxdb.changes_of(array[target_client_id], most + 1) as n
    union all
    select n.lead_id from inboxdb.change as n where n.client_id is null
    limit most + 1
  ) as c;
  if pg_catalog.cardinality(candidates) > most or pg_catalog.array_position(candidates, null) is not null then
    return null;
  end if;

  select pg_catalog.array_agg(c.lead_id) into candidates
  from (
    select pg_catalog.unnest(candidates)
    union
    select k.lead_id
    from (
      select inboxdb.key_id(k.lead_key)::inboxdb.lead_id as lead_id
      from inboxdb.counted_lead as k
      where k.workspace = this_workspace and k.counts & (1 << count_bit) <> 0
      limit most + 1
    ) as k
  ) as c (lead_id);
  return case when pg_catalog.cardinality(candidates) > most then null else coalesce(candidates, '{}') end;
end
$$;
