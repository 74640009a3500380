-- Columns in this order, keys for words and no nulls make a row compact: 130 bytes and 12 for each message.
create table inboxdb.lead_fact (
  created_at timestamptz not null,
  booked_at timestamptz not null,
  status_key bigint not null,
  tag_key bigint not null,
  campaign_key bigint not null,
  user_key bigint not null,
  workspace integer not null,
  is_kept boolean not null,
  lead_key bytea not null,
  sent_at timestamptz[] not null,
  info integer[] not null,
  senders bigint[] not null,
  primary key (workspace, lead_key)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.lead_fact is
'What the aggregates of analytics were last made of, a row for each lead: a refresh adds what differs.';
comment on column inboxdb.lead_fact.created_at is
'When the lead was created; infinite where analytics have no day of it.';
comment on column inboxdb.lead_fact.booked_at is 'When a meeting was booked, likewise; infinite for none.';
comment on column inboxdb.lead_fact.status_key is 'word_key of the status.';
comment on column inboxdb.lead_fact.tag_key is 'word_key of the tag.';
comment on column inboxdb.lead_fact.campaign_key is 'word_key of the SMS campaign.';
comment on column inboxdb.lead_fact.user_key is 'word_key of the user; 0 for an unassigned lead.';
comment on column inboxdb.lead_fact.workspace is 'analytics_workspace.number.';
comment on column inboxdb.lead_fact.is_kept is 'Whether the meeting, if any, was not canceled.';
comment on column inboxdb.lead_fact.lead_key is 'The lead: id_key of its id.';
comment on column inboxdb.lead_fact.sent_at is
'When each message was sent, in the order of replies: see window_replies.';
comment on column inboxdb.lead_fact.info is
'Of each message: 1 inbound, 2 outbound, 0 other; 4 times sender_number; and '
'28 bits of the channel''s hash.';
comment on column inboxdb.lead_fact.senders is 'word_key of the user of each message sent by a user, in order.';
