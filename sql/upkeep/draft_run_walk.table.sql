create table inboxdb.draft_run_walk (
  only_row boolean primary key default true,
  walked_to text,
  constraint draft_run_walk_only_row_check check (only_row)
);

comment on table inboxdb.draft_run_walk is
'How far prune_draft_runs has walked "DraftPipelineRun" by its primary key; no row before the first walk.';
comment on column inboxdb.draft_run_walk.walked_to is 'The last id looked at; null where the next walk begins.';
