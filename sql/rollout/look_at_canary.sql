create or replace function inboxdb.look_at_canary(this_canary integer) returns text
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: look at a canary and judge its stage, and take the flag back if a gate is breached; all in this transaction.
-- Parameters: this_canary.
-- Returns: observing; passed, if the stage may end; undecided, if observed for as long as may be; else how the canary
--   has ended. Null for an unknown canary.
-- Errors: IB004 above READ COMMITTED.
-- Locks: as hold_canary.
-- Reads: waiting, drift, work_list; as judge_canary. Writes: canary_look; as end_canary.
-- INVOKER: for the owner, and called by look_at_canaries.
declare
  held constant inboxdb.canary := inboxdb.hold_canary(this_canary);
  now constant pg_catalog.timestamptz := inboxdb.clock();
  stage inboxdb.canary_stage;
  this_look integer;
  breaches pg_catalog.text;
  judged pg_catalog.text;
begin
  if held.ended_at is not null or held.canary_number is null then
    return held.ended_as;
  end if;
  select s.* into stage
  from inboxdb.canary_stage as s
  where s.canary_number = this_canary
  order by s.stage_number desc
  limit 1;
  this_look := coalesce(
    (select pg_catalog.max(l.look) from inboxdb.canary_look as l where l.canary_number = this_canary), 0
  ) + 1;
  insert into inboxdb.canary_look (
    canary_number, look, stage_number, looked_at, seen, oldest_change_seconds, drifted, quarantined
  )
  select
    this_canary, this_look, stage.stage_number, now, pg_catalog.pg_current_snapshot(),
    coalesce(
      greatest(
        pg_catalog.date_part('epoch', now - (
          select pg_catalog.min(w.since)
          from inboxdb.waiting as w
          -- quarantine has a gate of its own, for what happens since the start
          where not exists (
              select from inboxdb.work_list as q where q.client_id = w.client_id and q.quarantined_at is not null
            )
        )), 0
      ), 0
    ),
    (select pg_catalog.count(*) from inboxdb.drift as d where d.found_at >= held.started_at),
    (select pg_catalog.count(*) from inboxdb.work_list as w where w.quarantined_at >= held.started_at);
  perform inboxdb.checkpoint('look_at_canary: looked');

  with gates as (
    select g.*
    from inboxdb.canary_look as l
    cross join lateral inboxdb.judge_canary(this_canary, l.stage_number, l.looked_at, l.seen) as g
    where l.canary_number = this_canary and l.look = this_look
  )
  select
    pg_catalog.string_agg(
      pg_catalog.concat_ws(' ', g.gate, g.function_name, g.class)
      || pg_catalog.format(' %s, allowed %s', g.measured::numeric(20, 3), g.allowed::numeric(20, 3)), '; '
      order by g.gate, g.function_name, g.class
    ) filter (where g.verdict = 'breached'),
    case
      when pg_catalog.bool_or(g.verdict = 'breached') then 'breached'
      when now < stage.began_at + held.observe then 'observing'
      when pg_catalog.bool_and(g.verdict = 'passed') then 'passed'
      when now < stage.began_at + held.at_most then 'observing'
      else 'undecided'
    end
  into breaches, judged
  from gates as g;
  update inboxdb.canary_look as l
  set verdict = judged
  where l.canary_number = this_canary and l.look = this_look;
  perform inboxdb.checkpoint('look_at_canary: judged');

  if judged = 'breached' then
    perform inboxdb.end_canary(
      this_canary, 'taken_back', pg_catalog.format('stage %s breached: %s', stage.stage_number, breaches)
    );
    perform inboxdb.checkpoint('look_at_canary: taken back');
    return 'taken_back';
  end if;
  return judged;
end
$$;
