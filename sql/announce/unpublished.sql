create or replace function inboxdb.unpublished(
  at_most integer default 1000,
  after_since timestamptz default '-infinity', after_client_id text default null, after_key text default ''
)
returns table (
  unpublished_since timestamptz, kind text, client_id text, item text, rank bigint, redis_key text, value text
)
language sql stable security definer
set search_path = ''
-- of the last row's own time there may be a million rows, where a custom plan expects one, and sorts
set plan_cache_mode = force_generic_plan
as $$
  -- Purpose: versions and job statuses to be copied to the cache, the longest waiting first.
  -- Parameters: at_most, rows; unpublished_since, workspace and key of the last row of an earlier answer, to go on
  --   behind it: a key that the cache refuses stays unpublished, and must not hold up the ones behind it (D108).
  -- Returns: since when; kind, version or job; the workspace; the version's family or the job's name; rank, the greater
  --   in a newer copy; key and value.
  -- Source: docs/contracts.md.
  -- Reads: cache_version_copy, job_status_copy.
  -- DEFINER: its callers have no rights in inboxdb.
  select u.unpublished_since, u.kind, u.client_id::pg_catalog.text, u.item, u.rank, u.redis_key, u.redis_value
  from (
    (
      select v.unpublished_since, v.client_id, v.kind, v.item, v.rank, v.redis_key, v.redis_value
      from inboxdb.cache_version_copy as v
      where v.unpublished_since is not null
        and (v.unpublished_since, v.client_id, v.redis_key)
        > (after_since, after_client_id::inboxdb.client_id, after_key)
      order by v.unpublished_since, v.client_id, v.redis_key
      limit at_most
    )
    union all
    (
      select s.unpublished_since, s.client_id, s.kind, s.item, s.rank, s.redis_key, s.redis_value
      from inboxdb.job_status_copy as s
      where s.unpublished_since is not null
        and (s.unpublished_since, s.client_id, s.redis_key)
        > (after_since, after_client_id::inboxdb.client_id, after_key)
      order by s.unpublished_since, s.client_id, s.redis_key
      limit at_most
    )
  ) as u
  order by u.unpublished_since, u.client_id, u.redis_key
  limit at_most
$$;
