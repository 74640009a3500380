create or replace function inboxdb.remembered_counts(target_client_id inboxdb.client_id)
returns setof inboxdb.counts_row
language sql stable rows 100
set search_path = ''
set work_mem = '64MB'
set jit = off
as $$
  -- Purpose: add up a workspace's rows of counted_lead.
  -- Parameters: target_client_id.
  -- Returns: the rows that inbox_counts should have, as scope_counts.
  -- Reads: counted_lead, workspace.
  -- INVOKER: called by drifted_scopes and recount_workspace only.
  select s.*
  from inboxdb.scope_counts(array(
    select (k.user_key, k.counts, k.leads)::inboxdb.lead_kind
    from (
      select
        k.user_key,
        inboxdb.kind_now(k.counts, k.snoozed_until is not null) as counts,
        pg_catalog.count(*) as leads
      from inboxdb.workspace as w
      inner join inboxdb.counted_lead as k on w.number = k.workspace
      where w.client_id = target_client_id
      group by 1, 2
    ) as k
  )) as s
$$;
