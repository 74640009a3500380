create table inboxdb.analytics_state (
  revision bigint primary key default 0,
  server_started_at timestamptz not null,
  read_from xid8 not null,
  also_read xid8[] not null default '{}'
);

insert into inboxdb.analytics_state (read_from, server_started_at)
values ('0', pg_catalog.pg_postmaster_start_time());

comment on table inboxdb.analytics_state is 'One row: the floor of analytics_change.';
comment on column inboxdb.analytics_state.revision is
'How often the row was written. In the key, so that the live row is found first, as in drain_state.';
comment on column inboxdb.analytics_state.server_started_at is 'The server that the floor was found on.';
comment on column inboxdb.analytics_state.read_from is 'No change waits from a lower transaction, also_read excepted.';
comment on column inboxdb.analytics_state.also_read is 'The transactions before read_from that may yet have changes.';
