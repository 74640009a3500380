-- inboxdb 0010: search in lists: the texts that searches look in, the log of their changes, what keeps them in drains, and
--   an argument of inbox_api.conversations. Where the host lacks a column that is searched, the view of texts is not made.
--   The indexes of texts are no part of this file: `inboxdb lists build` makes them, concurrently.
-- Locks: ACCESS SHARE on "Lead" until commit, as a query takes; on our own views and functions, for which drains and
--   readers wait. Duration: milliseconds.
-- Undo: 0010-search.rollback.sql puts back what was before; texts are filled anew after another 0010.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0010-search.sql (one transaction).
-- depends: 0009-lists

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, integer);
-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;
-- squawk-ignore ban-drop-view
drop view inboxdb.update_trigger;

-- >>> by hand, before the bodies
alter type inboxdb.list_condition add attribute terms text [];
alter type inboxdb.list_condition add attribute address text;
comment on type inboxdb.list_condition is
'What is asked of each lead of a list: the instant at which snoozes are judged, the filters that have no index, and '
'the search, as search_terms took it apart.';
-- <<< by hand

-- >>> sql/base/lock_class.sql
create or replace function inboxdb.lock_class(what text) returns integer
language sql immutable
set search_path = ''
as $$
  -- Purpose: the class of an advisory lock of ours, as pg_locks.classid shows it.
  -- Parameters: what, workspace (objid: hashtext of its id), collector, grants, migration or texts (objid: 0),
  --   maintenance (objid: hashtext of the item), number (objid: the number).
  -- Returns: null for anything else. `inboxdb migrate` has its own number, needed before the installation: a test
  --   holds the two together.
  -- INVOKER: reads nothing.
  select case
    when what = 'workspace' then 1768841848
    when what = 'collector' then 1768841849
    when what = 'migration' then 1768841850
    when what = 'grants' then 1768841851
    when what = 'maintenance' then 1768841852
    when what = 'number' then 1768841853
    when what = 'texts' then 1768841854
  end
$$;
-- <<< sql/base/lock_class.sql

-- >>> sql/log/text_change.table.sql
-- The second log: leads whose searched text may be another. Apart from the change log, so that no reader of counts
-- passes over a row of this table (D132). No slices: below the floor of search_state nothing is visited.
-- No unique key but the identity, no foreign key, no NOTIFY, no index by workspace; the key is that of a slice (D107).
create table inboxdb.text_change (
  xid xid8 not null default pg_catalog.pg_current_xact_id(),
  id bigint generated always as identity (cache 100),
  client_id inboxdb.client_id,
  lead_id inboxdb.lead_id,
  noted_at timestamptz not null default inboxdb.clock(),
  primary key (xid, id, noted_at)
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- as for the change log: statistics would be of changes taken by now
alter table inboxdb.text_change alter column xid set statistics 0;

comment on table inboxdb.text_change is 'Leads whose searched text may be another: noted by triggers, or handed on.';
comment on column inboxdb.text_change.xid is 'The writing transaction, or the refresh that handed the lead on.';
comment on column inboxdb.text_change.client_id is 'The workspace, for taking turns; null where the writer named none.';
comment on column inboxdb.text_change.lead_id is 'The lead; null for all leads: a walk is due then.';
comment on column inboxdb.text_change.noted_at is 'When the change was noted, or handed on.';
-- <<< sql/log/text_change.table.sql

-- >>> sql/log/is_for_texts.sql
create or replace function inboxdb.is_for_texts(client_id inboxdb.client_id, lead_id inboxdb.lead_id, changed smallint)
returns boolean
language sql immutable
as $$
  -- Purpose: whether a change taken for the counts may be one of texts, too.
  -- Parameters: as in the change log.
  -- Returns: true for a lead made, gone or moved, and for a change of everything; never null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by take_changes only.
  select changed & 56 <> 0 or (client_id is null and lead_id is null)
$$;
-- <<< sql/log/is_for_texts.sql

-- >>> sql/log/take_changes.sql
create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: delete changes from the log. None is taken twice: readers of a workspace's changes hold its lock, and
--   changes without a workspace are taken under the collector's lock.
-- Hands leads made, gone or moved on to text_change, and changes of everything, in the statements that delete: no other
--   statement takes a change out of the log, so none is lost for texts (D132).
-- Parameters: slices and tids, the place of each change, from changes_of or view change.
-- Writes: the change log, text_change.
-- INVOKER: called by remember_leads, fill_leads, remember_changed, collapse_changes and assign_changes only.
begin
  if 0 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_0 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 0
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 1 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_1 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 1
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 2 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_2 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 2
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 3 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_3 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 3
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
end
$$;
-- <<< sql/log/take_changes.sql

-- >>> sql/log/floor_above.sql
create or replace function inboxdb.floor_above(
  undrained xid8[], most integer, out read_from xid8, out also_read xid8[]
)
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
-- Purpose: the floor of a log whose rows have the writer's transaction (D10): below it nothing visible is left, and
--   nothing can appear, because new rows there can only come from transactions open in the caller's snapshot.
-- Parameters: undrained, the transactions of the first undrained rows, in order; most, how many rows were asked for at
--   most.
-- Returns: the transaction from which on to read; up to 64 exceptions below.
-- INVOKER: called by raise_floor and refresh_texts only.
begin
  with
  -- read_from is at most here: the last of the rows asked for, or the end of the snapshot
  beyond as (
    select least(
      -- at most xmax, although another server may have counted further
      pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),
      case when pg_catalog.cardinality(undrained) = most then undrained[most] end
    ) as xid
  ),
  open_xid as materialized (
    select o.xid, pg_catalog.lead(o.xid, 1, b.xid) over by_xid as next_xid, pg_catalog.row_number() over by_xid as place
    from beyond as b
    cross join (
      select x.xid from pg_catalog.pg_snapshot_xip(pg_catalog.pg_current_snapshot()) as x (xid)
      union
      -- the caller's own transaction, not listed in its snapshot: may yet note changes
      select pg_catalog.pg_current_xact_id_if_assigned()
      union
      select pg_catalog.unnest(undrained)
    ) as o
    where o.xid < b.xid
    window by_xid as (order by o.xid)
  ),
  -- up to 64 exceptions in also_read; of more, only the ones before the last wide gap
  one_by_one as (
    select coalesce(pg_catalog.max(o.place), 0) as places
    from open_xid as o
    where o.place <= 64
      and (
        not exists (select from open_xid as further where further.place > 64)
        or o.next_xid::pg_catalog.text::pg_catalog.int8 - o.xid::pg_catalog.text::pg_catalog.int8 > 1000
      )
  )
  select
    coalesce(
      (select o.xid from open_xid as o where o.place = n.places + 1), (select b.xid from beyond as b)
    ),
    array(select o.xid from open_xid as o where o.place <= n.places)
  into read_from, also_read
  from one_by_one as n;
end
$$;
-- <<< sql/log/floor_above.sql

-- >>> sql/log/update_trigger.view.sql
create or replace view inboxdb.update_trigger as
select
  t.tgname as trigger_name,
  t.tgenabled in ('O', 'A') as is_enabled,
  case
    when k.is_comparing then s.noted_updates = 'changed' or inboxdb.must_compare()
    else s.noted_updates = 'named'
  end as is_to_be_enabled,
  k.is_comparing,
  k.of_what
from (
  values
  ('inboxdb_note_update', false, 'counts'),
  ('inboxdb_note_rollup', false, 'counts'),
  ('inboxdb_note_compared', true, 'counts'),
  ('inboxdb_note_text', false, 'texts'),
  ('inboxdb_note_compared_text', true, 'texts'),
  ('inboxdb_note_analytics', false, 'analytics'),
  ('inboxdb_note_compared_analytics', true, 'analytics')
) as k (trigger_name, is_comparing, of_what)
inner join pg_catalog.pg_trigger as t on k.trigger_name = t.tgname
cross join (select inboxdb.setting('noted_updates') as noted_updates) as s
where t.tgrelid = pg_catalog.to_regclass('public."Lead"');

comment on view inboxdb.update_trigger is
'The triggers noting UPDATEs of "Lead", for counts, searched texts and analytics: whether each is enabled, and whether '
'it is to be, by the setting noted_updates and by the host''s own triggers (function must_compare).';
-- <<< sql/log/update_trigger.view.sql

-- >>> sql/log/arrange_triggers.sql
create or replace function inboxdb.arrange_triggers() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: enable and disable the triggers noting UPDATEs of "Lead" as view update_trigger says, and mark every
--   workspace where changes may have been missed before.
-- Errors: 42501 for a caller who does not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: SHARE ROW EXCLUSIVE on "Lead", so that every write before had the former triggers, and has ended, and every
--   write after has the new ones: none falls between (D125).
-- Writes: the change log.
-- INVOKER: called by arrange_if_free, and by set_noted_updates, for the owner.
declare
  commands pg_catalog.text;
  may_have_missed pg_catalog.bool;
