create type inboxdb.changed_workspace as (
  client_id inboxdb.client_id,
  noted_since timestamptz,
  touched_scopes inboxdb.user_id array,
  moved inboxdb.lead_kind array,
  version bigint
);

comment on type inboxdb.changed_workspace is
'What a refresh by change took of a workspace: when the oldest change was noted, the users with changed leads, the '
'kinds of leads that came, and that went, and the new inbox cache version.';
