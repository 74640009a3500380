create type inboxdb.conversations_answer as (
  conversations jsonb,
  cursor text,
  has_more boolean,
  version bigint,
  scanned integer
);

comment on type inboxdb.conversations_answer is 'The answer of inbox_api.conversations: see there.';
