create or replace function inboxdb.end_snoozes(
  target_client_id inboxdb.client_id, first_snooze timestamptz, as_of timestamptz
) returns inboxdb.lead_kind[]
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: let leads count whose snooze ended. No host table is read, because the end of a snooze changes whether a
--   lead counts, not its counts.
-- Parameters: target_client_id; first_snooze and as_of, between which the snoozes end: below there are dead rows only.
--   Called after remember_changed, so that leads changed as well are up to date already (D31).
-- Returns: the kinds of leads that came, and that went.
-- Writes: counted_lead, by its index on snoozed_until.
-- INVOKER: called by apply_changes only, which forbids sequential scans.
declare
  moved inboxdb.lead_kind[];
begin
  with
  ended as (
    update inboxdb.counted_lead as k
    set snoozed_until = null
    from inboxdb.workspace as w
    where w.client_id = target_client_id and k.workspace = w.number
      and k.snoozed_until >= first_snooze and k.snoozed_until <= as_of
    returning k.user_key, k.counts
  )
  select
    pg_catalog.array_agg(
      (e.user_key, inboxdb.kind_now(e.counts, m.was_snoozed), m.sign * e.leads)::inboxdb.lead_kind
    )
  into moved
  from (
    select e.user_key, e.counts, pg_catalog.count(*) as leads from ended as e group by e.user_key, e.counts
  ) as e
  cross join (values (true, -1), (false, 1)) as m (was_snoozed, sign);
  return moved;
end
$$;
