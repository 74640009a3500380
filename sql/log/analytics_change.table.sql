-- The third log: leads whose figures may be others. Built as text_change, and apart from it, because each reader takes
-- what it reads (D132). The index is for taking the changes of a single workspace.
create table inboxdb.analytics_change (
  xid xid8 not null default pg_catalog.pg_current_xact_id(),
  id bigint generated always as identity (cache 100),
  client_id inboxdb.client_id,
  lead_id inboxdb.lead_id,
  changed smallint not null default 0,
  noted_at timestamptz not null default inboxdb.clock(),
  primary key (xid, id, noted_at)
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

create index analytics_change_client_id_xid_idx on inboxdb.analytics_change (client_id, xid)
where client_id is not null;

-- as for the change log: statistics would be of changes taken by now
alter table inboxdb.analytics_change alter column xid set statistics 0;

comment on table inboxdb.analytics_change is
'Leads whose figures of analytics may be others: handed on by whoever takes changes, or noted by a trigger.';
comment on column inboxdb.analytics_change.xid is 'The writing transaction, or the refresh that handed the lead on.';
comment on column inboxdb.analytics_change.client_id is 'The workspace; null for every workspace.';
comment on column inboxdb.analytics_change.lead_id is
'The lead; null for all leads of the workspace: a walk through them is due then.';
comment on column inboxdb.analytics_change.changed is
'As in the change log. 64: an UPDATE named a column that analytics read, and counts do not.';
comment on column inboxdb.analytics_change.noted_at is 'When the change was noted.';
