-- The change log: four identical slices, used in turn (see current_slice), so that each is out of use long enough to be
-- truncated, although a held snapshot keeps its dead rows from vacuum (D6).
-- No unique key but the identity, no foreign key, no NOTIFY: nothing here makes a writer wait for another (D2).
-- vacuum_truncate is off, because a standby cancels readers at its lock, too (D112).
-- Sessions take a hundred numbers at a time, because writers would wait for each other at the sequence's page (D123).
-- noted_at is in the key, because rows of another server may have its xid and id, and no write may fail by them (D107).
create table inboxdb.change_0 (
  xid xid8 not null default pg_catalog.pg_current_xact_id(),
  id bigint generated always as identity (cache 100),
  client_id inboxdb.client_id,
  lead_id inboxdb.lead_id,
  left_user_id inboxdb.user_id,
  changed smallint not null default 0,
  noted_at timestamptz not null default inboxdb.clock(),
  primary key (xid, id, noted_at)
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- For refreshes, which take the changes of a single workspace. Partial, so that a query for all changes from a
-- transaction on cannot be answered by scanning this index from end to end (D8).
create index change_0_client_id_xid_idx on inboxdb.change_0 (client_id, xid) where client_id is not null;

create table inboxdb.change_1 (like inboxdb.change_0 including all)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);
create table inboxdb.change_2 (like inboxdb.change_0 including all)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);
create table inboxdb.change_3 (like inboxdb.change_0 including all)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- No statistics on xid, because they are of changes drained by now: the planner would expect next to no rows of
-- `xid >= read_from`, and look for a workspace's changes among all undrained ones.
alter table inboxdb.change_0 alter column xid set statistics 0;
alter table inboxdb.change_1 alter column xid set statistics 0;
alter table inboxdb.change_2 alter column xid set statistics 0;
alter table inboxdb.change_3 alter column xid set statistics 0;

comment on table inboxdb.change_0 is 'A slice of the change log: leads and workspaces that may count differently now.';
comment on table inboxdb.change_1 is 'A slice of the change log: see change_0.';
comment on table inboxdb.change_2 is 'A slice of the change log: see change_0.';
comment on table inboxdb.change_3 is 'A slice of the change log: see change_0.';
comment on column inboxdb.change_0.xid is
'The writing transaction: readers skip everything before drain_state.read_from.';
comment on column inboxdb.change_0.client_id is
'The workspace; null where the writer named none: the workspace of lead_id, or, where that is null too, every '
'workspace.';
comment on column inboxdb.change_0.lead_id is 'The lead; null for the whole workspace.';
comment on column inboxdb.change_0.left_user_id is
'The user whom the lead left, if any; the refresh looks up the present user.';
comment on column inboxdb.change_0.changed is
'What the writer of "Lead" did, as bits. 1: named a counted column other than a rollup; 2: named a rollup column; '
'4: gave the lead another user; 8: made the lead; 16: deleted the lead; 32: moved the lead between workspaces, or to '
'another id. 0 of any other change.';
comment on column inboxdb.change_0.noted_at is 'When the change was noted, which may be long before it was committed.';
