create or replace function inboxdb.scope_counts(kinds inboxdb.lead_kind[]) returns setof inboxdb.counts_row
language plpgsql stable rows 100
set search_path = ''
as $$
-- Purpose: add leads up, for the whole workspace and for each user; nothing else adds up for a refresh.
-- Parameters: kinds, of leads, each kind of each user once or more often.
-- Returns: the global row, zeros included, and a row per user; leads and counts are sums, or differences where kinds
--   are taken off.
-- INVOKER: reads view count alone.
begin
  return query
  select
    null::pg_catalog.tid,
    s.is_global,
    (case when s.is_global then inboxdb.sentinel() else inboxdb.key_id(s.user_key)::inboxdb.user_id end)
    ::inboxdb.user_id,
    pg_catalog.min(s.leads)::integer,
    pg_catalog.array_agg(s.n order by s.bit)
  from (
    select
      grouping(k.user_key) = 1 as is_global,
      k.user_key,
      c.bit,
      pg_catalog.sum(k.leads) as leads,
      pg_catalog.sum(k.leads * (k.counts >> c.bit & 1))::integer as n
    from pg_catalog.unnest(kinds || (null, 0, 0)::inboxdb.lead_kind) as k
    cross join inboxdb.count as c
    group by grouping sets ((c.bit), (c.bit, k.user_key))
  ) as s
  where s.is_global or s.user_key is not null
  group by s.is_global, s.user_key;
end
$$;
