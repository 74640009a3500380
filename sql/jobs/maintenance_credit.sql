create or replace function inboxdb.maintenance_credit(kept jsonb, item inboxdb.maintenance, now double precision)
returns double precision
language sql immutable
set search_path = ''
as $$
  -- Purpose: how many seconds a worker may spend on an item of maintenance: a share of the time that passes, saved up
  --   to a burst, less the time spent.
  -- Parameters: kept, as maintain keeps it; item, with a share; now, in seconds since 1970.
  -- Returns: seconds, the burst at first; infinite for an item without a share.
  -- INVOKER: reads nothing.
  select case
    when item.time_share is null then 'infinity'
    else least(
      pg_catalog.date_part('epoch', item.burst),
      coalesce((kept #>> array[item.item, 'credit'])::double precision, pg_catalog.date_part('epoch', item.burst))
      + item.time_share * greatest(now - coalesce((kept #>> array[item.item, 'at'])::double precision, now), 0)
    )
  end
$$;
