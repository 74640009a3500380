-- Its indexes by trigrams and by hashes are made by `inboxdb lists build`: see search_indexes.
create table inboxdb.lead_text (
  lead_key bytea primary key,
  client_id inboxdb.client_id not null,
  exact bigint[] not null,
  words text collate "C" not null
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.lead_text is
'What searches look in, a row for each lead: view searched_lead at the last look at it.';
comment on column inboxdb.lead_text.lead_key is 'The lead: id_key of its id.';
comment on column inboxdb.lead_text.exact is
'Hashes of addresses, of the phone''s digits, of the campaign: exact_hash.';
comment on column inboxdb.lead_text.words is 'The folded fields, a line each, then a tab and the phone''s digits.';
