create type inboxdb.flags_answer as (
  flags jsonb
);

comment on type inboxdb.flags_answer is 'The answer of inbox_api.flags: see there.';
