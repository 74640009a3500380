create function inboxdb.bump_versions(target_client_id inboxdb.client_id) returns bigint
language sql volatile
set search_path = ''
as $$
  -- Purpose: give the workspace new cache versions, one per family, to be committed with the counts they speak of.
  -- Parameters: target_client_id; the caller holds its lock.
  -- Returns: the inbox family's new version: greatest(old + 1, epoch milliseconds), so that neither a restore nor a
  --   workspace made anew goes back.
  -- Writes: cache_version.
  -- INVOKER: called by refresh_workspace only.
  with bumped as (
    insert into inboxdb.cache_version as v (client_id, family, version, bumped_at, unpublished_since)
    select target_client_id, f.family, (pg_catalog.date_part('epoch', f.now) * 1000)::bigint, f.now, f.now
    from (
      select t.family, clock.now
      from pg_catalog.unnest(array['inbox', 'analytics']) as t (family), inboxdb.clock() as clock (now)
    ) as f
    on conflict (client_id, family) do update set
      version = greatest(v.version + 1, excluded.version),
      bumped_at = excluded.bumped_at,
      unpublished_since = coalesce(v.unpublished_since, excluded.unpublished_since)
    returning v.family, v.version
  )
  select b.version from bumped as b where b.family = 'inbox'
$$;
