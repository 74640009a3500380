-- Undoes 0010-search: puts back what was before. Lists are without search; the texts are gone.
-- Locks: none on the host's tables.

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.require_search();
-- squawk-ignore ban-drop-function
drop function inboxdb.search_terms(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_found(inboxdb.lead_id, text[], text);
-- squawk-ignore ban-drop-function
drop function inboxdb.search_candidates(inboxdb.client_id, text[], text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.search_indexes();
-- squawk-ignore ban-drop-function
drop function inboxdb.refresh_texts();
-- squawk-ignore ban-drop-function
drop function inboxdb.walk_texts(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.fold_noted(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.store_texts(inboxdb.lead_id[]);
-- squawk-ignore ban-drop-function
drop function inboxdb.note_text_change();
-- squawk-ignore ban-drop-function
drop function inboxdb.text_definitions();
-- squawk-ignore ban-drop-function
drop function inboxdb.noted_texts(integer);
-- squawk-ignore ban-drop-view
drop view inboxdb.search_state_now;
-- squawk-ignore ban-drop-table
drop table inboxdb.search_state;
-- squawk-ignore ban-drop-table
drop table inboxdb.lead_text;
-- squawk-ignore ban-drop-view
drop view if exists inboxdb.searched_lead;
-- squawk-ignore ban-drop-function
drop function inboxdb.missing_for_search();
-- squawk-ignore ban-drop-function
drop function inboxdb.like_pattern(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.exact_hash(text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.digits_asked(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.only_digits(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.folded(text);
-- squawk-ignore ban-drop-domain
drop domain inboxdb.folding;
-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, text, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;
-- squawk-ignore ban-drop-view
drop view inboxdb.update_trigger;
-- squawk-ignore ban-drop-function
drop function inboxdb.floor_above(xid8[], integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_for_texts(inboxdb.client_id, inboxdb.lead_id, smallint);
-- squawk-ignore ban-drop-table
drop table inboxdb.text_change;

-- >>> by hand, before the bodies
-- squawk-ignore ban-drop-column
alter type inboxdb.list_condition drop attribute terms;
-- squawk-ignore ban-drop-column
alter type inboxdb.list_condition drop attribute address;
comment on type inboxdb.list_condition is
'What is asked of each lead of a list: the instant at which snoozes are judged, and the filters that have no index.';
-- what stood in for the view searched_lead, where inboxdb was suspended
-- squawk-ignore ban-drop-function
drop function if exists inboxdb.suspended_searched_lead();
-- <<< by hand

-- >>> 0002-functions:base/lock_class.sql
create or replace function inboxdb.lock_class(what text) returns integer
language sql immutable
set search_path = ''
as $$
  -- Purpose: the class of an advisory lock of ours, as pg_locks.classid shows it.
  -- Parameters: what, workspace (objid: hashtext of its id), collector, grants or migration (objid: 0), maintenance
  --   (objid: hashtext of the item), number (objid: the number).
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
  end
$$;
-- <<< 0002-functions:base/lock_class.sql

-- >>> 0002-functions:log/update_trigger.view.sql
create or replace view inboxdb.update_trigger as
select
  t.tgname as trigger_name,
  t.tgenabled in ('O', 'A') as is_enabled,
  case t.tgname
    when 'inboxdb_note_compared' then s.noted_updates = 'changed' or inboxdb.must_compare()
    else s.noted_updates = 'named'
  end as is_to_be_enabled
from pg_catalog.pg_trigger as t
cross join (select inboxdb.setting('noted_updates') as noted_updates) as s
where t.tgrelid = pg_catalog.to_regclass('public."Lead"')
  and t.tgname in ('inboxdb_note_update', 'inboxdb_note_rollup', 'inboxdb_note_compared');

comment on view inboxdb.update_trigger is
'The triggers noting UPDATEs of "Lead": whether each is enabled, and whether it is to be, by the setting '
'noted_updates and by the host''s own triggers (function must_compare).';
-- <<< 0002-functions:log/update_trigger.view.sql

-- >>> 0002-functions:log/arrange_triggers.sql
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
    -- nothing was missed while every named column was noted, and the host had no trigger of its own
    pg_catalog.bool_or(t.is_to_be_enabled and not t.is_enabled)
    and (inboxdb.must_compare() or not pg_catalog.bool_and(t.is_enabled or t.trigger_name = 'inboxdb_note_compared'))
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
-- <<< 0002-functions:log/arrange_triggers.sql

-- >>> 0002-functions:log/arrange_if_free.sql
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
    cross join (
      select pg_catalog.bool_or(k.is_enabled) as is_enabled
      from inboxdb.update_trigger as k
      where k.trigger_name = 'inboxdb_note_compared'
    ) as c
    where t.is_enabled <> t.is_to_be_enabled
      and case
        when t.trigger_name = 'inboxdb_note_compared' then t.is_to_be_enabled
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
-- <<< 0002-functions:log/arrange_if_free.sql

-- >>> 0002-functions:log/take_changes.sql
create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: delete changes from the log. None is taken twice: readers of a workspace's changes hold its lock, and
--   changes without a workspace are taken under the collector's lock.
-- Parameters: slices and tids, the place of each change, from changes_of or view change.
-- Writes: the change log.
-- INVOKER: called by remember_leads, fill_leads, remember_changed, collapse_changes and assign_changes only.
begin
  if 0 = any (slices) then
    delete from inboxdb.change_0 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 0
    ));
  end if;
  if 1 = any (slices) then
    delete from inboxdb.change_1 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 1
    ));
  end if;
  if 2 = any (slices) then
    delete from inboxdb.change_2 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 2
    ));
  end if;
  if 3 = any (slices) then
    delete from inboxdb.change_3 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 3
    ));
  end if;
end
$$;
-- <<< 0002-functions:log/take_changes.sql

-- >>> 0002-functions:jobs/maintenance.view.sql
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
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed')
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name);

