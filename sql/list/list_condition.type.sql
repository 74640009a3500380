create type inboxdb.list_condition as (
  as_of timestamptz,
  channels text [],
  sentiment_tags text [],
  sms_campaign_id text,
  sms_campaign_unattributed boolean,
  score text,
  terms text [],
  address text
);

comment on type inboxdb.list_condition is
'What is asked of each lead of a list: the instant at which snoozes are judged, the filters that have no index, and '
'the search, as search_terms took it apart.';
