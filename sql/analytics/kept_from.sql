create or replace function inboxdb.kept_from() returns date
language sql stable
set search_path = ''
as $$
  -- Purpose: from which day on aggregates of analytics are kept, by the setting analytics_days. Windows that begin
  --   before are answered live.
  -- Returns: a day, the same in every time zone; -infinity where all days are kept.
  -- Reads: setting.
  -- INVOKER: called by our DEFINER functions only.
  select case
    when s.days = 'all' then '-infinity'
    else (inboxdb.clock() at time zone 'UTC')::pg_catalog.date - s.days::integer
  end
  from (select inboxdb.setting('analytics_days') as days) as s
$$;
