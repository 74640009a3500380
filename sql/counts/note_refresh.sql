create or replace function inboxdb.note_refresh(
  target_client_ids inboxdb.client_id[], as_of timestamptz, leads_now integer[], is_recount boolean, one_by_one boolean
) returns void
language plpgsql volatile
set search_path = ''
-- lookups by key: the planner knows the sizes of the arrays as little as that of the table
set enable_hashjoin = off
set enable_mergejoin = off
as $$
-- Purpose: store in workspace the results of refreshes: the number of leads, the end of the next snooze, and after a
--   recount the definitions, when, and how leads were compared. Called in a statement after remember_leads or
--   remember_changed, whose own snapshots do not see the rows written.
-- Parameters: target_client_ids; as_of; leads_now, of each; is_recount; one_by_one, whether all leads were
--   compared one by one.
-- Reads: counted_lead, by an index, from as_of on, because a held snapshot keeps dead rows of ended snoozes.
-- Writes: workspace, only where a value changes, because a held snapshot keeps each dead row.
-- INVOKER: called by apply_changes and recount_workspace only.
begin
  update inboxdb.workspace as w
  set
    leads = f.leads,
    next_snooze_at = f.next_snooze,
    definitions = inboxdb.definitions(),
    audited_at = case when is_recount then as_of else w.audited_at end,
    compared_at = case when one_by_one then as_of else w.compared_at end
  from (
    select k.client_id, r.leads, n.snoozed_until as next_snooze
    from rows from (pg_catalog.unnest(target_client_ids), pg_catalog.unnest(leads_now)) as r (client_id, leads)
    inner join inboxdb.workspace as k on r.client_id = k.client_id
    left join lateral (
      select c.snoozed_until
      from inboxdb.counted_lead as c
      where c.workspace = k.number and c.snoozed_until > as_of and c.snoozed_until < 'infinity'
      order by c.workspace, c.snoozed_until
      limit 1
    ) as n on true
    where k.next_snooze_at is distinct from n.snoozed_until
      or pg_catalog.abs(k.leads - r.leads) > k.leads / 10
      or k.definitions is distinct from inboxdb.definitions()
      or is_recount and (k.audited_at between as_of - interval '1 minute' and as_of) is not true
      or one_by_one and (k.compared_at between as_of - interval '1 minute' and as_of) is not true
  ) as f
  where w.client_id = f.client_id;
end
$$;
