create table inboxdb.canary_stage (
  canary_number integer,
  stage_number integer,
  percentage integer not null,
  began_at timestamptz not null,
  constraint canary_stage_pkey primary key (canary_number, stage_number)
);

comment on table inboxdb.canary_stage is
'The stages that canaries came to, from 1. A stage ends as the next one begins, or with the canary.';
