create table inboxdb.workspace (
  client_id inboxdb.client_id primary key,
  leads integer not null,
  next_snooze_at timestamptz,
  number integer generated always as identity,
  definitions text,
  audited_at timestamptz,
  audit_not_before timestamptz
)
with (fillfactor = 70);

create index workspace_next_snooze_at_idx on inboxdb.workspace (next_snooze_at) where next_snooze_at is not null;
create index workspace_audited_at_idx on inboxdb.workspace (audited_at) where audited_at is not null;

comment on table inboxdb.workspace is 'What the drain remembers of each workspace it has refreshed.';
comment on column inboxdb.workspace.leads is
'Leads seen by a refresh, visible or not, to a tenth: sizes the next one''s memory, and says when counting is cheaper.';
comment on column inboxdb.workspace.next_snooze_at is
'When the next snooze runs out, and with it the counts'' truth; null for never.';
comment on column inboxdb.workspace.number is 'Stands for it in counted_lead; one that is made anew gets another.';
comment on column inboxdb.workspace.definitions is
'By which definitions (function definitions) counted_lead holds all its leads; null before they were first counted.';
comment on column inboxdb.workspace.audited_at is
'When all its leads were last counted, or found to be as remembered, to a minute.';
comment on column inboxdb.workspace.audit_not_before is
'When an audit that was begun is tried again, unless it came to its end.';
