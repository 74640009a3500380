create type inboxdb.lead_kind as (user_key bytea, counts integer, leads integer);

comment on type inboxdb.lead_kind is
'Leads counted alike: their user, their counts, a bit each, none while snoozed, and how many leads there are, negative '
'to take them off.';
