create or replace function inboxdb.walk_texts(most integer) returns boolean
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead would take it for gone: raise instead (D37)
set row_security = off
set enable_seqscan = off
set enable_sort = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: a step of the walk through all leads of all workspaces, by key, and then through lead_text for rows whose
--   lead is gone: the first fill, and once a day the audit of texts (D135). A lead that changes behind the walk is
--   noted, and looked at by fold_noted.
-- Parameters: most, how many leads to look at. The caller took its lock in an EARLIER statement.
-- Returns: whether there is more to do; false at once where no walk is due.
-- Errors: those of store_texts.
-- Reads: "Lead". Writes: lead_text, search_state.
-- INVOKER: called by refresh_texts only.
declare
  state pg_catalog.record;
  lead_ids inboxdb.lead_id[];
  lead_keys pg_catalog.bytea[];
begin
  select n.* into strict state from inboxdb.search_state_now as n;
  if state.walk_began_at is null and state.filled_at between inboxdb.clock() - interval '1 day' and inboxdb.clock() then
    return false;
  end if;

  if state.cleared_to is null then
    if state.walked_to is null then
      lead_ids := array(select l.id::inboxdb.lead_id from public."Lead" as l order by l.id limit most);
    else
      lead_ids := array(
        select l.id::inboxdb.lead_id from public."Lead" as l where l.id > state.walked_to order by l.id limit most
      );
    end if;
    perform inboxdb.checkpoint('walking');
    perform inboxdb.store_texts(lead_ids);
    update inboxdb.search_state as s
    set
      revision = s.revision + 1,
      walk_began_at = coalesce(s.walk_began_at, inboxdb.clock()),
      walked_to = coalesce(lead_ids[pg_catalog.cardinality(lead_ids)], s.walked_to),
      cleared_to = case when pg_catalog.cardinality(lead_ids) < most then ''::pg_catalog.bytea end
    where s.revision = state.revision;
    return true;
  end if;

  lead_keys := array(
    select t.lead_key from inboxdb.lead_text as t where t.lead_key > state.cleared_to order by t.lead_key limit most
  );
  lead_ids := array(
    select inboxdb.key_id(k.lead_key)::inboxdb.lead_id
    from pg_catalog.unnest(lead_keys) as k (lead_key)
    where not exists (
        select from public."Lead" as l where l.id = inboxdb.key_id(k.lead_key)::inboxdb.lead_id
      )
  );
  perform inboxdb.store_texts(lead_ids);
  update inboxdb.search_state as s
  set
    revision = s.revision + 1,
    cleared_to = lead_keys[most],
    -- the end
    filled_at = case when lead_keys[most] is null then s.walk_began_at else s.filled_at end,
    walk_began_at = case when lead_keys[most] is not null then s.walk_began_at end,
    walked_to = case when lead_keys[most] is not null then s.walked_to end
  where s.revision = state.revision;
  return lead_keys[most] is not null;
end
$$;