comment on view inboxdb.maintenance is 'The work of drains besides refreshes: see function maintain.';
comment on column inboxdb.maintenance.run_every is 'How long after its end the item is due again, in each run.';
comment on column inboxdb.maintenance.time_limit is
'The runner cancels the function after so long; with a workspace after the time limit of a refresh, if longer.';
comment on column inboxdb.maintenance.time_share is
'The share of a worker''s time, spent while no workspace is due; null beside the refreshes, in each run once.';
comment on column inboxdb.maintenance.burst is 'The time that a worker may save up for the item.';
comment on column inboxdb.maintenance.chooser is
'A function that returns a workspace, null if none is due; committed before the work. Null without workspaces.';
comment on column inboxdb.maintenance.function_name is
'A function without parameters; after a chooser of the workspace, and returning outcome, version and changed_scopes.';
-- <<< 0002-functions:jobs/maintenance.view.sql

-- >>> 0002-functions:drain/raise_floor.sql
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
  undrained as materialized (
    select c.xid from inboxdb.change as c order by c.xid limit 256
  ),
  -- read_from is at most here: the 256th undrained change, or the end of the snapshot
  beyond as (
    select least(
      -- at most xmax, although another server may have counted further
      pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),
      case when pg_catalog.count(*) = 256 then pg_catalog.max(u.xid) end
    ) as xid
    from undrained as u
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
      select u.xid from undrained as u
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
  ),
  found as (
    select
      coalesce(
        (select o.xid from open_xid as o where o.place = n.places + 1), (select b.xid from beyond as b)
      ) as read_from,
      array(select o.xid from open_xid as o where o.place <= n.places) as also_read,
      (select pg_catalog.count(*) from undrained) as changes_left
    from one_by_one as n
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
-- <<< 0002-functions:drain/raise_floor.sql

-- >>> 0002-functions:jobs/maintenance_credit.sql
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
-- <<< 0002-functions:jobs/maintenance_credit.sql

-- >>> 0002-functions:jobs/after_maintenance.sql
create or replace function inboxdb.after_maintenance(kept jsonb, item inboxdb.maintenance, now double precision)
returns jsonb
language sql immutable
set search_path = ''
as $$
  -- Purpose: put the item at hand down: note when it ended, and subtract the time that it took from its credit.
  -- Parameters: kept, as maintain keeps it; item, as in view maintenance; now, in seconds since 1970.
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
      end
    )
  )
$$;
-- <<< 0002-functions:jobs/after_maintenance.sql

