create type inboxdb.conversation_answer as (
  conversation jsonb,
  viewer_role text,
  version bigint
);

comment on type inboxdb.conversation_answer is 'The answer of inbox_api.conversation: see there.';
