create or replace function inboxdb.changed_counts(target_client_id inboxdb.client_id, kinds inboxdb.lead_kind[])
returns setof inboxdb.counts_row
language sql stable rows 100
as $$
  -- Purpose: the rows of inbox_counts that change with leads, as they will be.
  -- Parameters: target_client_id; kinds, of leads that came, and that went.
  -- Returns: the global row, and the rows of users with changed leads or counts, each with the ctid of the live row,
  --   found from the end of the index, because a held snapshot keeps dead rows before (D36).
  -- Inlined, hence no search_path of its own.
  -- Reads: inbox_counts.
  -- INVOKER: called by apply_changes only, which forbids sequential scans.
  select
    p.tid, d.is_global, d.scope_user_id,
    coalesce(p.leads, 0) + d.leads,
    array(
      select coalesce(v.stored, 0) + coalesce(v.difference, 0)
      from rows from (pg_catalog.unnest(p.counts), pg_catalog.unnest(d.counts)) with ordinality
        as v (stored, difference, place)
      order by v.place
    )
  from inboxdb.scope_counts(kinds) as d
  left join lateral (
    select s.tid, s.is_global, s.scope_user_id, s.leads, s.counts
    from inboxdb.counts_vector as s
    -- a range, because equal conditions on all columns would make the order void, and the scan begin with dead rows
    where s.client_id >= target_client_id
      and (s.client_id, s.is_global, s.scope_user_id) <= (target_client_id, d.is_global, d.scope_user_id)
    order by s.client_id desc, s.is_global desc, s.scope_user_id desc
    limit 1
  ) as p on d.is_global = p.is_global and d.scope_user_id = p.scope_user_id
  where d.is_global or d.leads <> 0 or 0 <> any (d.counts)
$$;
