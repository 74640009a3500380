create or replace function inboxdb.digits_asked(term text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: find out whether a term may be a part of a phone number.
  -- Parameters: term, folded.
  -- Returns: the digits of a term of digits and + ( ) - . / alone; null for any other.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case when term collate "C" !~ '[^0-9+()./-]' then nullif(inboxdb.only_digits(term), '') end
$$;
