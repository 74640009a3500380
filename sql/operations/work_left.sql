create or replace function inboxdb.work_left(out workspaces integer, out leads bigint)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how much is to be counted, in leads, for an estimate of the time left: the largest workspace may have as
  --   many leads as all others together (D49).
  -- Returns: dirty workspaces; about how many leads they have. Workspaces never refreshed share the rest of the
  --   planner's statistics on "Lead", because counting leads would take as long as half of the work.
  -- Reads: waiting, workspace, pg_class. Its cost grows with the log.
  -- DEFINER: its callers have no rights in inboxdb.
  with
  left_over as (
    select distinct w.client_id from inboxdb.waiting as w
  )
  select
    pg_catalog.count(*),
    coalesce(pg_catalog.sum(w.leads), 0) + case
      when pg_catalog.count(w.client_id) < pg_catalog.count(*) then (
        select greatest(c.reltuples - (select coalesce(pg_catalog.sum(k.leads), 0) from inboxdb.workspace as k), 0)
        from pg_catalog.pg_class as c
        where c.oid = 'public."Lead"'::pg_catalog.regclass
      )
      else 0
    end
  from left_over as l
  left join inboxdb.workspace as w on l.client_id = w.client_id
$$;
