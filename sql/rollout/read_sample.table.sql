create table inboxdb.read_sample (
  read_at timestamptz,
  id bigint generated always as identity (cache 100),
  client_id text not null,
  function_name text not null,
  ms double precision not null,
  outcome text not null,
  cache_hit boolean not null,
  request_id text,
  -- which transaction noted the sample, so that a judgement can be made again from the samples that it saw (D154)
  noted_by xid8 not null default pg_catalog.pg_current_xact_id(),
  constraint read_sample_pkey primary key (read_at, id)
);

comment on table inboxdb.read_sample is
'Reads as the application or its gateway saw them, by inbox_api.note_reads; kept as long as setting read_sample_days '
'says.';
comment on column inboxdb.read_sample.outcome is 'ok, or the SQLSTATE of the refusal or failure.';
comment on column inboxdb.read_sample.cache_hit is 'Whether a cache of the application answered.';
comment on column inboxdb.read_sample.request_id is 'The application''s name for the request, to find it in its logs.';
