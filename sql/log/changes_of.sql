create or replace function inboxdb.changes_of(target_client_id inboxdb.client_id)
returns table (
  slice integer, tid tid, lead_id inboxdb.lead_id, left_user_id inboxdb.user_id, noted_at timestamptz
)
language sql stable
as $$
  -- Purpose: a workspace's undrained changes, as in view change.
  -- Each condition can be answered by a single index, because the planner takes near-empty slices for tiny and all
  -- their indexes for equal, and keeps the plan while a slice fills (D8): the row comparison fits the index on
  -- (client_id, xid) alone; "is true" fits no index.
  -- Parameters: target_client_id.
  -- Returns: slice and ctid, for deleting the changes in the statement reading them; the lead, null for the whole
  --   workspace; the user whom the lead left; when the change was noted.
  -- Inlined, hence no search_path of its own.
  -- Reads: the change log, read_floor.
  -- INVOKER: called by our DEFINER functions only.
  with floor as (select f.read_from, f.also_read from inboxdb.read_floor as f)

  select 0, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_0 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from floor as f))
    and c.client_id <= target_client_id
  union all
  select 0, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_0 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
  union all
  select 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_1 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from floor as f))
    and c.client_id <= target_client_id
  union all
  select 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_1 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
  union all
  select 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_2 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from floor as f))
    and c.client_id <= target_client_id
  union all
  select 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_2 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
  union all
  select 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_3 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from floor as f))
    and c.client_id <= target_client_id
  union all
  select 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_3 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
$$;
