create table inboxdb.inbox_counts_dirty (
  client_id inboxdb.client_id primary key,
  dirty_since timestamptz not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  last_error text
)
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create index inbox_counts_dirty_next_attempt_at_idx on inboxdb.inbox_counts_dirty (next_attempt_at);

comment on table inboxdb.inbox_counts_dirty is
'The drain''s work list: one row per workspace with changes not yet drained. Derived from the change log and the '
'snoozes; losing it loses nothing.';
comment on column inboxdb.inbox_counts_dirty.dirty_since is
'When the oldest collected change was noted, or the snooze ran out.';
comment on column inboxdb.inbox_counts_dirty.attempts is
'How often a drain claimed the workspace since it became dirty.';
comment on column inboxdb.inbox_counts_dirty.next_attempt_at is 'Not claimed before; the earliest goes first.';
comment on column inboxdb.inbox_counts_dirty.last_error is
'SQLSTATE and our own sentence for the last failure; never a server message.';
