-- Undoes 0003-host-indexes: counting reads all of a workspace's messages and drafts again.
-- Locks: SHARE UPDATE EXCLUSIVE on "AIDraft", then on "Message", which stops no reader and no writer; it waits for
--   every transaction that uses the table.

set lock_timeout = 0;

set statement_timeout = 0;

drop index concurrently if exists public.inboxdb_ai_draft_to_review;

drop index concurrently if exists public.inboxdb_message_ai_sent;
