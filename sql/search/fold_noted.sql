create or replace function inboxdb.fold_noted(most integer) returns integer
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: take changes of text, and look at their leads. Workspaces take turns within the oldest and the newest 10,000
--   changes, so that an import holds up no other name.
-- Parameters: most, how many changes to take. The caller took its lock in an EARLIER statement.
-- Returns: how many were taken: fewer than most where none is left.
-- Errors: those of store_texts.
-- Reads: noted_texts. Writes: text_change, lead_text; search_state: a change of everything makes a walk due.
-- INVOKER: called by refresh_texts only.
declare
  taken pg_catalog.record;
begin
  with
  chosen as (
    select n.tid
    from (
      select
        n.tid, pg_catalog.row_number() over (partition by n.client_id order by n.xid, n.tid) as turn
      from inboxdb.noted_texts(10000) as n
    ) as n
    order by n.turn
    limit most
  ),
  gone as (
    delete from inboxdb.text_change as c
    where c.ctid = any (array(select n.tid from chosen as n))
    returning c.lead_id
  )
  select
    pg_catalog.count(*) as changes,
    pg_catalog.count(*) filter (where g.lead_id is null) as of_everything,
    pg_catalog.array_agg(distinct g.lead_id) filter (where g.lead_id is not null) as lead_ids
  into taken
  from gone as g;

  if taken.of_everything > 0 then
    -- a walk under way begins again, since rows behind it may be others, too; lead_text is not trusted meanwhile
    update inboxdb.search_state as s
    set revision = s.revision + 1, filled_at = null, walk_began_at = null, walked_to = null, cleared_to = null
    where s.revision = (select n.revision from inboxdb.search_state_now as n);
  end if;
  perform inboxdb.checkpoint('texts taken');
  if taken.lead_ids is not null and pg_catalog.to_regclass('inboxdb.searched_lead') is not null then
    -- a later snapshot than the taking's: the lead is at least as new as the change taken, and a change committed since
    -- has a row of its own, not taken
    perform inboxdb.store_texts(taken.lead_ids);
  end if;
  return taken.changes;
end
$$;
