-- The next day before the month in the key: of a window that ends today only the rows without a next day are read.
-- A row is a month: a row for each day took more than twice the room, and of all days a change would write them all.
create table inboxdb.analytics_count (
  scope_key bigint not null,
  word_key bigint not null,
  workspace integer not null,
  figure inboxdb.figure not null,
  on_month date not null,
  next_day date not null,
  day_counts integer[] not null,
  primary key (workspace, figure, scope_key, next_day, on_month, word_key)
)
with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.analytics_count is
'Aggregates of analytics: the sums of lead_counts over lead_fact, packed by month. A lead that was active on several '
'days of a window counts once: of the days after which it was next active beyond the window there is one (D162).';
comment on column inboxdb.analytics_count.scope_key is
'0 for the whole workspace; word_key of a user for the leads assigned to them, apart from 0.';
comment on column inboxdb.analytics_count.word_key is
'Of the whole workspace alone: of created the status, of responded the tag, of figures by campaign the SMS campaign; '
'else 0.';
comment on column inboxdb.analytics_count.workspace is 'analytics_workspace.number.';
comment on column inboxdb.analytics_count.on_month is
'The first day of the month of the days, in the time zone of analytics_workspace.';
comment on column inboxdb.analytics_count.next_day is
'Of figures that count leads by active days the next day on which the lead was active so, infinity for none; else '
'infinity.';
comment on column inboxdb.analytics_count.day_counts is
'Of each day of the month that counts, in order: the day of the month, and 32 times how many, at most 67,108,863; '
'never 0 of them.';
