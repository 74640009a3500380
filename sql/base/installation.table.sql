create table inboxdb.installation (
  is_only boolean primary key default true,
  lead_rls text not null default 'undecided',
  suspended_since timestamptz,
  suspended_because text,
  constraint installation_is_only_check check (is_only),
  constraint installation_suspended_because_check check (suspended_because is null or suspended_since is not null),
  constraint installation_lead_rls_check check (lead_rls in ('undecided', 'left_out', 'enabled', 'joined'))
);

insert into inboxdb.installation (is_only) values (true);

comment on table inboxdb.installation is
'What state this installation is in: one row. A restore of the schema alone lacks it; then "Lead" is as protected as '
'its policies say (lead_rls), and nothing is suspended.';
comment on column inboxdb.installation.lead_rls is
'Kept by protect_leads and unprotect_leads: whether "Lead" has our policies, and whether we turned its row-level '
'security on (enabled) or found it on (joined).';
comment on column inboxdb.installation.suspended_since is
'Kept by suspend_views, collect and `inboxdb migrate resume`: null while not suspended.';
comment on column inboxdb.installation.suspended_because is
'What the host has changed, where a collector suspended inboxdb; null while not suspended, or suspended by command.';
