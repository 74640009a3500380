create or replace function inboxdb.fold_noted(most integer) returns integer
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead would take it for gone: raise instead (D37)
set row_security = off
-- by key, and in the order of the key, however many dead rows there are (D8, D9)
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: take changes of text, look at their leads, and bring lead_text up to date: rows that differ are written.
-- Workspaces take turns within the oldest and the newest 10,000 changes, so that an import holds up no other name.
-- Parameters: most, how many changes to take. The caller took its lock in an EARLIER statement, and is READ COMMITTED
--   (D14).
-- Returns: how many were taken: fewer than most where none is left.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: searched_lead. Writes: text_change, lead_text, search_state: a change of everything makes a walk due.
-- INVOKER: called by refresh_texts only.
declare
  taken integer;
  asks_for_walk boolean;
begin
  -- ONE statement, so one snapshot: a change not seen stays, a change seen is looked at.
  with
  window_of as materialized (
    (select n.tid, n.xid, n.client_id, n.lead_id from inboxdb.noted_text as n order by n.xid limit 10000)
    union
    (select n.tid, n.xid, n.client_id, n.lead_id from inboxdb.noted_text as n order by n.xid desc limit 10000)
  ),
  chosen as materialized (
    select w.tid, w.client_id, w.lead_id
    from (
      select w.*, pg_catalog.row_number() over (partition by w.client_id order by w.xid, w.tid) as turn
      from window_of as w
    ) as w
    order by w.turn
    limit most
  ),
  gone_from_log as (
    delete from inboxdb.text_change as c using chosen as w where c.ctid = w.tid
  ),
  looked_at as materialized (
    select d.lead_key, s.client_id, s.exact, s.words
    from (
      select w.lead_id, inboxdb.id_key(w.lead_id) as lead_key
      from chosen as w
      where w.lead_id is not null
      group by w.lead_id
    ) as d
    left join lateral (
      select s.client_id, s.exact, s.words from inboxdb.searched_lead as s where s.lead_id = d.lead_id offset 0
    ) as s on true
  ),
  gone as (
    delete from inboxdb.lead_text as t using looked_at as l where t.lead_key = l.lead_key and l.client_id is null
  ),
  written as (
    insert into inboxdb.lead_text as t (lead_key, client_id, exact, words)
    select l.lead_key, l.client_id, l.exact, l.words
    from looked_at as l
    where l.client_id is not null
    on conflict (lead_key) do update
    set client_id = excluded.client_id, exact = excluded.exact, words = excluded.words
    where (t.client_id, t.exact, t.words) is distinct from (excluded.client_id, excluded.exact, excluded.words)
  )
  select pg_catalog.count(*), coalesce(pg_catalog.bool_or(w.lead_id is null), false)
  into taken, asks_for_walk
  from chosen as w;

  perform inboxdb.checkpoint('texts folded');
  if asks_for_walk then
    -- a walk under way begins again, since rows behind the walk may be others, too
    update inboxdb.search_state as s
    set revision = s.revision + 1, walk_is_due = true, walk_began_at = null, walked_to = null, cleared_to = null
    where s.revision = (select n.revision from inboxdb.search_state_now as n);
  end if;
  return taken;
end
$$;
