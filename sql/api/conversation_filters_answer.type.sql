create type inboxdb.conversation_filters_answer as (
  sms_campaigns jsonb,
  unattributed integer,
  version bigint
);

comment on type inboxdb.conversation_filters_answer is 'The answer of inbox_api.conversation_filters: see there.';
