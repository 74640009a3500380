-- A committing procedure may have neither SET nor SECURITY DEFINER, so every name is qualified here, operators too.
create or replace procedure inboxdb.drain_dirty(max_workspaces integer default null, max_seconds integer default null)
language plpgsql
as $$
-- Purpose: drain with SQL alone (psql, pg_cron): claim and refresh workspaces while any is due.
-- Parameters: max_workspaces to claim, null for no limit. max_seconds, how long to go on: with nothing due the
--   procedure looks again every second, so that a schedule by the minute keeps up with every change; null or 0: end as
--   soon as nothing is due, after 55 seconds at most. No workspace is started afterwards, nor after half of the
--   session's statement_timeout, which bounds the whole call. A refresh waiting for a lock is given up after a minute.
-- Errors: 2D000 inside a transaction block, because of the COMMIT after each workspace.
-- A WARNING where inboxdb is suspended, when there is nothing to claim.
-- Beside the refreshes, and with nothing due, view maintenance says what else is done.
-- Reads, writes: as claim_set, drain_set, drain_next, maintain, send_signals, send_all_signals, heartbeat.
-- INVOKER: its caller needs EXECUTE on these seven functions, and on next_transaction, clock, lock_class,
--   suspended_since and why_suspended.
declare
  looks_again boolean := coalesce(max_seconds operator(pg_catalog.>) 0, false);
  began_at pg_catalog.timestamptz := pg_catalog.clock_timestamp();
  stop_at pg_catalog.timestamptz := began_at
    operator(pg_catalog.+) pg_catalog.make_interval(secs => case when looks_again then max_seconds else 55 end);
  run_id pg_catalog.text := pg_catalog.substr(pg_catalog.gen_random_uuid()::pg_catalog.text, 1, 8);
  call_limit pg_catalog.float8 := pg_catalog.date_part(
    'epoch', pg_catalog.current_setting('statement_timeout')::pg_catalog.interval
  );
  beat_at pg_catalog.timestamptz := '-infinity';
  samples pg_catalog.float4[] := '{}';
  refreshes pg_catalog.int8 := 0;
  failures pg_catalog.int8 := 0;
  drained integer := 0;
  claimed inboxdb.client_id[];
  -- to be refreshed in a transaction of their own
  alone inboxdb.client_id[];
  member inboxdb.client_id;
  -- of a set: whom to tell what
  to_tell pg_catalog.jsonb[];
  told integer;
  drain_outcome pg_catalog.text;
  new_version bigint;
  scopes inboxdb.user_id[];
  waited pg_catalog.float8;
  -- once realtime hangs, no further signals are sent
  silent boolean := false;
  -- by which SQLSTATE a set was undone since the last heartbeat
  set_undone_by pg_catalog.text;
  troubles pg_catalog.text;
  -- of maintenance: beside the refreshes, and at rest
  beside pg_catalog.jsonb;
  at_rest pg_catalog.jsonb;
  item pg_catalog.text;
