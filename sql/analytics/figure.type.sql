create type inboxdb.figure as enum (
  'created', 'booked', 'kept', 'inbound', 'outbound', 'contacted', 'responded', 'campaign_created', 'campaign_booked',
  'campaign_responded', 'campaign_positive'
);

comment on type inboxdb.figure is
'What a row of analytics_count counts: leads created; meetings booked, and kept; messages received, and sent; leads '
'with an active day of sending, and of receiving; and by SMS campaign leads created, meetings booked, leads that '
'responded, and of these the positive ones.';
