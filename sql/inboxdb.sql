-- Table of contents: every object of inboxdb, a file each, in load order. `psql -f sql/inboxdb.sql` loads them all;
-- migrations/ carries the same bodies. A chapter is a folder, and names only itself and the chapters above.

-- A host that does not fit is refused before anything is made.
\ir host/check.sql
create schema if not exists inboxdb;

-- base: small functions for all others.
-- Nothing here knows the host's tables, or counts.
\ir base/nobody.sql
\ir base/clock.sql
\ir base/checkpoint.sql
\ir base/iso.sql
\ir base/is_json.sql
\ir base/lock_class.sql
\ir base/promised_freshness.sql
\ir base/default_counts_source.sql
\ir base/setting_definition.view.sql
\ir base/setting.table.sql
\ir base/setting.sql
\ir base/environment.sql
\ir base/is_time_zone.sql
\ir base/set_setting.sql
\ir base/installation.table.sql
\ir base/suspended_since.sql
\ir base/why_suspended.sql
\ir base/require_resumed.sql
\ir base/require_read_committed.sql
\ir base/run_id.sql

-- host: needed of the application's tables.
-- Ids and instants in the host's own types, so that one text serves every host; two indexes that counting needs.
\ir host/client_id.type.sql
\ir host/lead_id.type.sql
\ir host/user_id.type.sql
\ir host/sentinel.sql
\ir host/utc.sql
\ir host/first_time.sql
\ir host/host_time.sql
\ir host/is_after.sql
\ir host/id_key.sql
\ir host/key_id.sql
\ir host/id_hash.sql
\ir host/can_be_id.sql
\ir host/is_too_long.sql
\ir host/id_bytes.sql
\ir host/ai_draft_to_review.index.sql
\ir host/message_ai_sent.index.sql

-- counts: WHAT is counted.
-- The classification of leads, what each lead counted last, the stored counts, and the live counts: the truth.
\ir counts/count.view.sql
\ir counts/classified_lead.view.sql
\ir counts/lead_now.view.sql
\ir counts/kind_now.sql
\ir counts/lead_hash.sql
\ir counts/lead_bucket.sql
\ir counts/definitions.sql
\ir counts/inbox_counts.table.sql
\ir counts/counts_vector.view.sql
\ir counts/counted_lead.table.sql
\ir counts/workspace.table.sql
\ir counts/drift.table.sql
\ir counts/known_workspace.view.sql
\ir counts/require_workspace.sql
\ir counts/fit_plan.sql
\ir counts/live_inbox_counts.sql
\ir counts/classify_leads.sql
\ir counts/lead_kind.type.sql
\ir counts/counts_row.type.sql
\ir counts/scope_counts.sql
\ir counts/stored_counts.sql
\ir counts/remembered_kinds.sql
\ir counts/drifted_scopes.sql
\ir counts/changed_counts.sql
\ir counts/is_possible.sql
\ir counts/store_counts.sql
\ir counts/note_refresh.sql

-- log: WHAT changed.
-- Triggers append and wait for nobody; readers start at a floor, because dead rows below it cost time.
\ir log/drain_state.table.sql
\ir log/place.sql
\ir log/change.table.sql
\ir log/drain_state_now.view.sql
\ir log/read_floor.view.sql
\ir log/change.view.sql
\ir log/changes_of.sql
\ir log/text_change.table.sql
\ir log/is_for_texts.sql
\ir log/analytics_change.table.sql
\ir log/has_analytics.sql
\ir log/is_for_analytics.sql
\ir log/take_changes.sql
\ir log/floor_above.sql
\ir log/current_slice.sql
\ir log/note_change.sql
\ir log/can_note_in.sql
\ir log/can_note.sql
\ir log/note_unreadable.sql
\ir log/note_lead_change.sql
\ir log/note_compared_lead.sql
\ir log/note_draft_change.sql
\ir log/note_workspace_change.sql
\ir log/note_truncate.sql
\ir log/must_compare.sql
\ir log/update_trigger.view.sql
\ir log/arrange_triggers.sql
\ir log/arrange_if_free.sql
\ir log/set_noted_updates.sql
\ir log/client.trigger.sql
\ir log/ai_draft.trigger.sql
\ir log/lead.trigger.sql
\ir log/host_problem.sql
\ir log/assign_changes.sql
\ir log/least_size_to_empty.sql
\ir log/empty_slice.sql

