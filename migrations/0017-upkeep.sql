-- inboxdb 0017: upkeep: maintenance of the host's tables, each item off until its setting is on; a table without a row.
--   inboxdb_maintainer, where the role exists, may list and run the items.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0017-upkeep.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0017-upkeep.sql (one transaction).
-- depends: 0016-samples

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, text, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/base/setting_definition.view.sql
create or replace view inboxdb.setting_definition as
select d.setting_name, d.default_value, d.allowed, d.meaning
from (
  values
  (
    'analytics_time_zone', 'UTC', '[A-Za-z0-9_/+-]{1,64}',
    'the days of analytics, for workspaces without a time zone that the server knows: a name of pg_timezone_names'
  ),
  ('audit_hours', '6', '[1-9][0-9]{0,3}', 'how many hours after an audit or a recount a workspace is audited again'),
  ('counts_source', inboxdb.default_counts_source(), 'stored|live', 'where inbox_api.inbox_counts answers from'),
  (
    'lists', 'undecided', 'built|left_out|undecided',
    'whether `inboxdb migrate apply` builds the indexes of lists, unless left_out; set by it, and by `inboxdb lists '
    'build` and `drop`'
  ),
  (
    'noted_updates', 'named', 'named|changed',
    'which UPDATEs of "Lead" are changes: those that name a counted column, or those that change one; set by '
    'inboxdb.set_noted_updates'
  ),
  ('prune_ai_interactions', 'off', 'on|off', 'whether old rows of "AIInteraction" are deleted: see view upkeep'),
  ('prune_draft_runs', 'off', 'on|off', 'whether old rows of "DraftPipelineRun" are deleted: see view upkeep'),
  ('prune_lead_memory', 'off', 'on|off', 'whether expired rows of "LeadMemoryEntry" are deleted: see view upkeep'),
  (
    'prune_workspace_memory', 'off', 'on|off',
    'whether expired rows of "WorkspaceMemoryEntry" are deleted: see view upkeep'
  ),
  (
    'read_sample_days', '7', '[1-9]|[1-8][0-9]|90',
    'for how many days the samples of reads are kept that inbox_api.note_reads is given'
  ),
  (
    'recover_stale_drafts', 'off', 'on|off',
    'whether rows of "AIDraft" are taken out of status sending: see view upkeep'
  )
) as d (setting_name, default_value, allowed, meaning);

comment on view inboxdb.setting_definition is
'Every setting: its default, what it may be (a regular expression for the whole of it), and what it decides.';
-- <<< sql/base/setting_definition.view.sql

-- >>> sql/upkeep/upkeep.view.sql
create or replace view inboxdb.upkeep as
-- Maintenance of the host's tables, a row each: off until the item's setting is on. Item, setting and function have one
-- name; view maintenance runs those that are on, run_upkeep one by hand.
select
  u.item,
  pg_catalog.replace(u.item, '-', '_') as setting_name,
  'inboxdb.' || pg_catalog.replace(u.item, '-', '_') as function_name,
  u.meaning
from (
  values
  (
    'prune-ai-interactions', 'deletes rows of "AIInteraction" after 30 days, 1,000 at a time'
  ),
  (
    'prune-draft-runs', 'deletes rows of "DraftPipelineRun" after 30 days, of 250 that it looks at at a time'
  ),
  (
    'prune-lead-memory', 'deletes expired rows of "LeadMemoryEntry" with source INFERENCE, 500 at a time'
  ),
  (
    'prune-workspace-memory', 'deletes expired rows of "WorkspaceMemoryEntry" with source INFERENCE, 500 at a time'
  ),
  (
    'recover-stale-drafts',
    'takes rows of "AIDraft" out of status sending after 10 minutes, 100 at a time: to approved where a message was'
    ' sent, else to pending, for review'
  )
) as u (item, meaning);

