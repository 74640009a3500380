-- Table of contents: every object of inboxdb, one per file, in load order. `psql -f sql/inboxdb.sql` loads them all;
-- migrations/ carries the same bodies.

-- internal: what the host must have
\ir checks/host.sql
create schema if not exists inboxdb;
\ir grants/nobody.sql

-- internal: the host's types, and the few things everything else is written in
\ir types/client_id.sql
\ir types/lead_id.sql
\ir types/user_id.sql
\ir functions/sentinel.sql
\ir functions/clock.sql
\ir functions/utc.sql
\ir functions/id_key.sql
\ir functions/key_id.sql
\ir functions/definitions.sql

-- public: what readers read
\ir tables/inbox_counts.sql
\ir tables/inbox_counts_dirty.sql
\ir tables/cache_version.sql
\ir tables/job_status.sql

-- internal: the drain's own
\ir tables/change_slices.sql
\ir tables/workspace.sql
\ir tables/counted_lead.sql
\ir tables/drift.sql
\ir tables/drain_state.sql
\ir tables/run.sql
\ir tables/freshness.sql
\ir tables/setting.sql

-- internal: the definition of what is counted, and what waits to be
\ir functions/suspended_since.sql
\ir functions/require_resumed.sql
\ir views/classified_lead.sql
\ir views/lead_now.sql
\ir views/known_workspace.sql
\ir views/read_floor.sql
\ir views/work_list.sql
\ir views/change.sql
\ir views/waiting.sql

-- public: the truth on the spot
\ir functions/count_scopes.sql
\ir functions/live_inbox_counts.sql
\ir functions/verify_workspace.sql

-- internal: noting a change
\ir functions/current_slice.sql
\ir functions/note_change.sql
\ir functions/note_lead_change.sql
\ir functions/note_draft_change.sql
\ir functions/note_workspace_change.sql
\ir functions/note_truncate.sql

-- internal: what was noted of one workspace
\ir functions/changes_of.sql

-- internal: refreshing one workspace
\ir functions/require_read_committed.sql
\ir functions/require_workspace.sql
\ir functions/try_lock_workspace.sql
\ir functions/bump_versions.sql
\ir functions/run_id.sql
\ir functions/record_job.sql
\ir functions/failure.sql
\ir functions/retry_delay.sql
\ir functions/record_failure.sql
\ir functions/audit_period.sql
\ir functions/next_snooze.sql
\ir functions/reason_to_recount.sql
\ir functions/require_own_counts.sql
\ir functions/apply_changes.sql
\ir functions/classify_leads.sql
\ir functions/compared_leads.sql
\ir functions/remember_leads.sql
\ir functions/remembered_counts.sql
\ir functions/stored_counts.sql
\ir functions/drifted_scopes.sql
\ir functions/store_counts.sql
\ir functions/recount_workspace.sql
\ir functions/audit_workspace.sql
\ir functions/refresh_workspace.sql

-- public: asking for a refresh
\ir functions/mark_inbox_counts_dirty.sql
\ir functions/mark_all_inbox_counts_dirty.sql
\ir functions/recompute_inbox_counts.sql
\ir functions/requeue_inbox_counts.sql

-- public: draining
\ir functions/assign_changes.sql
\ir functions/collapse_changes.sql
\ir functions/raise_floor.sql
\ir functions/collect.sql
\ir functions/quarantine.sql
\ir functions/claim_next.sql
\ir functions/time_limit.sql
\ir functions/drain_next.sql
\ir functions/next_audit.sql
\ir functions/empty_slice.sql
\ir functions/signal_topic.sql
\ir functions/send_signals.sql
\ir functions/prune.sql
\ir functions/heartbeat.sql
\ir functions/drain_dirty.sql
\ir functions/seconds_to_next_attempt.sql

-- public: watching the drain
\ir functions/drain_status.sql
\ir functions/work_left.sql
\ir functions/failing_workspaces.sql
\ir functions/held_snapshot.sql

-- public: copying versions and job status to the cache
\ir functions/iso.sql
\ir functions/unpublished.sql
\ir functions/confirm_published.sql
\ir functions/mark_all_unpublished.sql
\ir grants/public.sql

-- on the host's tables
\ir indexes/message_ai_sent.sql
\ir indexes/ai_draft_to_review.sql
\ir triggers/client.sql
\ir triggers/ai_draft.sql
\ir triggers/lead.sql

-- internal: who is asking, and what they may see
\ir functions/is_json.sql
\ir functions/can_be_id.sql
\ir functions/current_user_id.sql
\ir views/member_access.sql
\ir functions/member_workspaces.sql
\ir functions/setter_workspaces.sql
\ir functions/has_client_access.sql
\ir functions/has_topic_access.sql
\ir functions/require_access.sql
\ir functions/not_modified.sql
\ir functions/read_inbox_counts.sql
\ir policies/inbox_counts.sql
\ir policies/cache_version.sql
\ir policies/job_status.sql

-- public: for the application, and for browsers through PostgREST
create schema inbox_api;
\ir api/inbox_counts.sql

-- public: for the owner, who decides about the host's roles and tables
\ir grants/matrix.sql
\ir functions/apply_grants.sql
\ir functions/protect_topics.sql
\ir views/lead_policy.sql
\ir views/lead_right.sql
\ir views/lead_view.sql
\ir functions/require_named_roles.sql
\ir functions/role_list.sql
\ir functions/member_condition.sql
\ir functions/protect_leads.sql
\ir functions/unprotect_leads.sql
\ir functions/publish_leads.sql
\ir functions/lead_rls_state.sql
\ir functions/suspend_views.sql
\ir functions/suspend_table.sql
\ir grants/apply.sql
