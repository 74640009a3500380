create table inboxdb.analytics_reply (
  scope_key bigint not null,
  sender_key bigint not null,
  wait_us bigint not null,
  business_us bigint not null,
  workspace integer not null,
  on_day date not null,
  n integer not null,
  wait_class smallint not null,
  is_ours boolean not null,
  detail inboxdb.reply_detail not null,
  primary key (workspace, scope_key, detail, is_ours, on_day, sender_key, wait_class)
)
with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.analytics_reply is 'Aggregates of replies: the sums of lead_replies over lead_fact.';
comment on column inboxdb.analytics_reply.scope_key is 'As in analytics_count.';
comment on column inboxdb.analytics_reply.sender_key is
'sender_number of an ai, a campaign or unknown; 4 the lead; else word_key of a user; 0 where detail is day.';
comment on column inboxdb.analytics_reply.wait_us is 'The sum of the waits, in microseconds.';
comment on column inboxdb.analytics_reply.business_us is 'The sum of the parts of them within business hours.';
comment on column inboxdb.analytics_reply.workspace is 'analytics_workspace.number.';
comment on column inboxdb.analytics_reply.on_day is
'The day of the reply; the first of its month where detail is sender_month.';
comment on column inboxdb.analytics_reply.n is 'How many replies; never 0.';
comment on column inboxdb.analytics_reply.wait_class is 'As of function wait_class; 0 where detail is day.';
comment on column inboxdb.analytics_reply.is_ours is 'Whether we replied, or the lead.';
comment on column inboxdb.analytics_reply.detail is
'Whether replies are added up by sender and class, of the whole workspace alone, and by day or by month.';
