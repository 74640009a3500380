create table inboxdb.analytics_count (
  scope_key bigint not null,
  word_key bigint not null,
  campaign_key bigint not null,
  workspace integer not null,
  figure inboxdb.figure not null,
  on_day date not null,
  next_day date not null,
  n integer not null,
  primary key (workspace, figure, scope_key, on_day, next_day, word_key, campaign_key)
)
with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.analytics_count is
'Aggregates of analytics: the sums of lead_counts over lead_fact. A lead that was active on several days of a window '
'counts once: of the days after which it was next active beyond the window there is one (D162).';
comment on column inboxdb.analytics_count.scope_key is
'0 for the whole workspace; word_key of a user for the leads assigned to them, apart from 0.';
comment on column inboxdb.analytics_count.word_key is
'Of created the status, of responded the tag, each of the whole workspace alone; else 0.';
comment on column inboxdb.analytics_count.campaign_key is
'Of created, booked and responded the SMS campaign, of the whole workspace alone; else 0.';
comment on column inboxdb.analytics_count.workspace is 'analytics_workspace.number.';
comment on column inboxdb.analytics_count.on_day is 'The day, in the time zone of analytics_workspace.';
comment on column inboxdb.analytics_count.next_day is
'Of contacted and responded the next day on which the lead was active so, infinity for none; else infinity.';
comment on column inboxdb.analytics_count.n is 'How many; never 0.';
