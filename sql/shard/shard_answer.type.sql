create type inboxdb.shard_answer as (
  answer json,
  response_headers text,
  response_status text,
  sqlstate text,
  message text,
  detail text,
  hint text
);

comment on type inboxdb.shard_answer is
'The answer of functions named shard_...: a read''s row, by its columns'' names, and what the read set for its HTTP '
'response, null for none; or the fields of the error that the read raised, detail and hint empty where it has none.';
