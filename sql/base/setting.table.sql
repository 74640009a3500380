create table inboxdb.setting (
  setting_name text primary key,
  setting_value text not null,
  constraint setting_is_known check (
    (setting_name = 'counts_source' and setting_value in ('stored', 'live'))
    or (setting_name = 'lead_rls' and setting_value in ('undecided', 'left_out', 'enabled', 'joined'))
    or (setting_name = 'audit_hours' and setting_value ~ '^[1-9][0-9]{0,3}$')
    or setting_name = 'suspended_since'
  )
);

insert into inboxdb.setting (setting_name, setting_value)
values ('counts_source', 'stored'), ('audit_hours', '6'), ('lead_rls', 'undecided');

comment on table inboxdb.setting is 'What is decided at run time: changed by an UPDATE, in force from its commit on.';
comment on column inboxdb.setting.setting_value is
'counts_source: inbox_api.inbox_counts answers from the stored counts, or live. audit_hours: how long after its last '
'count a workspace is audited again, 1 to 9999. lead_rls, kept by protect_leads and '
'unprotect_leads: whether "Lead" has our policies, and whether we turned its row-level security on (enabled) or found '
'it on (joined). suspended_since, kept by suspend_views and `inboxdb migrate resume`: there only while suspended.';
