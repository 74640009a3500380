create table inboxdb.maintenance_failure (
  item text primary key,
  failed_at timestamptz not null,
  last_error text not null
)
with (fillfactor = 50);

comment on table inboxdb.maintenance_failure is
'The last failure of each item of view maintenance: inboxdb doctor tells.';
comment on column inboxdb.maintenance_failure.failed_at is
'Written once a minute at most, because a held snapshot keeps each dead row of this table.';
comment on column inboxdb.maintenance_failure.last_error is
'The SQLSTATE alone, because a server message may quote rows.';
