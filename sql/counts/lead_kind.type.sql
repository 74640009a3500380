create type inboxdb.lead_kind as (user_key bytea, counts integer, leads integer);

comment on type inboxdb.lead_kind is
'Leads counted alike: their user, their kind_now, and how many leads there are, negative '
'to take them off.';
