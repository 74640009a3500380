create table inboxdb.drain_state (
  singleton boolean primary key default true check (singleton),
  read_from xid8 not null,
  server_started_at timestamptz not null,
  collected_at timestamptz
);

insert into inboxdb.drain_state (read_from, server_started_at)
values ('0', pg_catalog.pg_postmaster_start_time());

comment on table inboxdb.drain_state is 'One row: where the drain reads the change log from, and when it last looked.';
comment on column inboxdb.drain_state.read_from is
'No undrained change has a lower xid: dead rows before it, which a held snapshot may pin, are never visited.';
comment on column inboxdb.drain_state.server_started_at is
'The server that read_from was found on: another one (a restore, a failover) counts transactions anew.';
comment on column inboxdb.drain_state.collected_at is 'When a collector last looked for changes (kept to the second).';
