create type inboxdb.lead_kind as (user_key bytea, counts integer, leads integer);

comment on type inboxdb.lead_kind is
'Leads that are counted alike: whose they are, the counts they belong to, a bit each, none while hidden, and how many '
'they are; negative where they are to be taken off.';
