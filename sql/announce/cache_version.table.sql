create table inboxdb.cache_version (
  client_id inboxdb.client_id not null,
  family text not null check (family ~ '^[a-z]+$'),
  version bigint not null,
  bumped_at timestamptz not null,
  unpublished_since timestamptz,
  -- One row per workspace and family is the promise of the only writer, bump_versions, under the workspace's lock. The
  -- version is in the key so that neither lookups nor uniqueness checks visit dead rows kept by a held snapshot (D35).
  primary key (client_id, family, version)
);

create index cache_version_unpublished_since_idx on inboxdb.cache_version (unpublished_since, client_id)
where unpublished_since is not null;

comment on table inboxdb.cache_version is
'Cache versions, the truth of {family}:v1:ver:{clientId}: they only grow. A row outlives its workspace, so that '
'versions of a workspace made anew do not go back.';
comment on column inboxdb.cache_version.family is 'One of the families of a job, see view job.';
comment on column inboxdb.cache_version.version is 'Greatest of the last version + 1 and the epoch in milliseconds.';
comment on column inboxdb.cache_version.unpublished_since is
'When the oldest bump not yet copied to the cache was made; null once copied.';
