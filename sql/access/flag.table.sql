create table inboxdb.flag (
  flag_name text collate "C" primary key,
  percentage integer,
  constraint flag_percentage_check check (percentage between 0 and 100)
);

comment on table inboxdb.flag is
'Flags that are set, by inboxdb.set_flag, for all workspaces or for some; a flag without a row is on. View '
'flag_definition has all of them.';
comment on column inboxdb.flag.percentage is
'For how many workspaces of a hundred the flag is on, those with a state of their own aside; null by default: on.';
