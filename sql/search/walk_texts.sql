create or replace function inboxdb.walk_texts(most integer) returns boolean
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead would take it for gone: raise instead (D37)
set row_security = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: a step of the walk through all leads of all workspaces, by key, and then through lead_text for rows whose
--   lead is gone: the first fill, and the audit of texts (docs/lists.md, S5). A lead that changes behind the walk is
--   noted, and looked at by fold_noted.
-- Parameters: most, how many leads to look at. The caller took its lock in an EARLIER statement, and is READ COMMITTED.
-- Returns: whether the walk has ended.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", searched_lead. Writes: lead_text, search_state.
-- INVOKER: called by refresh_texts only.
declare
  state pg_catalog.record;
  lead_ids inboxdb.lead_id[];
  lead_keys pg_catalog.bytea[];
begin
  select n.* into strict state from inboxdb.search_state_now as n;
  if state.cleared_to is null then
    if state.walked_to is null then
      lead_ids := array(
        select l.id::inboxdb.lead_id from public."Lead" as l order by l.id limit most
      );
    else
      lead_ids := array(
        select l.id::inboxdb.lead_id
        from public."Lead" as l
        where l.id > state.walked_to
        order by l.id
        limit most
      );
    end if;
    perform inboxdb.checkpoint('walking');
    insert into inboxdb.lead_text as t (lead_key, client_id, exact, words)
    select inboxdb.id_key(s.lead_id), s.client_id, s.exact, s.words
    from pg_catalog.unnest(lead_ids) as u (lead_id)
    cross join lateral (select s.* from inboxdb.searched_lead as s where s.lead_id = u.lead_id offset 0) as s
    where s.client_id is not null
    on conflict (lead_key) do update
    set client_id = excluded.client_id, exact = excluded.exact, words = excluded.words
    where (t.client_id, t.exact, t.words) is distinct from (excluded.client_id, excluded.exact, excluded.words);
    update inboxdb.search_state as s
    set
      revision = s.revision + 1,
      walk_began_at = coalesce(s.walk_began_at, inboxdb.clock()),
      walked_to = coalesce(lead_ids[pg_catalog.cardinality(lead_ids)], s.walked_to),
      cleared_to = case when pg_catalog.cardinality(lead_ids) < most then ''::pg_catalog.bytea end
    where s.revision = state.revision;
    return false;
  end if;

  lead_keys := array(
    select t.lead_key from inboxdb.lead_text as t where t.lead_key > state.cleared_to order by t.lead_key limit most
  );
  delete from inboxdb.lead_text as t
  where t.lead_key = any (lead_keys)
    and not exists (
      select
      from inboxdb.searched_lead as s
      where s.lead_id = inboxdb.key_id(t.lead_key)::inboxdb.lead_id and s.client_id is not null
      offset 0
    );
  if pg_catalog.cardinality(lead_keys) = most then
    update inboxdb.search_state as s
    set revision = s.revision + 1, cleared_to = lead_keys[most]
    where s.revision = state.revision;
    return false;
  end if;
  update inboxdb.search_state as s
  set
    revision = s.revision + 1, walk_is_due = false, walked_to = null, cleared_to = null, walk_began_at = null,
    filled_at = s.walk_began_at
  where s.revision = state.revision;
  return true;
end
$$;
