create index concurrently if not exists inboxdb_ai_draft_to_review on public."AIDraft" ("leadId", (true))
where status = 'pending' and "autoSendAction" = 'needs_review';
