create or replace function inbox_api.note_reads(samples jsonb) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: keep what reads took and how they ended, as the application or its gateway saw them; canaries are judged by
--   these samples. For PostgREST's POST /rpc/note_reads, too.
-- Parameters: samples, an array of 1 to 1,000 objects, of 262,144 bytes at most: client_id, the workspace; function, of
--   inbox_api; ms, how long it took; outcome, ok or the SQLSTATE; cache_hit, false by default; request_id, the
--   application's, null by default; at, when it ended, in milliseconds since 1970, now by default.
-- Returns: how many were kept.
-- Errors: IB022 naming the first row, from 1, that cannot be kept, and its field; nothing is kept then.
-- Writes: read_sample.
-- DEFINER: inboxdb_observer, which may call this function, has no other right.
declare
  now constant pg_catalog.float8 := pg_catalog.date_part('epoch', inboxdb.clock()) * 1000;
  problem pg_catalog.text := case
    when samples is null or pg_catalog.jsonb_typeof(samples) <> 'array'
      or pg_catalog.jsonb_array_length(samples) not between 1 and 1000
      then 'samples may be an array of 1 to 1,000 objects'
    when pg_catalog.octet_length(samples::pg_catalog.text) > 262144 then 'samples may be of 262,144 bytes'
  end;
  kept integer;
begin
  if problem is null then
    select pg_catalog.format('row %s: %s', a.number, p.problem) into problem
    from pg_catalog.jsonb_array_elements(samples) with ordinality as a (sample, number)
    cross join lateral (
      select
        case
          when pg_catalog.jsonb_typeof(a.sample) <> 'object' then 'each row may be an object'
          when a.sample - array['client_id', 'function', 'ms', 'outcome', 'cache_hit', 'request_id', 'at'] <> '{}'
            then 'its fields may be client_id, function, ms, outcome, cache_hit, request_id and at'
          when pg_catalog.jsonb_typeof(a.sample -> 'client_id') is distinct from 'string'
            or pg_catalog.octet_length(a.sample ->> 'client_id') not between 1 and 2000
            then 'client_id may be a text of 1 to 2,000 bytes'
          when pg_catalog.jsonb_typeof(a.sample -> 'function') is distinct from 'string'
            or not exists (
              select
              from pg_catalog.pg_proc as f
              where f.pronamespace = pg_catalog.to_regnamespace('inbox_api')
                and f.proname = a.sample ->> 'function' and f.proname <> 'note_reads'
            )
            then 'function may be the name of a read of inbox_api'
          when pg_catalog.jsonb_typeof(a.sample -> 'ms') is distinct from 'number'
            or (a.sample -> 'ms')::pg_catalog.numeric not between 0 and 3600000
            then 'ms may be a number from 0 to 3,600,000'
          when pg_catalog.jsonb_typeof(a.sample -> 'outcome') is distinct from 'string'
            or a.sample ->> 'outcome' !~ '^(ok|[0-9A-Z]{5})$'
            then 'outcome may be ok, or a SQLSTATE'
          when coalesce(pg_catalog.jsonb_typeof(a.sample -> 'cache_hit'), 'null') not in ('boolean', 'null')
            then 'cache_hit may be true or false'
          when coalesce(pg_catalog.jsonb_typeof(a.sample -> 'request_id'), 'null') not in ('string', 'null')
            or a.sample ->> 'request_id' !~ '^[A-Za-z0-9._:/+=-]{1,128}$'
            then 'request_id may be 1 to 128 of the characters A-Z, a-z, 0-9 and ._:/+=-'
          when coalesce(pg_catalog.jsonb_typeof(a.sample -> 'at'), 'null') not in ('number', 'null')
            or (a.sample ->> 'at')::pg_catalog.numeric not between now - 900000 and now + 60000
            then 'at may be milliseconds since 1970, of the last 15 minutes by the database''s clock'
        end as problem
    ) as p
    where p.problem is not null
    order by a.number
    limit 1;
  end if;
  if problem is not null then
    raise exception using
      errcode = 'IB022',
      message = pg_catalog.format('samples are refused: %s', problem),
      detail = 'None of them was kept.',
      hint = 'Send what the contract of inbox_api.note_reads says, in smaller batches where they are too large.';
  end if;

  insert into inboxdb.read_sample (read_at, client_id, function_name, ms, outcome, cache_hit, request_id)
  select
    pg_catalog.to_timestamp(coalesce((a.sample ->> 'at')::pg_catalog.float8, now) / 1000),
    a.sample ->> 'client_id',
    a.sample ->> 'function',
    (a.sample ->> 'ms')::pg_catalog.float8,
    a.sample ->> 'outcome',
    coalesce((a.sample ->> 'cache_hit')::pg_catalog.bool, false),
    a.sample ->> 'request_id'
  from pg_catalog.jsonb_array_elements(samples) as a (sample);
  get diagnostics kept = row_count;
  return kept;
end
$$;
