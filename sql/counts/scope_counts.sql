create or replace function inboxdb.scope_counts(kinds inboxdb.lead_kind[]) returns setof inboxdb.counts_row
language sql stable rows 100
as $$
  -- Purpose: add leads up, for the whole workspace and for each user; nothing else adds up for a refresh.
  -- Parameters: kinds, of leads, each kind of each user once or more often.
  -- Returns: the global row, zeros included, and a row per user; leads and counts are sums, or differences where kinds
  --   are taken off.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select
    null::pg_catalog.tid,
    grouping(k.user_key) = 1,
    (case when grouping(k.user_key) = 1 then inboxdb.sentinel() else inboxdb.key_id(k.user_key)::inboxdb.user_id end)
    ::inboxdb.user_id,
    pg_catalog.sum(k.leads)::integer,
    array[
      -- each count, with commas: pg_catalog.sum(k.leads * (k.counts >> {bit} & 1))::integer
      pg_catalog.sum(k.leads * (k.counts >> 0 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 1 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 2 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 3 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 4 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 5 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 6 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 7 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 8 & 1))::integer
      -- end
    ]
  from pg_catalog.unnest(kinds || (null, 0, 0)::inboxdb.lead_kind) as k
  group by grouping sets ((), (k.user_key))
  having grouping(k.user_key) = 1 or k.user_key is not null
$$;
