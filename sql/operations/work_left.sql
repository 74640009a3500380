create function inboxdb.work_left(out workspaces integer, out leads bigint)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how much is to be counted, for an estimate of how long that takes: the largest workspace may have as many
  --   leads as all others together.
  -- Returns: workspaces whose counts may be behind; about how many leads they have. Those of workspaces that were never
  --   refreshed are what the others leave of the statistics on "Lead": nothing is counted for this.
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
