create or replace function inboxdb.confirm_published(kinds text[], client_ids text[], items text[], ranks bigint[])
returns integer
language plpgsql volatile security definer
set search_path = ''
-- lookups by key: the planner knows the sizes neither of the arrays nor of the tables
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set jit = off
as $$
-- Purpose: clear unpublished_since of versions and statuses copied to the cache. Called after the copy: a crash between
--   the two costs a second copy and loses nothing (D43).
-- Parameters: arrays of one length: kind, client_id, item and rank as unpublished returned them.
-- Returns: how many are published now: rows with a newer rank by now, and rows locked by a writer, are left.
-- Writes: cache_version, job_status, drain_state.publisher_seen_at (every 10 seconds at most).
-- DEFINER: its callers have no rights in inboxdb.
declare
  versions integer;
  jobs integer;
begin
  -- not pg_catalog.unnest: with several arrays unnest is syntax, under its bare name only
  update inboxdb.cache_version as v
  set unpublished_since = null
  where (v.client_id, v.family, v.version) in (
    select locked.client_id, locked.family, locked.version
    from unnest(kinds, client_ids, items, ranks) as p (kind, client_id, item, rank)
    inner join inboxdb.cache_version as locked
      on p.client_id::inboxdb.client_id = locked.client_id and p.item = locked.family
    where p.kind = 'version' and locked.version = p.rank
    for update of locked skip locked
  );
  get diagnostics versions = row_count;

  update inboxdb.job_status as j
  set unpublished_since = null
  where (j.client_id, j.job_name, j.last_started_at) in (
    select locked.client_id, locked.job_name, locked.last_started_at
    from unnest(kinds, client_ids, items, ranks) as p (kind, client_id, item, rank)
    inner join inboxdb.job_status as locked
      on p.client_id::inboxdb.client_id = locked.client_id and p.item = locked.job_name
    where p.kind = 'job'
      and locked.last_started_at = pg_catalog.timestamptz 'epoch' + p.rank * interval '1 microsecond'
    for update of locked skip locked
  );
  get diagnostics jobs = row_count;

  update inboxdb.drain_state as s
  set publisher_seen_at = pg_catalog.clock_timestamp()
  where s.revision = (
    select locked.revision
    from inboxdb.drain_state as locked
    where locked.revision >= (select now.revision from inboxdb.drain_state_now as now)
      and (
        locked.publisher_seen_at is null
        or locked.publisher_seen_at not between
        pg_catalog.clock_timestamp() - interval '10 seconds' and pg_catalog.clock_timestamp()
      )
    for update skip locked
  );
  return versions + jobs;
end
$$;
