-- Columns in this order, and keys for ids, make it compact: 108 bytes a lead, index included, where ids are UUIDs.
create table inboxdb.counted_lead (
  workspace integer not null,
  counts smallint not null,
  revision smallint not null default 0,
  lead_key bytea not null,
  user_key bytea,
  hidden_until timestamptz,
  -- one row per lead all the same: see cache_version
  primary key (workspace, lead_key, revision)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

create index counted_lead_workspace_hidden_until_idx on inboxdb.counted_lead (workspace, hidden_until)
where hidden_until is not null;

comment on table inboxdb.counted_lead is 'What each lead last counted: a refresh by change applies what differs.';
comment on column inboxdb.counted_lead.workspace is 'workspace.number.';
comment on column inboxdb.counted_lead.counts is 'The counts it belongs to, a bit each: see view lead_now.';
comment on column inboxdb.counted_lead.lead_key is 'The lead: id_key of its id.';
comment on column inboxdb.counted_lead.user_key is 'Whose it is: id_key of the user; null for nobody''s.';
comment on column inboxdb.counted_lead.hidden_until is 'While it counts for nothing: until when. Null where it counts.';
