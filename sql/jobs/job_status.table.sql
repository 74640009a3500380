create table inboxdb.job_status (
  job_name text not null check (job_name ~ '^[a-z]+(-[a-z]+)*$'),
  client_id inboxdb.client_id not null,
  last_started_at timestamptz not null,
  last_finished_at timestamptz not null,
  last_status text not null check (last_status in ('succeeded', 'failed')),
  last_error text,
  duration_ms integer not null,
  attempt integer not null,
  recount_reason text,
  run_id text,
  unpublished_since timestamptz,
  -- One row per workspace and job is the promise of the only writer, record_job, under the workspace's lock. The start
  -- is in the key so that lookups and uniqueness checks visit no dead rows kept by a held snapshot (D35).
  primary key (client_id, job_name, last_started_at)
);

create index job_status_unpublished_since_idx on inboxdb.job_status (unpublished_since, client_id)
where unpublished_since is not null;

comment on table inboxdb.job_status is 'How the last run of each job went, per workspace.';
comment on column inboxdb.job_status.job_name is
'As in view job, by record_job; a part of a key in Redis, so without a colon.';
comment on column inboxdb.job_status.last_error is 'SQLSTATE and our own sentence; never a server message.';
comment on column inboxdb.job_status.attempt is 'Which attempt since the workspace became dirty this run was.';
comment on column inboxdb.job_status.recount_reason is
'Why a refresh was a recount: see function reason_to_recount; recompute, audit and did_not_fit besides. Null after a '
'refresh by change, or a failure.';
comment on column inboxdb.job_status.run_id is 'The run (see table run); null for a refresh outside of a run.';
comment on column inboxdb.job_status.unpublished_since is
'When the oldest status not yet copied to the cache was written; null once copied.';