begin
  lock table public."Lead" in share row exclusive mode;
  select
    pg_catalog.string_agg(
      pg_catalog.format(
        '%s trigger %I',
        case when not t.is_to_be_enabled then 'disable' when f.fires_always then 'enable always' else 'enable' end,
        t.trigger_name
      ),
      ', '
    ) filter (where t.is_enabled <> t.is_to_be_enabled),
    -- nothing was missed while every named column was noted, and the host had no trigger of its own; of texts and
    -- analytics a walk finds what was
    pg_catalog.bool_or(t.is_to_be_enabled and not t.is_enabled) filter (where t.of_what = 'counts')
    and (
      inboxdb.must_compare()
      or not pg_catalog.bool_and(t.is_enabled or t.is_comparing) filter (where t.of_what = 'counts')
    )
  into commands, may_have_missed
  from inboxdb.update_trigger as t
  -- as where a subscription writes "Lead"
  cross join (
    select exists (
      select
      from pg_catalog.pg_trigger as i
      where i.tgrelid = pg_catalog.to_regclass('public."Lead"') and i.tgname = 'inboxdb_note_insert'
        and i.tgenabled = 'A'
    ) as fires_always
  ) as f;
  if commands is null then
    return;
  end if;
  execute 'alter table public."Lead" ' || commands;
  if may_have_missed then
    perform inboxdb.note_change(null, null);
  end if;
end
$$;
-- <<< sql/log/arrange_triggers.sql

-- >>> sql/log/arrange_if_free.sql
create or replace function inboxdb.arrange_if_free() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: as arrange_triggers, where the triggers are as another choice or other triggers of the host's want them;
--   with all of them disabled by hand nothing is done, and the doctor tells, because somebody may want that. While
--   somebody writes "Lead", and for a caller who does not own the table, nothing is done, and the doctor tells. A
--   comparing trigger no longer needed stays, since its price is time and no counts (D121).
-- Reads: update_trigger.
-- Locks: as arrange_triggers, not waited for.
-- INVOKER: called by check_host, and by the migration that makes the triggers.
begin
  if not exists (
    select
    from inboxdb.update_trigger as t
    cross join lateral (
      select pg_catalog.bool_or(k.is_enabled) as is_enabled
      from inboxdb.update_trigger as k
      where k.is_comparing and k.of_what = t.of_what
    ) as c
    where t.is_enabled <> t.is_to_be_enabled
      and case
        when t.is_comparing then t.is_to_be_enabled
        else not t.is_to_be_enabled or c.is_enabled
      end
  ) then
    return;
  end if;
  begin
    lock table public."Lead" in share row exclusive mode nowait;
    perform inboxdb.arrange_triggers();
  exception when others then
    return;
  end;
end
$$;
-- <<< sql/log/arrange_if_free.sql

-- >>> sql/jobs/maintenance.view.sql
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
  ('refresh-texts', '5 s', '5 s', null, null, null, 'inboxdb.refresh_texts'),
  ('refresh-texts-at-rest', '1 s', '5 s', 0.25, '1 s', null, 'inboxdb.refresh_texts'),
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed')
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name);

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
-- <<< sql/jobs/maintenance.view.sql

-- >>> sql/jobs/maintenance_credit.sql
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
-- <<< sql/jobs/maintenance_credit.sql

-- >>> sql/jobs/after_maintenance.sql
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
-- <<< sql/jobs/after_maintenance.sql

-- >>> sql/jobs/maintain.sql
create or replace function inboxdb.maintain(
  inout kept jsonb, at_rest boolean, error_code text default null,
  out item text, out time_limit double precision, out client_id inboxdb.client_id, out outcome text,
  out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: the next step of maintenance, to be called in a transaction of its own until item is null. Steps alternate:
--   one chooses a due item, one runs the chosen item; so the choice is committed before the work that may kill its
--   backend, and the runner knows the time limit.
-- Parameters: kept, of the last step, null at first; at_rest, whether items with a share are meant, while no workspace
--   is due; error_code, why the last step did not come back: its SQLSTATE.
-- Returns: kept, for the next step: clocks and credits of this caller, so that nothing is written and no drain waits
--   for another; the item, null if none is due. After a choice, time_limit in seconds. After the work, its outcome:
--   done, failed, more where the function returned true, or with a workspace the outcome, version and changed_scopes of
--   a refresh, for send_signals. After more at rest the item is due at once, as long as its share of time lasts.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, to be given as error_code.
-- Reads: maintenance. Writes: maintenance_failure; as the function of the item.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now double precision := pg_catalog.date_part('epoch', pg_catalog.clock_timestamp());
  chosen inboxdb.maintenance;
  answer pg_catalog.text;
begin
  perform inboxdb.require_read_committed();
  kept := coalesce(kept, '{}');
  if kept ? 'at_hand' then
    item := kept #>> '{at_hand,item}';
    client_id := kept #>> '{at_hand,client_id}';
    select m.* into chosen from inboxdb.maintenance as m where m.item = maintain.item;
    if not found then
      -- the row is gone since: an upgrade
      kept := kept - 'at_hand';
      outcome := 'failed';
      return;
    end if;
    outcome := 'done';
    begin
      if error_code is not null then
        outcome := 'failed';
      elsif chosen.chooser is null then
        execute pg_catalog.format('select %s()', chosen.function_name) into answer;
        if answer in ('true', 't') then
          outcome := 'more';
        end if;
      else
        execute pg_catalog.format(
          'select d.outcome, d.version, d.changed_scopes from %s($1) as d', chosen.function_name
        ) into outcome, version, changed_scopes using client_id;
      end if;
    exception when others then
      get stacked diagnostics error_code = returned_sqlstate;
      outcome := 'failed';
    end;
    if error_code is not null then
      perform inboxdb.record_maintenance_failure(item, pg_catalog.left(error_code, 5));
    end if;
    kept := inboxdb.after_maintenance(
      kept, chosen, outcome, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
    );
    return;
  end if;

  for chosen in
    select m.*
    from inboxdb.maintenance as m
    where (m.time_share is not null) = at_rest
      and inboxdb.maintenance_credit(kept, m, now) > 0
      -- not ahead: a clock that went back stops no maintenance
      and coalesce(
        (kept #>> array[m.item, 'more'])::boolean
        or (kept #>> array[m.item, 'at'])::double precision
        not between now - pg_catalog.date_part('epoch', m.run_every) + 0.001 and now,
        true
      )
    order by m.item
  loop
    if chosen.chooser is not null then
      begin
        execute pg_catalog.format('select %s()', chosen.chooser) into client_id;
      exception when others then
        get stacked diagnostics error_code = returned_sqlstate;
        perform inboxdb.record_maintenance_failure(chosen.item, error_code);
      end;
      continue when client_id is null;
    end if;
    item := chosen.item;
    time_limit := greatest(
      pg_catalog.date_part('epoch', chosen.time_limit),
      case when client_id is not null then inboxdb.time_limit(client_id, 0) end
    );
    kept := kept || pg_catalog.jsonb_build_object(
      'at_hand', pg_catalog.jsonb_build_object('item', item, 'client_id', client_id, 'began_at', now::numeric)
    );
    return;
  end loop;
end
$$;
-- <<< sql/jobs/maintain.sql

-- >>> sql/drain/raise_floor.sql
create or replace function inboxdb.raise_floor(now timestamptz, floor_of_claims timestamptz) returns void
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
-- Purpose: raise the floors of the change log and the work list (D10, D11). Below a floor nothing visible is left, and
--   nothing can appear: new changes there can only come from transactions open in this snapshot, kept in also_read. So
--   a writer open for hours is an exception below the floor, and dead rows after it are not read meanwhile.
-- Parameters: now, the clock when the collector began; floor_of_claims, from which the work list's rows are due.
-- Writes: drain_state: once a second at most, because an older floor holds too, and a held snapshot keeps each dead row
--   of this table; at once when 256 changes or more were left, and fewer are now; every 10 seconds without any change,
--   so that readers see a collector at work.
-- INVOKER: called by collect only, under its lock.
begin
  with
  found as (
    select f.read_from, f.also_read, pg_catalog.cardinality(u.xids) as changes_left
    from (select array(select c.xid from inboxdb.change as c order by c.xid limit 256) as xids) as u
    cross join lateral inboxdb.floor_above(u.xids, 256) as f
  )
  update inboxdb.drain_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read,
    claim_from = least(
      raise_floor.now,
      (
        select d.next_attempt_at
        from inboxdb.inbox_counts_dirty as d
        where d.next_attempt_at >= raise_floor.floor_of_claims
        order by d.next_attempt_at
        limit 1
      )
    ),
    changes_left = f.changes_left,
    collected_at = pg_catalog.clock_timestamp()
  from found as f
  where s.revision = (
    select locked.revision
    from inboxdb.drain_state as locked
    cross join found as f
    where locked.revision >= (select now.revision from inboxdb.drain_state_now as now)
      and (
        locked.collected_at is null
        or locked.collected_at > pg_catalog.clock_timestamp()
        or locked.server_started_at <> pg_catalog.pg_postmaster_start_time()
        or locked.claim_from > raise_floor.floor_of_claims
        or (locked.changes_left = 256) <> (f.changes_left = 256)
        or (
          locked.collected_at < pg_catalog.clock_timestamp() - interval '1 second'
          and (
            locked.changes_left > 0
            or f.changes_left > 0
            -- more than 3 transactions since: perhaps changes, drained by now
            or f.read_from::pg_catalog.text::pg_catalog.int8 - locked.read_from::pg_catalog.text::pg_catalog.int8 > 3
          )
        )
        or locked.collected_at < pg_catalog.clock_timestamp() - interval '10 seconds'
      )
    -- not waiting for a publisher, who writes this row, too, because the old floors still hold
    for update of locked skip locked
  );
end
$$;
-- <<< sql/drain/raise_floor.sql

-- >>> sql/access/grant_matrix.view.sql
create or replace view inboxdb.grant_matrix as
-- Who may do what with inboxdb, declared here alone. A right not listed is the owner's alone: PUBLIC and anon have
-- none. apply_grants brings the catalog in line for the roles that exist; the tests compare the two.
select m.grantee, m.kind, m.object_name, m.privilege
from (
  values
  -- signed-in users, each seeing what the policies let through
  ('authenticated', 'schema', 'inboxdb', 'usage'),
  ('authenticated', 'schema', 'inbox_api', 'usage'),
  ('authenticated', 'table', 'inboxdb.inbox_counts', 'select'),
  ('authenticated', 'table', 'inboxdb.cache_version', 'select'),
  ('authenticated', 'table', 'inboxdb.job_status', 'select'),
  ('authenticated', 'function', 'inboxdb.current_user_id()', 'execute'),
  ('authenticated', 'function', 'inboxdb.member_workspaces()', 'execute'),
  ('authenticated', 'function', 'inboxdb.setter_workspaces()', 'execute'),
  ('authenticated', 'function', 'inboxdb.has_client_access(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.has_topic_access(text)', 'execute'),
  -- each read: ('authenticated', 'function', '{routine}', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inboxdb.read_inbox_counts(inboxdb.client_id)', 'execute'),
  -- end
  -- roles of drains
  ('inboxdb_drainer', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_drainer', 'procedure', 'inboxdb.drain_dirty(integer, integer)', 'execute'),
  ('inboxdb_drainer', 'procedure', 'inboxdb.next_transaction()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.clock()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.suspended_since()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.why_suspended()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.lock_class(text)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.collect()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.claim_next(boolean)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_next(inboxdb.client_id)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.claim_set(integer, integer, boolean)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_set(inboxdb.client_id[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.maintain(jsonb, boolean, text)', 'execute'),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.record_failure(inboxdb.client_id, timestamp with time zone, text)', 'execute'
  ),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.send_signals(inboxdb.client_id, bigint, inboxdb.user_id[])', 'execute'
  ),
  ('inboxdb_drainer', 'function', 'inboxdb.send_all_signals(jsonb)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.seconds_to_next_attempt(text[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.time_limit(inboxdb.client_id, double precision, text)', 'execute'),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.heartbeat(text, text, integer, bigint, bigint, real[], boolean, text, text)', 'execute'
  ),
  ('inboxdb_drainer', 'function', 'inboxdb.unpublished(integer, timestamp with time zone, text, text)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.keys_at_random(integer)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.confirm_published(text[], text[], text[], bigint[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.mark_all_unpublished()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_status()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.work_left()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.lead_rls_state()', 'execute'),
  -- roles of monitoring: no counts
  ('inboxdb_monitor', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_maintenance()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.drain_status()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.lead_rls_state()', 'execute')
) as m (grantee, kind, object_name, privilege)
union
-- roles restricted by the policy on "Lead": the functions called by the policy
select
  case bound.role_oid
    when 0 then 'public' else pg_catalog.pg_get_userbyid(bound.role_oid)::text
  end as grantee,
  'function' as kind,
  needed.refobjid::pg_catalog.regprocedure::text as object_name,
  'execute' as privilege
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_depend as needed
  on needed.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
    and p.oid = needed.objid
    and needed.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
cross join lateral pg_catalog.unnest(p.polroles) as bound (role_oid)
where p.polname = 'inboxdb_member' and p.polrelid = pg_catalog.to_regclass('public."Lead"');

comment on view inboxdb.grant_matrix is 'Who may do what with inboxdb, in whole: see apply_grants.';
-- <<< sql/access/grant_matrix.view.sql

-- >>> sql/search/folding.type.sql
-- A text by whose collation searched texts are folded: PostgreSQL's own of Unicode where the server has it (17 on, in
-- UTF8), else the database's. A domain, because a function's text cannot name a collation that a server may lack. None
-- of ICU's, because a server built without ICU could not restore the domain (D136).
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.folding as text collate pg_catalog.%I', (
    select c.collname
    from (values (1, 'pg_c_utf8'), (2, 'default')) as w (place, name)
    inner join pg_catalog.pg_collation as c on w.name = c.collname
    where c.collnamespace = 'pg_catalog'::pg_catalog.regnamespace
      and (c.collname = 'default' or pg_catalog.current_setting('server_encoding') = 'UTF8')
    order by w.place
    limit 1
  ));
