create table inboxdb.canary (
  canary_number integer primary key,
  flag_name text collate "C" not null,
  percentages integer[] not null,
  observe interval not null,
  at_most interval not null,
  window_length interval not null,
  started_at timestamptz not null,
  started_by text not null default session_user,
  ended_at timestamptz,
  ended_as text,
  why text,
  constraint canary_end_check check (
    (ended_at is null) = (ended_as is null)
    and ended_as in ('complete', 'taken_back', 'aborted', 'overtaken')
  )
);

-- a single canary at a time for each flag
create unique index canary_flag_name_idx on inboxdb.canary (flag_name) where ended_at is null;

comment on table inboxdb.canary is
'Rollouts of reads by stages: a flag that is on for more and more workspaces, as long as all gates are passed. Kept '
'for good.';
comment on column inboxdb.canary.percentages is 'For how many workspaces of a hundred the flag is on, stage by stage.';
comment on column inboxdb.canary.observe is 'For how long a stage is observed at least.';
comment on column inboxdb.canary.at_most is 'After how long a stage that was not passed is undecided.';
comment on column inboxdb.canary.window_length is
'How long a window is: two in a row are a breach, of gates of which one may pass by itself.';
comment on column inboxdb.canary.ended_as is
'complete; taken_back, after a breach; aborted, by hand; overtaken, because the flag was set to something else.';
