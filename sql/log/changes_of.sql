create or replace function inboxdb.changes_of(target_client_ids inboxdb.client_id[], at_most integer)
returns table (
  client_id inboxdb.client_id, slice integer, tid tid, lead_id inboxdb.lead_id, left_user_id inboxdb.user_id,
  noted_at timestamptz
)
language sql stable
as $$
  -- Purpose: the undrained changes of workspaces, as in view change. The exceptions below the floor are read once for
  --   all workspaces.
  -- Each condition can be answered by a single index, because the planner takes near-empty slices for tiny and all
  -- their indexes for equal, and keeps the plan while a slice fills (D8): the row comparison fits the index on
  -- (client_id, xid) alone; "is true" fits no index.
  -- Parameters: target_client_ids; at_most, for each workspace, of the changes above the floor; null for all.
  -- Returns: the workspace; slice and ctid, for deleting the changes in the statement reading them; the lead, null for
  --   the whole workspace; the user whom the lead left; when the change was noted.
  -- Inlined, hence no search_path of its own.
  -- Reads: the change log, read_floor.
  -- INVOKER: called by our DEFINER functions only.
  with floor as (select f.read_from, f.also_read from inboxdb.read_floor as f)

  select w.client_id, c.slice, c.tid, c.lead_id, c.left_user_id, c.noted_at
  from pg_catalog.unnest(target_client_ids) as w (client_id)
  cross join lateral (
    select 0 as slice, c.ctid as tid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_0 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    union all
    select 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_1 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    union all
    select 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_2 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    union all
    select 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_3 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    limit at_most
  ) as c
  union all
  select c.client_id, 0, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_0 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
  union all
  select c.client_id, 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_1 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
  union all
  select c.client_id, 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_2 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
  union all
  select c.client_id, 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_3 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
$$;