end
$type$;
comment on domain inboxdb.folding is 'A text under the collation by which searched texts are folded.';
-- <<< sql/search/folding.type.sql

-- >>> sql/search/folded.sql
create or replace function inboxdb.folded(value text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: a text as searches compare it: in upper case, since lower case of a Greek sigma depends on the letter
  --   after it, and a part of a word has to fold as the word does; tabs and ends of lines as blanks.
  -- Parameters: value: its first 200 characters count. A host's column needs collate "default", because the column's
  --   own collation would hold where the domain's is the database's.
  -- Returns: the folded text, to be compared by bytes; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.translate(
    -- no COLLATE in here: the domain has it
    pg_catalog.upper(pg_catalog.left(value, 200)::inboxdb.folding), e'\t\n\x0b\f\r', '     '
  ) collate "C"
$$;
-- <<< sql/search/folded.sql

-- >>> sql/search/only_digits.sql
create or replace function inboxdb.only_digits(value text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: the digits of a phone number, however written.
  -- Parameters: value: its first 200 characters count.
  -- Returns: digits, perhaps none; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.regexp_replace(pg_catalog.left(value, 200) collate "C", '[^0-9]', '', 'g')
$$;
-- <<< sql/search/only_digits.sql

-- >>> sql/search/digits_asked.sql
create or replace function inboxdb.digits_asked(term text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: find out whether a term may be a part of a phone number.
  -- Parameters: term, folded.
  -- Returns: the digits of a term of digits and + ( ) - . / alone; null for any other.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case when term collate "C" !~ '[^0-9+()./-]' then nullif(inboxdb.only_digits(term), '') end
$$;
-- <<< sql/search/digits_asked.sql

-- >>> sql/search/exact_hash.sql
create or replace function inboxdb.exact_hash(kind text, value text) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: the short key of a text that is searched whole, in column exact of lead_text. What a collision finds is
  --   judged live, and left out.
  -- Parameters: kind: address, phone or campaign; value, folded, digits, or an id's text.
  -- Returns: the hash; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.hashtextextended(
    value collate "C", case kind when 'address' then 1 when 'phone' then 2 when 'campaign' then 3 end
  )
$$;
-- <<< sql/search/exact_hash.sql

-- >>> sql/search/like_pattern.sql
create or replace function inboxdb.like_pattern(term text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: the LIKE pattern of a term itself, for indexes: the characters of LIKE's own are letters.
  -- Parameters: term.
  -- Returns: the pattern, which nothing but the term fits; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  -- the escape first: it would escape the escapes of the others
  select pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(term, e'\\', e'\\\\'), '%', e'\\%'), '_', e'\\_')
$$;
-- <<< sql/search/like_pattern.sql

-- >>> sql/search/missing_for_search.sql
create or replace function inboxdb.missing_for_search() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has the columns that are searched, in types that do.
  -- Returns: the names of missing columns; null where every column is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, host_table, host_column, types) as (
    values
    -- list: searched columns
    (1, 'Lead', 'firstName', 'text'),
    (2, 'Lead', 'lastName', 'text'),
    (3, 'Lead', 'email', 'text'),
    (4, 'Lead', 'phone', 'text'),
    (5, 'Lead', 'companyName', 'text'),
    (6, 'Lead', 'alternateEmails', 'text[]'),
    (7, 'Lead', 'currentReplierEmail', 'text'),
    (8, 'Lead', 'smsCampaignId', '%'),
    (9, 'SmsCampaign', 'id', '%'),
    (10, 'SmsCampaign', 'name', 'text')
    -- end
  )

  select
    pg_catalog.string_agg(pg_catalog.format('public.%I.%I', n.host_table, n.host_column), ', ' order by n.place)
  from needed as n
  where not exists (
      select
      from pg_catalog.pg_attribute as a
      where pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
        and a.attname = n.host_column
        and not a.attisdropped
        -- without the quotes of a session that quotes all identifiers
        and pg_catalog.replace(
          pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
        ) like n.types
    )
$$;
-- <<< sql/search/missing_for_search.sql

-- >>> sql/search/searched_lead.view.sql
-- Not made where the host lacks a column: then there is no search (see missing_for_search).
do $view$
begin
  if inboxdb.missing_for_search() is not null then
    return;
  end if;
  execute $searched$
create or replace view inboxdb.searched_lead as
-- The one definition of searched texts: stored, walked through, and judged live.
select
  l.id as lead_id,
  l."clientId" as client_id,
  -- a line for each field, and digits behind a tab: terms have neither, hence never match across
  pg_catalog.concat(
    inboxdb.folded(l."firstName" collate "default"), e'\n', inboxdb.folded(l."lastName" collate "default"), e'\n',
    inboxdb.folded(l.email collate "default"), e'\n', inboxdb.folded(l."companyName" collate "default"), e'\n',
    inboxdb.folded(l.phone collate "default"), e'\t', inboxdb.only_digits(l.phone)
  ) collate "C" as words,
  address.folded as addresses,
  l."smsCampaignId" as sms_campaign_id,
  pg_catalog.array_remove(
    array(select inboxdb.exact_hash('address', a.one) from pg_catalog.unnest(address.folded) as a (one))
    || inboxdb.exact_hash('phone', nullif(inboxdb.only_digits(l.phone), ''))
    || inboxdb.exact_hash('campaign', l."smsCampaignId"::text),
    null
  ) as exact
from public."Lead" as l
cross join lateral (
  select
    array(
      select inboxdb.folded(a.one)
      from (
        select l.email::text collate "default"
        union all
        select l."currentReplierEmail"::text collate "default"
        union all
        -- whatever dimensions and bounds the host gives the array
        (select u.one::text collate "default" from pg_catalog.unnest(l."alternateEmails") as u (one) limit 100)
      ) as a (one)
      where a.one <> ''
    ) as folded
) as address
-- no index of ours has room for longer ids (D111)
where inboxdb.id_bytes(l.id) + inboxdb.id_bytes(l."clientId") <= 2500
$searched$;
end
$view$;

do $comment$
begin
  if pg_catalog.to_regclass('inboxdb.searched_lead') is not null then
    execute $$comment on view inboxdb.searched_lead is
      'Of each lead the folded texts, addresses and campaign that searches look in.'$$;
  end if;
end
$comment$;
-- <<< sql/search/searched_lead.view.sql

-- >>> sql/search/lead_text.table.sql
-- Its indexes by trigrams and by hashes are made by `inboxdb lists build`: see search_indexes.
create table inboxdb.lead_text (
  lead_key bytea primary key,
  client_id inboxdb.client_id not null,
  exact bigint[] not null,
  words text collate "C" not null
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.lead_text is
'What searches look in, a row for each lead: view searched_lead at the last look at it.';
comment on column inboxdb.lead_text.lead_key is 'The lead: id_key of its id.';
comment on column inboxdb.lead_text.exact is
'Hashes of addresses, of the phone''s digits, of the campaign: exact_hash.';
comment on column inboxdb.lead_text.words is 'The folded fields, a line each, then a tab and the phone''s digits.';
-- <<< sql/search/lead_text.table.sql

-- >>> sql/search/search_state.table.sql
create table inboxdb.search_state (
  revision bigint primary key default 0,
  server_started_at timestamptz not null,
  read_from xid8 not null,
  also_read xid8[] not null default '{}',
  definitions text,
  filled_at timestamptz,
  walk_began_at timestamptz,
  walked_to inboxdb.lead_id,
  cleared_to bytea
);

insert into inboxdb.search_state (read_from, server_started_at)
values ('0', pg_catalog.pg_postmaster_start_time());

comment on table inboxdb.search_state is
'One row: the floor of text_change, and how far the walk through all leads is.';
comment on column inboxdb.search_state.revision is
'How often the row was written. In the key, so that the live row is found first, as in drain_state.';
comment on column inboxdb.search_state.server_started_at is 'The server that the floor was found on.';
comment on column inboxdb.search_state.read_from is 'No change waits from a lower transaction, also_read excepted.';
comment on column inboxdb.search_state.also_read is 'The transactions before read_from that may yet have changes.';
comment on column inboxdb.search_state.definitions is 'The definitions (text_definitions) of all rows of lead_text.';
comment on column inboxdb.search_state.filled_at is
'When the last finished walk began; null while lead_text is not to be trusted: until a walk has ended.';
comment on column inboxdb.search_state.walk_began_at is 'When the walk under way began; null for none.';
comment on column inboxdb.search_state.walked_to is 'The last lead walked past; null at the beginning.';
comment on column inboxdb.search_state.cleared_to is
'After all leads: the last row of lead_text looked at for whether its lead is gone; null before.';
-- <<< sql/search/search_state.table.sql

-- >>> sql/search/search_state_now.view.sql
create or replace view inboxdb.search_state_now as
-- the newest revision first, past dead rows that a held snapshot keeps (D35)
select
  s.revision, s.server_started_at, s.read_from, s.also_read, s.definitions, s.filled_at, s.walk_began_at, s.walked_to,
  s.cleared_to,
  -- another server may count transactions anew (D12)
  case when verdict.is_so then s.read_from else '0' end as trusted_from,
  case when verdict.is_so then s.also_read else '{}' end as trusted_also
from inboxdb.search_state as s
cross join
  lateral (
    select
      s.server_started_at = pg_catalog.pg_postmaster_start_time()
      and s.read_from <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) as is_so
  ) as verdict
order by s.revision desc
limit 1;

comment on view inboxdb.search_state_now is
'The row of search_state, found first among its dead rows, and from where on text_change is to be read.';
-- <<< sql/search/search_state_now.view.sql

-- >>> sql/search/noted_texts.sql
create or replace function inboxdb.noted_texts(most integer)
returns table (tid tid, xid xid8, client_id inboxdb.client_id, lead_id inboxdb.lead_id)
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- along the key, which has the order, however many rows there are, dead ones too (D8, D9)
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: the changes of text not yet taken, from the floor on and in the exceptions below: the oldest and the newest,
--   without reading the others.
-- Parameters: most, how many of the oldest, and of the newest.
-- Returns: the place of each, for deleting it; the writer's transaction; workspace and lead, null for a change of
--   everything. In no order.
-- Reads: text_change, search_state.
-- INVOKER: called by fold_noted, refresh_texts and search_candidates only.
declare
  state constant inboxdb.search_state_now := (select n from inboxdb.search_state_now as n);
begin
  return query
  (
    select c.ctid, c.xid, c.client_id, c.lead_id
    from inboxdb.text_change as c
    where c.xid = any (state.trusted_also)
    order by c.xid
    limit most
  )
  union
  (
    select c.ctid, c.xid, c.client_id, c.lead_id
    from inboxdb.text_change as c
    where c.xid >= state.trusted_from
    order by c.xid
    limit most
  )
  union
  (
    select c.ctid, c.xid, c.client_id, c.lead_id
    from inboxdb.text_change as c
    where c.xid >= state.trusted_from
    order by c.xid desc
    limit most
  );
end
$$;
-- <<< sql/search/noted_texts.sql

-- >>> sql/search/text_definitions.sql
create or replace function inboxdb.text_definitions() returns text
language sql stable
set search_path = ''
-- else sessions would disagree about the text of a view
set quote_all_identifiers = off
as $$
  -- Purpose: tell texts folded otherwise from today's: by another view or function, or another version of a collation.
  -- Returns: a hash; null where there is no search.
  -- Reads: the system catalog.
  -- INVOKER: called by refresh_texts only.
  select pg_catalog.md5(pg_catalog.concat_ws(
    '/', pg_catalog.pg_get_viewdef(pg_catalog.to_regclass('inboxdb.searched_lead')),
    (
      select pg_catalog.string_agg(p.prosrc, '/' order by p.proname)
      from pg_catalog.pg_proc as p
      where p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
        and p.proname in ('folded', 'only_digits', 'exact_hash')
    ),
    (
      select pg_catalog.concat_ws(' ', c.collname, pg_catalog.pg_collation_actual_version(c.oid), d.datctype)
      from pg_catalog.pg_type as t
      inner join pg_catalog.pg_collation as c on t.typcollation = c.oid
      cross join pg_catalog.pg_database as d
      where t.oid = pg_catalog.to_regtype('inboxdb.folding') and d.datname = pg_catalog.current_database()
    )
  ))
  where pg_catalog.to_regclass('inboxdb.searched_lead') is not null
$$;
-- <<< sql/search/text_definitions.sql

-- >>> sql/search/note_text_change.sql
create or replace function inboxdb.note_text_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note a lead in text_change. Without an argument for an UPDATE naming a searched
--   column; no searched column is read, so that a renamed column fails no write. With an argument for an UPDATE
--   changing a searched column: for hosts with BEFORE triggers (D121), and hosts naming every column always (D125).
-- A lead made, gone or moved is handed on by the counts' refresh (take_changes).
-- Writes: text_change.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := true;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    if tg_nargs > 0 then
      may_note := old."firstName" is distinct from new."firstName"
        or old."lastName" is distinct from new."lastName"
        or old.email is distinct from new.email
        or old.phone is distinct from new.phone
        or old."companyName" is distinct from new."companyName"
        or old."alternateEmails" is distinct from new."alternateEmails"
        or old."currentReplierEmail" is distinct from new."currentReplierEmail"
        or old."smsCampaignId" is distinct from new."smsCampaignId";
    end if;
    -- may the owner of this function append, as can_note_in asks for the change log (D116)
    may_note := may_note
      and pg_catalog.has_table_privilege('inboxdb.text_change'::pg_catalog.regclass, 'insert')
      and not pg_catalog.row_security_active('inboxdb.text_change'::pg_catalog.regclass)
      and inboxdb.clock() is not null
      and pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 0;
  exception when others then
    may_note := false; -- the next walk finds the lead
  end;
  if may_note then
    insert into inboxdb.text_change (client_id, lead_id)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id);
  end if;
  return null;
