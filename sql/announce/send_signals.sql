create or replace function inboxdb.send_signals(
  target_client_id inboxdb.client_id, new_version bigint, changed_scopes inboxdb.user_id[]
) returns integer
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '1s'
as $$
-- Purpose: signal a change, without its content, to the workspace's global scope and to each user with changed counts
--   or leads. Called after the new version's commit, in a transaction of its own: the database-wide lock of NOTIFY, and
--   a broken realtime, stay out of the refresh (D62).
-- Parameters: target_client_id, new_version, changed_scopes: as returned by drain_next.
-- Returns: how many signals were handed over; failed ones are dropped, because clients poll, too. Null where sending
--   took more than 2 s: the drain then had better send none for a while.
-- Source: docs/contracts.md.
-- Writes: realtime.messages through Supabase's realtime.send, where it exists; else the channel inboxdb.
-- DEFINER: the drain has no rights in Supabase's schema realtime.
declare
  scope inboxdb.user_id;
  payload pg_catalog.jsonb;
  on_supabase pg_catalog.bool := false;
  give_up_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '2 seconds';
  sent pg_catalog.int4 := 0;
begin
  -- without USAGE on the schema, naming its objects raises an error
  if pg_catalog.to_regnamespace('realtime') is not null
    and pg_catalog.has_schema_privilege('realtime', 'usage')
  then
    -- a schema of Supabase's, a superuser's or ours only: anybody else's function of this name would run as us
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

  perform inboxdb.checkpoint('signalling', target_client_id::pg_catalog.text);
  foreach scope in array inboxdb.sentinel() || changed_scopes loop
    -- realtime.send swallows a lock_timeout: without a limit here each further user would wait again
    if pg_catalog.clock_timestamp() > give_up_at then
      return null;
    end if;
    payload := pg_catalog.jsonb_build_object('workspace', target_client_id, 'scope', scope, 'version', new_version);
    begin
      if on_supabase then
        -- dynamic, because realtime.send exists on Supabase only
        execute 'select realtime.send($1, ''inbox_changed'', $2, true)'
        using payload, inboxdb.signal_topic(target_client_id, scope);
      -- a full NOTIFY queue fails the commit, after every exception block
      elsif pg_catalog.pg_notification_queue_usage() < 0.9 then
        perform pg_catalog.pg_notify('inboxdb', payload::pg_catalog.text);
      else
        continue;
      end if;
      sent := sent + 1;
    exception when others then
      -- nothing is reported, because the server's message may quote other payloads; the client polls
      null;
    end;
  end loop;
  return sent;
end
$$;
