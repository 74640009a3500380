create table inboxdb.workspace (
  client_id inboxdb.client_id primary key,
  leads integer not null,
  next_snooze_at timestamptz,
  number integer not null unique,
  definitions text,
  audited_at timestamptz,
  audit_not_before timestamptz,
  compared_at timestamptz
)
with (fillfactor = 70);

create index workspace_next_snooze_at_idx on inboxdb.workspace (next_snooze_at) where next_snooze_at is not null;
create index workspace_audited_at_idx on inboxdb.workspace (audited_at) where audited_at is not null;

comment on table inboxdb.workspace is 'The drain''s facts about each workspace refreshed before.';
comment on column inboxdb.workspace.leads is
'Leads at the last refresh, snoozed ones included, exact to a tenth: decides about work_mem, and when to recount.';
comment on column inboxdb.workspace.next_snooze_at is
'When the next snooze ends, so that counts change without a write; null for never.';
comment on column inboxdb.workspace.number is
'The workspace in counted_lead, by function draw_number; a workspace made anew gets another number.';
comment on column inboxdb.workspace.definitions is
'The definitions (function definitions) of all its rows in counted_lead; null before the first fill.';
comment on column inboxdb.workspace.audited_at is
'When all its leads were last recounted, or found right by an audit, exact to a minute.';
comment on column inboxdb.workspace.audit_not_before is
'When a workspace chosen for an audit may be chosen again, unless the audit came to its end.';
comment on column inboxdb.workspace.compared_at is
'When all its leads were last compared with counted_lead one by one, and not by hashes; null to do so next.';
