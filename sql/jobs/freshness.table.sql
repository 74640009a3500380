create table inboxdb.freshness (
  id bigint generated always as identity primary key,
  sampled_at timestamptz not null default inboxdb.clock(),
  seconds real[] not null
);

comment on table inboxdb.freshness is
'How long changes waited, in the last hour: a row per run and 5 seconds, a number per refresh.';
comment on column inboxdb.freshness.seconds is
'From when the oldest change that a refresh took was noted until it was counted.';
