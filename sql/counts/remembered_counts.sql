create or replace function inboxdb.remembered_counts(this_workspace integer)
returns table (
  is_global boolean,
  scope_user_id inboxdb.user_id,
  all_responses integer,
  requires_attention integer,
  previously_required_attention integer,
  total_non_blacklisted integer,
  awaiting_reply integer,
  needs_repair integer,
  ai_sent integer,
  ai_review integer,
  total integer,
  leads integer
)
language sql stable rows 100
set search_path = ''
set work_mem = '64MB'
set jit = off
as $$
  -- Purpose: add up what a workspace's leads last counted, for the whole workspace and for each user.
  -- Parameters: this_workspace, its number.
  -- Returns: the rows that inbox_counts should have: the global row, zeros included, and one row per user with a lead
  --   assigned, hidden or not, whose number `leads` is.
  -- Reads: counted_lead.
  -- INVOKER: called by drifted_scopes and store_counts only.
  select
    s.is_global,
    (case when s.is_global then inboxdb.sentinel() else inboxdb.key_id(s.user_key)::inboxdb.user_id end)
    ::inboxdb.user_id,
    s.c0, s.c1, s.c2, s.c3, s.c3 - s.c1, s.c4, s.c5, s.c6, s.c7, s.leads
  from (
    select
      grouping(k.user_key) = 1 as is_global, k.user_key,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 1 > 0))::integer as c0,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 2 > 0))::integer as c1,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 4 > 0))::integer as c2,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 8 > 0))::integer as c3,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 16 > 0))::integer as c4,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 32 > 0))::integer as c5,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 64 > 0))::integer as c6,
      (pg_catalog.count(*) filter (where k.hidden_until is null and k.counts & 128 > 0))::integer as c7,
      pg_catalog.count(*)::integer as leads
    from inboxdb.counted_lead as k
    where k.workspace = this_workspace
    group by grouping sets ((), (k.user_key))
    having grouping(k.user_key) = 1 or k.user_key is not null
  ) as s
$$;
