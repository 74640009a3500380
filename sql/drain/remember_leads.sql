create or replace function inboxdb.remember_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, collapsed_since timestamptz,
  out noted_since timestamptz, out still_exists boolean, out touched_scopes inboxdb.user_id[], out drifted integer
)
language plpgsql volatile
set search_path = ''
set row_security = off
-- as refresh_workspace
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set work_mem = '64MB'
set jit = off
as $$
-- Purpose: take a workspace's changes, and remember of each of its leads what it counts now: rows that differ are
--   written, others not.
-- Parameters: target_client_id, which has a row in workspace; as_of, the instant at which snoozes are judged;
--   collapsed_since, as recount_workspace's. The caller took its lock in an EARLIER statement and is READ COMMITTED.
-- Returns: when the oldest change was noted, or the first snooze ended, null where there was neither; whether the host
--   still has the workspace: nothing is remembered where not; the users whose leads changed, null for anybody; how many
--   leads differ from what was remembered though nothing says why.
-- Errors: those of compared_leads.
-- Reads: compared_leads, "Client", "Lead", workspace. Writes: the change log, counted_lead.
-- INVOKER: called by recount_workspace only.
declare
  this_workspace integer;
  first_snooze pg_catalog.timestamptz;
begin
  select w.number, w.next_snooze_at into strict this_workspace, first_snooze
  from inboxdb.workspace as w
  where w.client_id = target_client_id;

  -- ONE statement, so one snapshot: a change that it does not see stays in the log, one that it deletes was counted.
  with
  changed as materialized (
    select c.slice, c.tid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.changes_of(target_client_id) as c
  ),
  taken_0 as (delete from inboxdb.change_0 as t using changed as c where c.slice = 0 and t.ctid = c.tid),
  taken_1 as (delete from inboxdb.change_1 as t using changed as c where c.slice = 1 and t.ctid = c.tid),
  taken_2 as (delete from inboxdb.change_2 as t using changed as c where c.slice = 2 and t.ctid = c.tid),
  taken_3 as (delete from inboxdb.change_3 as t using changed as c where c.slice = 3 and t.ctid = c.tid),
  taken as materialized (
    select
      pg_catalog.count(*) as changes,
      coalesce(pg_catalog.bool_or(c.lead_id is null), false) or collapsed_since is not null as whole,
      pg_catalog.min(c.noted_at) as noted_since
    from changed as c
  ),
  host as materialized (
    select exists (select from public."Client" as c where c.id = target_client_id) as has_it
  ),
  compared as materialized (
    select c.* from inboxdb.compared_leads(target_client_id, as_of) as c
  ),
  gone as (
    delete from inboxdb.counted_lead as k using compared as c where k.ctid = c.tid and c.is_here is null
  ),
  rewritten as (
    update inboxdb.counted_lead as k
    set
      counts = c.counts, user_key = c.user_key, hidden_until = c.hidden_until,
      revision = case when c.revision < 32767 then c.revision + 1 else 0 end
    from compared as c
    where k.ctid = c.tid and c.is_here
  ),
  added as (
    insert into inboxdb.counted_lead (workspace, counts, lead_key, user_key, hidden_until)
    select this_workspace, c.counts, c.lead_key, c.user_key, c.hidden_until
    from compared as c
    where c.tid is null
    order by c.lead_key
  ),
  touched as (
    select c.left_user_id as user_id from changed as c where c.left_user_id is not null
    union
    select l.user_id
    from changed as c
    -- by key, whatever the planner takes `changed` for
    cross join lateral (
      select l."assignedToUserId" as user_id
      from public."Lead" as l
      where l.id = c.lead_id and l."clientId" = target_client_id
      offset 0
    ) as l
    where l.user_id is not null
  )
  select
    least(collapsed_since, t.noted_since, case when first_snooze <= as_of then first_snooze end),
    h.has_it,
    -- more leads than are worth looking up one by one: then anybody's
    case when not t.whole and t.changes <= 1000 then array(select u.user_id from touched as u) end,
    (select pg_catalog.count(*) from compared as c where c.explained_by is null)
  into noted_since, still_exists, touched_scopes, drifted
  from taken as t
  cross join host as h;
end
$$;