begin
  if call_limit operator(pg_catalog.>) 0 then
    stop_at := least(
      stop_at, began_at operator(pg_catalog.+) pg_catalog.make_interval(secs => call_limit operator(pg_catalog./) 2)
    );
  end if;
  loop
    call inboxdb.next_transaction();
    troubles := case when silent then 'realtime hangs' end;
    if pg_catalog.clock_timestamp() operator(pg_catalog.>=) beat_at then
      beat_at := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => 5);
      perform inboxdb.heartbeat(
        run_id, 'sql', 1, refreshes, failures, samples, false, troubles, set_undone_by
      );
      samples := '{}';
      set_undone_by := null;
      call inboxdb.next_transaction();
      loop
        select m.kept, m.item into beside, item from inboxdb.maintain(beside, false) as m;
        call inboxdb.next_transaction();
        exit when item is null;
      end loop;
    end if;
    exit when drained operator(pg_catalog.>=) max_workspaces;
    exit when pg_catalog.clock_timestamp() operator(pg_catalog.>=) stop_at;
    claimed := inboxdb.claim_set(least(50, max_workspaces operator(pg_catalog.-) drained));
    if pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0 then
      call inboxdb.next_transaction();
      select m.kept, m.item into at_rest, item from inboxdb.maintain(at_rest, true) as m;
      call inboxdb.next_transaction();
      if item is not null then
        perform pg_catalog.set_config('application_name', 'inboxdb drain_dirty ' operator(pg_catalog.||) run_id, true);
        select m.kept, m.client_id, m.version, m.changed_scopes into at_rest, member, new_version, scopes
        from inboxdb.maintain(at_rest, true) as m;
        if scopes is not null and not silent then
          call inboxdb.next_transaction();
          silent := inboxdb.send_signals(member, new_version, scopes) is null;
        end if;
        continue;
      end if;
    end if;
    if pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0 and not looks_again then
      -- While another drain collects, the workspaces found are not yet visible. With the collector's lock taken here no
      -- other drain does: claim once more, and end if nothing is due.
      if pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('collector'), 0) then
        claimed := inboxdb.claim_set(least(50, max_workspaces operator(pg_catalog.-) drained));
        exit when pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0;
      end if;
    end if;
    if pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0 then
      call inboxdb.next_transaction();
      perform pg_catalog.pg_sleep(case when looks_again then 1 else 0.05 end);
      continue;
    end if;
    drained := drained operator(pg_catalog.+) pg_catalog.cardinality(claimed);

    alone := claimed;
    if pg_catalog.cardinality(claimed) operator(pg_catalog.>) 1 then
      call inboxdb.next_transaction();
      perform pg_catalog.set_config('application_name', 'inboxdb drain_dirty ' operator(pg_catalog.||) run_id, true);
      select
        pg_catalog.array_agg(d.client_id) filter (where d.outcome operator(pg_catalog.=) 'left'),
        refreshes operator(pg_catalog.+)
        pg_catalog.count(*) filter (where d.outcome operator(pg_catalog.=) 'refreshed'),
        samples operator(pg_catalog.||)
        pg_catalog.array_agg(d.seconds_waited::pg_catalog.float4) filter (where d.seconds_waited is not null),
        pg_catalog.array_agg(pg_catalog.to_jsonb(d)) filter (where d.changed_scopes is not null),
        coalesce(pg_catalog.min(d.undone_by), set_undone_by)
      into alone, refreshes, samples, to_tell, set_undone_by
      from inboxdb.drain_set(claimed) as d;
      while pg_catalog.cardinality(to_tell) operator(pg_catalog.>) 0 and not silent loop
        call inboxdb.next_transaction();
        told := inboxdb.send_all_signals(pg_catalog.to_jsonb(to_tell));
        silent := told is null;
        to_tell := to_tell[told operator(pg_catalog.+) 1 :];
      end loop;
    end if;
    foreach member in array coalesce(alone, '{}') loop
      -- a claim left is due again in a second, for any drain
      exit when pg_catalog.clock_timestamp() operator(pg_catalog.>=) stop_at;
      call inboxdb.next_transaction();
      perform pg_catalog.set_config('application_name', 'inboxdb drain_dirty ' operator(pg_catalog.||) run_id, true);
      select d.outcome, d.version, d.changed_scopes, d.seconds_waited into drain_outcome, new_version, scopes, waited
      from inboxdb.drain_next(member) as d;
      if drain_outcome operator(pg_catalog.=) 'failed' then
        failures := failures operator(pg_catalog.+) 1;
      elsif drain_outcome operator(pg_catalog.=) 'refreshed' then
        refreshes := refreshes operator(pg_catalog.+) 1;
      end if;
      if waited is not null then
        samples := samples operator(pg_catalog.||) waited::pg_catalog.float4;
      end if;
      if scopes is not null and not silent then
        call inboxdb.next_transaction();
        silent := inboxdb.send_signals(member, new_version, scopes) is null;
      end if;
    end loop;
  end loop;
  call inboxdb.next_transaction();
  perform inboxdb.heartbeat(
    run_id, 'sql', 1, refreshes, failures, samples, true, troubles, set_undone_by
  );
  if inboxdb.suspended_since() is not null then
    raise warning using
      message = 'inboxdb is suspended, so nothing is drained'
        operator(pg_catalog.||) coalesce(': ' operator(pg_catalog.||) inboxdb.why_suspended(), ''),
      hint = 'inboxdb migrate resume, once the host''s own migration is through.';
  end if;
end
$$;
