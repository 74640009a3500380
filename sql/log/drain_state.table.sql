create table inboxdb.drain_state (
  revision bigint primary key default 0,
  server_started_at timestamptz not null,
  place text,
  arrived_at timestamptz,
  read_from xid8 not null,
  also_read xid8[] not null default '{}',
  claim_from timestamptz not null default '-infinity',
  changes_left integer not null default 0,
  collected_at timestamptz,
  publisher_seen_at timestamptz
);

insert into inboxdb.drain_state (read_from, server_started_at)
values ('0', pg_catalog.pg_postmaster_start_time());

comment on table inboxdb.drain_state is
'One row: the floors from which the drain reads the change log and the work list, and when a collector last looked. '
'Read through read_floor.';
comment on column inboxdb.drain_state.revision is
'How often the floors were raised. In the key, so that the live row is found first, without visiting dead rows kept by '
'a held snapshot.';
comment on column inboxdb.drain_state.server_started_at is
'The server that the floors were found on: another one (a restore, a failover) counts transactions anew.';
comment on column inboxdb.drain_state.place is
'Where the database was at the last look, by function place; null before the first. Elsewhere, all is recounted.';
comment on column inboxdb.drain_state.arrived_at is
'When all was last recounted for that reason; null before.';
comment on column inboxdb.drain_state.read_from is
'No undrained change has a lower xid, also_read excepted: dead rows below, kept by a held snapshot, are never visited.';
comment on column inboxdb.drain_state.also_read is
'The transactions before read_from that were still open, or whose changes were undrained: 64 at most.';
comment on column inboxdb.drain_state.claim_from is
'No row of the work list is due before this instant, so dead rows below are never visited.';
comment on column inboxdb.drain_state.changes_left is
'How many changes were left when the floors were raised, at most 256: raise_floor compares.';
comment on column inboxdb.drain_state.collected_at is
'When a collector last raised the floors, every second while there is work, else every ten: readers'' is_stale.';
comment on column inboxdb.drain_state.publisher_seen_at is
'When a publisher was last at work, whether the cache took anything or not; null without a cache.';
