create or replace function inboxdb.note_refresh(
  target_client_id inboxdb.client_id, as_of timestamptz, leads_now integer, is_recount boolean
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: store in workspace the results of a refresh: the number of leads, the end of the next snooze, and after a
--   recount the definitions, and when. Called in a statement after remember_leads, whose own snapshot does not see the
--   rows written.
-- Parameters: target_client_id; as_of; leads_now; is_recount.
-- Reads: counted_lead, by an index, from as_of on, because a held snapshot keeps dead rows of ended snoozes.
-- Writes: workspace, only where a value changes, because a held snapshot keeps each dead row.
-- INVOKER: called by apply_changes and recount_workspace only.
declare
  kept pg_catalog.record;
begin
  select w.*, n.snoozed_until as next_snooze into kept
  from inboxdb.workspace as w
  left join lateral (
    select k.snoozed_until
    from inboxdb.counted_lead as k
    where k.workspace = w.number and k.snoozed_until > as_of and k.snoozed_until < 'infinity'
    order by k.workspace, k.snoozed_until
    limit 1
  ) as n on true
  where w.client_id = target_client_id;
  if kept.next_snooze_at is distinct from kept.next_snooze
    or pg_catalog.abs(kept.leads - leads_now) > kept.leads / 10
    or kept.definitions is distinct from inboxdb.definitions()
    or is_recount and (kept.audited_at between as_of - interval '1 minute' and as_of) is not true
  then
    update inboxdb.workspace as w
    set
      leads = leads_now,
      next_snooze_at = kept.next_snooze,
      definitions = inboxdb.definitions(),
      audited_at = case when is_recount then as_of else w.audited_at end
    where w.client_id = target_client_id;
  end if;
end
$$;
