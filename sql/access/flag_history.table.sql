create table inboxdb.flag_history (
  flag_name text collate "C",
  number integer,
  client_id text collate "C",
  state text not null,
  why text not null,
  changed_by text not null default session_user,
  changed_at timestamptz not null default inboxdb.clock(),
  constraint flag_history_pkey primary key (flag_name, number)
);

comment on table inboxdb.flag_history is
'Who set which flag, when and why: a row for each call of inboxdb.set_flag, kept for good.';
comment on column inboxdb.flag_history.number is 'From 1 for each flag, in the order in which they came into force.';
comment on column inboxdb.flag_history.client_id is 'The workspace; null for all that have no state of their own.';
comment on column inboxdb.flag_history.changed_by is 'The role that logged in.';
