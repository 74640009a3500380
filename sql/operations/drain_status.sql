create or replace function inboxdb.drain_status(
  out dirty_workspaces integer,
  out pending_changes bigint,
  out oldest_dirty_seconds double precision,
  out late_workspaces integer,
  out failing_workspaces integer,
  out quarantined_workspaces integer,
  out workers_seen integer,
  out last_drain_at timestamptz,
  out freshness_p50 double precision,
  out freshness_p95 double precision,
  out freshness_p99 double precision,
  out log_bytes bigint,
  out unpublished_keys bigint,
  out unpublished_seconds double precision,
  out counts_source text,
  out suspended_since timestamptz,
  out suspended_because text,
  out audit_period_seconds double precision,
  out oldest_audit_seconds double precision,
  out drifted_workspaces integer,
  out self_healed_workspaces integer,
  out arrived_at timestamptz,
  out troubled_runs integer,
  out run_troubles text
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how far behind the drain is, by the log itself and not by the work list alone.
  -- Returns: dirty workspaces; changes in the log; how long ago the oldest of them was noted (0 without any), which may
  --   be long before the commit of the host's transaction; late workspaces, waiting longer than the promised 15 seconds
  --   since a collector could see their change; failing workspaces, to be tried again, and quarantined ones;
  --   connections of drains with a heartbeat within 30 seconds; the last heartbeat of any drain; how many seconds
  --   changes waited in the last hour, percentiles over refreshes, null without any; bytes of the log; keys not yet
  --   copied to the cache and how long the oldest has waited, null where nothing was ever copied; the setting
  --   counts_source; since when inboxdb is suspended, null while not, and why, null where by command; within how long
  --   every workspace is to be audited again, and how long ago the last audit was of the workspace audited the longest
  --   ago, quarantined ones excepted, null without any; workspaces in which drift was found in the last day, and among
  --   them those found because a refresh by change did not fit.
  -- Reads: waiting, change, inbox_counts_dirty, drain_state, run, freshness, cache_version, job_status, setting,
  --   workspace, drift. Its cost grows with the log.
  -- DEFINER: its callers have no rights in inboxdb.
  with
  state as (
    select d.collected_at, d.publisher_seen_at, d.arrived_at from inboxdb.drain_state_now as d
  ),
  drains as (
    select
      coalesce(pg_catalog.sum(r.workers) filter (
        where r.ended_at is null and r.seen_at > inboxdb.clock() - interval '30 seconds'
      ), 0) as workers,
      greatest(pg_catalog.max(r.seen_at), (select s.collected_at from state as s)) as last_at
    from inboxdb.run as r
  ),
  troubled as (
    select
      pg_catalog.count(*) as runs,
      pg_catalog.string_agg(pg_catalog.format('run %s: %s', r.run_id, t.troubles), '; ' order by r.seen_at desc) as told
    from inboxdb.run as r
    cross join lateral (
      select
        pg_catalog.concat_ws(
          '; ', r.troubles,
          case
            when r.undone_at > inboxdb.clock() - interval '1 minute'
              then 'undid sets of workspaces, refreshed one by one instead: ' || r.undone_by
          end
        ) as troubles
    ) as t
    -- the one before a schedule's next run, too
    where t.troubles <> '' and r.seen_at > inboxdb.clock() - interval '1 minute'
  ),
  reasons as (
    select pg_catalog.count(distinct w.client_id) as workspaces, pg_catalog.min(w.since) as oldest
    from inboxdb.waiting as w
  ),
  late as (
    select d.client_id
    from inboxdb.work_list as d
    where d.collected_at < inboxdb.clock() - inboxdb.promised_freshness() and d.quarantined_at is null
    union
    -- no collector has looked since, although drains may have a heartbeat: all are busy, or a collector hangs
    select w.client_id
    from inboxdb.waiting as w
    cross join state as s
    where w.since < inboxdb.clock() - inboxdb.promised_freshness()
      and coalesce(s.collected_at < inboxdb.clock() - inboxdb.promised_freshness(), true)
      and not exists (
        select from inboxdb.work_list as q where q.client_id = w.client_id and q.quarantined_at is not null
      )
  ),
  fresh as (
    select pg_catalog.percentile_cont(array[0.5, 0.95, 0.99]) within group (order by one.seconds) as at
    from inboxdb.freshness as f
    cross join pg_catalog.unnest(f.seconds) as one (seconds)
    where f.sampled_at > inboxdb.clock() - interval '1 hour'
  ),
  unpublished as (
    select pg_catalog.count(*) as keys, pg_catalog.min(u.unpublished_since) as oldest
    from (
      select v.unpublished_since from inboxdb.cache_version as v where v.unpublished_since is not null
      union all
      select j.unpublished_since from inboxdb.job_status as j where j.unpublished_since is not null
    ) as u
    -- without a cache in use everything stays unpublished
    where exists (select from state as s where s.publisher_seen_at is not null)
  ),
  healed as (
    select
      pg_catalog.count(distinct d.client_id) as workspaces,
      pg_catalog.count(distinct d.client_id) filter (where d.found_by = 'did_not_fit') as by_themselves
    from inboxdb.drift as d
    where d.found_at > inboxdb.clock() - interval '1 day'
  )
  select
    r.workspaces,
    (select pg_catalog.count(*) from inboxdb.change),
    coalesce(greatest(pg_catalog.date_part('epoch', inboxdb.clock() - r.oldest), 0), 0),
    (select pg_catalog.count(*) from late),
    (
      select pg_catalog.count(*)
      from inboxdb.work_list as d
      where d.last_error is not null and d.quarantined_at is null
    ),
    (select pg_catalog.count(*) from inboxdb.work_list as d where d.quarantined_at is not null),
    d.workers,
    d.last_at,
    f.at[1],
    f.at[2],
    f.at[3],
    (
      select pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))
      from pg_catalog.pg_class as c
      where c.relnamespace = pg_catalog.to_regnamespace('inboxdb')
        and c.relname in ('change_0', 'change_1', 'change_2', 'change_3')
    ),
    case when s.publisher_seen_at is not null then u.keys end,
    case
      when s.publisher_seen_at is not null
        then coalesce(greatest(pg_catalog.date_part('epoch', inboxdb.clock() - u.oldest), 0), 0)
    end,
    inboxdb.setting('counts_source'),
    inboxdb.suspended_since(),
    inboxdb.why_suspended(),
    pg_catalog.date_part('epoch', inboxdb.audit_period()),
    (
      select pg_catalog.max(greatest(pg_catalog.date_part('epoch', inboxdb.clock() - w.audited_at), 0))
      from inboxdb.workspace as w
      where not exists (
          select from inboxdb.work_list as q where q.client_id = w.client_id and q.quarantined_at is not null
        )
    ),
    h.workspaces,
    h.by_themselves,
    s.arrived_at,
    t.runs,
    t.told
  from reasons as r
  cross join drains as d
  cross join fresh as f
  cross join unpublished as u
  cross join state as s
  cross join healed as h
  cross join troubled as t
$$;