-- upkeep: WHAT of the host's tables is mended and pruned.
-- Each item off until its setting is on; run by maintenance, or by hand.
\ir upkeep/upkeep.view.sql
\ir upkeep/missing_for_upkeep.sql
\ir upkeep/recover_stale_drafts.sql
\ir upkeep/prune_lead_memory.sql
\ir upkeep/prune_workspace_memory.sql
\ir upkeep/prune_ai_interactions.sql
\ir upkeep/draft_run_walk.table.sql
\ir upkeep/prune_draft_runs.sql
\ir upkeep/list_upkeep.sql
\ir upkeep/run_upkeep.sql

-- jobs: shared by every job per workspace.
-- How its last run went, time limits, retries, the runs at work and their heartbeat.
\ir jobs/job.view.sql
\ir jobs/maintenance.view.sql
\ir jobs/maintenance_failure.table.sql
\ir jobs/job_status.table.sql
\ir jobs/run.table.sql
\ir jobs/freshness.table.sql
\ir jobs/newest_job_status.sql
\ir jobs/record_jobs.sql
\ir jobs/record_job.sql
\ir jobs/time_limit.sql
\ir jobs/failure.sql
\ir jobs/retry_delay.sql
\ir jobs/prune.sql
\ir jobs/heartbeat.sql
\ir jobs/maintenance_credit.sql
\ir jobs/after_maintenance.sql
\ir jobs/record_maintenance_failure.sql
\ir jobs/failing_maintenance.sql
\ir jobs/maintain.sql

-- announce: TELLING others.
-- Cache versions, publishing versions and job statuses to Redis, realtime signals, the publication.
\ir announce/cache_version.table.sql
\ir announce/newest_version.sql
\ir announce/new_versions.sql
\ir announce/bump_versions.sql
\ir announce/cache_version_copy.view.sql
\ir announce/job_status_copy.view.sql
\ir announce/unpublished.sql
\ir announce/page_at_random.sql
\ir announce/keys_at_random.sql
\ir announce/confirm_published.sql
\ir announce/mark_all_unpublished.sql
\ir announce/signal_topic.sql
\ir announce/send_signals.sql
\ir announce/send_all_signals.sql
\ir announce/publish_leads.sql

-- drain: BRINGING the counts up to date.
-- Collect, claim, refresh a workspace by change or whole, audit; asking for a refresh by hand.
\ir drain/inbox_counts_dirty.table.sql
\ir drain/is_work_row.sql
\ir drain/is_due.sql
\ir drain/work_list.view.sql
\ir drain/waiting.view.sql
\ir drain/try_lock_workspace.sql
\ir drain/collapse_changes.sql
\ir drain/quarantine.sql
\ir drain/record_failure.sql
\ir drain/raise_floor.sql
\ir drain/check_host.sql
\ir drain/arrive.sql
\ir drain/collect.sql
\ir drain/claim_if_free.sql
\ir drain/claim_next.sql
\ir drain/claim_set.sql
\ir drain/seconds_to_next_attempt.sql
\ir drain/audit_period.sql
\ir drain/is_comparison_due.sql
\ir drain/reason_to_recount.sql
\ir drain/compared_lead.type.sql
\ir drain/changed_workspace.type.sql
\ir drain/changed_leads.sql
\ir drain/differing_buckets.sql
\ir drain/compared_leads.sql
\ir drain/difference_of_hashes.sql
\ir drain/differing_leads.sql
\ir drain/remember_leads.sql
\ir drain/fill_leads.sql
\ir drain/end_snoozes.sql
\ir drain/remember_changed.sql
\ir drain/apply_changes.sql
\ir drain/draw_number.sql
\ir drain/recount_workspace.sql
\ir drain/audit_workspace.sql
\ir drain/refresh_workspace.sql
\ir drain/fit_for_set.sql
\ir drain/refresh_set.sql
\ir drain/mark_inbox_counts_dirty.sql
\ir drain/mark_all_inbox_counts_dirty.sql
\ir drain/recompute_inbox_counts.sql
\ir drain/requeue_inbox_counts.sql
\ir drain/refresh_or_record.sql
\ir drain/drain_next.sql
\ir drain/drain_set.sql
\ir drain/next_audit.sql
\ir drain/audit_claimed.sql
\ir drain/next_transaction.sql
\ir drain/drain_dirty.sql

