create or replace function inboxdb.recount_workspace(
  target_client_id inboxdb.client_id, as_of timestamptz, reason text, collapsed_since timestamptz,
  out noted_since timestamptz, out changed_scopes inboxdb.user_id[], out version bigint, out still_exists boolean
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: recount a workspace: take its changes, evaluate all its leads, and store every difference.
-- Parameters: target_client_id; as_of, the instant of the counts; reason, as in job_status; collapsed_since, when the
--   oldest of the collapsed changes was noted, null for none. The caller took the lock in an EARLIER statement and is
--   READ COMMITTED (D14).
-- Returns: when the oldest change was noted, or the first snooze ended, or an audit found drift, else null; the users
--   with changed counts or leads; the inbox cache version; whether the host still has the workspace: if not, the
--   workspace loses its rows.
-- Errors: those of remember_leads and store_counts.
-- Leads are compared by hashes after a mark or a recompute, and one by one otherwise, or once that is due.
-- Differences without a noted change are drift (D25), except after a first fill, new definitions or a clock set back,
-- when counted_lead says nothing about the counts before.
-- Reads: as remember_leads or fill_leads, stored_counts, remembered_kinds, newest_version. Writes: as remember_leads or
--   fill_leads, new_versions, store_counts, workspace, drift.
-- INVOKER: called by refresh_workspace only.
declare
  is_judged boolean := reason not in ('first_fill', 'definitions_changed', 'clock_set_back');
  -- by hashes where few leads can differ, and nothing found so far says that hashes hide something
  one_by_one boolean := reason not in ('whole_workspace', 'recompute')
    or inboxdb.is_comparison_due(target_client_id, as_of);
  first_snooze pg_catalog.timestamptz;
  drifted_scopes integer;
  drifted_leads integer;
  is_drift boolean;
  touched_scopes inboxdb.user_id[];
  kinds_before inboxdb.lead_kind[];
  moved inboxdb.lead_kind[];
  due inboxdb.counts_row[];
  leads_now integer;
begin
  select w.next_snooze_at into first_snooze from inboxdb.workspace as w where w.client_id = target_client_id;
  -- another number, where a transaction that ended meanwhile has taken the number drawn
  while not found loop
    insert into inboxdb.workspace (client_id, number, leads)
    select target_client_id, inboxdb.draw_number(), pg_catalog.count(*)
    from public."Lead" as l
    where l."clientId" = target_client_id
    on conflict (number) do nothing;
  end loop;
  kinds_before := inboxdb.remembered_kinds(target_client_id);

  if reason = 'first_fill' and kinds_before = '{}' then
    select f.noted_since, f.still_exists into noted_since, still_exists
    from inboxdb.fill_leads(target_client_id, as_of) as f;
    moved := inboxdb.remembered_kinds(target_client_id);
  else
    select r.noted_since, r.touched_scopes, r.moved, r.drifted, r.still_exists
    into noted_since, touched_scopes, moved, drifted_leads, still_exists
    from inboxdb.remember_leads(target_client_id, as_of, one_by_one) as r;
  end if;
  noted_since := least(noted_since, collapsed_since, case when first_snooze <= as_of then first_snooze end);

  select
    pg_catalog.array_agg((s.tid, is_global, scope_user_id, r.leads, r.counts)::inboxdb.counts_row)
    filter (
      where is_global and (s.tid is not null or still_exists)
        or (s.leads, s.counts) is distinct from (r.leads, r.counts)
    ),
    pg_catalog.array_agg(scope_user_id)
    filter (
      where not is_global
        and (s.counts is distinct from r.counts or touched_scopes is null or collapsed_since is not null)
    ),
    pg_catalog.max(r.leads) filter (where is_global),
    pg_catalog.count(*) filter (where (s.leads, s.counts) is distinct from (b.leads, b.counts))
  into due, changed_scopes, leads_now, drifted_scopes
  from inboxdb.stored_counts(target_client_id) as s
  full join inboxdb.scope_counts(kinds_before) as b using (is_global, scope_user_id)
  full join (
    select c.*
    from inboxdb.scope_counts(kinds_before || moved) as c
    where still_exists and (c.is_global or c.leads > 0)
  ) as r using (is_global, scope_user_id);
  changed_scopes := array(select pg_catalog.unnest(changed_scopes) union select pg_catalog.unnest(touched_scopes));
  is_drift := is_judged and (reason = 'did_not_fit' or drifted_leads > 0 or drifted_scopes > 0);
  -- drift is a change that nobody noted (D32); a recompute by hand keeps the version (D33)
  if is_drift and reason = 'audit' then
    noted_since := coalesce(noted_since, as_of);
  end if;
  if noted_since is not null then
    version := (select n.version from inboxdb.new_versions('recompute-inbox-counts', array[target_client_id]) as n);
  else
    version := (select n.version from inboxdb.newest_version(target_client_id, 'inbox') as n);
  end if;
  perform inboxdb.store_counts(
    pg_catalog.array_fill(target_client_id, array[coalesce(pg_catalog.cardinality(due), 0)]), as_of,
    coalesce(due, '{}'), pg_catalog.array_fill(version, array[coalesce(pg_catalog.cardinality(due), 0)])
  );

  if still_exists then
    perform inboxdb.note_refresh(array[target_client_id], as_of, array[leads_now], true, one_by_one);
  else
    delete from inboxdb.workspace as w where w.client_id = target_client_id;
  end if;
  if is_drift then
    insert into inboxdb.drift (client_id, found_by, leads, scopes)
    values (target_client_id, reason, drifted_leads, drifted_scopes);
  end if;
end
$$;
