create or replace function inboxdb.send_all_signals(refreshes jsonb) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: signal the changes of several workspaces, as send_signals does for one, in one transaction.
-- Parameters: refreshes, an array of objects with client_id, version and changed_scopes, as returned by drain_next or
--   drain_set.
-- Returns: how many of the workspaces were told, in their order: not all, where telling took more than a second, so
--   that the commit comes soon. Null where sending to a single workspace took more than 2 s: the drain then had better
--   send none for a while.
-- Writes: as send_signals.
-- DEFINER: the drain has no rights in Supabase's schema realtime.
declare
  give_up_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '1 second';
  refresh pg_catalog.record;
  told integer := 0;
begin
  for refresh in
    select r.client_id, r.version, r.changed_scopes
    from pg_catalog.jsonb_to_recordset(refreshes)
      as r (client_id inboxdb.client_id, version bigint, changed_scopes inboxdb.user_id[])
  loop
    if inboxdb.send_signals(refresh.client_id, refresh.version, refresh.changed_scopes) is null then
      return null;
    end if;
    told := told + 1;
    exit when pg_catalog.clock_timestamp() > give_up_at;
  end loop;
  return told;
end
$$;
