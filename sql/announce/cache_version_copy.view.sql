create or replace view inboxdb.cache_version_copy as
-- Cache versions as a cache holds them. Source: docs/contracts.md.
select
  v.unpublished_since, v.client_id, 'version' as kind, v.family as item, v.version as rank,
  pg_catalog.format('%s:v1:ver:%s', v.family, v.client_id) as redis_key, v.version::pg_catalog.text as redis_value,
  v.ctid as place
from inboxdb.cache_version as v;

comment on view inboxdb.cache_version_copy is 'Cache versions as a cache holds them.';
comment on column inboxdb.cache_version_copy.rank is 'The greater in a newer copy.';
comment on column inboxdb.cache_version_copy.place is 'The row''s place in its table, for keys_at_random.';
