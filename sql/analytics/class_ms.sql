create or replace function inboxdb.class_ms(wait_class integer) returns double precision
language sql immutable parallel safe
as $$
  -- Purpose: the wait that stands for a class of wait_class: the geometric middle.
  -- Parameters: wait_class.
  -- Returns: milliseconds.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case when wait_class = 0 then 0 else pg_catalog.power(1.1::double precision, wait_class - 0.5) end
$$;
