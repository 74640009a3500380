create or replace function inboxdb.drain_set(claimed inboxdb.client_id[])
returns table (
  client_id inboxdb.client_id, outcome text, version bigint, changed_scopes inboxdb.user_id[],
  seconds_waited double precision, undone_by text
)
language plpgsql volatile security definer
set search_path = ''
-- a workspace held up by another session holds up no other one of the set
set lock_timeout = '100ms'
as $$
-- Purpose: refresh the workspaces of a set in this transaction, by statements for all of them.
-- Parameters: claimed, by claim_set in an earlier, committed transaction.
-- Returns: a row per workspace: refreshed, with the rest as drain_next; or left: to be refreshed by drain_next, in a
--   transaction of its own. Left are workspaces that need more than a set does, or are locked; all of them where
--   inboxdb is suspended, or the set failed: undone_by is the SQLSTATE then, and whose fault that was, drain_next
--   finds out and records.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled: nothing was changed then.
-- Reads, writes: as refresh_set.
-- DEFINER: its callers have no rights in inboxdb.
declare
  member inboxdb.client_id;
  locked inboxdb.client_id[] := '{}';
  started_at pg_catalog.timestamptz[] := '{}';
  refreshed inboxdb.client_id[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is null then
    foreach member in array claimed loop
      if inboxdb.try_lock_workspace(member) then
        locked := locked || member;
        started_at := started_at || inboxdb.clock();
      end if;
    end loop;
    begin
      for client_id, version, changed_scopes, seconds_waited in
        select r.client_id, r.version, r.changed_scopes, r.seconds_waited
        from inboxdb.refresh_set(locked, started_at) as r
      loop
        outcome := 'refreshed';
        refreshed := refreshed || client_id;
        return next;
      end loop;
    exception when others then
      -- recorded, if the error comes again, by the refresh of the workspace at fault
      get stacked diagnostics undone_by = returned_sqlstate;
    end;
  end if;

  outcome := 'left';
  version := null;
  changed_scopes := null;
  seconds_waited := null;
  foreach client_id in array claimed loop
    if client_id <> all (refreshed) then
      return next;
    end if;
  end loop;
end
$$;