end
$$;
-- <<< sql/search/note_text_change.sql

-- >>> sql/search/store_texts.sql
create or replace function inboxdb.store_texts(lead_ids inboxdb.lead_id[]) returns void
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead would take it for gone: raise instead (D37)
set row_security = off
-- by key, however many leads and dead rows there are (D8, D9)
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: look at leads, and bring their rows of lead_text up to date: only rows that differ are written.
-- Parameters: lead_ids, each once; a lead gone, or without a workspace, loses its row. The caller holds the lock of
--   refresh_texts.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: searched_lead. Writes: lead_text.
-- INVOKER: called by fold_noted and walk_texts only.
begin
  with
  looked_at as materialized (
    select inboxdb.id_key(u.lead_id) as lead_key, s.client_id, s.exact, s.words
    from pg_catalog.unnest(lead_ids) as u (lead_id)
    left join lateral (
      select s.client_id, s.exact, s.words from inboxdb.searched_lead as s where s.lead_id = u.lead_id offset 0
    ) as s on true
  ),
  gone as (
    delete from inboxdb.lead_text as t
    where t.lead_key = any (array(select l.lead_key from looked_at as l where l.client_id is null))
  )
  insert into inboxdb.lead_text as t (lead_key, client_id, exact, words)
  select l.lead_key, l.client_id, l.exact, l.words
  from looked_at as l
  where l.client_id is not null
    -- asked before, because a conflict locks the row, which is a write, too
    and not exists (
      select
      from inboxdb.lead_text as k
      where k.lead_key = l.lead_key
        and (k.client_id, k.exact, k.words) is not distinct from (l.client_id, l.exact, l.words)
    )
  on conflict (lead_key) do update
  set client_id = excluded.client_id, exact = excluded.exact, words = excluded.words;
