create or replace function inboxdb.recompute_inbox_counts(target_client_id inboxdb.client_id) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: recount a workspace now, dirty or not.
-- Parameters: target_client_id.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long; IB003 where it stayed locked for 5
--   seconds; IB004 above READ COMMITTED; IB012 while suspended.
-- Reads, writes: as refresh_workspace.
-- DEFINER: its callers have no rights in inboxdb.
declare
  give_up_at pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '5 seconds';
begin
  perform inboxdb.require_read_committed();
  perform inboxdb.require_resumed();
  perform inboxdb.require_workspace(target_client_id);
  while not inboxdb.try_lock_workspace(target_client_id) loop
    if pg_catalog.clock_timestamp() >= give_up_at then
      raise exception using
        errcode = 'IB003',
        message = pg_catalog.format('workspace %L stayed locked for 5 seconds', target_client_id),
        detail = 'A drain or another recompute is at work on it. Nothing was changed.',
        hint = 'Try again; pg_locks shows the holder under classid ' || inboxdb.lock_class('workspace');
    end if;
    perform pg_catalog.pg_sleep(0.05);
  end loop;
  perform inboxdb.refresh_workspace(target_client_id, 'recompute');
end
$$;
