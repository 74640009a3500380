create function inboxdb.assign_changes() returns void
language plpgsql volatile
set search_path = ''
-- a policy that hid a lead or a workspace would lose its change: raise instead
set row_security = off
set plan_cache_mode = force_custom_plan
-- the planner takes a third of the log for undrained, when nearly all of a bloated one is dead rows before read_from
set enable_seqscan = off
-- up to PostgreSQL 17 what that forbids looks dear enough to be compiled, which takes seconds
set jit = off
as $$
-- Purpose: replace the changes that name no workspace by ones that do: a draft's by one for the workspace its lead is
--   in now, a TRUNCATE's by one for each workspace. A lead that moves afterwards notes its own change, which is
--   committed after this snapshot, so the refresh that takes it sees the draft too.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: the change log, "Lead", known_workspace. Writes: the change log.
-- INVOKER: called by collect only, under its lock.
declare
  from_xid pg_catalog.xid8 := inboxdb.read_from();
begin
  if not exists (select from inboxdb.change as c where c.client_id is null) then
    return;
  end if;

  with
  open_0 as (
    delete from inboxdb.change_0 as c where c.client_id is null and c.xid >= from_xid returning c.lead_id, c.noted_at
  ),
  open_1 as (
    delete from inboxdb.change_1 as c where c.client_id is null and c.xid >= from_xid returning c.lead_id, c.noted_at
  ),
  open_2 as (
    delete from inboxdb.change_2 as c where c.client_id is null and c.xid >= from_xid returning c.lead_id, c.noted_at
  ),
  open_3 as (
    delete from inboxdb.change_3 as c where c.client_id is null and c.xid >= from_xid returning c.lead_id, c.noted_at
  ),
  open_change as (
    select o.lead_id, pg_catalog.min(o.noted_at) as noted_at
    from (
      select * from open_0 union all select * from open_1 union all select * from open_2 union all select * from open_3
    ) as o
    group by o.lead_id
  )
  -- any slice will do, the late writer included: readers read all of them
  insert into inboxdb.change_0 (client_id, lead_id, noted_at)
  select l."clientId", o.lead_id, o.noted_at
  from open_change as o
  inner join public."Lead" as l on o.lead_id = l.id
  union all
  select k.client_id, null, o.noted_at
  from open_change as o
  cross join inboxdb.known_workspace as k
  where o.lead_id is null;
end
$$;
