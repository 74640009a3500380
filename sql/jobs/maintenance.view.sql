create or replace view inboxdb.maintenance as
-- The work of drains besides refreshes, a row each. A new row and its function are all that both drains need; maintain
-- keeps the clock, the share of time and failures.
select
  m.item, m.run_every::interval as run_every, m.time_limit::interval as time_limit,
  m.time_share::double precision as time_share, m.burst::interval as burst, m.chooser, m.function_name, m.job_name
from (
  values
  ('arrive', '5 s', '5 s', null, null, null, 'inboxdb.arrive', null),
  ('check-host', '5 s', '5 s', null, null, null, 'inboxdb.check_host', null),
  ('empty-slice', '5 s', '5 s', null, null, null, 'inboxdb.empty_slice', null),
  ('prune', '5 s', '5 s', null, null, null, 'inboxdb.prune', null),
  ('look-at-canaries', '1 min', '10 s', null, null, null, 'inboxdb.look_at_canaries', null),
  ('prune-samples', '5 s', '5 s', null, null, null, 'inboxdb.prune_samples', null),
  ('refresh-texts', '5 s', '5 s', null, null, null, 'inboxdb.refresh_texts', null),
  ('keep-analytics', '20 s', '5 s', null, null, null, 'inboxdb.keep_analytics', 'recompute-analytics-aggregates'),
  ('refresh-analytics', '5 s', '60 s', null, null, 'inboxdb.next_analytics', 'inboxdb.refresh_analytics', null),
  (
    'refresh-analytics-at-rest', '0', '60 s', 0.25, '0.25 s', 'inboxdb.next_analytics', 'inboxdb.refresh_analytics',
    'recompute-analytics-aggregates'
  ),
  ('refresh-texts-at-rest', '1 s', '5 s', 0.25, '1 s', null, 'inboxdb.refresh_texts', null),
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed', null)
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name, job_name)
union all
-- the host's tables: what is on, and possible
select
  u.item, p.run_every::interval as run_every, p.time_limit::interval as time_limit, null as time_share, null as burst,
  null as chooser, u.function_name, null as job_name
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
'A function without parameters, which may return whether there is more to do, or an array of objects for the log; '
'after a chooser of the workspace, and returning outcome, version and changed_scopes.';
comment on column inboxdb.maintenance.job_name is
'The job whose runs, where they are of that job alone, do the item; null where none does.';
