create or replace function inboxdb.claim_set(
  at_most integer, workers integer default 1, may_collect boolean default true
) returns inboxdb.client_id[]
language plpgsql volatile security definer
set search_path = ''
-- no sequential scan: it would read the work list's dead rows below the floor
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: claim the workspace that is due longest, as claim_next, and with it the workspaces due next, as long as each
--   looks fit for a set: not tried before, and counted by today's definitions. To be committed before the refresh.
-- Parameters: at_most, how many; workers, that share what is due; may_collect, as of claim_next.
-- Returns: the workspaces in the order in which they were due, 50 at most; none as claim_next.
-- Errors: IB004 above READ COMMITTED; IB018 of arrive.
-- Reads, writes: as claim_next; workspace.
-- DEFINER: its callers have no rights in inboxdb.
declare
  oldest constant inboxdb.client_id := inboxdb.claim_next(may_collect);
  floor_of_claims constant pg_catalog.timestamptz := (select f.claim_from from inboxdb.read_floor as f);
  candidates inboxdb.client_id[];
  candidate inboxdb.client_id;
  members inboxdb.client_id[] := '{}';
  due_again pg_catalog.timestamptz;
  claimed integer;
begin
  if oldest is null then
    return members;
  end if;
  select d.next_attempt_at into due_again
  from inboxdb.inbox_counts_dirty as d
  where inboxdb.is_work_row(d.client_id, d.next_attempt_at, oldest, floor_of_claims)
    and d.attempts = 1 and not d.collapsed
    and exists (
      select from inboxdb.workspace as w where w.client_id = oldest and w.definitions = inboxdb.definitions() offset 0
    );
  if not found or at_most <= 1 then
    return array[oldest];
  end if;

  candidates := array(
    select d.client_id
    from (
      select
        d.client_id, d.next_attempt_at,
        pg_catalog.bool_and(
          d.attempts = 0 and not d.collapsed and coalesce(w.definitions = inboxdb.definitions(), false)
        ) over (order by d.next_attempt_at, d.client_id) as is_fit_with_all_before
      from (
        select l.client_id, l.next_attempt_at, l.attempts, l.collapsed
        from inboxdb.work_list as l
        where l.next_attempt_at <= (select inboxdb.clock())
        order by l.next_attempt_at
        limit least(50 * workers, 400)
      ) as d
      left join lateral (
        select w.definitions from inboxdb.workspace as w where w.client_id = d.client_id offset 0
      ) as w on true
    ) as d
    where d.is_fit_with_all_before
    order by d.next_attempt_at, d.client_id
  );
  perform inboxdb.checkpoint('set chosen');
  -- A block of its own, whose rollback gives the locks back where another drain claimed one of them first (D19).
  begin
    foreach candidate in array candidates loop
      exit when pg_catalog.cardinality(members) + 1
        >= least(at_most, 50, pg_catalog.ceil((pg_catalog.cardinality(candidates) + 1.0) / workers));
      if inboxdb.try_lock_workspace(candidate) then
        members := members || candidate;
      end if;
    end loop;
    update inboxdb.inbox_counts_dirty as d
    set
      attempts = 1,
      -- after the oldest, in the same order, and so not sooner than before (D11)
      next_attempt_at = due_again + w.place * interval '1 microsecond'
    from pg_catalog.unnest(members) with ordinality as w (client_id, place)
    cross join lateral (
      select o.ctid as tid
      from inboxdb.inbox_counts_dirty as o
      where inboxdb.is_due(o.client_id, o.next_attempt_at, w.client_id, floor_of_claims)
        and o.attempts = 0
      offset 0
    ) as o
    where d.ctid = o.tid;
    get diagnostics claimed = row_count;
    if claimed < pg_catalog.cardinality(members) then
      raise no_data_found;
    end if;
  exception when no_data_found then
    members := '{}';
  end;
  return oldest || members;
end
$$;
