create or replace view inboxdb.job as
-- The jobs per workspace, a row each. A new job adds a row here, and a function that takes the workspace's lock, does
-- the work, and calls record_job and bump_versions with the name of the job; then a line in docs/contracts.md. Nothing
-- else is touched: record_job, time_limit, failure, bump_versions, unpublished and job_status read this view.
select j.job_name, j.run_name, j.function_name, j.families, j.seconds_per_lead, j.has_modes
from (
  values
  (
    'recompute-inbox-counts', 'refresh', 'inboxdb.recompute_inbox_counts',
    case
      -- as has_analytics: then the other job says when figures are others
      when exists (
          select
          from pg_catalog.pg_trigger as t
          where t.tgrelid = pg_catalog.to_regclass('public."Lead"') and t.tgname = 'inboxdb_note_analytics'
        ) then array['inbox']
      else array['inbox', 'analytics']
    end,
    0.00002::double precision, true
  ),
  (
    'recompute-analytics-aggregates', 'refresh of aggregates', 'inboxdb.recompute_analytics', array['analytics'],
    0.001, false
  )
) as j (job_name, run_name, function_name, families, seconds_per_lead, has_modes);

comment on view inboxdb.job is 'The jobs per workspace: job_status tells how the last run of each went.';
comment on column inboxdb.job.job_name is 'Also in job_status, and in the key jobs:v1:{job_name}:{workspace}.';
comment on column inboxdb.job.run_name is 'The word for a run of the job in sentences about a failure.';
comment on column inboxdb.job.function_name is
'Runs the job for one workspace by hand, given its id, and raises every error in full.';
comment on column inboxdb.job.families is 'The cache families to get new versions after a run: its own first.';
comment on column inboxdb.job.seconds_per_lead is
'The least time limit per lead: several times the duration of a run that evaluates all leads.';
comment on column inboxdb.job.has_modes is 'Whether a run is by change or a recount: mode and recountReason in Redis.';
