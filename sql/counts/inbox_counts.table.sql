create table inboxdb.inbox_counts (
  client_id inboxdb.client_id not null,
  is_global boolean not null,
  scope_user_id inboxdb.user_id not null,
  leads integer not null default 0 check (leads >= 0),
  computed_at timestamptz not null,
  updated_at timestamptz not null,
  version bigint,
  -- each count: {name} integer not null default 0 check ({name} >= 0),
  all_responses integer not null default 0 check (all_responses >= 0),
  requires_attention integer not null default 0 check (requires_attention >= 0),
  previously_required_attention integer not null default 0 check (previously_required_attention >= 0),
  total_non_blacklisted integer not null default 0 check (total_non_blacklisted >= 0),
  awaiting_reply integer not null default 0 check (awaiting_reply >= 0),
  needs_repair integer not null default 0 check (needs_repair >= 0),
  ai_sent integer not null default 0 check (ai_sent >= 0),
  ai_review integer not null default 0 check (ai_review >= 0),
  total integer not null default 0 check (total >= 0),
  -- end
  primary key (client_id, is_global, scope_user_id),
  constraint inbox_counts_sentinel_is_global check (is_global = (scope_user_id = inboxdb.sentinel())),
  constraint inbox_counts_version_is_global check (is_global or version is null)
)
-- every refresh rewrites a workspace's global row: room on the page keeps those updates HOT
with (fillfactor = 20);

comment on table inboxdb.inbox_counts is
'Badge counts: one global row per workspace, one row per user with an assigned lead in it. Read by key, written by '
'the drain.';
comment on column inboxdb.inbox_counts.is_global is 'True for the row of the whole workspace.';
comment on column inboxdb.inbox_counts.scope_user_id is 'Whose count it is; in global rows the sentinel, the nil UUID.';
comment on column inboxdb.inbox_counts.leads is 'How many leads the scope has, snoozed ones included.';
comment on column inboxdb.inbox_counts.computed_at is
'When a refresh last wrote this row. In the global row the instant of all the workspace''s counts: snoozes are judged '
'as of then, and rows whose counts did not change are not rewritten.';
comment on column inboxdb.inbox_counts.updated_at is 'When a refresh last changed one of this row''s counts.';
comment on column inboxdb.inbox_counts.version is
'In the global row the cache version of family inbox, as in cache_version: readers of counts find it here; else null.';
