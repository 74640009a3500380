create or replace function inboxdb.drain_next(
  claimed inboxdb.client_id default null, is_audit boolean default false,
  out client_id inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[],
  out seconds_waited double precision
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: refresh a dirty workspace in this transaction; collect first when nothing is due.
-- Parameters: claimed, a workspace claimed by claim_next in an earlier, committed transaction (or any other, due or
--   not); null: claim in this transaction, by hand, but then a refresh killing its backend is tried again at once, and
--   nobody else collects until this transaction ends (D18). is_audit, for a workspace from next_audit: audit first, and
--   recount in case of drift.
-- Returns: the workspace; the outcome: refreshed, audited (all was right), failed (recorded; the changes stay), skipped
--   (locked by another drain, or inboxdb is suspended), idle (nothing due; workspace null); the inbox cache version
--   after a refresh; the users with changed counts or leads, null without changes, for send_signals after the commit;
--   how long the oldest reason for the refresh had waited, for heartbeat.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, not recorded here.
-- Reads, writes: as claim_next, audit_workspace, refresh_workspace, record_failure.
-- DEFINER: its callers have no rights in inboxdb.
declare
  is_ours boolean;
  started_at pg_catalog.timestamptz;
  error_code pg_catalog.text;
  is_sound boolean := false;
begin
  perform inboxdb.require_read_committed();
  client_id := coalesce(claimed, inboxdb.claim_next());
  if client_id is null then
    outcome := 'idle';
    return;
  end if;
  -- claimed before suspension: during the host's migration the refresh would fail, and count as a failed attempt
  if inboxdb.suspended_since() is not null then
    outcome := 'skipped';
    return;
  end if;

  -- before the lock, so that other drains go on refreshing the workspace during the audit (D29)
  if is_audit then
    started_at := inboxdb.clock();
    begin
      is_sound := inboxdb.audit_workspace(client_id);
    exception when others then
      -- a refresh will fail likewise, with a record, further attempts and a quarantine at last
      perform inboxdb.note_change(client_id, null);
      outcome := 'failed';
      return;
    end;
  end if;

  -- outside of the exception block, whose rollback would release the lock before the failure is recorded
  is_ours := inboxdb.try_lock_workspace(client_id);
  -- the lock may be held for a moment by a late claim (D19), or for a refresh's duration
  for retry in 1 .. case when is_audit then 100 when claimed is not null then 1 else 0 end loop
    exit when is_ours;
    perform pg_catalog.pg_sleep(0.005);
    is_ours := inboxdb.try_lock_workspace(client_id);
  end loop;
  if not is_ours then
    outcome := 'skipped';
    return;
  end if;

  if is_sound then
    update inboxdb.workspace as w
    set audited_at = started_at, audit_not_before = null
    where w.client_id = drain_next.client_id;
    outcome := 'audited';
    return;
  end if;

  started_at := inboxdb.clock();
  begin
    select r.version, r.changed_scopes, r.seconds_waited into version, changed_scopes, seconds_waited
    from inboxdb.refresh_workspace(client_id, case when is_audit then 'audit' end) as r;
    outcome := 'refreshed';
  exception when others then
    get stacked diagnostics error_code = returned_sqlstate;
    perform inboxdb.record_failure(client_id, started_at, error_code);
    outcome := 'failed';
  end;
end
$$;
