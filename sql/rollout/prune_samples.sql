create or replace function inboxdb.prune_samples(at_most integer default 10000) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: delete samples of reads that are older than setting read_sample_days says.
  -- Parameters: at_most, rows per call, the oldest first.
  -- Reads: setting. Writes: read_sample; rows locked by others are skipped.
  -- INVOKER: called by maintain, by its name in view maintenance.
  with
  -- MATERIALIZED: inside the delete's condition the sub-select with LIMIT could run again for each row and delete more
  old as materialized (
    select s.read_at, s.id
    from inboxdb.read_sample as s
    where s.read_at
      < inboxdb.clock() - pg_catalog.make_interval(days => inboxdb.setting('read_sample_days')::integer)
    order by s.read_at, s.id
    limit at_most
    for update skip locked
  )
  delete from inboxdb.read_sample as s using old as o
  where s.read_at = o.read_at and s.id = o.id
$$;
