create or replace function inboxdb.mask_place(signature bytea, place bytea) returns bytea
language sql stable
set search_path = ''
as $$
  -- Purpose: make a cursor's place unreadable, and readable again: the last lead looked at may be one that the cursor's
  --   reader may not see.
  -- Parameters: signature, of the place; place, plain or masked.
  -- Returns: the place, masked or plain; null for no bytes.
  -- Source: SIV, Rogaway, Shrimpton 2006: bytes XORed with a stream of hashes that begins with the signature.
  -- Reads: list_key.
  -- INVOKER: called by make_cursor and read_cursor only.
  select pg_catalog.string_agg(
    pg_catalog.substr(
      pg_catalog.int4send(pg_catalog.get_byte(place, b.number) # pg_catalog.get_byte(s.bytes, b.number)), 4
    ),
    '' order by b.number
  )
  from (
    select pg_catalog.string_agg(
      pg_catalog.sha256(k.secret || signature || pg_catalog.int4send(n.number)), '' order by n.number
    ) as bytes
    from inboxdb.list_key as k
    cross join pg_catalog.generate_series(0, pg_catalog.length(place) / 32) as n (number)
  ) as s
  cross join pg_catalog.generate_series(0, pg_catalog.length(place) - 1) as b (number)
$$;
