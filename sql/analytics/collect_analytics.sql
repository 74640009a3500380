create or replace function inboxdb.collect_analytics() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: make due the workspaces with changes of analytics, from the oldest and the newest 2,000 changes: at once, or
--   beside a run that stays 10 seconds after the last refresh, because each has a new version, which empties the
--   caches of readers (D172). A change of everything has every workspace walked through, and not trusted meanwhile.
--   Changes of a workspace that is not there yet, or in quarantine, are thrown away: its next walk finds what they
--   tell. In quarantine, where answers are live, 100 workspaces at most get a new version, each every 10 seconds.
--   Then raise the floor of analytics_change (D10).
-- Nothing is done beside another session doing the same.
-- Reads: noted_analytics, run. Writes: analytics_change, analytics_workspace, analytics_state, cache_version.
-- Locks: advisory locks, see lock_class: the collector's, and of workspaces in quarantine.
-- INVOKER: called by next_analytics only.
declare
  most constant integer := 2000;
  now constant pg_catalog.timestamptz := inboxdb.clock();
  quarantined inboxdb.client_id[] := '{}';
  is_everything boolean;
  is_any boolean;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('analytics collector'), 0) then
    return;
  end if;
  if exists (select from inboxdb.analytics_workspace as w where w.due_at = 'infinity' and w.client_id is not null) then
    quarantined := array(
      select q.client_id
      from (
        select distinct w.client_id
        from inboxdb.noted_analytics(most) as n
        inner join inboxdb.analytics_workspace as w on n.client_id = w.client_id
        where w.due_at = 'infinity' and w.refreshed_at between now - interval '10 seconds' and now is not true
        limit 100
      ) as q
      where inboxdb.try_lock_analytics(q.client_id)
    );
  end if;
  with
  noted as materialized (
    select n.tid, n.client_id, n.noted_at from inboxdb.noted_analytics(most) as n
  ),
  gone as (
    delete from inboxdb.analytics_change as c
    where c.ctid = any (array(
      select n.tid
      from noted as n
      left join inboxdb.analytics_workspace as w on n.client_id = w.client_id
      -- still in quarantine, after locking
      where w.client_id is null or (w.client_id = any (quarantined) and w.due_at = 'infinity')
    ))
  ),
  due as (
    update inboxdb.analytics_workspace as w
    set
      noted_since = d.noted_at,
      -- now + pause: a clock that went back holds nothing up
      due_at = least(w.due_at, now + p.pause, greatest(now, w.refreshed_at + p.pause))
    from (
      select n.client_id, pg_catalog.min(n.noted_at) as noted_at from noted as n group by n.client_id
    ) as d
    cross join (
      -- a single run hands changes on behind its first refreshes, and may be the last for a minute
      select
        case
          when exists (
            select
            from inboxdb.run as r
            where r.kind in ('watch', 'for') and r.ended_at is null and r.seen_at > now - interval '30 seconds'
          ) then interval '10 seconds'
          else interval '0'
        end
    ) as p (pause)
    where w.client_id = d.client_id and w.noted_since is null and w.attempts = 0 and w.due_at < 'infinity'
  )
  select coalesce(pg_catalog.bool_or(n.client_id is null), false), pg_catalog.count(*) > 0
  into is_everything, is_any
  from noted as n;
  if quarantined <> '{}' then
    perform inboxdb.new_versions('recompute-analytics-aggregates', quarantined);
    update inboxdb.analytics_workspace as w set refreshed_at = now where w.client_id = any (quarantined);
  end if;
  if is_everything then
    update inboxdb.analytics_workspace as w
    set walked_at = null, walk_began_at = null, walked_to = null, due_at = least(w.due_at, now)
    where w.client_id is not null and w.due_at < 'infinity';
  end if;

  -- not while nothing has happened, since each row of analytics_state leaves a dead row that a held snapshot keeps
  update inboxdb.analytics_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read
  from (
    select b.read_from, b.also_read
    from (select array(select n.xid from inboxdb.noted_analytics(256) as n order by n.xid limit 256) as xids) as u
    cross join lateral inboxdb.floor_above(u.xids, 256) as b
  ) as f
  where s.revision = (select n.revision from inboxdb.analytics_state_now as n)
    and (is_any or s.server_started_at <> pg_catalog.pg_postmaster_start_time());
end
$$;
