create or replace function inboxdb.workspace_time_zone(target_client_id inboxdb.client_id) returns text
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the time zone whose days a workspace's analytics have.
-- Parameters: target_client_id.
-- Returns: the first known to the server of: the host's, the setting analytics_time_zone, UTC.
-- Reads: "WorkspaceSettings", where the host has the table (by name at run time, so that the table may come later);
--   setting.
-- INVOKER: called by our DEFINER functions only.
declare
  names pg_catalog.text[] := array[inboxdb.setting('analytics_time_zone'), 'UTC'];
  zone pg_catalog.text;
begin
  if inboxdb.missing_for_analytics('time zones') is null then
    names := array(
      select s.timezone::pg_catalog.text
      from public."WorkspaceSettings" as s
      where s."clientId" = target_client_id and s.timezone is not null
      order by s.timezone::pg_catalog.text collate "C"
    ) || names;
  end if;
  foreach zone in array names loop
    exit when inboxdb.is_time_zone(zone);
  end loop;
  return zone;
end
$$;
