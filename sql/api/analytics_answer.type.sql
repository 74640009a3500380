create type inboxdb.analytics_answer as (
  figures jsonb,
  from_day date,
  to_day date,
  time_zone text,
  computed_at timestamptz,
  version bigint,
  is_stale boolean
);

comment on type inboxdb.analytics_answer is
'The answer of the functions of inbox_api named analytics_..., and of crm_summary: see there.';
