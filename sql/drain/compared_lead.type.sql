create type inboxdb.compared_lead as (
  tid tid,
  lead_key bytea,
  old_user bytea,
  old_counts integer,
  old_snooze timestamptz,
  old_hash bigint,
  is_here boolean,
  new_user bytea,
  new_counts integer,
  new_snooze timestamptz,
  new_hash bigint,
  explained_by text
);

comment on type inboxdb.compared_lead is
'A lead in counted_lead (old; the place is null without a row) beside the lead now (new; is_here is null where the '
'workspace has no such lead), and the explanation of the difference, as in compared_leads.';
