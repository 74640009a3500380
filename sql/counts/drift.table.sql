create table inboxdb.drift (
  id bigint generated always as identity primary key,
  found_at timestamptz not null default inboxdb.clock(),
  client_id inboxdb.client_id not null,
  found_by text not null,
  leads integer not null,
  scopes integer not null
);

comment on table inboxdb.drift is
'What was found to differ from the truth though no change was noted, and mended: a row per time, kept for 30 days.';
comment on column inboxdb.drift.found_by is
'The reason for the recount that found it, as in job_status: did_not_fit where a refresh by change gave up.';
comment on column inboxdb.drift.leads is 'Leads that counted differently than was remembered of them.';
comment on column inboxdb.drift.scopes is 'Counts rows that were not the sum of what was remembered of their leads.';
