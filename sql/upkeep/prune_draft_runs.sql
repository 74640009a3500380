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
  -- a condition with ids as literals, because literals take the column's type
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
