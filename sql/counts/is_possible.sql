create or replace function inboxdb.is_possible(tid tid, is_global boolean, leads integer, counts integer[])
returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: whether a row of inbox_counts can be as its changes make it. If not, a change was missed before.
  -- Parameters: of the row, as in counts_row.
  -- Returns: false where a number would fall below zero, a count exceed the leads, or the global row is not there yet.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select leads >= all (0 || counts) and 0 <= all (counts) and (tid is not null or not is_global)
$$;
