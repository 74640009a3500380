create or replace function inboxdb.stored_counts(target_client_id inboxdb.client_id)
returns setof inboxdb.counts_row
language sql stable rows 100
set search_path = ''
as $$
  -- Purpose: a workspace's rows of inbox_counts, found from the end of the index, row by row: a held snapshot keeps a
  --   dead row for each refresh, before the live row in the index, and a lookup by key would visit them all (D36).
  -- Parameters: target_client_id.
  -- Returns: the rows, and the ctid of each.
  -- Reads: inbox_counts.
  -- INVOKER: called by recount_workspace and drifted_scopes only, which forbid sequential scans.
  with recursive
  newest as (
    (
      select s as kept
      from inboxdb.counts_vector as s
      where s.client_id >= target_client_id and s.client_id <= target_client_id
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    )
    union all
    select before.kept
    from newest as n
    cross join lateral (
      select s as kept
      from inboxdb.counts_vector as s
      where s.client_id >= target_client_id
        and (s.client_id, s.is_global, s.scope_user_id)
        < ((n.kept).client_id, (n.kept).is_global, (n.kept).scope_user_id)
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    ) as before
  )
  select (n.kept).tid, (n.kept).is_global, (n.kept).scope_user_id, (n.kept).leads, (n.kept).counts
  from newest as n
$$;
