-- Undoes 0003-host-indexes.

set lock_timeout = 0;

set statement_timeout = 0;

drop index concurrently if exists public.inboxdb_ai_draft_to_review;

drop index concurrently if exists public.inboxdb_message_ai_sent;
