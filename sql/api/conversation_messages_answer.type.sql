create type inboxdb.conversation_messages_answer as (
  messages jsonb,
  cursor text,
  has_more boolean
);

comment on type inboxdb.conversation_messages_answer is 'The answer of inbox_api.conversation_messages: see there.';
