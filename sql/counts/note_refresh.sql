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
  this_workspace integer := (
    select w.number from inboxdb.workspace as w where w.client_id = target_client_id
  );
  next_snooze pg_catalog.timestamptz := (
    select k.hidden_until
    from inboxdb.counted_lead as k
    where k.workspace = this_workspace and k.hidden_until > as_of and k.hidden_until < 'infinity'
    order by k.workspace, k.hidden_until
    limit 1
  );
begin
  update inboxdb.workspace as w
  set
    leads = leads_now,
    next_snooze_at = next_snooze,
    definitions = inboxdb.definitions(),
    audited_at = case when is_recount then as_of else w.audited_at end
  where w.client_id = target_client_id
    and (
      w.next_snooze_at is distinct from next_snooze
      or pg_catalog.abs(w.leads - leads_now) > w.leads / 10
      or w.definitions is distinct from inboxdb.definitions()
      or is_recount and (w.audited_at between as_of - interval '1 minute' and as_of) is not true
    );
end
$$;
