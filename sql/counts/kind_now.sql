-- Inlined into the calling query, so without a search_path of its own.
create or replace function inboxdb.kind_now(counts integer, is_snoozed boolean) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: the kind of a lead at an instant: a lead counts for counts of snoozed leads while snoozed, else for counts
  --   of visible leads. No other function decides between the two, but for the live counts.
  -- Parameters: counts, to which the lead belongs, as in counted_lead; is_snoozed, at the instant.
  -- Returns: the bits of counts that count then.
  -- INVOKER: reads nothing.
  select counts & case
    when is_snoozed
      then 0
      -- each count: | ({of_snoozed}::integer << {bit})
      | (false::integer << 0)
      | (false::integer << 1)
      | (false::integer << 2)
      | (false::integer << 3)
      | (false::integer << 4)
      | (false::integer << 5)
      | (false::integer << 6)
      | (false::integer << 7)
      | (false::integer << 8)
      -- end
    else 0
      -- each count: | ((not {of_snoozed})::integer << {bit})
      | ((not false)::integer << 0)
      | ((not false)::integer << 1)
      | ((not false)::integer << 2)
      | ((not false)::integer << 3)
      | ((not false)::integer << 4)
      | ((not false)::integer << 5)
      | ((not false)::integer << 6)
      | ((not false)::integer << 7)
      | ((not false)::integer << 8)
      -- end
  end
$$;
