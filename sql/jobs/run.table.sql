create table inboxdb.run (
  run_id text primary key check (run_id ~ '^[0-9a-f]{8}$'),
  kind text not null check (kind in ('once', 'for', 'watch', 'sql', 'http', 'inngest')),
  workers integer not null,
  started_at timestamptz not null,
  seen_at timestamptz not null,
  ended_at timestamptz,
  refreshed bigint not null,
  failed bigint not null,
  troubles text,
  undone_by text,
  undone_at timestamptz
)
with (fillfactor = 50);

comment on table inboxdb.run is
'The runs of the last day, one row each, written by the run alone: who is at work, and how much was refreshed.';
comment on column inboxdb.run.run_id is 'Also in the run''s application_name, in its log lines and in job_status.';
comment on column inboxdb.run.kind is
'drain-dirty once, --for, --watch; the procedure drain_dirty (sql); called over HTTP, or by Inngest.';
comment on column inboxdb.run.seen_at is 'Its last sign of life, every 5 seconds while it lives.';
comment on column inboxdb.run.ended_at is 'When the run ended; null while at work, and for ever if killed.';
comment on column inboxdb.run.refreshed is 'Refreshes so far.';
comment on column inboxdb.run.failed is 'Attempts that failed so far.';
comment on column inboxdb.run.troubles is
'What the run cannot do besides draining at its last sign of life, such as log or publish; null where all is well.';
comment on column inboxdb.run.undone_by is 'The SQLSTATE by which a set of the run was undone last.';
comment on column inboxdb.run.undone_at is 'The sign of life after that.';
