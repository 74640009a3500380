create or replace function inboxdb.not_modified(state jsonb) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: HTTP's conditional GET, left to functions by PostgREST: tag the answer with a digest of its state, and say
--   304 to a client with the same tag. Called after the access check, and only with request.headers set.
-- Parameters: state, everything the answer depends on.
-- Source: RFC 9110, 8.8.3 (a weak tag: the bytes of two such answers may differ), 13.1.2 and 15.4.5.
-- Reads: the settings request.headers, request.method. Writes: response.headers, response.status, for this transaction.
-- INVOKER: called by our DEFINER functions only.
declare
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers');
  tag constant pg_catalog.text := pg_catalog.format(
    'W/"%s"', pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(state::pg_catalog.text, 'UTF8')), 'hex')
  );
  others constant pg_catalog.text := pg_catalog.current_setting('response.headers', true);
  wanted pg_catalog.text;
begin
  perform pg_catalog.set_config(
    'response.headers',
    (
      case when inboxdb.is_json(others) then others else '[]' end::pg_catalog.jsonb
      || pg_catalog.jsonb_build_array(
        pg_catalog.jsonb_build_object('ETag', tag),
        pg_catalog.jsonb_build_object('Cache-Control', 'private, no-cache')
      )
    )::pg_catalog.text,
    true
  );
  if pg_catalog.current_setting('request.method', true) in ('GET', 'HEAD') and inboxdb.is_json(headers) then
    wanted := headers::pg_catalog.json ->> 'if-none-match';
    if wanted = '*' or pg_catalog.replace(tag, 'W/', '') = any (
      pg_catalog.string_to_array(pg_catalog.replace(pg_catalog.replace(wanted, 'W/', ''), ' ', ''), ',')
    ) then
      perform pg_catalog.set_config('response.status', '304', true);
    end if;
  end if;
end
$$;