comment on view inboxdb.upkeep is 'Maintenance of the host''s tables: what there is, and the setting of each.';
comment on column inboxdb.upkeep.function_name is
'A function of dry_run, which returns how many rows it touched, and whether there may be more.';
-- <<< sql/upkeep/upkeep.view.sql

-- >>> sql/upkeep/missing_for_upkeep.sql
create or replace function inboxdb.missing_for_upkeep(this_item text) returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has what an item of upkeep needs: columns of types that do, an index that begins
  --   with those by which rows are found, the foreign key by which messages lock their draft, and rights.
  -- Parameters: this_item, of view upkeep.
  -- Returns: the names of what is missing; null where all is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, item, host_table, host_column, types, same_as, is_found_by) as (
    -- same_as: the place of the column of the same type, because the two are compared
    values
    (1, 'recover-stale-drafts', 'AIDraft', 'id', '%', null, true),
    (2, 'recover-stale-drafts', 'AIDraft', 'status', 'text', null, true),
    (3, 'recover-stale-drafts', 'AIDraft', 'autoSendAction', 'text', null, false),
    (4, 'recover-stale-drafts', 'AIDraft', 'updatedAt', 'timestamp%', null, false),
    (5, 'recover-stale-drafts', 'Message', 'aiDraftId', '%', 1, true),
    (6, 'recover-stale-drafts', 'Message', 'direction', 'text', null, false),
    (7, 'prune-lead-memory', 'LeadMemoryEntry', 'id', '%', null, true),
    (8, 'prune-lead-memory', 'LeadMemoryEntry', 'source', '%', null, false),
    (9, 'prune-lead-memory', 'LeadMemoryEntry', 'expiresAt', 'timestamp%', null, true),
    (10, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'id', '%', null, true),
    (11, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'source', '%', null, false),
    (12, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'expiresAt', 'timestamp%', null, true),
    (13, 'prune-ai-interactions', 'AIInteraction', 'id', '%', null, true),
    (14, 'prune-ai-interactions', 'AIInteraction', 'createdAt', 'timestamp%', null, true),
    (15, 'prune-draft-runs', 'DraftPipelineRun', 'id', '%', null, true),
    (16, 'prune-draft-runs', 'DraftPipelineRun', 'createdAt', 'timestamp%', null, false)
  ),

  found as (
    select
      n.place, n.item, n.same_as, n.is_found_by, n.host_column, c.oid, a.attnum,
      pg_catalog.format('public.%I', n.host_table) as table_name,
      -- without the quotes of a session that quotes all identifiers, or the schema that a temporary type text brings in
      pg_catalog.replace(
        pg_catalog.replace(
          pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
        ), 'pg_catalog.', ''
      ) as type_name,
      n.types
    from needed as n
    left join pg_catalog.pg_class as c
      on c.oid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) and c.relkind in ('r', 'p')
    left join pg_catalog.pg_attribute as a
      on c.oid = a.attrelid and n.host_column = a.attname and not a.attisdropped
  ),

  lacking (place, what) as (
    select
      f.place,
      case
        when f.type_name is null or f.type_name not like f.types or f.type_name <> other.type_name
          then pg_catalog.format('%s.%I', f.table_name, f.host_column)
        when f.is_found_by and not exists (
          select
          from pg_catalog.pg_index as i
          where i.indrelid = f.oid and i.indkey[0] = f.attnum and i.indisvalid and i.indpred is null
        )
          then pg_catalog.format('an index that begins with %s.%I', f.table_name, f.host_column)
      end
    from found as f
    left join found as other on f.same_as = other.place
    where f.item = this_item
    union all
    select 50, 'a foreign key from public."Message"."aiDraftId" to public."AIDraft"'
    from found as f
    where this_item = 'recover-stale-drafts' and f.place = 5 and f.attnum is not null
      and not exists (
        select
        from pg_catalog.pg_constraint as k
        where k.conrelid = f.oid and k.contype = 'f' and k.conkey = array[f.attnum]
          and k.confrelid = pg_catalog.to_regclass('public."AIDraft"')
      )
    union all
    select distinct on (f.oid) 60 + f.place, pg_catalog.format('the right to %s %s', needs.privilege, f.table_name)
    from found as f
    cross join lateral (
      select case f.table_name
        when 'public."AIDraft"' then 'update' when 'public."Message"' then 'select' else 'delete'
      end
    ) as needs (privilege)
    where f.item = this_item and f.oid is not null
      and not pg_catalog.has_table_privilege(
        (select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'inboxdb'), f.oid, needs.privilege
      )
  )

  select pg_catalog.string_agg(l.what, ', ' order by l.place)
  from lacking as l