end
$$;
-- <<< sql/search/store_texts.sql

-- >>> sql/search/fold_noted.sql
create or replace function inboxdb.fold_noted(most integer) returns integer
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: take changes of text, and look at their leads. Workspaces take turns within the oldest and the newest 10,000
--   changes, so that an import holds up no other name.
-- Parameters: most, how many changes to take. The caller took its lock in an EARLIER statement.
-- Returns: how many were taken: fewer than most where none is left.
-- Errors: those of store_texts.
-- Reads: noted_texts. Writes: text_change, lead_text; search_state: a change of everything makes a walk due.
-- INVOKER: called by refresh_texts only.
declare
  taken pg_catalog.record;
begin
  with
  chosen as (
    select n.tid
    from (
      select
        n.tid, pg_catalog.row_number() over (partition by n.client_id order by n.xid, n.tid) as turn
      from inboxdb.noted_texts(10000) as n
    ) as n
    order by n.turn
    limit most
  ),
  gone as (
    delete from inboxdb.text_change as c
    where c.ctid = any (array(select n.tid from chosen as n))
    returning c.lead_id
  )
  select
    pg_catalog.count(*) as changes,
    pg_catalog.count(*) filter (where g.lead_id is null) as of_everything,
    pg_catalog.array_agg(distinct g.lead_id) filter (where g.lead_id is not null) as lead_ids
  into taken
  from gone as g;

  if taken.of_everything > 0 then
    -- a walk under way begins again, since rows behind it may be others, too; lead_text is not trusted meanwhile
    update inboxdb.search_state as s
    set revision = s.revision + 1, filled_at = null, walk_began_at = null, walked_to = null, cleared_to = null
    where s.revision = (select n.revision from inboxdb.search_state_now as n);
  end if;
  perform inboxdb.checkpoint('texts taken');
  if taken.lead_ids is not null and pg_catalog.to_regclass('inboxdb.searched_lead') is not null then
    -- a later snapshot than the taking's: the lead is at least as new as the change taken, and a change committed since
    -- has a row of its own, not taken
    perform inboxdb.store_texts(taken.lead_ids);
  end if;
  return taken.changes;
end
$$;
-- <<< sql/search/fold_noted.sql

-- >>> sql/search/walk_texts.sql
create or replace function inboxdb.walk_texts(most integer) returns boolean
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead would take it for gone: raise instead (D37)
set row_security = off
set enable_seqscan = off
set enable_sort = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: a step of the walk through all leads of all workspaces, by key, and then through lead_text for rows whose
--   lead is gone: the first fill, and once a day the audit of texts (D135). A lead that changes behind the walk is
--   noted, and looked at by fold_noted.
-- Parameters: most, how many leads to look at. The caller took its lock in an EARLIER statement.
-- Returns: whether there is more to do; false at once where no walk is due.
-- Errors: those of store_texts.
-- Reads: "Lead". Writes: lead_text, search_state.
-- INVOKER: called by refresh_texts only.
declare
  state pg_catalog.record;
  lead_ids inboxdb.lead_id[];
  lead_keys pg_catalog.bytea[];
begin
  select n.* into strict state from inboxdb.search_state_now as n;
  if state.walk_began_at is null and state.filled_at between inboxdb.clock() - interval '1 day' and inboxdb.clock() then
    return false;
  end if;

  if state.cleared_to is null then
    if state.walked_to is null then
      lead_ids := array(select l.id::inboxdb.lead_id from public."Lead" as l order by l.id limit most);
    else
      lead_ids := array(
        select l.id::inboxdb.lead_id from public."Lead" as l where l.id > state.walked_to order by l.id limit most
      );
    end if;
    perform inboxdb.checkpoint('walking');
    perform inboxdb.store_texts(lead_ids);
    update inboxdb.search_state as s
    set
      revision = s.revision + 1,
      walk_began_at = coalesce(s.walk_began_at, inboxdb.clock()),
      walked_to = coalesce(lead_ids[pg_catalog.cardinality(lead_ids)], s.walked_to),
      cleared_to = case when pg_catalog.cardinality(lead_ids) < most then ''::pg_catalog.bytea end
    where s.revision = state.revision;
    return true;
  end if;

  lead_keys := array(
    select t.lead_key from inboxdb.lead_text as t where t.lead_key > state.cleared_to order by t.lead_key limit most
  );
  lead_ids := array(
    select inboxdb.key_id(k.lead_key)::inboxdb.lead_id
    from pg_catalog.unnest(lead_keys) as k (lead_key)
    where not exists (
        select from public."Lead" as l where l.id = inboxdb.key_id(k.lead_key)::inboxdb.lead_id
      )
  );
  perform inboxdb.store_texts(lead_ids);
  update inboxdb.search_state as s
  set
    revision = s.revision + 1,
    cleared_to = lead_keys[most],
    -- the end
    filled_at = case when lead_keys[most] is null then s.walk_began_at else s.filled_at end,
    walk_began_at = case when lead_keys[most] is not null then s.walk_began_at end,
    walked_to = case when lead_keys[most] is not null then s.walked_to end
  where s.revision = state.revision;
  return lead_keys[most] is not null;
end
$$;
-- <<< sql/search/walk_texts.sql

-- >>> sql/search/refresh_texts.sql
create or replace function inboxdb.refresh_texts() returns boolean
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: bring lead_text up to date: first by changes, then by the walk where due; for some 50 ms, so that no other
--   work of the caller is late. Then raise the floor of text_change (D10).
-- Returns: whether there is more to do, for maintain.
-- Nothing is done beside another session doing the same, or while inboxdb is suspended; where there is no search, the
--   changes are thrown away.
-- Errors: IB004 above READ COMMITTED; those of fold_noted and walk_texts.
-- Reads, writes: as fold_noted and walk_texts.
-- Locks: an advisory lock, see lock_class. No row of the host's, and no row of the counts.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  stop_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '50 ms';
  most constant integer := 1000;
  today constant pg_catalog.text := inboxdb.text_definitions();
  taken integer;
  has_taken boolean := false;
  has_more boolean := true;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return false;
  end if;
  -- in a statement before the taking of changes (D14)
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('texts'), 0) then
    return false;
  end if;

  loop
    taken := inboxdb.fold_noted(most);
    has_taken := has_taken or taken > 0;
    has_more := taken = most;
    exit when not has_more or pg_catalog.clock_timestamp() > stop_at;
  end loop;
  if today is not null then
    -- texts by other definitions are not trusted
    update inboxdb.search_state as s
    set
      revision = s.revision + 1, definitions = today, filled_at = null, walk_began_at = null, walked_to = null,
      cleared_to = null
    where s.revision = (select n.revision from inboxdb.search_state_now as n) and s.definitions is distinct from today;
    -- a step at least, unless changes are left
    while not has_more or pg_catalog.clock_timestamp() < stop_at loop
      has_more := inboxdb.walk_texts(most);
      exit when not has_more;
    end loop;
  end if;

  -- not while nothing has happened, since each row of search_state leaves a dead row that a held snapshot keeps
  update inboxdb.search_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read
  from (
    select b.read_from, b.also_read
    from (select array(select n.xid from inboxdb.noted_texts(256) as n order by n.xid limit 256) as xids) as u
    cross join lateral inboxdb.floor_above(u.xids, 256) as b
  ) as f
  where s.revision = (select n.revision from inboxdb.search_state_now as n)
    and (has_taken or s.server_started_at <> pg_catalog.pg_postmaster_start_time());
  return has_more;
end
$$;
-- <<< sql/search/refresh_texts.sql

-- >>> sql/search/search_indexes.sql
create or replace function inboxdb.search_indexes()
returns table (index_name text, statement text, fingerprint text, state text)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the indexes of lead_text: by trigrams where pg_trgm and btree_gin are there, in whatever schema; else by the
--   beginnings of first and last names, which stay once made. By hashes always.
-- Returns: as list_indexes. No rows where there is no search.
-- Reads: the system catalog.
-- INVOKER: for the owner.
declare
  trigrams pg_catalog.text;
  found pg_catalog.record;
