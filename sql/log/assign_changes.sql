create or replace function inboxdb.assign_changes() returns void
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead or a workspace would lose its change: raise instead (D37)
set row_security = off
-- no sequential scan: the planner expects a third of the log to be undrained, but a bloated log is mostly dead rows
set enable_seqscan = off
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: replace changes without a workspace: a draft's by a change for the workspace where the lead is now (D3), a
--   TRUNCATE's by a change for each workspace (D4). A lead moving afterwards notes its own change, committed after this
--   snapshot, so that the refresh taking the change sees the draft, too.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: the change log, "Lead", known_workspace. Writes: the change log.
-- INVOKER: called by collect only, under its lock.
declare
  slices integer[];
  tids pg_catalog.tid[];
begin
  with
  open_change as materialized (
    select c.slice, c.tid, c.lead_id, c.noted_at from inboxdb.change as c where c.client_id is null
  ),
  by_lead as (
    select o.lead_id, pg_catalog.min(o.noted_at) as noted_at from open_change as o group by o.lead_id
  ),
  assigned as (
    -- any slice will do, the late writer included: readers read all of them
    insert into inboxdb.change_0 (client_id, lead_id, noted_at)
    select l."clientId", o.lead_id, o.noted_at
    from by_lead as o
    inner join public."Lead" as l on o.lead_id = l.id
    -- a lead of no workspace counts nowhere, and would be assigned again for ever
    where l."clientId" is not null and not inboxdb.is_too_long(l."clientId"::inboxdb.client_id)
    union all
    select k.client_id, null, o.noted_at
    from by_lead as o
    cross join inboxdb.known_workspace as k
    where o.lead_id is null
  )
  select pg_catalog.array_agg(o.slice), pg_catalog.array_agg(o.tid) into slices, tids from open_change as o;
  perform inboxdb.take_changes(slices, tids);
end
$$;
