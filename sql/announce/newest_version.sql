create or replace function inboxdb.newest_version(target_client_id inboxdb.client_id, this_family text)
returns table (version bigint, tid tid)
language sql stable rows 1
as $$
  -- Purpose: the cache version of a workspace and family. The newest first, because each bump leaves a dead row, which
  --   a held snapshot keeps (D35).
  -- Parameters: target_client_id; this_family, as in view job.
  -- Returns: the version, and the place of its row; no row before the first bump.
  -- Inlined, hence no search_path of its own.
  -- Reads: cache_version.
  -- INVOKER: called by our DEFINER functions only.
  select v.version, v.ctid
  from inboxdb.cache_version as v
  where v.client_id = target_client_id and v.family = this_family
  order by v.version desc
  limit 1
$$;
