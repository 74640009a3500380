create or replace function inboxdb.refresh_set(target_client_ids inboxdb.client_id[], started_at timestamptz[])
returns table (
  client_id inboxdb.client_id, version bigint, changed_scopes inboxdb.user_id[], seconds_waited double precision
)
language plpgsql volatile
set search_path = ''
-- lookups by key: a plan made while the log is small is kept for the session, and has to do for a bloated log
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: refresh workspaces with a few changed leads each, by a few statements for all of them (D119).
-- Parameters: target_client_ids, whose locks the caller took in an EARLIER statement, being READ COMMITTED (D14);
--   started_at, of each.
-- Returns: a row per refreshed workspace, as refresh_workspace with a new version. Other workspaces are left as they
--   are, to be refreshed by themselves.
-- Errors: those of apply_changes. Nothing was changed then.
-- Reads, writes: as fit_for_set, apply_changes and record_jobs; inbox_counts_dirty.
-- INVOKER: called by drain_set only.
declare
  -- read after the locks and before the snapshot: never later than the leads evaluated
  as_of pg_catalog.timestamptz := inboxdb.clock();
  refreshed inboxdb.changed_workspace[];
  ids inboxdb.client_id[];
  attempt_numbers integer[];
begin
  perform inboxdb.checkpoint('workspace locked', w.client_id::pg_catalog.text)
  from pg_catalog.unnest(target_client_ids) as w (client_id);
  ids := inboxdb.fit_for_set(target_client_ids, as_of);
  if pg_catalog.cardinality(ids) = 0 then
    return;
  end if;
  refreshed := inboxdb.apply_changes(ids, as_of);

  perform inboxdb.checkpoint('counts stored', w.client_id::pg_catalog.text)
  from pg_catalog.unnest(ids) as w (client_id);
  perform inboxdb.checkpoint('versions bumped', w.client_id::pg_catalog.text)
  from pg_catalog.unnest(ids) as w (client_id);
  with
  work as materialized (
    select w.place, d.tid, d.attempts
    from pg_catalog.unnest(ids) with ordinality as w (client_id, place)
    left join lateral (
      select d.ctid as tid, d.attempts
      from inboxdb.inbox_counts_dirty as d
      where inboxdb.is_work_row(
          d.client_id, d.next_attempt_at, w.client_id, (select f.claim_from from inboxdb.read_floor as f)
        )
      offset 0
    ) as d on true
  ),
  done as (
    delete from inboxdb.inbox_counts_dirty as d using work as w where d.ctid = w.tid
  )
  select pg_catalog.array_agg(coalesce(w.attempts, 1) order by w.place) into attempt_numbers from work as w;
  perform inboxdb.record_jobs(
    'recompute-inbox-counts', ids,
    array(
      select started_at[pg_catalog.array_position(target_client_ids, w.client_id)]
      from pg_catalog.unnest(ids) with ordinality as w (client_id, place)
      order by w.place
    ),
    attempt_numbers, null, null
  );

  return query
  select w.client_id, w.version, w.touched_scopes, pg_catalog.date_part('epoch', inboxdb.clock() - w.noted_since)
  from pg_catalog.unnest(refreshed) as w;
end
$$;
