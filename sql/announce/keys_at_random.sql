create or replace function inboxdb.keys_at_random(pages integer default 10)
returns table (kind text, client_id text, item text, rank bigint, redis_key text, value text)
language plpgsql volatile security definer
set search_path = ''
-- a hundred rows by their place: compilation would take longer
set jit = off
as $$
-- Purpose: versions and job statuses to be copied to the cache once more, because a cache evicts keys, and loses the
--   last ones in a failover, without telling (D108). Chance needs no cursor for publishers to share.
-- Parameters: pages, to be read of each table, one after another from a place taken by chance; a table that has no more
--   is read whole.
-- Returns: as unpublished.
-- Reads: cache_version_copy, job_status_copy.
-- DEFINER: its callers have no rights in inboxdb.
declare
  version_place bigint := inboxdb.page_at_random('inboxdb.cache_version', pages);
  status_place bigint := inboxdb.page_at_random('inboxdb.job_status', pages);
begin
  return query
  select v.kind, v.client_id::pg_catalog.text, v.item, v.rank, v.redis_key, v.redis_value
  from inboxdb.cache_version_copy as v
  where v.place >= pg_catalog.format('(%s,0)', version_place)::pg_catalog.tid
    and v.place < pg_catalog.format('(%s,0)', version_place + pages)::pg_catalog.tid
  union all
  select s.kind, s.client_id::pg_catalog.text, s.item, s.rank, s.redis_key, s.redis_value
  from inboxdb.job_status_copy as s
  where s.place >= pg_catalog.format('(%s,0)', status_place)::pg_catalog.tid
    and s.place < pg_catalog.format('(%s,0)', status_place + pages)::pg_catalog.tid;
end
$$;
