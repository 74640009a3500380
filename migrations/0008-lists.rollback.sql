-- Undoes 0008-lists: puts back what was before, and drops the indexes of lists.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted, where an index of lists is there; while it queues, at
--   most the 2 s of lock_timeout, writers queue behind it. `inboxdb lists drop` before takes none that stops writers.

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inbox_api.conversation_messages(inboxdb.lead_id, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inbox_api.conversation_filters(inboxdb.client_id);
-- squawk-ignore ban-drop-function
drop function inbox_api.conversation(inboxdb.lead_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversation_messages(inboxdb.lead_id, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversation_filters(inboxdb.client_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversation(inboxdb.lead_id);
-- squawk-ignore ban-drop-type
drop type inboxdb.conversations_answer;
-- squawk-ignore ban-drop-type
drop type inboxdb.conversation_messages_answer;
-- squawk-ignore ban-drop-type
drop type inboxdb.conversation_filters_answer;
-- squawk-ignore ban-drop-type
drop type inboxdb.conversation_answer;
-- squawk-ignore ban-drop-function
drop function inboxdb.require_lead(inboxdb.lead_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.conversation_rows(inboxdb.lead_id[]);
-- squawk-ignore ban-drop-function
drop function inboxdb.find_page(inboxdb.client_id, text, text, inboxdb.user_id, boolean, inboxdb.list_condition, boolean, timestamptz, inboxdb.lead_id, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.walk_leads(inboxdb.client_id, text, text, text, inboxdb.user_id, inboxdb.list_condition, inboxdb.lead_id[], timestamptz, inboxdb.lead_id, integer, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.list_candidates(inboxdb.client_id, integer, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.require_condition(inboxdb.list_condition);
-- squawk-ignore ban-drop-function
drop function inboxdb.require_search();
-- squawk-ignore ban-drop-function
drop function inboxdb.search_terms(text);
-- squawk-ignore ban-drop-type
drop type inboxdb.list_condition;
-- squawk-ignore ban-drop-type
drop type inboxdb.list_page;
-- squawk-ignore ban-drop-function
drop function inboxdb.require_lists();
-- squawk-ignore ban-drop-function
drop function inboxdb.refuse_argument(text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_cursor(text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.make_cursor(text, timestamptz, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.cursor_signature(text, bytea);
-- squawk-ignore ban-drop-table
drop table inboxdb.list_key;
-- squawk-ignore ban-drop-function
drop function inboxdb.list_indexes();
-- squawk-ignore ban-drop-view
drop view inboxdb.list_filter;
-- squawk-ignore ban-drop-view
drop view if exists inboxdb.listed_lead;
-- squawk-ignore ban-drop-function
drop function inboxdb.missing_for_lists();
-- squawk-ignore ban-drop-function
drop function inboxdb.is_found(inboxdb.lead_id, text[], text);
-- squawk-ignore ban-drop-function
drop function inboxdb.search_candidates(inboxdb.client_id, text[], text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.campaigns_named(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.search_by();
-- squawk-ignore ban-drop-function
drop function inboxdb.search_indexes();
-- squawk-ignore ban-drop-function
drop function inboxdb.refresh_texts();
-- squawk-ignore ban-drop-function
drop function inboxdb.raise_floor_of_texts();
-- squawk-ignore ban-drop-function
drop function inboxdb.walk_texts(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.fold_noted(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.note_compared_text();
-- squawk-ignore ban-drop-function
drop function inboxdb.note_text_change();
-- squawk-ignore ban-drop-function
drop function inboxdb.can_note_text();
-- squawk-ignore ban-drop-function
drop function inboxdb.text_definitions();
-- squawk-ignore ban-drop-view
drop view inboxdb.noted_text;
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
drop function inboxdb.like_pattern(text, boolean);
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
-- squawk-ignore ban-drop-function
drop function inboxdb.floor_above(xid8[], integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_for_texts(inboxdb.client_id, inboxdb.lead_id, smallint);
-- squawk-ignore ban-drop-table
drop table inboxdb.text_change;
-- squawk-ignore ban-drop-function
drop function inboxdb.id_bytes(uuid);
-- squawk-ignore ban-drop-function
drop function inboxdb.id_bytes(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamptz, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamp, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamptz, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamp, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.host_time(timestamptz, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.host_time(timestamptz, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamptz, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamp, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamptz, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamp, timestamp);
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
-- squawk-ignore require-concurrent-index-deletion
drop index if exists
  public.inboxdb_list_all, public.inboxdb_list_all_by_user, public.inboxdb_list_needs_repair,
  public.inboxdb_list_responses, public.inboxdb_list_tagged, inboxdb.counted_lead_ai_review_idx,
  inboxdb.counted_lead_ai_sent_idx;
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

-- >>> 0007-access:access/grant_matrix.view.sql
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
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
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
-- <<< 0007-access:access/grant_matrix.view.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;
