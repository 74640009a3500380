-- Undoes 0018-canary: puts back what was before. Canaries are gone; their flags stay as they are.
-- Locks: none on the host's tables.

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inboxdb.canary_evidence(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.abort_canary(integer, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.advance_canary(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.look_at_canaries();
-- squawk-ignore ban-drop-function
drop function inboxdb.look_at_canary(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.hold_canary(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.end_canary(integer, text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.start_canary(text, integer[], interval, interval, interval);
-- squawk-ignore ban-drop-function
drop function inboxdb.refuse_canary(text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.judge_canary(integer, integer, timestamptz, pg_snapshot);
-- squawk-ignore ban-drop-function
drop function inboxdb.canary_samples(integer, integer, timestamptz, pg_snapshot);
-- squawk-ignore ban-drop-table
drop table inboxdb.canary_look;
-- squawk-ignore ban-drop-table
drop table inboxdb.canary_stage;
-- squawk-ignore ban-drop-table
drop table inboxdb.canary;
-- squawk-ignore ban-drop-view
drop view inboxdb.read_target;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, text, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> 0017-upkeep:jobs/maintenance.view.sql
create or replace view inboxdb.maintenance as
-- The work of drains besides refreshes, a row each. A new row and its function are all that both drains need; maintain
-- keeps the clock, the share of time and failures.
select
  m.item, m.run_every::interval as run_every, m.time_limit::interval as time_limit,
  m.time_share::double precision as time_share, m.burst::interval as burst, m.chooser, m.function_name
from (
  values
  ('arrive', '5 s', '5 s', null, null, null, 'inboxdb.arrive'),
  ('check-host', '5 s', '5 s', null, null, null, 'inboxdb.check_host'),
  ('empty-slice', '5 s', '5 s', null, null, null, 'inboxdb.empty_slice'),
  ('prune', '5 s', '5 s', null, null, null, 'inboxdb.prune'),
  ('prune-samples', '5 s', '5 s', null, null, null, 'inboxdb.prune_samples'),
  ('refresh-texts', '5 s', '5 s', null, null, null, 'inboxdb.refresh_texts'),
  ('refresh-texts-at-rest', '1 s', '5 s', 0.25, '1 s', null, 'inboxdb.refresh_texts'),
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed')
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name)
union all
-- the host's tables: what is on, and possible
select
  u.item, p.run_every::interval as run_every, p.time_limit::interval as time_limit, null as time_share, null as burst,
  null as chooser, u.function_name
from inboxdb.upkeep as u
cross join (values ('10 s', '5 s')) as p (run_every, time_limit)
where case
    when inboxdb.setting(u.setting_name) = 'on' and inboxdb.suspended_since() is null
      then inboxdb.missing_for_upkeep(u.item) is null
  end;

comment on view inboxdb.maintenance is 'The work of drains besides refreshes: see function maintain.';
comment on column inboxdb.maintenance.run_every is
'How long after its end the item is due again, in each run; at rest at once where its function has more to do.';
comment on column inboxdb.maintenance.time_limit is
'The runner cancels the function after so long; with a workspace after the time limit of a refresh, if longer.';
comment on column inboxdb.maintenance.time_share is
'The share of a worker''s time, spent while no workspace is due; null beside the refreshes, in each run once.';
comment on column inboxdb.maintenance.burst is 'The time that a worker may save up for the item.';
comment on column inboxdb.maintenance.chooser is
'A function that returns a workspace, null if none is due; committed before the work. Null without workspaces.';
comment on column inboxdb.maintenance.function_name is
'A function without parameters, which may return whether there is more to do; after a chooser of the workspace, and'
' returning outcome, version and changed_scopes.';
-- <<< 0017-upkeep:jobs/maintenance.view.sql

-- >>> 0017-upkeep:jobs/maintenance_credit.sql
create or replace function inboxdb.maintenance_credit(kept jsonb, item inboxdb.maintenance, now double precision)
returns double precision
language sql immutable
set search_path = ''
as $$
  -- Purpose: how many seconds a worker may spend on an item of maintenance: a share of the time that passes, saved up
  --   to a burst, less the time spent.
  -- Parameters: kept, as maintain keeps it; item, with a share; now, in seconds since 1970.
  -- Returns: seconds, the burst at first; infinite for an item without a share.
  -- INVOKER: reads nothing.
  select case
    when item.time_share is null then 'infinity'
    else least(
      pg_catalog.date_part('epoch', item.burst),
      coalesce((kept #>> array[item.item, 'credit'])::double precision, pg_catalog.date_part('epoch', item.burst))
      + item.time_share * greatest(now - coalesce((kept #>> array[item.item, 'at'])::double precision, now), 0)
    )
  end
$$;
-- <<< 0017-upkeep:jobs/maintenance_credit.sql

-- >>> 0017-upkeep:jobs/after_maintenance.sql
create or replace function inboxdb.after_maintenance(
  kept jsonb, item inboxdb.maintenance, outcome text, now double precision
)
returns jsonb
language sql immutable
set search_path = ''
as $$
  -- Purpose: put the item at hand down: note when it ended, and subtract the time that it took from its credit.
  -- Parameters: kept, as maintain keeps it; item, as in view maintenance; outcome, as maintain returns it; now, in
  --   seconds since 1970.
  -- Returns: kept, with nothing at hand.
  -- Seconds are kept as numeric, because the text of a double precision follows extra_float_digits of the session.
  -- INVOKER: reads nothing.
  select (kept - 'at_hand') || pg_catalog.jsonb_build_object(
    item.item, pg_catalog.jsonb_build_object(
      'at', now::numeric,
      'credit', case
        when item.time_share is not null
          then (
            inboxdb.maintenance_credit(kept, item, now)
            - greatest(now - (kept #>> '{at_hand,began_at}')::double precision, 0)
          )::numeric
      end,
      'more', item.time_share is not null and outcome = 'more'
    )
  )
$$;
-- <<< 0017-upkeep:jobs/after_maintenance.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;
