create type inboxdb.analytics_window as (
  client_id inboxdb.client_id,
  scope inboxdb.user_id,
  from_day date,
  to_day date,
  time_zone text,
  not_before timestamptz,
  before timestamptz,
  number integer
);

comment on type inboxdb.analytics_window is
'What is asked of analytics: a workspace, the sentinel or a setter as scope, days of a time zone, instants between '
'which these days lie in any time zone, and the number by which aggregates answer, null where the host''s tables do.';
