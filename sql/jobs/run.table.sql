create table inboxdb.run (
  run_id text primary key check (run_id ~ '^[0-9a-f]{8}$'),
  kind text not null check (kind in ('once', 'for', 'watch', 'sql')),
  workers integer not null,
  started_at timestamptz not null,
  seen_at timestamptz not null,
  ended_at timestamptz,
  refreshed bigint not null,
  failed bigint not null
)
with (fillfactor = 50);

comment on table inboxdb.run is
'The drains of the last day, one row each, written by its own drain alone: who is at work, and what came of it.';
comment on column inboxdb.run.run_id is 'Stands in its application_name, its log lines and job_status, too.';
comment on column inboxdb.run.kind is 'drain-dirty once, --for, --watch, or the procedure drain_dirty.';
comment on column inboxdb.run.seen_at is 'Its last sign of life, every 5 seconds while it lives.';
comment on column inboxdb.run.ended_at is 'When it ended of its own accord; null while it is at work, or was killed.';
comment on column inboxdb.run.refreshed is 'Refreshes so far.';
comment on column inboxdb.run.failed is 'Attempts that failed so far.';