begin
  if pg_catalog.to_regclass('inboxdb.searched_lead') is null then
    return;
  end if;
  select pg_catalog.format('%I.gin_trgm_ops', n.nspname) into trigrams
  from pg_catalog.pg_extension as e
  inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
  where e.extname = 'pg_trgm' and exists (select from pg_catalog.pg_extension as b where b.extname = 'btree_gin');

  for found in
    select i.name, i.keys
    from (
      values
      ('inboxdb.lead_text_exact', 'using gin (exact)', true),
      ('inboxdb.lead_text_first_name', $k$(client_id, left(split_part(words, e'\n', 1), 64))$k$, trigrams is null),
      ('inboxdb.lead_text_last_name', $k$(client_id, left(split_part(words, e'\n', 2), 64))$k$, trigrams is null),
      ('inboxdb.lead_text_trigrams', 'using gin (client_id, words ' || trigrams || ')', trigrams is not null)
    ) as i (name, keys, is_wanted)
    where i.is_wanted or (i.keys is not null and pg_catalog.to_regclass(i.name) is not null)
    order by i.name
  loop
    index_name := found.name;
    statement := pg_catalog.format(
      'create index concurrently if not exists %s on inboxdb.lead_text %s',
      pg_catalog.split_part(found.name, '.', 2), found.keys
    );
    fingerprint := pg_catalog.md5(statement);
    state := (
      select
        case
          when not i.indisvalid then 'invalid'
          when pg_catalog.obj_description(i.indexrelid, 'pg_class') is distinct from fingerprint then 'outdated'
          else 'built'
        end
      from pg_catalog.pg_index as i
      where i.indexrelid = pg_catalog.to_regclass(found.name)
    );
    state := coalesce(state, 'missing');
    return next;
  end loop;
end
$$;
-- <<< sql/search/search_indexes.sql

-- >>> sql/search/search_candidates.sql
create or replace function inboxdb.search_candidates(
  target_client_id inboxdb.client_id, terms text[], address text, most integer
) returns inboxdb.lead_id[]
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
-- planned for these parameters: of the conditions in brackets only those of terms that are there are left
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
set jit = off
as $$
-- Purpose: the leads that a search may find, by the indexes of lead_text, and those whose text has changed since.
-- Parameters: target_client_id; terms and address, as of is_found; most, how many an index may return.
-- Returns: their ids, in no order; null where there are more, where no term can be looked up, or where lead_text or its
--   index cannot be trusted: then leads have to be walked.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: search_state, lead_text, noted_texts, "SmsCampaign", the catalog.
-- INVOKER: called by find_page only.
declare
  -- what pg_trgm has trigrams of, by the database's ctype: a pattern without one would read the whole workspace
  three_letters constant pg_catalog.text := (
    select case when d.datctype in ('C', 'POSIX') then '[A-Z0-9]{3}' else '[[:alnum:]]{3}' end
    from pg_catalog.pg_database as d
    where d.datname = pg_catalog.current_database()
  );
  -- the three longest are looked up, the others judged by is_found alone
  longest constant pg_catalog.text[] := array(
    select t.term
    from pg_catalog.unnest(terms) as t (term)
    where t.term collate "default" ~ three_letters
    order by pg_catalog.length(t.term) desc, t.term collate "C"
    limit 3
  );
  -- as patterns; of digits behind the tab, null for a term that is none, and for digits alone, because as_words finds
  -- them behind the tab, too, and a pattern more is a scan of the index more
  as_words constant pg_catalog.text[] := array(
    select '%' || inboxdb.like_pattern(t.term) || '%'
    from pg_catalog.unnest(longest) with ordinality as t (term, place)
    order by t.place
  );
  as_digits constant pg_catalog.text[] := array(
    select e'%\t%' || nullif(inboxdb.digits_asked(t.term), t.term) || '%'
    from pg_catalog.unnest(longest) with ordinality as t (term, place)
    order by t.place
  );
  beginning constant pg_catalog.text := inboxdb.like_pattern(pg_catalog.left(longest[1], 64)) || '%';
  -- the campaigns that have the first, second and third of them in their names: hashes, null for none
  first_campaigns bigint[];
  second_campaigns bigint[];
  third_campaigns bigint[];
  candidates inboxdb.lead_id[];
  built constant pg_catalog.text[] := array(
    select c.relname
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
    where i.indrelid = pg_catalog.to_regclass('inboxdb.lead_text') and i.indisvalid
  );
begin
  if (select n.filled_at from inboxdb.search_state_now as n) is null
    or 'lead_text_exact' <> all (built)
    or (address is null and pg_catalog.cardinality(longest) = 0)
  then
    return null;
  elsif address is null then
    -- by the names of now, so that a renamed campaign changes no lead's text
    select
      pg_catalog.array_agg(c.hash) filter (where pg_catalog.strpos(c.name, longest[1]) > 0),
      pg_catalog.array_agg(c.hash) filter (where pg_catalog.strpos(c.name, longest[2]) > 0),
      pg_catalog.array_agg(c.hash) filter (where pg_catalog.strpos(c.name, longest[3]) > 0)
    into first_campaigns, second_campaigns, third_campaigns
    from (
      select
        inboxdb.exact_hash('campaign', s.id::pg_catalog.text) as hash,
        inboxdb.folded(s.name collate "default") as name
      from public."SmsCampaign" as s
      offset 0
    ) as c;
    if greatest(
      pg_catalog.cardinality(first_campaigns), pg_catalog.cardinality(second_campaigns),
      pg_catalog.cardinality(third_campaigns)
    ) > 1000 then
      return null;
    end if;
  end if;

  if address is not null then
    candidates := array(
      select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
      from inboxdb.lead_text as t
      where t.client_id = target_client_id and t.exact && array[inboxdb.exact_hash('address', address)]
      limit most + 1
    );
  elsif 'lead_text_trigrams' = any (built) then
    candidates := array(
      select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
      from inboxdb.lead_text as t
      where t.client_id = target_client_id
        and (t.words like as_words[1] or t.words like as_digits[1] or t.exact && first_campaigns)
        and (
          as_words[2] is null
          or t.words like as_words[2] or t.words like as_digits[2] or t.exact && second_campaigns
        )
        and (
          as_words[3] is null
          or t.words like as_words[3] or t.words like as_digits[3] or t.exact && third_campaigns
        )
      limit most + 1
    );
  elsif array['lead_text_first_name', 'lead_text_last_name'] <@ built then
    -- without trigrams: of the longest term, as the beginning of a name, a whole phone number, or of a campaign
    candidates := array(
      (
        select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
        from inboxdb.lead_text as t
        where t.client_id = target_client_id
          and pg_catalog.left(pg_catalog.split_part(t.words, e'\n', 1), 64) like beginning
        limit most + 1
      )
      union
      (
        select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
        from inboxdb.lead_text as t
        where t.client_id = target_client_id
          and pg_catalog.left(pg_catalog.split_part(t.words, e'\n', 2), 64) like beginning
        limit most + 1
      )
      union
      (
        select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
        from inboxdb.lead_text as t
        where t.client_id = target_client_id
          and t.exact && (first_campaigns || inboxdb.exact_hash('phone', inboxdb.digits_asked(longest[1])))
        limit most + 1
      )
    );
  else
    return null;
  end if;
  if pg_catalog.cardinality(candidates) > most then
    return null;
  end if;

  -- not yet folded: of all workspaces the oldest and the newest
  return candidates || array(
    select distinct n.lead_id
    from inboxdb.noted_texts(2000) as n
    where n.client_id = target_client_id and n.lead_id is not null
  );
end
$$;
-- <<< sql/search/search_candidates.sql

-- >>> sql/search/is_found.sql
create or replace function inboxdb.is_found(
  target_lead_id inboxdb.lead_id, terms text[], address text
) returns boolean
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- the caller has each plan made anew, which would cost more than the look at a lead; its other settings hold here
set plan_cache_mode = force_generic_plan
as $$
-- Purpose: judge live whether a search finds a lead. By strpos, for which no character is a wildcard.
-- Parameters: target_lead_id; terms, folded, each to be found somewhere; address, folded, null for terms.
-- Returns: true or false.
-- Reads: searched_lead, "SmsCampaign", by key.
-- INVOKER: called by walk_leads only, which forbids scans, and filtering by row-level security.
declare
  lead pg_catalog.record;
  term pg_catalog.text;
begin
  if address is not null then
    return exists (
      select from inboxdb.searched_lead as s where s.lead_id = target_lead_id and address = any (s.addresses)
    );
  end if;
  -- words once: the view's expression would be computed again for each mention
  select s.words, coalesce(inboxdb.folded(c.name collate "default"), '') as campaign into lead
  from inboxdb.searched_lead as s
  left join public."SmsCampaign" as c on s.sms_campaign_id = c.id
  where s.lead_id = target_lead_id;
  if not found then
    return false;
  end if;
  foreach term in array terms loop
    if pg_catalog.strpos(lead.words, term) = 0
      and pg_catalog.strpos(lead.campaign, term) = 0
      and pg_catalog.strpos(
        pg_catalog.split_part(lead.words, e'\t', 2), coalesce(inboxdb.digits_asked(term), e'\t')
      ) = 0
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;
-- <<< sql/search/is_found.sql

-- >>> sql/list/list_condition.type.sql, altered by hand above
-- create type inboxdb.list_condition as (
--   as_of timestamptz,
--   channels text [],
--   sentiment_tags text [],
--   sms_campaign_id text,
--   sms_campaign_unattributed boolean,
--   score text,
--   terms text [],
--   address text
-- );

-- comment on type inboxdb.list_condition is
-- 'What is asked of each lead of a list: the instant at which snoozes are judged, the filters that have no index, and '
-- 'the search, as search_terms took it apart.';
-- <<< sql/list/list_condition.type.sql

