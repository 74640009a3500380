create or replace function inboxdb.fold_analytics(target_number integer, most integer) returns integer
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: take a workspace's changes of analytics, and look at their leads. A change of the whole workspace has the
--   walk begin anew.
-- Parameters: target_number, of the workspace; most, how many changes to take. The caller took the workspace's lock in
--   an EARLIER statement.
-- Returns: how many were taken: fewer than most where none is left.
-- Errors: those of compare_facts.
-- Reads: analytics_state. Writes: analytics_change, analytics_workspace; as compare_facts.
-- INVOKER: called by refresh_analytics and recompute_analytics only.
declare
  state constant inboxdb.analytics_state_now := (select n from inboxdb.analytics_state_now as n);
  this constant inboxdb.analytics_workspace := (
    select w from inboxdb.analytics_workspace as w where w.number = target_number
  );
  taken pg_catalog.record;
begin
  -- Each condition can be answered by a single index: see changes_of.
  with
  chosen as (
    (
      select c.ctid as tid
      from inboxdb.analytics_change as c
      where (c.client_id, c.xid) >= (this.client_id, state.trusted_from) and c.client_id <= this.client_id
      limit most
    )
    union all
    (
      select c.ctid
      from inboxdb.analytics_change as c
      where c.xid = any (state.trusted_also) and (c.client_id = this.client_id) is true
      limit most
    )
  ),
  gone as (
    delete from inboxdb.analytics_change as c
    where c.ctid = any (array(select n.tid from chosen as n limit most))
    returning c.lead_id, c.changed
  ),
  lead as (
    select
      g.lead_id,
      -- a message was sent, or the lead was made, deleted or moved
      pg_catalog.bool_or(g.changed & 58 <> 0) as reads_messages,
      pg_catalog.count(*) as changes
    from gone as g
    group by g.lead_id
  )
  select
    coalesce(pg_catalog.sum(l.changes), 0) as changes,
    coalesce(pg_catalog.bool_or(l.lead_id is null), false) as of_all,
    pg_catalog.array_agg(l.lead_id) filter (where l.lead_id is not null) as lead_ids,
    pg_catalog.array_agg(l.reads_messages) filter (where l.lead_id is not null) as reads_messages
  into taken
  from lead as l;

  if taken.of_all then
    update inboxdb.analytics_workspace as w
    set walk_began_at = inboxdb.clock(), walked_to = ''
    where w.number = target_number;
  end if;
  perform inboxdb.checkpoint('analytics taken', this.client_id::pg_catalog.text);
  if taken.lead_ids is not null then
    -- a later snapshot than the taking's: the lead is at least as new as the change taken, and a change committed since
    -- has a row of its own, not taken
    perform inboxdb.compare_facts(
      target_number, this.client_id, this.time_zone, taken.lead_ids, taken.reads_messages
    );
  end if;
  return taken.changes;
end
$$;
