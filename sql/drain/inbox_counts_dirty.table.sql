create table inboxdb.inbox_counts_dirty (
  client_id inboxdb.client_id not null,
  dirty_since timestamptz not null,
  collected_at timestamptz not null default inboxdb.clock(),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  last_error text,
  collapsed boolean not null default false,
  quarantined_at timestamptz,
  -- One row per workspace is the promise of the only inserter, collect, under its lock. next_attempt_at is in the key
  -- so that lookups and uniqueness checks visit no dead rows kept by a held snapshot (D35).
  primary key (client_id, next_attempt_at),
  constraint inbox_counts_dirty_quarantined_is_never_due
  check (quarantined_at is null or next_attempt_at = 'infinity')
)
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create index inbox_counts_dirty_next_attempt_at_idx on inboxdb.inbox_counts_dirty (next_attempt_at);

comment on table inboxdb.inbox_counts_dirty is
'The drain''s work list: one row per workspace with changes not yet drained. Derived from the change log and the '
'snoozes, so its loss loses nothing, except collapsed changes: mark all workspaces then.';
comment on column inboxdb.inbox_counts_dirty.dirty_since is
'When the oldest collected change was noted, or the snooze ended.';
comment on column inboxdb.inbox_counts_dirty.collected_at is
'When a collector put the workspace on the list: its changes were committed by then.';
comment on column inboxdb.inbox_counts_dirty.attempts is
'How often a drain claimed the workspace since it became dirty, or was put back from quarantine.';
comment on column inboxdb.inbox_counts_dirty.next_attempt_at is
'Not claimed before this instant; the earliest goes first. Set by our functions only, because the drain does not look '
'below drain_state.claim_from.';
comment on column inboxdb.inbox_counts_dirty.last_error is
'SQLSTATE and our own sentence for the last failure; never a server message.';
comment on column inboxdb.inbox_counts_dirty.collapsed is
'Whether changes of the workspace were taken out of the log without a refresh: this row stands for them, as a mark of '
'the whole workspace.';
comment on column inboxdb.inbox_counts_dirty.quarantined_at is
'When the workspace had used up its attempts: no further attempt before requeue_inbox_counts.';
