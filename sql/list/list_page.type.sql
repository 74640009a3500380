create type inboxdb.list_page as (
  lead_ids inboxdb.lead_id [],
  has_more boolean,
  last_at timestamptz,
  last_id inboxdb.lead_id,
  scanned integer
);

comment on type inboxdb.list_page is
'A page of a list: leads in order; whether more may follow; the last lead looked at; how many were looked at.';