-- access: WHO sees what.
-- The caller and their workspaces, flags, policies, the grants matrix, and the owner's decision about "Lead".
\ir access/grant_matrix.view.sql
\ir access/apply_grants.sql
\ir access/claimed_user_id.sql
\ir access/current_user_id.sql
\ir access/role_rank.sql
\ir access/member_access.view.sql
\ir access/member_workspaces.sql
\ir access/setter_workspaces.sql
\ir access/has_client_access.sql
\ir access/has_topic_access.sql
\ir access/flag_definition.view.sql
\ir access/flag.table.sql
\ir access/flag_override.table.sql
\ir access/flag_history.table.sql
\ir access/flag_cohort.sql
\ir access/is_on_for.sql
\ir access/set_flag.sql
\ir access/require_access.sql
\ir access/inbox_counts.policy.sql
\ir access/cache_version.policy.sql
\ir access/job_status.policy.sql
\ir access/lead_policy.view.sql
\ir access/lead_right.view.sql
\ir access/lead_view.view.sql
\ir access/require_named_roles.sql
\ir access/role_list.sql
\ir access/member_condition.sql
\ir access/lead_rls.sql
\ir access/protect_leads.sql
\ir access/unprotect_leads.sql
\ir access/lead_rls_state.sql
\ir access/protect_topics.sql

-- search: the TEXTS that searches look in.
-- Folded, stored apart from the host's rows, kept by triggers and a walk; what judges a lead live.
\ir search/folding.type.sql
\ir search/folded.sql
\ir search/only_digits.sql
\ir search/digits_asked.sql
\ir search/exact_hash.sql
\ir search/like_pattern.sql
\ir search/missing_for_search.sql
\ir search/searched_lead.view.sql
\ir search/lead_text.table.sql
\ir search/search_state.table.sql
\ir search/search_state_now.view.sql
\ir search/noted_texts.sql
\ir search/text_definitions.sql
\ir search/note_text_change.sql
\ir search/lead.trigger.sql
\ir search/store_texts.sql
\ir search/fold_noted.sql
\ir search/walk_texts.sql
\ir search/refresh_texts.sql
\ir search/search_indexes.sql
\ir search/search_candidates.sql
\ir search/is_found.sql

-- list: the conversations BEHIND the counts.
-- Filters, the indexes on "Lead" that pages are found by, cursors, and what a page shows.
\ir list/missing_for_lists.sql
\ir list/listed_lead.view.sql
\ir list/list_filter.view.sql
\ir list/list_indexes.sql
\ir list/list_key.table.sql
\ir list/cursor_signature.sql
\ir list/mask_place.sql
\ir list/make_cursor.sql
\ir list/read_cursor.sql
\ir list/refuse_argument.sql
\ir list/require_lists.sql
\ir list/require_index.sql
\ir list/list_page.type.sql
\ir list/list_condition.type.sql
\ir list/search_terms.sql
\ir list/require_search.sql
\ir list/require_condition.sql
\ir list/list_candidates.sql
\ir list/leads_of.sql
\ir list/walk_leads.sql
\ir list/find_page.sql
\ir list/conversation_rows.sql
\ir list/require_lead.sql

