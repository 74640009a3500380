create or replace function inboxdb.recount_workspace(
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
-- Returns: when the oldest change was noted, or the first snooze ended, or an audit found drift, null for none of it;
--   the users whose
--   counts or leads changed; whether the host still has the workspace.
-- Errors: those of classify_leads and store_counts.
-- What differs though no change says why is noted in drift, but for a first fill, for new definitions and where the
-- clock went back: then nothing is known of what was.
-- Reads: what remember_leads does. Writes: that too, inbox_counts, workspace, drift.
-- INVOKER: called by refresh_workspace only.
declare
  -- else nothing is known of what was
  is_judged boolean := reason not in ('first_fill', 'definitions_changed', 'clock_set_back');
  remembered pg_catalog.record;
  drifted_scopes integer := 0;
begin
  if not exists (select from inboxdb.workspace as w where w.client_id = target_client_id) then
    insert into inboxdb.workspace (client_id, leads)
    select target_client_id, pg_catalog.count(*)
    from public."Lead" as l
    where l."clientId" = target_client_id;
  end if;
  if is_judged then
    drifted_scopes := inboxdb.drifted_scopes(target_client_id);
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

  if is_judged and (reason = 'did_not_fit' or remembered.drifted > 0 or drifted_scopes > 0) then
    insert into inboxdb.drift (client_id, found_by, leads, scopes)
    values (target_client_id, reason, remembered.drifted, drifted_scopes);
    -- what nobody noted was a change all the same; a recompute by hand keeps the version (docs/contracts.md)
    if reason = 'audit' then
      noted_since := coalesce(noted_since, as_of);
    end if;
  end if;
end
$$;
