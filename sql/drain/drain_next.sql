create or replace function inboxdb.drain_next(
  claimed inboxdb.client_id default null, is_audit boolean default false,
  out client_id inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[],
  out seconds_waited double precision
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: refresh one dirty workspace in this transaction; collects when nothing is due.
-- Parameters: claimed, a workspace that claim_next returned in an earlier, committed transaction (or any other, due or
--   not); null claims in this one, which is simpler, but then a refresh that kills its backend is tried again at once,
--   and nobody else collects until this transaction ends. is_audit, where next_audit returned it: all of it is
--   held to the truth, and counted where it is not.
-- Returns: the workspace; the outcome: refreshed, audited (all of it was as it
--   should be), failed (recorded; its changes stay), skipped (somebody else has it,
--   or inboxdb is suspended), idle (nothing is due; workspace null); the inbox cache version after a refresh; the users
--   whose counts or leads changed with it, null where nothing did: once this is committed, they are for send_signals;
--   how long the oldest reason for the refresh had waited, for heartbeat.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, which is not recorded here.
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
  -- claimed before: it would be taken for a failure of its own once the host's migration is under way
  if inboxdb.suspended_since() is not null then
    outcome := 'skipped';
    return;
  end if;

  -- before the lock: others go on refreshing it while all of it is looked at
  if is_audit then
    started_at := inboxdb.clock();
    begin
      is_sound := inboxdb.audit_workspace(client_id);
    exception when others then
      -- a refresh finds the same, with a record, further attempts and an end to them
      perform inboxdb.note_change(client_id, null);
      outcome := 'failed';
      return;
    end;
  end if;

  -- outside the exception block, whose rollback would give the lock away before the failure is recorded
  is_ours := inboxdb.try_lock_workspace(client_id);
  -- a claim that came too late has it for a moment, see claim_next; a refresh for as long as that takes
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
