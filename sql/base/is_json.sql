create or replace function inboxdb.is_json(candidate text) returns boolean
language plpgsql immutable strict parallel safe
-- No search_path of its own: its callers pin theirs, and another SET costs each reader of counts 2 microseconds.
as $$
-- Purpose: say whether a text can be cast to json and each of its values read. The cast's error is not caught, because
--   an exception block starts a subtransaction, forbidden in parallel queries (D53); and the error quotes the text.
-- Parameters: candidate. More than 16,384 characters or 1,000 objects and arrays are no JSON here, nor are more than 64
--   levels on PostgreSQL 15: such a text aims at the parser's stack, or its time.
-- Returns: true or false; null for null.
-- Source: RFC 8259; PostgreSQL refuses the escapes \u0000 and single surrogates besides.
-- INVOKER: called by our functions only, with search_path = ''.
declare
  scalar constant pg_catalog.text := pg_catalog.chr(1);
  string constant pg_catalog.text := pg_catalog.chr(2);
  reduced pg_catalog.text := candidate;
  before pg_catalog.text;
begin
  -- the usual case in two expressions, because each is set up anew in every transaction (D124)
  if pg_catalog.current_setting('server_version_num') >= '160000' and (
    pg_catalog.length(candidate) <= 1000
    or pg_catalog.length(candidate) <= 16384 and pg_catalog.regexp_count(candidate, '[[{]') <= 1000
  ) then
    return pg_catalog.pg_input_is_valid(candidate, 'pg_catalog.jsonb');
  elsif pg_catalog.length(candidate) > 16384 or pg_catalog.regexp_count(candidate, '[[{]') > 1000 then
    return false;
  end if;

  -- PostgreSQL 15: inner values are replaced by characters outside JSON, level by level, until a single one is left.
  -- Dollar quotes mean the same under any standard_conforming_strings.
  if candidate ~ $re$[\x01-\x08\x0b\x0c\x0e-\x1f]$re$ then
    return false;
  end if;
  reduced := pg_catalog.regexp_replace(
    reduced,
    $re$"([^"\\\x01-\x1f]|\\["\\/bfnrt]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4}$re$
    || $re$|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"$re$,
    string, 'g'
  );
  reduced := pg_catalog.regexp_replace(
    reduced, $re$true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$re$, scalar, 'g'
  );
  reduced := pg_catalog.regexp_replace(reduced, $re$[ \t\n\r]+$re$, '', 'g');
  -- a round for each level, reading the whole text: more than 64 levels are no JSON here
  for level in 1..64 loop
    before := reduced;
    reduced := pg_catalog.regexp_replace(
      reduced, $re$\[([\x01\x02](,[\x01\x02])*)?\]|\{(\x02:[\x01\x02](,\x02:[\x01\x02])*)?\}$re$, scalar, 'g'
    );
    exit when reduced = before;
  end loop;
  return reduced in (scalar, string);
end
$$;
