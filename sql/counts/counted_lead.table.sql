-- Columns in this order, and keys for ids, make a row compact (D21).
create table inboxdb.counted_lead (
  ids_hash bigint not null,
  workspace integer not null,
  counts smallint not null,
  lead_key bytea not null,
  user_key bytea,
  snoozed_until timestamptz,
  primary key (workspace, lead_key)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

create index counted_lead_workspace_snoozed_until_idx on inboxdb.counted_lead (workspace, snoozed_until)
where snoozed_until is not null;

comment on table inboxdb.counted_lead is 'What each lead last counted: a refresh by change applies what differs.';
comment on column inboxdb.counted_lead.ids_hash is
'The hash of the host''s ids of the lead and its user, with which recounts and audits find what differs.';
comment on column inboxdb.counted_lead.workspace is 'workspace.number.';
comment on column inboxdb.counted_lead.counts is 'The counts to which the lead belongs, a bit each: see view lead_now.';
comment on column inboxdb.counted_lead.lead_key is 'The lead: id_key of its id.';
comment on column inboxdb.counted_lead.user_key is 'The lead''s user: id_key of the id; null for an unassigned lead.';
comment on column inboxdb.counted_lead.snoozed_until is 'Until when the lead is snoozed; null for a visible lead.';