-- analytics: HOW MUCH was sent, answered and booked.
-- Windows of days; what is counted, live and from aggregates; what aggregates are made of, and who keeps them.
\ir analytics/missing_for_analytics.sql
\ir analytics/require_analytics.sql
\ir analytics/analytics_window.type.sql
\ir analytics/workspace_time_zones.sql
\ir analytics/local_day.sql
\ir analytics/day_in.sql
\ir analytics/make_window.sql
\ir analytics/word_key.sql
\ir analytics/figure.type.sql
\ir analytics/lead_fact.table.sql
\ir analytics/analytics_count.table.sql
\ir analytics/reply_detail.type.sql
\ir analytics/analytics_reply.table.sql
\ir analytics/analytics_word.table.sql
\ir analytics/analytics_workspace.table.sql
\ir analytics/analytics_state.table.sql
\ir analytics/analytics_state_now.view.sql
\ir analytics/kept_from.sql
\ir analytics/analytics_definitions.sql
\ir analytics/zone_data.sql
\ir analytics/choose_source.sql
\ir analytics/require_window.sql
\ir analytics/positive_tags.sql
\ir analytics/is_positive.sql
\ir analytics/wait_class.sql
\ir analytics/class_ms.sql
\ir analytics/sender_number.sql
\ir analytics/office_us.sql
\ir analytics/business_us.sql
\ir analytics/window_leads.sql
\ir analytics/window_messages.sql
\ir analytics/window_replies.sql
\ir analytics/live_figures.sql
\ir analytics/stored_figures.sql
\ir analytics/window_figures.sql
\ir analytics/reply_sums.sql
\ir analytics/reply_classes.sql
\ir analytics/overview.sql
\ir analytics/days.sql
\ir analytics/sentiments.sql
\ir analytics/statuses.sql
\ir analytics/sms_campaigns.sql
\ir analytics/response_times.sql
\ir analytics/live_workflows.sql
\ir analytics/live_email_campaigns.sql
\ir analytics/live_reactivations.sql
\ir analytics/live_crm_summary.sql
\ir analytics/lead_counts.sql
\ir analytics/lead_replies.sql
\ir analytics/facts_now.sql
\ir analytics/learn_words.sql
\ir analytics/cut_messages.sql
\ir analytics/cut_facts.sql
\ir analytics/add_figures.sql
\ir analytics/compare_facts.sql
\ir analytics/try_lock_analytics.sql
\ir analytics/noted_analytics.sql
\ir analytics/collect_analytics.sql
\ir analytics/renew_analytics.sql
\ir analytics/keep_analytics.sql
\ir analytics/fold_analytics.sql
\ir analytics/begin_walk.sql
\ir analytics/walk_analytics.sql
\ir analytics/refresh_analytics.sql
\ir analytics/next_analytics.sql
\ir analytics/recompute_analytics.sql
\ir analytics/note_analytics_change.sql
\ir analytics/lead.trigger.sql

-- operations: watching, and getting out of the way.
-- How the drain is, whether the counts are true, who holds vacuum up; suspending for the host's own migrations.
\ir operations/drain_status.sql
\ir operations/last_runs.sql
\ir operations/analytics_status.sql
\ir operations/work_left.sql
\ir operations/failing_workspaces.sql
\ir operations/held_snapshot.sql
\ir operations/verify_workspace.sql
\ir operations/mark_for_repair.sql
\ir operations/suspend_views.sql
\ir operations/suspend_table.sql

