create table inboxdb.canary_look (
  canary_number integer,
  look integer,
  stage_number integer not null,
  looked_at timestamptz not null,
  seen pg_snapshot not null,
  oldest_change_seconds double precision not null,
  drifted integer not null,
  quarantined integer not null,
  verdict text,
  constraint canary_look_pkey primary key (canary_number, look)
);

comment on table inboxdb.canary_look is
'What each look at a canary found besides samples, and how the stage was judged. Kept for good.';
comment on column inboxdb.canary_look.seen is
'Which samples the look saw, so that it can be judged again, whatever was noted since.';
comment on column inboxdb.canary_look.oldest_change_seconds is 'The age of the oldest change that waits.';
comment on column inboxdb.canary_look.drifted is 'How often drift was found since the canary began.';
comment on column inboxdb.canary_look.quarantined is 'Workspaces quarantined since the canary began.';
comment on column inboxdb.canary_look.verdict is
'observing, passed, undecided or breached; null where the canary was overtaken.';
