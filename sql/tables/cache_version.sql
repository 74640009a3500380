create table inboxdb.cache_version (
  client_id inboxdb.client_id not null,
  family text not null check (family in ('inbox', 'analytics')),
  version bigint not null,
  bumped_at timestamptz not null,
  unpublished_since timestamptz,
  primary key (client_id, family)
)
with (fillfactor = 70);

create index cache_version_unpublished_since_idx on inboxdb.cache_version (unpublished_since)
where unpublished_since is not null;

comment on table inboxdb.cache_version is
'Cache versions, the truth of {family}:v1:ver:{clientId}: they only grow. A row outlives its workspace, so that one '
'made anew does not go back.';
comment on column inboxdb.cache_version.version is 'Greatest of the last version + 1 and the epoch in milliseconds.';
comment on column inboxdb.cache_version.unpublished_since is
'When the oldest bump not yet copied to the cache was made; null once copied.';
