create function inboxdb.recount_workspace(
  target_client_id inboxdb.client_id, as_of timestamptz, reason text, collapsed_since timestamptz,
  out noted_since timestamptz, out changed_scopes inboxdb.user_id[], out still_exists boolean
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: take a workspace's changes, count all its leads, and store what differs.
-- Parameters: target_client_id; as_of, the instant the counts speak of; reason, as in job_status;
--   collapsed_since, when the oldest of the changes was noted that were taken out of the log before, null for none. The
--   caller took its lock in an EARLIER statement and is READ COMMITTED.
-- Returns: when the oldest change was noted, or the first snooze ended, null where there was neither; the users whose
--   counts or leads changed; whether the host still has the workspace.
-- Errors: those of classify_leads and store_counts.
-- What differs though no change says why is noted in drift, but for a first fill, for new definitions and where the
-- clock went back: then nothing is known of what was.
-- Reads: what remember_leads does. Writes: that too, inbox_counts, workspace, drift.
-- INVOKER: called by refresh_workspace only.
declare
  remembered pg_catalog.record;
  drifted_scopes integer := 0;
begin
  if not exists (select from inboxdb.workspace as w where w.client_id = target_client_id) then
    insert into inboxdb.workspace (client_id, leads)
    select target_client_id, pg_catalog.count(*)
    from public."Lead" as l
    where l."clientId" = target_client_id;
  end if;
  if reason not in ('first_fill', 'definitions_changed', 'clock_set_back') then
    select pg_catalog.count(*) into drifted_scopes
    from (
      select s.is_global, s.scope_user_id, s.leads, array[
        s.all_responses, s.requires_attention, s.previously_required_attention, s.total_non_blacklisted,
        s.awaiting_reply, s.needs_repair, s.ai_sent, s.ai_review, s.total
      ] as counts
      from inboxdb.stored_counts(target_client_id) as s
    ) as s
    full join (
      select r.is_global, r.scope_user_id, r.leads, array[
        r.all_responses, r.requires_attention, r.previously_required_attention, r.total_non_blacklisted,
        r.awaiting_reply, r.needs_repair, r.ai_sent, r.ai_review, r.total
      ] as counts
      from inboxdb.workspace as w
      cross join lateral inboxdb.remembered_counts(w.number) as r
      where w.client_id = target_client_id
    ) as r using (is_global, scope_user_id)
    where (s.leads, s.counts) is distinct from (r.leads, r.counts);
  end if;

  select r.* into remembered from inboxdb.remember_leads(target_client_id, as_of, collapsed_since) as r;
  noted_since := remembered.noted_since;
  still_exists := remembered.still_exists;
  changed_scopes := inboxdb.store_counts(target_client_id, as_of, still_exists);
  changed_scopes := array(
    select u.user_id
    from (
      select pg_catalog.unnest(changed_scopes || remembered.touched_scopes)
      union
      select s.scope_user_id
      from inboxdb.stored_counts(target_client_id) as s
      where remembered.touched_scopes is null
    ) as u (user_id)
    where u.user_id <> inboxdb.sentinel()
  );

  if reason not in ('first_fill', 'definitions_changed', 'clock_set_back')
    and (reason = 'did_not_fit' or remembered.drifted > 0 or drifted_scopes > 0)
  then
    insert into inboxdb.drift (client_id, found_by, leads, scopes)
    values (target_client_id, reason, coalesce(remembered.drifted, 0), drifted_scopes);
  end if;
end
$$;
