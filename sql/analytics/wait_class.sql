create or replace function inboxdb.wait_class(ms numeric) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: the class of a wait in a histogram of classes whose bounds grow by a tenth: percentiles from classes are
  --   wrong by 5 % at most, and classes add up where percentiles do not (D144).
  -- Parameters: ms, not negative.
  -- Returns: 0 below a millisecond; class n from 1.1^(n - 1) to below 1.1^n milliseconds.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when ms < 1 then 0
    else 1 + pg_catalog.floor(pg_catalog.ln(ms::double precision) / pg_catalog.ln(1.1::double precision))::integer
  end
$$;
