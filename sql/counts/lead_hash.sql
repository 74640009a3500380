-- Inlined into the calling query, so without a search_path of its own.
create or replace function inboxdb.lead_hash(ids_hash bigint, counts integer, snoozed_until timestamptz) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: the hash of all that counted_lead knows of a lead.
  -- Parameters: a row of counted_lead, or what is to be one.
  -- Returns: 64 bits, each depending on all parameters.
  -- INVOKER: reads nothing.
  select pg_catalog.hashint4extended(
    counts,
    case
      when snoozed_until is null then ids_hash
      else pg_catalog.timestamp_hash_extended(snoozed_until at time zone 'UTC', ids_hash)
    end
  )
$$;
