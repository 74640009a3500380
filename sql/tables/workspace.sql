create table inboxdb.workspace (
  client_id inboxdb.client_id primary key,
  leads integer not null,
  next_snooze_at timestamptz,
  number integer generated always as identity,
  definitions text,
  computed_at timestamptz
)
with (fillfactor = 70);

create index workspace_next_snooze_at_idx on inboxdb.workspace (next_snooze_at) where next_snooze_at is not null;

comment on table inboxdb.workspace is 'What the drain remembers of each workspace it has refreshed.';
comment on column inboxdb.workspace.leads is
'Leads seen by a refresh, visible or not, to a tenth: sizes the next one''s memory.';
comment on column inboxdb.workspace.next_snooze_at is
'When the next snooze runs out, and with it the counts'' truth; null for never.';
