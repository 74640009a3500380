create table inboxdb.list_key (
  is_only boolean primary key default true,
  secret bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  constraint list_key_is_only_check check (is_only)
);

insert into inboxdb.list_key (is_only) values (true);

comment on table inboxdb.list_key is
'The secret with which cursors are signed: one row. Made anew, the row makes every cursor that clients have invalid.';