-- >>> sql/list/search_terms.sql
create or replace function inboxdb.search_terms(search text, out terms text[], out address text)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: take a search apart, and refuse what would cost a look at every lead.
-- Parameters: search, as somebody wrote it; null for none.
-- Returns: terms, folded; or the folded address, where the search is a whole e-mail address; both null for no search.
-- Errors: IB021 for more than 200 characters, more than 8 terms, and without a term of 3 characters.
-- INVOKER: called by read_conversations only.
declare
  allowed constant pg_catalog.text := 'null, a whole e-mail address, or 1 to 8 terms between blanks, of which one '
    'has 3 characters; at most 200 characters in all';
  asked pg_catalog.text;
begin
  if search is null then
    return;
  elsif pg_catalog.length(search) > 200 then
    perform inboxdb.refuse_argument('search', allowed);
  end if;
  -- after folding every blank is one of ASCII's
  asked := pg_catalog.ltrim(pg_catalog.rtrim(inboxdb.folded(search), ' ),.;:]}'), ' ');
  if asked ~ '^[^ @]+@[^ @]+[.][^ @.]+$' then
    address := asked;
    return;
  end if;
  terms := pg_catalog.array_remove(pg_catalog.string_to_array(asked, ' '), '');
  if pg_catalog.cardinality(terms) > 8
    or not exists (select from pg_catalog.unnest(terms) as t (term) where pg_catalog.length(t.term) >= 3)
  then
    perform inboxdb.refuse_argument('search', allowed);
  end if;
end
$$;
-- <<< sql/list/search_terms.sql

-- >>> sql/list/require_search.sql
create or replace function inboxdb.require_search() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse searches where the host lacks columns that are searched.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by read_conversations only.
begin
  if pg_catalog.to_regclass('inboxdb.searched_lead') is null then
    raise exception using
      errcode = 'IB020',
      message = 'there is no search in this database',
      detail = coalesce('Missing: ' || inboxdb.missing_for_search(), 'View inboxdb.searched_lead is missing') || '.',
      hint = 'Once every column is there, `inboxdb migrate verify --repair` makes the search.';
  end if;
end
$$;
-- <<< sql/list/require_search.sql

-- >>> sql/list/require_condition.sql
create or replace function inboxdb.require_condition(asked inboxdb.list_condition) returns boolean
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse unknown filters of the conversation list.
-- Parameters: asked.
-- Returns: whether each lead has to be looked at.
-- Errors: IB021 for an unknown value.
-- INVOKER: called by read_conversations only.
begin
  if asked.channels = '{}' or not asked.channels <@ array['sms', 'email', 'linkedin'] then
    perform inboxdb.refuse_argument('channels', 'null, or an array of some of sms, email, linkedin');
  end if;
  if asked.sentiment_tags = '{}' or pg_catalog.array_ndims(asked.sentiment_tags) > 1 then
    perform inboxdb.refuse_argument('sentiment_tags', 'null, or an array of tags, with null for leads without a tag');
  end if;
  if asked.sms_campaign_id is not null and asked.sms_campaign_unattributed then
    perform inboxdb.refuse_argument('sms_campaign_unattributed', 'true only without sms_campaign_id');
  end if;
  if asked.score not in ('all', '4', '3+', '2+', '1+', 'unscored', 'disqualified') then
    perform inboxdb.refuse_argument('score', '4, 3+, 2+, 1+, unscored, disqualified or all');
  end if;
  return asked.channels is not null or asked.sentiment_tags is not null or asked.sms_campaign_id is not null
    or asked.sms_campaign_unattributed or asked.score <> 'all' or asked.terms is not null or asked.address is not null;
end
$$;
-- <<< sql/list/require_condition.sql

