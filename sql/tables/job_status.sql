create table inboxdb.job_status (
  job_name text not null check (job_name in ('recompute-inbox-counts', 'recompute-analytics-aggregates')),
  client_id inboxdb.client_id not null,
  last_started_at timestamptz not null,
  last_finished_at timestamptz not null,
  last_status text not null check (last_status in ('succeeded', 'failed')),
  last_error text,
  duration_ms integer not null,
  attempt integer not null,
  primary key (job_name, client_id)
)
with (fillfactor = 70);

comment on table inboxdb.job_status is 'How the last run of each job went, per workspace.';
comment on column inboxdb.job_status.last_error is 'SQLSTATE and our own sentence; never a server message.';
comment on column inboxdb.job_status.attempt is 'Which attempt since the workspace became dirty this run was.';
