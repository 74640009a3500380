create or replace function inboxdb.business_us(since timestamptz, until timestamptz, time_zone text) returns bigint
language plpgsql immutable parallel safe
set search_path = ''
as $$
-- Purpose: the part of a wait within business hours, defined here alone: Monday to Friday, 9 to 17 by the clock of a
--   time zone.
-- Parameters: since, until, not before since; time_zone.
-- Returns: microseconds.
-- By the calendar where the clock went as time did: no zone's clock was ever changed within business hours and changed
-- back within days. Else day by day.
-- INVOKER: reads nothing.
declare
  local_since constant pg_catalog.timestamp := since at time zone time_zone;
  local_until constant pg_catalog.timestamp := until at time zone time_zone;
begin
  if local_until - local_since = until - since then
    return inboxdb.office_us(local_until) - inboxdb.office_us(local_since);
  end if;
  return (
    select
      coalesce(
        pg_catalog.sum(
          pg_catalog.date_part('epoch', least(until, hours.closing) - greatest(since, hours.opening)) * 1000000
        ), 0
      )::bigint
    from (
      select
        (d.day + time '09:00') at time zone time_zone as opening,
        (d.day + time '17:00') at time zone time_zone as closing
      from (
        select local_since::pg_catalog.date + n as day
        from pg_catalog.generate_series(0, local_until::pg_catalog.date - local_since::pg_catalog.date) as n
      ) as d
      where extract(isodow from d.day) <= 5
        -- a day that a zone skipped has no hours
        and ((d.day + time '09:00') at time zone time_zone at time zone time_zone)::pg_catalog.date = d.day
    ) as hours
    where least(until, hours.closing) > greatest(since, hours.opening)
  );
end
$$;