-- >>> 0002-functions:jobs/maintain.sql
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
--   done, failed, or with a workspace the outcome, version and changed_scopes of a refresh, for send_signals.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, to be given as error_code.
-- Reads: maintenance. Writes: maintenance_failure; as the function of the item.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now double precision := pg_catalog.date_part('epoch', pg_catalog.clock_timestamp());
  chosen inboxdb.maintenance;
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
        execute pg_catalog.format('select %s()', chosen.function_name);
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
    kept := inboxdb.after_maintenance(kept, chosen, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()));
    return;
  end if;

  for chosen in
    select m.*
    from inboxdb.maintenance as m
    where (m.time_share is not null) = at_rest
      and inboxdb.maintenance_credit(kept, m, now) > 0
      -- not ahead: a clock that went back stops no maintenance
      and coalesce(
        (kept #>> array[m.item, 'at'])::double precision
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
-- <<< 0002-functions:jobs/maintain.sql

-- >>> 0009-lists:access/grant_matrix.view.sql
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
    'inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text,'
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
-- <<< 0009-lists:access/grant_matrix.view.sql

-- >>> 0009-lists:list/list_condition.type.sql, altered by hand above
-- create type inboxdb.list_condition as (
--   as_of timestamptz,
--   channels text [],
--   sentiment_tags text [],
--   sms_campaign_id text,
--   sms_campaign_unattributed boolean,
--   score text
-- );

-- comment on type inboxdb.list_condition is
-- 'What is asked of each lead of a list: the instant at which snoozes are judged, and the filters that have no index.';
-- <<< 0009-lists:list/list_condition.type.sql

-- >>> 0009-lists:list/require_condition.sql
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
    or asked.sms_campaign_unattributed or asked.score <> 'all';
end
$$;
-- <<< 0009-lists:list/require_condition.sql

-- >>> 0009-lists:list/walk_leads.sql
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
as $$
-- Purpose: walk through leads in the order of a list, until a page is full or enough leads were looked at.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; whose and user_id: of all,
--   nobody, scope or user (see find_page), looked (at each lead); asked, of each lead; candidates, null for all
--   leads; after_at, after_id, the cursor; page_size; most, how many leads to look at.
-- Returns: the page. has_more: not known to be the end.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead, "Message".
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
-- <<< 0009-lists:list/walk_leads.sql

-- >>> 0009-lists:list/find_page.sql
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
--   or, for counts by drafts or messages and for a user's leads by update, among candidates.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; user_id, whose leads, null
--   for all; is_nobodys, whether leads of nobody are wanted; asked, of each lead; is_looked_at, whether anything is
--   asked besides; after_at, after_id, the cursor; page_size.
-- Returns: the page.
-- Errors: IB020 where the index of the page is not there; 42501 where row-level security would filter what the owner of
--   this function sees.
-- Reads: list_filter; list_candidates, leads_of and walk_leads read the rest.
-- INVOKER: called by read_conversations only.
declare
  -- how many leads a call looks at
  most constant integer := 2000;
  count_bit integer;
  index_name pg_catalog.text;
  candidates inboxdb.lead_id[];
  whose pg_catalog.text;
  page inboxdb.list_page;
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
  return page;
end
$$;
-- <<< 0009-lists:list/find_page.sql

-- >>> 0009-lists:api/read_conversations.sql
create or replace function inboxdb.read_conversations(
  target_client_id inboxdb.client_id, filter text, channels text[], sentiment_tags text[], sms_campaign_id text,
  sms_campaign_unattributed boolean, score text, assigned_to text, sort text, after text, page_size integer
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
--   another list; IB020 without lists; 42501 where row-level security would filter what the owner of this function
--   sees.
-- Reads: list_filter, cache_version; find_page and conversation_rows read the rest.
-- DEFINER: members may read neither leads nor messages.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
  filter_name constant pg_catalog.text := case filter
    when 'drafts' then 'previous_attention' else coalesce(filter, 'all')
  end;
  sort_name constant pg_catalog.text := coalesce(sort, 'activity');
  asked constant inboxdb.list_condition := (
    inboxdb.clock(), channels, sentiment_tags, sms_campaign_id, coalesce(sms_campaign_unattributed, false),
    coalesce(score, 'all')
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
    asked.sms_campaign_unattributed, asked.score, assigned_to, sort_name, inboxdb.definitions()
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
-- <<< 0009-lists:api/read_conversations.sql

-- >>> 0009-lists:api/conversations.sql
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
  --   leads without a campaign; score; assigned_to, whose leads, '' for nobody's; sort, activity or updated; after, the
  --   cursor of the page before; page_size, 1 to 200.
  -- Returns: one row. conversations, an array of objects; cursor, where the next page begins, null at the end;
  --   has_more, whether the end is not known: where each lead has to be looked at, a page may be short, or empty;
  --   version, the inbox family's cache version; scanned, how many leads were looked at.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB016 a cursor of
  --   another list; IB020 without lists; IB021 a refused argument.
  -- INVOKER: read_conversations checks access, then reads.
  select *
  from inboxdb.read_conversations(
    client_id, filter, channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed, score, assigned_to, sort,
    after, page_size
  )
$$;
-- <<< 0009-lists:api/conversations.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;
