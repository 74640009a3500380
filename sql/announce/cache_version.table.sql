create table inboxdb.cache_version (
  client_id inboxdb.client_id not null,
  family text not null check (family in ('inbox', 'analytics')),
  version bigint not null,
  bumped_at timestamptz not null,
  unpublished_since timestamptz,
  -- One row per family all the same: whoever writes here holds the workspace's lock. With the version in the key the
  -- newest is found first, and its successor meets no equal: each older version is there for as long as a snapshot is
  -- held.
  primary key (client_id, family, version)
);

create index cache_version_unpublished_since_idx on inboxdb.cache_version (unpublished_since)
where unpublished_since is not null;

comment on table inboxdb.cache_version is
'Cache versions, the truth of {family}:v1:ver:{clientId}: they only grow. A row outlives its workspace, so that one '
'made anew does not go back.';
comment on column inboxdb.cache_version.version is 'Greatest of the last version + 1 and the epoch in milliseconds.';
comment on column inboxdb.cache_version.unpublished_since is
'When the oldest bump not yet copied to the cache was made; null once copied.';
