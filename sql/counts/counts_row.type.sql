create type inboxdb.counts_row as (
  tid tid,
  is_global boolean,
  scope_user_id inboxdb.user_id,
  leads integer,
  counts integer array
);

comment on type inboxdb.counts_row is
'A row of inbox_counts as it is, is to be, or is to change: the place of the row there, null for none; whose it is; '
'leads; counts in the order of view count.';
