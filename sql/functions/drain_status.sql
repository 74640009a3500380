create function inboxdb.drain_status(
  out dirty_workspaces integer,
  out pending_changes bigint,
  out oldest_dirty_seconds double precision,
  out failing_workspaces integer,
  out collected_at timestamptz,
  out counts_source text
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how far behind the drain is, from the log itself and not only from what a collector has seen.
  -- Returns: workspaces whose counts may be behind; changes in the log; how long ago the oldest reason was noted (0
  --   when there is none), which a host transaction that stays open long makes older than its commit; workspaces whose
  --   last attempt failed; when a collector last looked; the setting counts_source.
  -- Reads: waiting, change, inbox_counts_dirty, drain_state, setting. Its cost grows with the log.
  -- DEFINER: its callers have no rights in inboxdb.
  select
    (select pg_catalog.count(distinct w.client_id) from inboxdb.waiting as w),
    (select pg_catalog.count(*) from inboxdb.change),
    (
      select coalesce(greatest(pg_catalog.date_part('epoch', inboxdb.clock() - pg_catalog.min(w.since)), 0), 0)
      from inboxdb.waiting as w
    ),
    (select pg_catalog.count(*) from inboxdb.inbox_counts_dirty as d where d.last_error is not null),
    (select s.collected_at from inboxdb.drain_state as s),
    (select s.setting_value from inboxdb.setting as s where s.setting_name = 'counts_source')
$$;
