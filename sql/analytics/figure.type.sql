create type inboxdb.figure as enum (
  'created', 'booked', 'kept', 'inbound', 'outbound', 'contacted', 'responded'
);

comment on type inboxdb.figure is
'What a row of analytics_count counts: leads created; meetings booked, and kept; messages received, and sent; leads '
'with an active day of sending, and of receiving.';
