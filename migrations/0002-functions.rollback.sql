-- Undoes 0002-functions: drops the views and functions, so nothing can drain, count or compare any more.
-- Locks: none on the host's tables.

-- squawk-ignore-file ban-drop-function, ban-drop-view

set local lock_timeout = '2s';

drop function inboxdb.mark_all_unpublished();
drop function inboxdb.confirm_published(text[], text[], text[], bigint[]);
drop function inboxdb.unpublished(integer);
drop function inboxdb.iso(timestamptz);
drop function inboxdb.held_snapshot();
drop function inboxdb.failing_workspaces();
drop function inboxdb.work_left();
drop function inboxdb.drain_status();
drop function inboxdb.seconds_to_next_attempt(text[]);
drop procedure inboxdb.drain_dirty(integer, integer);
drop function inboxdb.audit_claimed(inboxdb.client_id);
drop function inboxdb.maintain(jsonb, boolean, text);
drop function inboxdb.record_maintenance_failure(text, text);
drop function inboxdb.failing_maintenance();
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, double precision);
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
drop function inboxdb.heartbeat(text, text, integer, bigint, bigint, real[], boolean);
drop function inboxdb.prune(integer);
drop function inboxdb.send_signals(inboxdb.client_id, bigint, inboxdb.user_id[]);
drop function inboxdb.signal_topic(inboxdb.client_id, inboxdb.user_id);
drop function inboxdb.empty_slice();
drop function inboxdb.next_audit();
drop function inboxdb.drain_next(inboxdb.client_id, boolean);
drop function inboxdb.time_limit(inboxdb.client_id, double precision, text);
drop function inboxdb.claim_next(boolean);
drop function inboxdb.claim_if_free(inboxdb.client_id, boolean);
drop function inboxdb.quarantine(inboxdb.client_id);
drop function inboxdb.collect();
drop function inboxdb.arrive();
drop function inboxdb.check_host();
drop function inboxdb.raise_floor(timestamptz, timestamptz);
drop function inboxdb.collapse_changes(inboxdb.client_id);
drop function inboxdb.assign_changes();
drop function inboxdb.host_problem();
drop function inboxdb.requeue_inbox_counts(inboxdb.client_id);
drop function inboxdb.recompute_inbox_counts(inboxdb.client_id);
drop function inboxdb.mark_all_inbox_counts_dirty();
drop function inboxdb.mark_inbox_counts_dirty(inboxdb.client_id);
drop function inboxdb.refresh_workspace(inboxdb.client_id, text);
drop function inboxdb.audit_workspace(inboxdb.client_id);
drop function inboxdb.recount_workspace(inboxdb.client_id, timestamptz, text, timestamptz);
drop function inboxdb.apply_changes(inboxdb.client_id, timestamptz);
drop function inboxdb.wake_leads(inboxdb.client_id, timestamptz, timestamptz);
drop function inboxdb.note_refresh(inboxdb.client_id, timestamptz, integer, boolean);
drop function inboxdb.store_counts(inboxdb.client_id, timestamptz, inboxdb.counts_row[]);
drop function inboxdb.changed_counts(inboxdb.client_id, inboxdb.lead_kind[]);
drop function inboxdb.drifted_scopes(inboxdb.client_id);
drop function inboxdb.stored_counts(inboxdb.client_id);
drop function inboxdb.remembered_counts(inboxdb.client_id);
drop function inboxdb.scope_counts(inboxdb.lead_kind[]);
drop function inboxdb.remember_leads(inboxdb.client_id, timestamptz, boolean);
drop function inboxdb.compared_leads(inboxdb.client_id, timestamptz);
drop function inboxdb.changed_leads(inboxdb.client_id, timestamptz, inboxdb.lead_id[]);
drop function inboxdb.classify_leads(inboxdb.client_id);
drop function inboxdb.reason_to_recount(inboxdb.client_id, timestamptz, text);
drop function inboxdb.audit_period();
drop function inboxdb.record_failure(inboxdb.client_id, timestamptz, text);
drop function inboxdb.retry_delay(integer);
drop function inboxdb.failure(text, text);
drop function inboxdb.record_job(text, inboxdb.client_id, timestamptz, integer, text, text);
drop function inboxdb.run_id();
drop function inboxdb.newest_job_status(inboxdb.client_id, text);
drop function inboxdb.is_work_row(
  inboxdb.client_id, timestamptz, inboxdb.client_id, timestamptz
);
drop function inboxdb.bump_versions(text, inboxdb.client_id);
drop function inboxdb.newest_version(inboxdb.client_id, text);
drop view inboxdb.job;
drop view inboxdb.maintenance;
drop function inboxdb.try_lock_workspace(inboxdb.client_id);
drop function inboxdb.require_workspace(inboxdb.client_id);
drop function inboxdb.require_read_committed();
drop function inboxdb.take_changes(integer[], tid[]);
drop function inboxdb.changes_of(inboxdb.client_id);
drop function inboxdb.note_truncate();
drop function inboxdb.note_workspace_change();
drop function inboxdb.note_draft_change();
drop function inboxdb.note_lead_change();
drop function inboxdb.note_unreadable();
drop function inboxdb.note_change(inboxdb.client_id, inboxdb.lead_id, inboxdb.user_id);
drop function inboxdb.current_slice();
drop function inboxdb.verify_workspace(inboxdb.client_id);
drop function inboxdb.live_inbox_counts(inboxdb.client_id, timestamptz);
drop function inboxdb.fit_plan(inboxdb.client_id);
drop view inboxdb.counts_vector;
drop view inboxdb.waiting;
drop view inboxdb.change;
drop view inboxdb.work_list;
drop view inboxdb.read_floor;
drop view inboxdb.drain_state_now;
drop function inboxdb.place();
drop view inboxdb.known_workspace;
drop view inboxdb.lead_now;
drop view inboxdb.classified_lead;
drop view inboxdb.count;
drop function inboxdb.checkpoint(text, text);
-- what stood in for them, where inboxdb was suspended
drop function if exists inboxdb.suspended_waiting();
drop function if exists inboxdb.suspended_known_workspace();
drop function if exists inboxdb.suspended_classified_lead();
drop function inboxdb.require_resumed();
drop function inboxdb.why_suspended();
drop function inboxdb.suspended_since();
drop function inboxdb.set_setting(text, text);
drop function inboxdb.setting(text);
drop view inboxdb.setting_definition;
drop function inboxdb.promised_freshness();
drop function inboxdb.lock_class(text);

-- as 0001 left its functions
grant execute on all routines in schema inboxdb to public;
