create type inboxdb.compared_lead as (
  tid tid,
  lead_key bytea,
  old_user bytea,
  old_counts integer,
  old_hidden timestamptz,
  is_here boolean,
  new_user bytea,
  new_counts integer,
  new_hidden timestamptz,
  explained_by text
);

comment on type inboxdb.compared_lead is
'A lead as counted_lead remembers it (old; place null where it does not) beside what the lead counts now (new; is_here '
'is null where the workspace has no such lead); and what says why they differ, as compared_leads has it.';
