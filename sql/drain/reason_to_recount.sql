create or replace function inboxdb.reason_to_recount(
  target_client_id inboxdb.client_id, as_of timestamptz, otherwise text
) returns text
language plpgsql stable
set search_path = ''
-- no bitmap scan: it would visit the dead rows of inbox_counts kept by a held snapshot, as planned after an ANALYZE
set enable_bitmapscan = off
as $$
-- Purpose: say why a workspace is to be recounted, and not refreshed by change.
-- Parameters: target_client_id; as_of, the instant of the new counts; otherwise, the answer where counted_lead can be
--   trusted, null to look at the changes.
-- Returns: first_fill, definitions_changed (counted_lead is by old definitions), clock_set_back (snoozes that ended
--   last on), whole_workspace (a change names no lead), many_changes, workspace_gone (from the host); null for by
--   change.
-- Reads: workspace, inbox_counts, "Client", the change log: no more of it than decides.
-- Source: a tenth: `python -m tests.bench --only refresh`: a changed lead costs about as much as ten that are counted.
-- INVOKER: called by refresh_workspace and audit_workspace only, which forbid sequential scans.
declare
  kept inboxdb.workspace;
  enough integer;
  found pg_catalog.record;
begin
  select w.* into kept from inboxdb.workspace as w where w.client_id = target_client_id;
  if kept.definitions is null then
    return 'first_fill';
  elsif kept.definitions <> inboxdb.definitions() then
    return 'definitions_changed';
  elsif as_of < (
    select s.computed_at
    from inboxdb.inbox_counts as s
    where s.client_id = target_client_id and s.is_global
    order by s.client_id desc, s.is_global desc, s.scope_user_id desc
    limit 1
  ) then
    return 'clock_set_back';
  elsif otherwise is not null then
    return otherwise;
  end if;

  enough := greatest(kept.leads / 10, 10);
  select pg_catalog.count(*) as changes, pg_catalog.bool_or(c.lead_id is null) as whole into found
  from (select c.lead_id from inboxdb.changes_of(array[target_client_id], enough + 1) as c limit enough + 1) as c;
  return case
    when found.whole then 'whole_workspace'
    when found.changes > enough then 'many_changes'
    when not exists (select from public."Client" as c where c.id = target_client_id) then 'workspace_gone'
  end;
end
$$;
