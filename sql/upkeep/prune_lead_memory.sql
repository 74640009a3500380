create or replace function inboxdb.prune_lead_memory(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: delete expired memories of leads that were inferred, 500 at a time, by the index on the time.
-- Parameters: dry_run: count them, up to 10,000, and delete none.
-- Returns: the rows, and whether there may be more.
-- Reads, writes: "LeadMemoryEntry".
-- Locks: the deleted rows; rows locked by others are skipped; where a foreign key's action would wait, all are left.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := case when dry_run then 10000 else 500 end;
  since constant pg_catalog.timestamptz := inboxdb.clock();
begin
  if dry_run then
    select pg_catalog.count(*) into touched
    from (
      select
      from public."LeadMemoryEntry" as h
      where h.source = 'INFERENCE' and h."expiresAt" < inboxdb.host_time(since, h."expiresAt")
      limit most
    ) as due;
  else
    with
    due as materialized (
      select h.id
      from public."LeadMemoryEntry" as h
      where h.source = 'INFERENCE' and h."expiresAt" < inboxdb.host_time(since, h."expiresAt")
      order by h."expiresAt"
      limit most
      for update skip locked
    )
    delete from public."LeadMemoryEntry" as h using due
    where h.id = due.id;
    get diagnostics touched = row_count;
  end if;
  has_more := touched = most;
exception when lock_not_available then
  touched := 0;
  has_more := false;
end
$$;
