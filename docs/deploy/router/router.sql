-- The router: answers the reads of schema inbox_api by asking the shard that has the workspace. README.md says how to set
-- up what is before and behind it. Run by a superuser, in a database of its own, again after each release:
--   psql -1 -v ON_ERROR_STOP=1 -d router -f router.sql
-- Wants PL/Proxy (Debian's postgresql-15-plproxy). Keeps the directory, and the settings of the database.
set local search_path = '';
set local client_min_messages = warning;

do $roles$
begin
  if pg_catalog.to_regrole('authenticated') is null then
    create role authenticated nologin;
  end if;
  -- owns all that is here; nobody logs in as it, and the shards' passwords are mapped to it alone
  if pg_catalog.to_regrole('inbox_router') is null then
    create role inbox_router nologin;
  end if;
  -- PL/Proxy's own query_timeout ends no call to a shard that is silent; README.md has the other limits
  if not exists (
    select
    from pg_catalog.pg_db_role_setting as s
    cross join lateral pg_catalog.unnest(s.setconfig) as c (setting)
    where s.setrole = 0
      and s.setdatabase = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
      and c.setting like 'statement_timeout=%'
  ) then
    execute pg_catalog.format('alter database %I set statement_timeout = %L', pg_catalog.current_database(), '15s');
  end if;
  execute pg_catalog.format('revoke temporary on database %I from public', pg_catalog.current_database());
end
$roles$;

create extension if not exists plproxy with schema public;
create schema if not exists inbox_router;

-- The directory: which shard has a workspace, by its number in the foreign server inbox_shards. All are to be listed: the
-- hash of shards_by_client_id moves most ids once there is another shard.
create table if not exists inbox_router.placement (
  client_id text primary key,
  shard integer not null check (shard >= 0)
);

create or replace function inbox_router.shard_count() returns integer
language sql stable
set search_path = ''
as $$
  -- Purpose: how many shards there are.
  select greatest(pg_catalog.count(*), 1)::integer
  from pg_catalog.pg_foreign_server as s
  cross join lateral pg_catalog.pg_options_to_table(s.srvoptions) as o
  where s.srvname = 'inbox_shards' and o.option_name ~ '^(p|partition_)[0-9]+$'
$$;

create or replace function inbox_router.shards_by_client_id(client_id text) returns integer[]
language sql stable
set search_path = ''
as $$
  -- Purpose: the shard that has a workspace. An id that is not listed is some shard's to refuse, so that nobody learns
  --   which ids are.
  select array[
    coalesce(
      (select p.shard from inbox_router.placement as p where p.client_id = shards_by_client_id.client_id),
      (pg_catalog.hashtextextended(shards_by_client_id.client_id, 0) & 2147483647)::integer
      % inbox_router.shard_count(),
      0
    )
  ]
$$;

create or replace function inbox_router.shards_by_lead_id(lead_id text) returns integer[]
language sql stable
set search_path = ''
as $$
  -- Purpose: the shards that may have a lead: each, because the directory knows workspaces alone (D153).
  select pg_catalog.array_agg(s.shard order by s.shard)
  from pg_catalog.generate_series(0, inbox_router.shard_count() - 1) as s (shard)
$$;

\ir reads.sql

create or replace function inbox_router.away(shard integer, error_code text, error_message text)
returns inbox_router.shard_answer
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: the refusal of a read whose shard cannot be asked. What went wrong is for the log alone, because a message of
--   PL/Proxy's names host and port.
begin
  raise log 'shard % does not answer: % %', shard, error_code, error_message;
  return (
    null, null, null, '08001', 'the server of this workspace does not answer', 'Nothing was read.',
    'Ask again in a while. The log of the router says which server it is, and why.'
  )::inbox_router.shard_answer;
end
$$;

create or replace function inbox_router.refuse_late(error_message text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: end a read that was cancelled, here or on the shard, in words without the shard's.
begin
  raise log 'a read was cancelled: %', error_message;
  raise exception using
    errcode = '57014',
    message = 'the server of this workspace did not answer in time',
    detail = 'The read was cancelled. Nothing was changed.',
    hint = 'Ask again in a while, or for less at once.';
end
$$;

create or replace function inbox_router.deliver(answered inbox_router.shard_answer) returns json
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: give a shard's answer as the read itself would: raise its refusal, or set the HTTP response.
-- Returns: the row.
declare
  others constant pg_catalog.text := nullif(pg_catalog.current_setting('response.headers', true), '');
begin
  -- an option of RAISE cannot be null, and an empty one would be sent
  if answered.detail <> '' and answered.hint <> '' then
    raise exception using
      errcode = answered.sqlstate, message = answered.message, detail = answered.detail, hint = answered.hint;
  elsif answered.detail <> '' then
    raise exception using errcode = answered.sqlstate, message = answered.message, detail = answered.detail;
  elsif answered.hint <> '' then
    raise exception using errcode = answered.sqlstate, message = answered.message, hint = answered.hint;
  elsif answered.sqlstate is not null then
    raise exception using errcode = answered.sqlstate, message = answered.message;
  end if;
  if answered.response_headers is not null then
    perform pg_catalog.set_config(
      'response.headers',
      (coalesce(others, '[]')::pg_catalog.jsonb || answered.response_headers::pg_catalog.jsonb)::pg_catalog.text,
      true
    );
  end if;
  if answered.response_status is not null then
    perform pg_catalog.set_config('response.status', answered.response_status, true);
  end if;
  return answered.answer;
end
$$;

create or replace function inbox_router.placement_check(
  out client_id text, out placed integer, out found integer, out problem text
)
returns setof record
language sql volatile security definer
set search_path = ''
as $$
  -- Purpose: compare the directory with what each shard has, for an operator. A shard that is away is an error.
  -- DEFINER: the shards' login is mapped to the owner alone.
  -- Returns: a row for each workspace that is on another shard than its place, without a place, or nowhere; so also one
  --   that is on two shards, as while it moves.
  with there (client_id, shard) as (
    select w.client_id, s.shard
    from pg_catalog.generate_series(0, inbox_router.shard_count() - 1) as s (shard)
    cross join lateral inbox_router.ask_workspaces(s.shard) as w (client_id)
  )

  select
    coalesce(t.client_id, p.client_id),
    p.shard,
    t.shard,
    case
      when p.shard >= inbox_router.shard_count() then 'no such shard'
      when t.shard is null then 'on no shard'
      when p.shard is null then 'not in the directory'
      else 'on another shard'
    end
  from there as t
  full join inbox_router.placement as p on t.client_id = p.client_id
  where t.shard is distinct from p.shard
  order by 1, 3
$$;

do $rights$
declare
  statement pg_catalog.text;
begin
  for statement in
    select pg_catalog.format('alter routine %s owner to inbox_router', p.oid::pg_catalog.regprocedure)
    from pg_catalog.pg_proc as p
    where p.pronamespace in ('inbox_router'::pg_catalog.regnamespace, 'inbox_api'::pg_catalog.regnamespace)
  loop
    execute statement;
  end loop;
  alter table inbox_router.placement owner to inbox_router;
  alter schema inbox_router owner to inbox_router;
  revoke all on all routines in schema inbox_router, inbox_api from public;
  grant usage on schema inbox_api to authenticated;
  grant execute on all functions in schema inbox_api to authenticated;
end
$rights$;
