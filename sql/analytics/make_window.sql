create or replace function inboxdb.make_window(
  target_client_id inboxdb.client_id, scope inboxdb.user_id, from_day date, to_day date
)
returns inboxdb.analytics_window
language plpgsql stable
set search_path = ''
as $$
-- Purpose: check the days of a window, and find its time zone and bounds.
-- Parameters: target_client_id, scope: the caller has checked access; from_day, to_day, both inclusive.
-- Returns: the window.
-- Errors: IB021 for days that are no window.
-- Reads: as workspace_time_zones.
-- INVOKER: called by our DEFINER functions only.
begin
  if from_day is null or from_day not between '0001-01-01' and '9999-12-31' then
    perform inboxdb.refuse_argument('from_day', 'a day from 0001-01-01 to 9999-12-31');
  end if;
  if to_day is null or to_day not between '0001-01-01' and '9999-12-31'
    or to_day < from_day or to_day - from_day >= 400
  then
    perform inboxdb.refuse_argument('to_day', 'a day from from_day to 399 days later, and to 9999-12-31');
  end if;
  return (
    target_client_id, scope, from_day, to_day,
    (select z.time_zone from inboxdb.workspace_time_zones(array[target_client_id]) as z),
    -- a day wider on either side: no zone is, or was, as far from UTC
    (from_day - 1)::timestamp at time zone 'UTC', (to_day + 2)::timestamp at time zone 'UTC', null
  )::inboxdb.analytics_window;
end
$$;
