create or replace function inboxdb.store_texts(lead_ids inboxdb.lead_id[]) returns void
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead would take it for gone: raise instead (D37)
set row_security = off
-- by key, however many leads and dead rows there are (D8, D9)
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: look at leads, and bring their rows of lead_text up to date: only rows that differ are written.
-- Parameters: lead_ids, each once; a lead gone, or without a workspace, loses its row. The caller holds the lock of
--   refresh_texts.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: searched_lead. Writes: lead_text.
-- INVOKER: called by fold_noted and walk_texts only.
begin
  with
  looked_at as materialized (
    select inboxdb.id_key(u.lead_id) as lead_key, s.client_id, s.exact, s.words
    from pg_catalog.unnest(lead_ids) as u (lead_id)
    left join lateral (
      select s.client_id, s.exact, s.words from inboxdb.searched_lead as s where s.lead_id = u.lead_id offset 0
    ) as s on true
  ),
  gone as (
    delete from inboxdb.lead_text as t
    where t.lead_key = any (array(select l.lead_key from looked_at as l where l.client_id is null))
  )
  insert into inboxdb.lead_text as t (lead_key, client_id, exact, words)
  select l.lead_key, l.client_id, l.exact, l.words
  from looked_at as l
  where l.client_id is not null
    -- asked before, because a conflict locks the row, which is a write, too
    and not exists (
      select
      from inboxdb.lead_text as k
      where k.lead_key = l.lead_key
        and (k.client_id, k.exact, k.words) is not distinct from (l.client_id, l.exact, l.words)
    )
  on conflict (lead_key) do update
  set client_id = excluded.client_id, exact = excluded.exact, words = excluded.words;
end
$$;
