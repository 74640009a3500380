create function inboxdb.send_signals(
  target_client_id inboxdb.client_id, new_version bigint, changed_scopes inboxdb.user_id[]
) returns integer
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '1s'
as $$
-- Purpose: tell clients that something changed, never what: one signal to the workspace's global scope, one to each
--   user's whose counts or leads did. Called once the new version is committed, in a transaction of its own, which also
--   keeps the database-wide lock of NOTIFY and a broken realtime out of the refresh.
-- Parameters: target_client_id, new_version, changed_scopes: what drain_next returned.
-- Returns: how many signals were handed over; one that cannot be is left: clients poll, too. Null where that took more
--   than 2 s: the drain then does better to send no more for a while.
-- Source: docs/contracts.md.
-- Writes: realtime.messages through Supabase's realtime.send, where that exists; else the channel inboxdb.
-- DEFINER: the drain has no rights in Supabase's schema realtime.
declare
  scope inboxdb.user_id;
  payload pg_catalog.jsonb;
  on_supabase pg_catalog.bool := false;
  give_up_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '2 seconds';
  sent pg_catalog.int4 := 0;
begin
  -- looking into a schema that is not ours to use would be an error
  if pg_catalog.to_regnamespace('realtime') is not null
    and pg_catalog.has_schema_privilege('realtime', 'usage')
  then
    -- Supabase's own, a superuser's, or ours: anybody who may create a schema could name one so, and it runs as us
    on_supabase := exists (
      select
      from pg_catalog.pg_proc as p
      inner join pg_catalog.pg_roles as r on p.proowner = r.oid
      where p.oid = pg_catalog.to_regprocedure(
          'realtime.send(pg_catalog.jsonb,pg_catalog.text,pg_catalog.text,pg_catalog.bool)'
        )
        and (r.rolsuper or r.rolname = current_user)
    );
  end if;

  foreach scope in array inboxdb.sentinel() || changed_scopes loop
    -- realtime.send swallows a lock_timeout, and would wait anew for each user
    if pg_catalog.clock_timestamp() > give_up_at then
      return null;
    end if;
    payload := pg_catalog.jsonb_build_object('workspace', target_client_id, 'scope', scope, 'version', new_version);
    begin
      if on_supabase then
        -- dynamic: the function is not there elsewhere
        execute 'select realtime.send($1, ''inbox_changed'', $2, true)'
        using payload, inboxdb.signal_topic(target_client_id, scope);
      -- a full queue would fail the commit, past any exception block
      elsif pg_catalog.pg_notification_queue_usage() < 0.9 then
        perform pg_catalog.pg_notify('inboxdb', payload::pg_catalog.text);
      else
        continue;
      end if;
      sent := sent + 1;
    exception when others then
      -- what the server says may quote the payload's neighbours; the client polls
      null;
    end;
  end loop;
  return sent;
end
$$;