$$;
-- <<< sql/upkeep/missing_for_upkeep.sql

-- >>> sql/upkeep/recover_stale_drafts.sql
create or replace function inboxdb.recover_stale_drafts(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: take drafts out of status sending after 10 minutes, 100 at a time, the oldest first: to approved where an
--   outbound message of the draft is stored, else to pending with autoSendAction needs_review: a person decides.
-- Parameters: dry_run: count all of them, and change nothing.
-- Returns: the drafts, and whether there may be more.
-- Reads: "AIDraft", "Message". Writes: "AIDraft", whose triggers note the change.
-- Locks: a draft FOR UPDATE, which a sender's uncommitted message or update of it excludes; such drafts are skipped.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := 100;
  since constant pg_catalog.timestamptz := inboxdb.clock() - interval '10 minutes';
  draft pg_catalog.record;
begin
  touched := 0;
  if dry_run then
    select pg_catalog.count(*) into touched
    from public."AIDraft" as d
    where d.status = 'sending' and d."updatedAt" < inboxdb.host_time(since, d."updatedAt");
    has_more := false;
    return;
  end if;
  for draft in
    select d.id
    from public."AIDraft" as d
    where d.status = 'sending' and d."updatedAt" < inboxdb.host_time(since, d."updatedAt")
    order by d."updatedAt"
    limit most
    for update skip locked
  loop
    perform inboxdb.checkpoint('stale draft locked');
    -- in a statement after the lock, so that its snapshot sees every message committed before the lock was granted
    update public."AIDraft" as d
    set
      status = case when sent.is_sent then 'approved' else 'pending' end,
      "autoSendAction" = case when sent.is_sent then d."autoSendAction" else 'needs_review' end,
      "updatedAt" = inboxdb.host_time(inboxdb.clock(), d."updatedAt")
    from (
      select exists (
        select from public."Message" as m where m."aiDraftId" = draft.id and m.direction = 'outbound'
      ) as is_sent
    ) as sent
    where d.id = draft.id;
    touched := touched + 1;
  end loop;
  has_more := touched = most;
exception when lock_not_available then
  -- the host's own migration holds a table
  touched := 0;
  has_more := false;
end
$$;
-- <<< sql/upkeep/recover_stale_drafts.sql

-- >>> sql/upkeep/prune_lead_memory.sql
create or replace function inboxdb.prune_lead_memory(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: delete expired memories of leads that were inferred, 500 at a time, by the index on the time.
-- Parameters: dry_run: count them, up to 10,000, and delete none.
-- Returns: the rows, and whether there may be more.
-- Reads, writes: "LeadMemoryEntry".
-- Locks: the deleted rows; rows locked by others are skipped; where a foreign key's action would wait, all are left.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := case when dry_run then 10000 else 500 end;
  since constant pg_catalog.timestamptz := inboxdb.clock();
begin
  if dry_run then
    select pg_catalog.count(*) into touched
    from (
      select
      from public."LeadMemoryEntry" as h
      where h.source = 'INFERENCE' and h."expiresAt" < inboxdb.host_time(since, h."expiresAt")
      limit most
    ) as due;
  else
    with
    due as materialized (
      select h.id
      from public."LeadMemoryEntry" as h
      where h.source = 'INFERENCE' and h."expiresAt" < inboxdb.host_time(since, h."expiresAt")
      order by h."expiresAt"
      limit most
      for update skip locked
    )
    delete from public."LeadMemoryEntry" as h using due
    where h.id = due.id;
    get diagnostics touched = row_count;
  end if;
  has_more := touched = most;
exception when lock_not_available then
  touched := 0;
  has_more := false;
end
$$;
-- <<< sql/upkeep/prune_lead_memory.sql

-- >>> sql/upkeep/prune_workspace_memory.sql
create or replace function inboxdb.prune_workspace_memory(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: delete expired memories of workspaces that were inferred, 500 at a time, by the index on the time.
-- Parameters: dry_run: count them, up to 10,000, and delete none.
-- Returns: the rows, and whether there may be more.
-- Reads, writes: "WorkspaceMemoryEntry".
-- Locks: the deleted rows; rows locked by others are skipped; where a foreign key's action would wait, all are left.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := case when dry_run then 10000 else 500 end;
  since constant pg_catalog.timestamptz := inboxdb.clock();
begin
  if dry_run then
    select pg_catalog.count(*) into touched
    from (
      select
      from public."WorkspaceMemoryEntry" as h
      where h.source = 'INFERENCE' and h."expiresAt" < inboxdb.host_time(since, h."expiresAt")
      limit most
    ) as due;
  else
    with
    due as materialized (
      select h.id
      from public."WorkspaceMemoryEntry" as h
      where h.source = 'INFERENCE' and h."expiresAt" < inboxdb.host_time(since, h."expiresAt")
      order by h."expiresAt"
      limit most
      for update skip locked
    )
    delete from public."WorkspaceMemoryEntry" as h using due
    where h.id = due.id;
    get diagnostics touched = row_count;
  end if;
  has_more := touched = most;
exception when lock_not_available then
  touched := 0;
  has_more := false;
end
$$;
-- <<< sql/upkeep/prune_workspace_memory.sql

-- >>> sql/upkeep/prune_ai_interactions.sql
create or replace function inboxdb.prune_ai_interactions(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: delete records of interactions after 30 days, 1,000 at a time, by the index on the time.
-- Parameters: dry_run: count them, up to 10,000, and delete none.
-- Returns: the rows, and whether there may be more.
-- Reads, writes: "AIInteraction".
-- Locks: the deleted rows; rows locked by others are skipped; where a foreign key's action would wait, all are left.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := case when dry_run then 10000 else 1000 end;
  since constant pg_catalog.timestamptz := inboxdb.clock() - interval '30 days';
begin
  if dry_run then
    select pg_catalog.count(*) into touched
    from (
      select
      from public."AIInteraction" as h
      where h."createdAt" < inboxdb.host_time(since, h."createdAt")
      limit most
    ) as due;
  else
    with
    due as materialized (
      select h.id
      from public."AIInteraction" as h
      where h."createdAt" < inboxdb.host_time(since, h."createdAt")
      order by h."createdAt"
      limit most
      for update skip locked
    )
    delete from public."AIInteraction" as h using due
    where h.id = due.id;
    get diagnostics touched = row_count;
  end if;
  has_more := touched = most;
exception when lock_not_available then
  touched := 0;
  has_more := false;
end
$$;
-- <<< sql/upkeep/prune_ai_interactions.sql

-- >>> sql/upkeep/draft_run_walk.table.sql
create table inboxdb.draft_run_walk (
  only_row boolean primary key default true,
  walked_to text,
  constraint draft_run_walk_only_row_check check (only_row)
);

comment on table inboxdb.draft_run_walk is
'How far prune_draft_runs has walked "DraftPipelineRun" by its primary key; no row before the first walk.';
comment on column inboxdb.draft_run_walk.walked_to is 'The last id looked at; null where the next walk begins.';
-- <<< sql/upkeep/draft_run_walk.table.sql

-- >>> sql/upkeep/prune_draft_runs.sql
create or replace function inboxdb.prune_draft_runs(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: delete pipeline runs of drafts after 30 days, with their artefacts, which cascade: a step of 250 rows of a
--   walk by primary key, because no index is by time alone.
-- Parameters: dry_run: count them, up to 10,000, and delete none; reads the whole table where there are fewer.
-- Returns: the runs deleted, and whether the walk goes on.
-- Reads, writes: "DraftPipelineRun", draft_run_walk. Writes: what cascades.
-- Locks: the deleted rows; runs locked by others are skipped, and where an artefact is locked, all of the step: the
--   next walk comes by again. An advisory lock, see lock_class: a second walker does nothing.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := 250;
  since constant pg_catalog.timestamptz := inboxdb.clock() - interval '30 days';
  walked_to pg_catalog.text;
  next_to pg_catalog.text;
  -- a condition with the ids as literals, which take the type of the column
  ahead pg_catalog.text;
begin
  touched := 0;
  has_more := false;
  if dry_run then
    select pg_catalog.count(*), pg_catalog.count(*) = 10000 into touched, has_more
    from (
      select
      from public."DraftPipelineRun" as h
      where h."createdAt" < inboxdb.host_time(since, h."createdAt")
      limit 10000
    ) as due;
    return;
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(
    inboxdb.lock_class('maintenance'), pg_catalog.hashtext('prune-draft-runs')
  ) then
    return;
  end if;
  walked_to := (select w.walked_to from inboxdb.draft_run_walk as w);
  ahead := coalesce('h.id > ' || pg_catalog.quote_literal(walked_to), 'true');
  execute pg_catalog.format(
    'select p.id::text from (select h.id from public."DraftPipelineRun" as h where %s order by h.id limit %s) as p '
    'order by p.id desc limit 1', ahead, most
  ) into next_to;
  if next_to is not null then
    begin
      execute pg_catalog.format(
        'with due as materialized ('
        '  select h.id from public."DraftPipelineRun" as h '
        '  where %s and h.id <= %L and h."createdAt" < inboxdb.host_time($1, h."createdAt") '
        '  for update skip locked'
        ') '
        'delete from public."DraftPipelineRun" as h using due where h.id = due.id', ahead, next_to
      ) using since;
      get diagnostics touched = row_count;
    exception when lock_not_available then
      touched := 0;
    end;
  end if;
  execute pg_catalog.format(
    'select exists (select from public."DraftPipelineRun" as h where h.id > %L)', next_to
  ) into has_more;
  insert into inboxdb.draft_run_walk as w (only_row, walked_to)
  values (true, case when has_more then next_to end)
  on conflict (only_row) do update set walked_to = excluded.walked_to
  where w.walked_to is distinct from excluded.walked_to;
end
$$;
-- <<< sql/upkeep/prune_draft_runs.sql

-- >>> sql/upkeep/list_upkeep.sql
create or replace function inboxdb.list_upkeep()
returns table (item text, meaning text, setting_name text, is_on boolean, missing text)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: list the items of upkeep, for `inboxdb upkeep list` and inboxdb doctor.
  -- Returns: the item, what it does, its setting and whether that is on, and what the host lacks for the item.
  -- Reads: upkeep, setting, the system catalog.
  -- DEFINER: its callers have no rights in inboxdb.
  select
    u.item, u.meaning, u.setting_name, inboxdb.setting(u.setting_name) = 'on', inboxdb.missing_for_upkeep(u.item)
  from inboxdb.upkeep as u
$$;
-- <<< sql/upkeep/list_upkeep.sql

-- >>> sql/upkeep/run_upkeep.sql
create or replace function inboxdb.run_upkeep(
  item text, dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: do a batch of an item of upkeep by hand, or count what is due.
-- Parameters: item, of view upkeep; dry_run: only count, also while the item is off.
-- Returns: the rows touched, or due, and whether there may be more.
-- Errors: IB017 for an unknown item, IB020 where the host lacks what the item needs, IB023 while the item is off, IB012
--   while inboxdb is suspended, IB004 above READ COMMITTED.
-- Reads: upkeep; as the item's function. Writes: as the item's function.
-- DEFINER: inboxdb_maintainer has no right on the host's tables but this.
declare
  chosen inboxdb.upkeep;
  missing pg_catalog.text;
begin
  perform inboxdb.require_read_committed();
  perform inboxdb.require_resumed();
  select u.* into chosen from inboxdb.upkeep as u where u.item = run_upkeep.item;
  if not found then
    raise exception using
      errcode = 'IB017',
      message = pg_catalog.format('inboxdb has no upkeep %L', item),
      detail = 'Nothing was changed.',
      hint = pg_catalog.format(
        'There are %s.', (select pg_catalog.string_agg(u.item, ', ' order by u.item) from inboxdb.upkeep as u)
      );
  end if;
  missing := inboxdb.missing_for_upkeep(item);
  if missing is not null then
    raise exception using
      errcode = 'IB020',
      message = pg_catalog.format('%s is not possible in this database', item),
      detail = 'Missing: ' || missing || '. Nothing was changed.',
      hint = 'Once all of it is there, the item is offered.';
  end if;
  if not dry_run and inboxdb.setting(chosen.setting_name) <> 'on' then
    raise exception using
      errcode = 'IB023',
      message = pg_catalog.format('%s is off', item),
      detail = 'Nothing was changed.',
      hint = pg_catalog.format(
        'As the owner: select inboxdb.set_setting(%L, ''on''). A dry run counts what is due.', chosen.setting_name
      );
  end if;
  execute pg_catalog.format('select d.touched, d.has_more from %s($1) as d', chosen.function_name)
  into touched, has_more using dry_run;
end
$$;
-- <<< sql/upkeep/run_upkeep.sql

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
  ('authenticated', 'function', 'inbox_api.analytics_days(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_email_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_overview(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_reactivations(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_response_times(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_sentiments(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_sms_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_statuses(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_workflows(inboxdb.client_id, date, date)', 'execute'),
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
  (
    'authenticated',
    'function',
    'inbox_api.crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inbox_api.crm_summary(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.flags(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_days(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_email_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_overview(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_reactivations(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_response_times(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_sentiments(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_sms_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_statuses(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_workflows(inboxdb.client_id, date, date)', 'execute'),
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
  (
    'authenticated',
    'function',
    'inboxdb.read_crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inboxdb.read_crm_summary(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_flags(inboxdb.client_id)', 'execute'),
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
  -- roles of routers and gateways: these may speak for any user
  ('inboxdb_router', 'schema', 'inboxdb', 'usage'),
  -- each function of a shard: ('inboxdb_router', 'function', '{routine}', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_days(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_email_campaigns(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_overview(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_reactivations(text, text, text, text, date, date)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_response_times(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_sentiments(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_sms_campaigns(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_statuses(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_workflows(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_conversation(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_conversation_filters(text, text, text, text)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_conversation_messages(text, text, text, text, text, text, integer)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_conversations(text, text, text, text, text, text[], text[], text, boolean, text, text, text, text,'
    ' text, integer)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_crm_rows(text, text, text, text, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_crm_summary(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_flags(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_inbox_counts(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_workspaces()', 'execute'),
  -- end
  -- roles of the application or its gateway that report reads
  ('inboxdb_observer', 'schema', 'inbox_api', 'usage'),
  ('inboxdb_observer', 'function', 'inbox_api.note_reads(jsonb)', 'execute'),
  -- roles of upkeep: the host's tables by these functions alone
  ('inboxdb_maintainer', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_maintainer', 'function', 'inboxdb.list_upkeep()', 'execute'),
  ('inboxdb_maintainer', 'function', 'inboxdb.run_upkeep(text, boolean)', 'execute'),
  -- roles of monitoring: no counts
  ('inboxdb_monitor', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_maintenance()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.list_upkeep()', 'execute'),
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

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;
