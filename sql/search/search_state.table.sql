create table inboxdb.search_state (
  revision bigint primary key default 0,
  server_started_at timestamptz not null,
  read_from xid8 not null,
  also_read xid8[] not null default '{}',
  definitions text,
  filled_at timestamptz,
  walk_began_at timestamptz,
  walked_to inboxdb.lead_id,
  cleared_to bytea
);

insert into inboxdb.search_state (read_from, server_started_at)
values ('0', pg_catalog.pg_postmaster_start_time());

comment on table inboxdb.search_state is
'One row: the floor of text_change, and how far the walk through all leads is.';
comment on column inboxdb.search_state.revision is
'How often the row was written. In the key, so that the live row is found first, as in drain_state.';
comment on column inboxdb.search_state.server_started_at is 'The server that the floor was found on.';
comment on column inboxdb.search_state.read_from is 'No change waits from a lower transaction, also_read excepted.';
comment on column inboxdb.search_state.also_read is 'The transactions before read_from that may yet have changes.';
comment on column inboxdb.search_state.definitions is 'The definitions (text_definitions) of all rows of lead_text.';
comment on column inboxdb.search_state.filled_at is
'When the last finished walk began; null while lead_text is not to be trusted: until a walk has ended.';
comment on column inboxdb.search_state.walk_began_at is 'When the walk under way began; null for none.';
comment on column inboxdb.search_state.walked_to is 'The last lead walked past; null at the beginning.';
comment on column inboxdb.search_state.cleared_to is
'After all leads: the last row of lead_text looked at for whether its lead is gone; null before.';
