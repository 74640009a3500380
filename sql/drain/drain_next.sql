create or replace function inboxdb.drain_next(
  claimed inboxdb.client_id default null,
  out client_id inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[],
  out seconds_waited double precision
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: refresh a dirty workspace in this transaction; collect first when nothing is due.
-- Parameters: claimed, a workspace claimed by claim_next in an earlier, committed transaction (or any other, due or
--   not); null: claim in this transaction, by hand, but then a refresh killing its backend is tried again at once, and
--   nobody else collects until this transaction ends (D18).
-- Returns: the workspace; the outcome: refreshed, failed (recorded; the changes stay), skipped (locked by another
--   drain, or inboxdb is suspended), idle (nothing due; workspace null); the inbox cache version after a refresh; the
--   users with changed counts or leads, null without changes, for send_signals after the commit; how long the oldest
--   reason for the refresh had waited, for heartbeat.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, not recorded here.
-- Reads, writes: as claim_next, refresh_or_record.
-- DEFINER: its callers have no rights in inboxdb.
begin
  perform inboxdb.require_read_committed();
  client_id := coalesce(claimed, inboxdb.claim_next());
  if client_id is null then
    outcome := 'idle';
  -- claimed before suspension: during the host's migration the refresh would fail, and count as a failed attempt
  elsif inboxdb.suspended_since() is not null then
    outcome := 'skipped';
  elsif not inboxdb.try_lock_workspace(client_id, case when claimed is null then 1 else 2 end) then
    outcome := 'skipped';
  else
    select r.outcome, r.version, r.changed_scopes, r.seconds_waited
    into outcome, version, changed_scopes, seconds_waited
    from inboxdb.refresh_or_record(client_id, null) as r;
  end if;
end
$$;
