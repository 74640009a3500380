create table inboxdb.freshness (
  sampled_at timestamptz not null default inboxdb.clock(),
  id uuid not null default pg_catalog.gen_random_uuid(),
  seconds real[] not null,
  primary key (sampled_at, id)
);

comment on table inboxdb.freshness is
'How long changes waited, in the last hour: a row per run and 5 seconds, a number per refresh.';
comment on column inboxdb.freshness.seconds is
'From when the oldest change that a refresh took was noted until it was counted.';
