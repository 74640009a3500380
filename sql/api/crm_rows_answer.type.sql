create type inboxdb.crm_rows_answer as (
  crm_rows jsonb,
  cursor text,
  has_more boolean,
  version bigint
);

comment on type inboxdb.crm_rows_answer is 'The answer of inbox_api.crm_rows: see there.';
