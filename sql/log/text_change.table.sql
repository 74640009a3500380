-- The second log: leads whose searched text may be another. Apart from the change log, so that no reader of counts
-- passes over a row of this table (D132). No slices: below the floor of search_state nothing is visited.
-- No unique key but the identity, no foreign key, no NOTIFY, no index by workspace; the key is that of a slice (D107).
create table inboxdb.text_change (
  xid xid8 not null default pg_catalog.pg_current_xact_id(),
  id bigint generated always as identity (cache 100),
  client_id inboxdb.client_id,
  lead_id inboxdb.lead_id,
  noted_at timestamptz not null default inboxdb.clock(),
  primary key (xid, id, noted_at)
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- as for the change log: statistics would be of changes taken by now
alter table inboxdb.text_change alter column xid set statistics 0;

comment on table inboxdb.text_change is 'Leads whose searched text may be another: noted by triggers, or handed on.';
comment on column inboxdb.text_change.xid is 'The writing transaction, or the refresh that handed the lead on.';
comment on column inboxdb.text_change.client_id is 'The workspace, for taking turns; null where the writer named none.';
comment on column inboxdb.text_change.lead_id is 'The lead; null for all leads: a walk is due then.';
comment on column inboxdb.text_change.noted_at is 'When the change was noted, or handed on.';
