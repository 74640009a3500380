create or replace function inboxdb.choose_source(asked inboxdb.analytics_window, stored_for text)
returns inboxdb.analytics_window
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: choose from where a window is answered: from aggregates where they are trusted, of the window's time zone
--   and of today's definitions, and have all its days; else live, where a setter's leads are not too many.
-- Parameters: asked, the window; stored_for, of whom there are aggregates: everybody, members who see the whole
--   workspace, or nobody.
-- Returns: the window, with the number of the workspace where aggregates answer.
-- Errors: IB021 for a setter with too many leads.
-- Reads: analytics_workspace, setting; a setter's leads by the host's index.
-- INVOKER: called by require_window only.
declare
  -- how many leads of a setter are read live
  most constant integer := 200000;
begin
  if stored_for = 'everybody' or (stored_for = 'members' and asked.scope = inboxdb.sentinel()) then
    asked.number := (
      select w.number
      from inboxdb.analytics_workspace as w
      where w.client_id = asked.client_id
        and w.walked_at is not null
        and w.time_zone = asked.time_zone
        and w.definitions = inboxdb.analytics_definitions()
        and asked.from_day >= inboxdb.kept_from()
        and inboxdb.setting('analytics_source') = 'stored'
        and inboxdb.has_analytics()
    );
  end if;
  if asked.number is null and asked.scope <> inboxdb.sentinel() and (
    select pg_catalog.count(*) > most
    from (
      select from public."Lead" as l
      where l."clientId" = asked.client_id and l."assignedToUserId" = asked.scope
      limit most + 1
    ) as own
  ) then
    perform inboxdb.refuse_argument(
      'client_id', pg_catalog.format('a workspace where at most %s leads are assigned to the setter who asks', most)
    );
  end if;
  return asked;
end
$$;
