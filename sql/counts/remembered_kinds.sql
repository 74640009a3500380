create or replace function inboxdb.remembered_kinds(target_client_id inboxdb.client_id) returns inboxdb.lead_kind[]
language sql stable
set search_path = ''
set work_mem = '64MB'
set jit = off
as $$
  -- Purpose: count a workspace's rows of counted_lead by kind.
  -- Parameters: target_client_id.
  -- Returns: each kind of each user once; for scope_counts, which adds them up.
  -- Reads: counted_lead, workspace.
  -- INVOKER: called by drifted_scopes and recount_workspace only.
  select array(
    select (k.user_key, k.kind, k.leads)::inboxdb.lead_kind
    from (
      select
        k.user_key,
        inboxdb.kind_now(k.counts, k.snoozed_until is not null) as kind,
        pg_catalog.count(*) as leads
      from inboxdb.workspace as w
      inner join inboxdb.counted_lead as k on w.number = k.workspace
      where w.client_id = target_client_id
      group by 1, 2
    ) as k
  )
$$;