-- api: called by browsers and the application, in schema inbox_api.
-- Each function beside its DEFINER helper.
create schema inbox_api;
-- each file of api/
\ir api/analytics_answer.type.sql
\ir api/conversation_answer.type.sql
\ir api/conversation_filters_answer.type.sql
\ir api/conversation_messages_answer.type.sql
\ir api/conversations_answer.type.sql
\ir api/counts_answer.type.sql
\ir api/crm_rows_answer.type.sql
\ir api/flags_answer.type.sql
\ir api/answer_window.sql
\ir api/is_stale.sql
\ir api/not_modified.sql
\ir api/read_analytics_days.sql
\ir api/read_analytics_email_campaigns.sql
\ir api/read_analytics_overview.sql
\ir api/read_analytics_reactivations.sql
\ir api/read_analytics_response_times.sql
\ir api/read_analytics_sentiments.sql
\ir api/read_analytics_sms_campaigns.sql
\ir api/read_analytics_statuses.sql
\ir api/read_analytics_workflows.sql
\ir api/read_conversation.sql
\ir api/read_conversation_filters.sql
\ir api/read_conversation_messages.sql
\ir api/read_conversations.sql
\ir api/read_crm_rows.sql
\ir api/read_crm_summary.sql
\ir api/read_flags.sql
\ir api/read_inbox_counts.sql
\ir api/analytics_days.sql
\ir api/analytics_email_campaigns.sql
\ir api/analytics_overview.sql
\ir api/analytics_reactivations.sql
\ir api/analytics_response_times.sql
\ir api/analytics_sentiments.sql
\ir api/analytics_sms_campaigns.sql
\ir api/analytics_statuses.sql
\ir api/analytics_workflows.sql
\ir api/conversation.sql
\ir api/conversation_filters.sql
\ir api/conversation_messages.sql
\ir api/conversations.sql
\ir api/crm_rows.sql
\ir api/crm_summary.sql
\ir api/flags.sql
\ir api/inbox_counts.sql
-- end

-- shard: called by a router in front of several databases, or a gateway.
-- Each read in one call: the request as arguments, a refusal as data.
-- each file of shard/
\ir shard/shard_answer.type.sql
\ir shard/set_request.sql
\ir shard/shard_analytics_days.sql
\ir shard/shard_analytics_email_campaigns.sql
\ir shard/shard_analytics_overview.sql
\ir shard/shard_analytics_reactivations.sql
\ir shard/shard_analytics_response_times.sql
\ir shard/shard_analytics_sentiments.sql
\ir shard/shard_analytics_sms_campaigns.sql
\ir shard/shard_analytics_statuses.sql
\ir shard/shard_analytics_workflows.sql
\ir shard/shard_conversation.sql
\ir shard/shard_conversation_filters.sql
\ir shard/shard_conversation_messages.sql
\ir shard/shard_conversations.sql
\ir shard/shard_crm_rows.sql
\ir shard/shard_crm_summary.sql
\ir shard/shard_flags.sql
\ir shard/shard_inbox_counts.sql
\ir shard/shard_workspaces.sql
-- end

-- rollout: whether a read that is rolled out IS right.
-- Samples of reads as the application saw them; canaries: their stages, looks, gates and evidence.
\ir rollout/read_sample.table.sql
\ir rollout/note_reads.sql
\ir rollout/prune_samples.sql
\ir rollout/read_target.view.sql
\ir rollout/canary.table.sql
\ir rollout/canary_stage.table.sql
\ir rollout/canary_look.table.sql
\ir rollout/canary_samples.sql
\ir rollout/judge_canary.sql
\ir rollout/refuse_canary.sql
\ir rollout/start_canary.sql
\ir rollout/end_canary.sql
\ir rollout/hold_canary.sql
\ir rollout/look_at_canary.sql
\ir rollout/look_at_canaries.sql
\ir rollout/advance_canary.sql
\ir rollout/abort_canary.sql
\ir rollout/canary_evidence.sql
\ir rollout/rollout_state.sql

-- Rights, once everything is there.
\ir access/revoke_public.sql
\ir access/apply.sql