-- >>> sql/list/walk_leads.sql
create or replace function inboxdb.walk_leads(
  target_client_id inboxdb.client_id, filter_name text, sort_name text, whose text, user_id inboxdb.user_id,
  asked inboxdb.list_condition, candidates inboxdb.lead_id[], after_at timestamptz, after_id inboxdb.lead_id,
  page_size integer, most integer
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
-- Planned for these parameters: of the conditions in brackets only the ones asked for are left.
set plan_cache_mode = force_custom_plan
-- The order of an index, whatever sorting seems to cost: the planner expects a filter's conditions to be independent.
-- The list by update has the host's index, and its leads of one instant sorted by id: the only incremental sort.
set enable_sort = off
set enable_bitmapscan = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
set jit = off
-- no hash of all tenants' messages or drafts for a condition on a lead
set work_mem = '64kB'
-- Candidates by the leads' key: by the usual costs an index was read past all leads of a workspace, a million for 6,500
-- candidates, and 80,000 for 1,000.
set random_page_cost = 0
set cpu_index_tuple_cost = 1
as $$
-- Purpose: walk through leads in the order of a list, until a page is full or enough leads were looked at.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; whose and user_id: of all,
--   nobody, scope or user (see find_page), looked (at each lead); asked, of each lead; candidates, null for all
--   leads; after_at, after_id, the cursor; page_size; most, how many leads to look at.
-- Returns: the page. has_more: not known to be the end.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead, "Message"; is_found reads what is searched.
-- INVOKER: called by find_page only.
declare
  page inboxdb.list_page;
  found pg_catalog.record;
begin
  page.lead_ids := '{}';
  page.has_more := false;
  page.scanned := 0;
  for found in
    select
      l.lead_id,
      case sort_name when 'updated' then inboxdb.utc(l.updated) else inboxdb.utc(l.activity) end as sort_at,
      (filter_name <> 'ai_sent' or l.ai_sent)
      and (filter_name <> 'ai_review' or l.ai_review)
      and (sort_name <> 'updated' or l.snoozed <= inboxdb.host_time(asked.as_of, l.snoozed))
      and (whose <> 'nobody' or l.scope_user_id is null)
      and (whose <> 'looked' or coalesce(l.scope_user_id = user_id, false))
      and (
        asked.channels is null or exists (
          select
          from public."Message" as m
          where m."leadId" = l.lead_id and m.channel = any (asked.channels)
          -- a plan for each lead, and no hash of all tenants' messages
          offset 0
        )
      )
      and case
        when asked.sentiment_tags is null then true
        when l.sentiment_tag is null then pg_catalog.array_position(asked.sentiment_tags, null) is not null
        else l.sentiment_tag = any (pg_catalog.array_remove(asked.sentiment_tags, null))
      end
      and (asked.sms_campaign_id is null or coalesce(l.sms_campaign_id::pg_catalog.text = asked.sms_campaign_id, false))
      and (not asked.sms_campaign_unattributed or l.sms_campaign_id is null)
      and case asked.score
        when 'all' then true
        when 'unscored' then l.overall_score is null
        when '4' then coalesce(l.overall_score = 4, false)
        when '3+' then coalesce(l.overall_score >= 3, false)
        when '2+' then coalesce(l.overall_score >= 2, false)
        when '1+' then coalesce(l.overall_score >= 1, false)
        when 'disqualified' then coalesce(
            l.sentiment_tag in (
              'Blacklist', 'Opt Out', 'Opted Out', 'Unsubscribe', 'Unsubscribed', 'Bounced', 'Bounce'
            ), false
          )
      end
      and case
        when asked.terms is null and asked.address is null then true
        else inboxdb.is_found(l.lead_id, asked.terms, asked.address)
      end as is_match
    from inboxdb.listed_lead as l
    where l.client_id = target_client_id
      and l.is_listed
      -- no key of the host's index by update
      and (sort_name = 'updated' or l.snoozed <= inboxdb.host_time(asked.as_of, l.snoozed))
      -- all_responses, as the indexes have it
      and (filter_name <> 'responses' or coalesce(l.is_open, false))
      and (filter_name <> 'attention' or l.is_open)
      and (filter_name <> 'previous_attention' or l.is_open is false)
      and (filter_name <> 'responses' or l.all_responses)
      and (filter_name <> 'attention' or l.requires_attention)
      and (filter_name <> 'previous_attention' or l.previously_required_attention)
      and (filter_name <> 'needs_repair' or l.needs_repair)
      and (whose <> 'scope' or l.scope_user_id = user_id)
      and (whose <> 'user' or l.assigned_to = user_id)
      and (candidates is null or l.lead_id = any (candidates))
      and (
        after_id is null
        or (sort_name <> 'updated' and (l.activity, l.lead_id) < (inboxdb.host_time(after_at, l.activity), after_id))
        or (sort_name = 'updated' and (l.updated, l.lead_id) < (inboxdb.host_time(after_at, l.updated), after_id))
      )
    order by
      -- no order of an index for candidates: each by its key, instead of a walk past all leads
      case
        when sort_name <> 'updated' then null
        when candidates is not null then l.updated + interval '0'
        else l.updated
      end desc,
      case
        when sort_name = 'updated' then null
        when candidates is not null then l.activity + interval '0'
        else l.activity
      end desc,
      l.lead_id desc
    limit most
  loop
    page.has_more := pg_catalog.cardinality(page.lead_ids) = page_size;
    exit when page.has_more;
    page.scanned := page.scanned + 1;
    page.last_at := found.sort_at;
    page.last_id := found.lead_id;
    if found.is_match then
      page.lead_ids := page.lead_ids || found.lead_id;
    end if;
  end loop;
  page.has_more := page.has_more or page.scanned = most;
  return page;
end
$$;
-- <<< sql/list/walk_leads.sql

-- >>> sql/list/find_page.sql
create or replace function inboxdb.find_page(
  target_client_id inboxdb.client_id, filter_name text, sort_name text, user_id inboxdb.user_id, is_nobodys boolean,
  asked inboxdb.list_condition, is_looked_at boolean, after_at timestamptz, after_id inboxdb.lead_id, page_size integer
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: choose how to find a page: along an index of the list's leads alone; along an index, looking at each lead;
--   or, for counts by drafts or messages and for a user's leads by update, among candidates. A search looks at the
--   newest leads first, and among candidates where these do not fill the page, because rare terms are cheap to look up.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; user_id, whose leads, null
--   for all; is_nobodys, whether leads of nobody are wanted; asked, of each lead; is_looked_at, whether anything is
--   asked besides; after_at, after_id, the cursor; page_size.
-- Returns: the page.
-- Errors: IB020 where the index of the page is not there; 42501 where row-level security would filter what the owner of
--   this function sees.
-- Reads: list_filter; list_candidates, leads_of, search_candidates and walk_leads read the rest.
-- INVOKER: called by read_conversations only.
declare
  -- how many leads a call looks at
  most constant integer := 2000;
  -- of a search: a term that more leads have is walked, and fills a page in some calls
  most_found constant integer := 10000;
  count_bit integer;
  index_name pg_catalog.text;
  candidates inboxdb.lead_id[];
  whose pg_catalog.text;
  page inboxdb.list_page;
  scanned integer;
begin
  select f.bit, f.index_name into count_bit, index_name from inboxdb.list_filter as f where f.name = filter_name;
  if user_id is not null and (sort_name = 'updated' or index_name = 'public.inboxdb_list_all') then
    perform inboxdb.require_index('public.inboxdb_list_all_by_user');
  -- all leads by update have an index of the host's own
  elsif sort_name <> 'updated' then
    perform inboxdb.require_index(index_name);
  end if;
  if count_bit is not null then
    perform inboxdb.require_index(pg_catalog.format('inboxdb.counted_lead_%s_idx', filter_name));
    candidates := inboxdb.list_candidates(target_client_id, count_bit, most);
  elsif sort_name = 'updated' and user_id is not null then
    candidates := inboxdb.leads_of(target_client_id, user_id, most);
  end if;
  whose := case
    when is_nobodys then 'nobody'
    when user_id is null then 'all'
    when sort_name = 'updated' and candidates is null then 'looked'
    -- the index of all leads of a user, or of a filter's leads: see list_indexes
    when filter_name = 'all' or count_bit is not null then 'scope'
    else 'user'
  end;
  if candidates is null and asked.address is not null then
    candidates := inboxdb.search_candidates(target_client_id, asked.terms, asked.address, most);
  end if;
  page := inboxdb.walk_leads(
    target_client_id, filter_name, sort_name, whose, user_id, asked, candidates, after_at, after_id, page_size,
    case
      when is_looked_at or count_bit is not null or whose in ('nobody', 'looked') or sort_name = 'updated' then most
      else page_size + 1
    end
  );
  if whose = 'looked' then
    -- not how many leads others have
    page.scanned := pg_catalog.cardinality(page.lead_ids);
  end if;
  if candidates is not null or asked.terms is null or not page.has_more
    or pg_catalog.cardinality(page.lead_ids) = page_size
  then
    return page;
  end if;
  candidates := inboxdb.search_candidates(target_client_id, asked.terms, asked.address, most_found);
  if candidates is null then
    return page;
  end if;
  -- with what was found by looking: a text not yet folded, or a part of a word where no index knows parts
  candidates := candidates || page.lead_ids;
  scanned := page.scanned;
  page := inboxdb.walk_leads(
    target_client_id, filter_name, sort_name, whose, user_id, asked, candidates, after_at, after_id, page_size,
    pg_catalog.cardinality(candidates) + 1
  );
  page.scanned := page.scanned + scanned;
  return page;
end
$$;
-- <<< sql/list/find_page.sql

-- >>> sql/api/read_conversations.sql
create or replace function inboxdb.read_conversations(
  target_client_id inboxdb.client_id, filter text, channels text[], sentiment_tags text[], sms_campaign_id text,
  sms_campaign_unattributed boolean, score text, assigned_to text, search text, sort text, after text,
  page_size integer
)
returns inboxdb.conversations_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a page of the current user's conversations.
-- Parameters: as of inbox_api.conversations.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB021 for a refused argument; IB016 for a cursor of
--   another list; IB020 without lists, or without search; 42501 where row-level security would filter what the owner
--   of this function sees.
-- Reads: list_filter, cache_version; find_page and conversation_rows read the rest.
-- DEFINER: members may read neither leads nor messages.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
  filter_name constant pg_catalog.text := case filter
    when 'drafts' then 'previous_attention' else coalesce(filter, 'all')
  end;
  sort_name constant pg_catalog.text := coalesce(sort, 'activity');
  asked_for constant pg_catalog.record := inboxdb.search_terms(search);
  asked constant inboxdb.list_condition := (
    inboxdb.clock(), channels, sentiment_tags, sms_campaign_id, coalesce(sms_campaign_unattributed, false),
    coalesce(score, 'all'), asked_for.terms, asked_for.address
  );
  is_looked_at constant boolean := inboxdb.require_condition(asked);
  user_id inboxdb.user_id;
  list pg_catalog.text;
  after_at pg_catalog.timestamptz;
  after_id inboxdb.lead_id;
  page inboxdb.list_page;
  answer inboxdb.conversations_answer;
begin
  perform inboxdb.require_lists();
  if search is not null then
    perform inboxdb.require_search();
  end if;
  if not exists (select from inboxdb.list_filter as f where f.name = filter_name) then
    perform inboxdb.refuse_argument(
      'filter', (select pg_catalog.string_agg(f.name, ', ' order by f.name) from inboxdb.list_filter as f)
    );
  end if;
  if sort_name not in ('activity', 'updated') then
    perform inboxdb.refuse_argument('sort', 'activity or updated');
  elsif sort_name = 'updated' and (filter_name <> 'all' or is_looked_at or assigned_to is not null) then
    perform inboxdb.refuse_argument('sort', 'updated only with the filter all, and no other argument');
  end if;
  if page_size is null or page_size not between 1 and 200 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 200');
  end if;
  if assigned_to is not null and scope <> inboxdb.sentinel() then
    perform inboxdb.refuse_argument('assigned_to', 'null for a member who sees only their own leads');
  elsif assigned_to <> '' and not inboxdb.can_be_id(assigned_to, scope) then
    perform inboxdb.refuse_argument('assigned_to', 'the id of a user, or empty for leads of nobody');
  end if;
  user_id := nullif(coalesce(nullif(assigned_to, '')::inboxdb.user_id, scope), inboxdb.sentinel());

  list := pg_catalog.jsonb_build_array(
    'conversations', target_client_id, scope, filter_name, asked.channels, asked.sentiment_tags, asked.sms_campaign_id,
    asked.sms_campaign_unattributed, asked.score, assigned_to, asked.terms, asked.address, sort_name,
    inboxdb.definitions()
  )::pg_catalog.text;
  select c.sort_at, c.id into after_at, after_id from inboxdb.read_cursor(list, after) as c;
  page := inboxdb.find_page(
    target_client_id, filter_name, sort_name, user_id, user_id is null and assigned_to is not null, asked, is_looked_at,
    after_at, after_id, page_size
  );

  select coalesce(pg_catalog.jsonb_agg(r.conversation order by u.place), '[]') into answer.conversations
  from pg_catalog.unnest(page.lead_ids) with ordinality as u (lead_id, place)
  inner join inboxdb.conversation_rows(page.lead_ids, sort_name) as r on u.lead_id = r.lead_id;
  answer.has_more := page.has_more;
  if page.has_more then
    answer.cursor := inboxdb.make_cursor(list, page.last_at, page.last_id::pg_catalog.text);
  end if;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'inbox') as v);
  answer.scanned := page.scanned;

  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(list, after, page_size, answer.version, answer.conversations, answer.cursor)
    );
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_conversations.sql

-- >>> sql/api/conversations.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversations(
  client_id inboxdb.client_id,
  filter text default 'all',
  channels text[] default null,
  sentiment_tags text[] default null,
  sms_campaign_id text default null,
  sms_campaign_unattributed boolean default false,
  score text default 'all',
  assigned_to text default null,
  search text default null,
  sort text default 'activity',
  after text default null,
  page_size integer default 50
)
returns setof inboxdb.conversations_answer
language sql stable
rows 1
as $$
  -- Purpose: a page of the current user's conversations in a workspace, newest first. For the application,
  --   and for PostgREST's GET /rpc/conversations?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; filter, one of view list_filter; channels: the lead has a message on one of
  --   these; sentiment_tags, exact, null for leads without a tag; sms_campaign_id, or sms_campaign_unattributed for
  --   leads without a campaign; score; assigned_to, whose leads, '' for nobody's; search, an e-mail address or
  --   terms; sort, activity or updated; after, the cursor of the page before; page_size, 1 to 200.
  -- Returns: one row. conversations, an array of objects; cursor, where the next page begins, null at the end;
  --   has_more, whether the end is not known: where each lead has to be looked at, a page may be short, or empty;
  --   version, the inbox family's cache version; scanned, how many leads were looked at.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB016 a cursor of
  --   another list; IB020 without lists; IB021 a refused argument.
  -- INVOKER: read_conversations checks access, then reads.
  select *
  from inboxdb.read_conversations(
    client_id, filter, channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed, score, assigned_to, search,
    sort, after, page_size
  )
$$;
-- <<< sql/api/conversations.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;
