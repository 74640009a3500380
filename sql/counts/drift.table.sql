create table inboxdb.drift (
  found_at timestamptz not null default inboxdb.clock(),
  id uuid not null default pg_catalog.gen_random_uuid(),
  client_id inboxdb.client_id not null,
  found_by text not null,
  leads integer not null,
  scopes integer not null,
  primary key (found_at, id)
);

comment on table inboxdb.drift is
'Drift: differences from the truth without a noted change, found and mended. A row per finding, kept for 30 days.';
comment on column inboxdb.drift.found_by is
'The reason for the recount, as in job_status: did_not_fit where a refresh by change gave up.';
comment on column inboxdb.drift.leads is 'Leads whose row in counted_lead was wrong.';
comment on column inboxdb.drift.scopes is 'Rows of counts that were not the sum of counted_lead.';
