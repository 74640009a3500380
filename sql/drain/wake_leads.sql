create or replace function inboxdb.wake_leads(
  target_client_id inboxdb.client_id, first_snooze timestamptz, as_of timestamptz
) returns inboxdb.lead_kind[]
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: let leads count whose snooze ended. Nothing of the host's is read: what a lead counts does not change when
--   its snooze ends, only that it does.
-- Parameters: target_client_id; first_snooze and as_of, from and until when snoozes end that are due: earlier ones are
--   dead rows. Called after changed leads were remembered, which are awake, or hidden for longer.
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
