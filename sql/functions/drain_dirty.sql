-- A procedure that commits may have neither SET nor SECURITY DEFINER, so everything in it is qualified, operators too.
create procedure inboxdb.drain_dirty(max_workspaces integer default null, max_seconds integer default 55)
language plpgsql
as $$
-- Purpose: drain with nothing but SQL (psql, pg_cron): claim and refresh until nothing is due.
-- Parameters: max_workspaces to claim, null for no limit; max_seconds after which no further one is started, null for
--   no limit (under steady writes it then never ends). A statement_timeout bounds the whole call, not one refresh.
-- Errors: 2D000 inside a transaction block, since it commits after each workspace.
-- Reads, writes: as claim_next, drain_next, send_signals, empty_slice.
-- INVOKER: its caller needs EXECUTE on those four.
declare
  stop_at pg_catalog.timestamptz := pg_catalog.clock_timestamp()
    operator(pg_catalog.+) pg_catalog.make_interval(secs => max_seconds);
  drained integer := 0;
  claimed inboxdb.client_id;
  new_version bigint;
  scopes inboxdb.user_id[];
  -- once realtime hangs, no further workspace waits for it
  silent boolean := false;
begin
  loop
    -- whatever default_transaction_isolation says
    commit;
    set transaction isolation level read committed;
    exit when drained operator(pg_catalog.>=) max_workspaces;
    exit when pg_catalog.clock_timestamp() operator(pg_catalog.>=) stop_at;
    claimed := inboxdb.claim_next();
    exit when claimed is null;
    drained := drained operator(pg_catalog.+) 1;
    commit;
    set transaction isolation level read committed;
    select d.version, d.changed_scopes into new_version, scopes from inboxdb.drain_next(claimed) as d;
    if scopes is not null and not silent then
      commit;
      set transaction isolation level read committed;
      silent := inboxdb.send_signals(claimed, new_version, scopes) is null;
    end if;
  end loop;
  commit;
  set transaction isolation level read committed;
  perform inboxdb.empty_slice();
end
$$;
