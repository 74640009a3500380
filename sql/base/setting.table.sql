create table inboxdb.setting (
  setting_name text primary key,
  setting_value text not null
);

comment on table inboxdb.setting is
'Settings that are not at their default: changed by inboxdb.set_setting, in force from its commit on. View '
'setting_definition has all of them, with their defaults.';
