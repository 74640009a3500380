create or replace function inboxdb.wake_leads(
  target_client_id inboxdb.client_id, first_snooze timestamptz, as_of timestamptz
) returns inboxdb.lead_kind[]
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: let leads count whose snooze ended. No host table is read, because the end of a snooze changes whether a
--   lead counts, not its counts.
-- Parameters: target_client_id; first_snooze and as_of, between which the snoozes end: below there are dead rows only.
--   Called after remember_leads, so that leads changed as well are up to date already (D31).
-- Returns: the kinds of leads that came, and that went.
-- Writes: counted_lead, by its index on hidden_until.
-- INVOKER: called by apply_changes only, which forbids sequential scans.
declare
  moved inboxdb.lead_kind[];
begin
  with
  woken as (
    update inboxdb.counted_lead as k
    set hidden_until = null
    from inboxdb.workspace as w
    where w.client_id = target_client_id and k.workspace = w.number
      and k.hidden_until >= first_snooze and k.hidden_until <= as_of
    returning k.user_key, k.counts
  )
  select pg_catalog.array_agg((k.user_key, k.counts, k.leads)::inboxdb.lead_kind) into moved
  from (
    select w.user_key, w.counts, pg_catalog.count(*) as leads from woken as w group by w.user_key, w.counts
    union all
    select w.user_key, 0, - pg_catalog.count(*) from woken as w group by w.user_key
  ) as k;
  return moved;
end
$$;
