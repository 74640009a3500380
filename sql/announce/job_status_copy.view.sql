create or replace view inboxdb.job_status_copy as
-- Job statuses as a cache holds them. Source: docs/contracts.md.
select
  s.unpublished_since, s.client_id, 'job' as kind, s.job_name as item,
  (pg_catalog.date_part('epoch', s.last_started_at) * 1000000)::pg_catalog.int8 as rank,
  pg_catalog.format('jobs:v1:%s:%s', s.job_name, s.client_id) as redis_key,
  (
    pg_catalog.jsonb_build_object(
      'lastStartedAt', inboxdb.iso(s.last_started_at),
      'lastFinishedAt', inboxdb.iso(s.last_finished_at),
      'lastStatus', s.last_status,
      'lastError', s.last_error,
      'durationMs', s.duration_ms,
      'attempt', s.attempt,
      'runId', s.run_id
    )
    || case
      when (
        select j.has_modes
        from inboxdb.job as j
        where j.job_name = s.job_name
      )
        then pg_catalog.jsonb_build_object(
            'mode', case
              when s.last_status = 'failed' then null
              when s.recount_reason is null then 'by_change'
              else 'recount'
            end,
            'recountReason', s.recount_reason
          )
      else '{}'
    end
  )::pg_catalog.text as redis_value,
  s.ctid as place
from inboxdb.job_status as s;

comment on view inboxdb.job_status_copy is 'Job statuses as a cache holds them.';
comment on column inboxdb.job_status_copy.rank is 'The greater in a newer copy: the start, in microseconds since 1970.';
comment on column inboxdb.job_status_copy.place is 'The row''s place in its table, for keys_at_random.';
