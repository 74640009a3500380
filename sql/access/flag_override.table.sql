create table inboxdb.flag_override (
  flag_name text collate "C",
  -- text, because a table with ids in the host's type is made anew, empty, where the host changes the type
  client_id text collate "C",
  is_on boolean not null,
  constraint flag_override_pkey primary key (flag_name, client_id)
);

comment on table inboxdb.flag_override is
'Workspaces for which a flag was set by itself, on or off, whatever the percentage; by inboxdb.set_flag.';
