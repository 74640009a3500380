create or replace function inboxdb.rollout_state(
  out flags_off integer,
  out canaries integer,
  out undecided_canaries integer,
  out unwatched_canary_seconds double precision,
  out taken_back_canaries integer
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how rollouts are, for whoever watches; apart from drain_status, whose columns older programs know.
  -- Returns: flags off for a workspace at least; canaries at work; canaries undecided at their last look; seconds since
  --   the last look at the canary without a look for longest, 0 without a canary; canaries taken back in the last day.
  -- Reads: flag, flag_override, canary, canary_look.
  -- DEFINER: its callers have no rights in inboxdb.
  with
  looks as (
    select
      c.started_at,
      (
        select l.looked_at
        from inboxdb.canary_look as l
        where l.canary_number = c.canary_number
        order by l.look desc
        limit 1
      ) as looked_at,
      (
        select l.verdict
        from inboxdb.canary_look as l
        where l.canary_number = c.canary_number
        order by l.look desc
        limit 1
      ) as verdict
    from inboxdb.canary as c
    where c.ended_at is null
  )
  select
    (
      select pg_catalog.count(*)
      from inboxdb.flag as f
      where f.percentage < 100
        or exists (select from inboxdb.flag_override as o where o.flag_name = f.flag_name and not o.is_on)
    ),
    pg_catalog.count(*),
    pg_catalog.count(*) filter (where l.verdict = 'undecided'),
    coalesce(
      greatest(
        pg_catalog.max(pg_catalog.date_part('epoch', inboxdb.clock() - coalesce(l.looked_at, l.started_at))), 0
      ), 0
    ),
    (
      select pg_catalog.count(*)
      from inboxdb.canary as c
      where c.ended_as = 'taken_back' and c.ended_at > inboxdb.clock() - interval '1 day'
    )
  from looks as l
$$;
