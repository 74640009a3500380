create or replace function inboxdb.last_runs(
  out last_command_run_at timestamptz,
  out last_sql_run_at timestamptz,
  out last_http_run_at timestamptz,
  out last_inngest_run_at timestamptz
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: when drains were last at work, by trigger, for `inboxdb status`; apart from drain_status, whose columns
  --   older programs know.
  -- Returns: the last sign of life of a run of drain-dirty, of the procedure drain_dirty, of a run called over HTTP,
  --   and of a run called by Inngest; null where table run, which keeps a day, lists no such run.
  -- Reads: run.
  -- DEFINER: its callers have no rights in inboxdb.
  select
    pg_catalog.max(r.seen_at) filter (where r.kind in ('once', 'for', 'watch')),
    pg_catalog.max(r.seen_at) filter (where r.kind = 'sql'),
    pg_catalog.max(r.seen_at) filter (where r.kind = 'http'),
    pg_catalog.max(r.seen_at) filter (where r.kind = 'inngest')
  from inboxdb.run as r
$$;
