create or replace function inboxdb.changes_of(target_client_id inboxdb.client_id)
returns table (
  slice integer, tid tid, lead_id inboxdb.lead_id, left_user_id inboxdb.user_id, noted_at timestamptz
)
language sql stable
as $$
  -- Purpose: one workspace's changes that are left to drain, as in view change.
  -- The planner takes the slices for tiny, as they mostly are, and all indexes for equal then; its plan is kept while a
  -- slice fills. So each condition is written as only one of them can answer it: the row comparison is one of the index
  -- on (client_id, xid), "is true" none of any index.
  -- Parameters: target_client_id.
  -- Returns: the slice and the place there, for deleting what was read in the same statement; the lead, null for the
  --   whole workspace; whose it was; when it was noted.
  -- Inlined, hence no search_path of its own.
  -- Reads: the change log, read_floor.
  -- INVOKER: called by our DEFINER functions only.
  select 0, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_0 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from inboxdb.read_floor as f))
    and c.client_id <= target_client_id
  union all
  select 0, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_0 as c
  where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
  union all
  select 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_1 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from inboxdb.read_floor as f))
    and c.client_id <= target_client_id
  union all
  select 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_1 as c
  where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
  union all
  select 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_2 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from inboxdb.read_floor as f))
    and c.client_id <= target_client_id
  union all
  select 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_2 as c
  where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
  union all
  select 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_3 as c
  where (c.client_id, c.xid) >= (target_client_id, (select f.read_from from inboxdb.read_floor as f))
    and c.client_id <= target_client_id
  union all
  select 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_3 as c
  where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::pg_catalog.xid8[])
    and (c.client_id = target_client_id) is true
$$;
