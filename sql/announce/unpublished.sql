create or replace function inboxdb.unpublished(at_most integer default 1000)
returns table (kind text, client_id text, item text, rank bigint, redis_key text, value text)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: versions and job statuses to be copied to the cache, the longest waiting first.
  -- Parameters: at_most, rows.
  -- Returns: kind, version or job; the workspace; the version's family or the job's name; rank, the greater in a newer
  --   copy: the version, or when the job started, in microseconds since 1970; key and value.
  -- Source: docs/contracts.md.
  -- Reads: cache_version, job_status, job.
  -- DEFINER: its callers have no rights in inboxdb.
  select u.kind, u.client_id, u.item, u.rank, u.redis_key, u.value
  from (
    (
      select
        v.unpublished_since, 'version', v.client_id::pg_catalog.text, v.family, v.version,
        pg_catalog.format('%s:v1:ver:%s', v.family, v.client_id), v.version::pg_catalog.text
      from inboxdb.cache_version as v
      where v.unpublished_since is not null
      order by v.unpublished_since
      limit at_most
    )
    union all
    (
      select
        s.unpublished_since, 'job', s.client_id::pg_catalog.text, s.job_name,
        (pg_catalog.date_part('epoch', s.last_started_at) * 1000000)::pg_catalog.int8,
        pg_catalog.format('jobs:v1:%s:%s', s.job_name, s.client_id),
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
          || case when (select j.has_modes from inboxdb.job as j where j.job_name = s.job_name)
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
        )::pg_catalog.text
      from inboxdb.job_status as s
      where s.unpublished_since is not null
      order by s.unpublished_since
      limit at_most
    )
  ) as u (unpublished_since, kind, client_id, item, rank, redis_key, value)
  order by u.unpublished_since
  limit at_most
$$;
