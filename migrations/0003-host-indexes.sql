-- inboxdb 0003: partial indexes that make AI-sent emails and drafts to review cheap to find.
-- Locks: SHARE UPDATE EXCLUSIVE on "Message" and "AIDraft" while it builds, which stops no reader and no writer; at its
--   end it waits for every transaction that began before. Duration: a scan or two of each table, plus those waits.
--   Where an interrupted build left an invalid index, dropping that takes ACCESS EXCLUSIVE on its table, within 2 s.
--   Without lock_timeout, which would cancel that wait and leave an invalid index behind.
-- Undo: 0003-host-indexes.rollback.sql drops them, concurrently too.
-- By hand: psql -v ON_ERROR_STOP=1 -f migrations/0003-host-indexes.sql (NOT in a transaction).
-- depends: 0002-functions
-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction

set lock_timeout = 0;

set statement_timeout = 0;

-- what an interrupted build left behind is invalid, and "if not exists" below would keep it
do $leftover$
declare
  leftover regclass;
begin
  for leftover in
    select i.indexrelid::pg_catalog.regclass
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
    where c.relnamespace = 'public'::pg_catalog.regnamespace
      and c.relname in ('inboxdb_message_ai_sent', 'inboxdb_ai_draft_to_review')
      and not i.indisvalid
  loop
    perform pg_catalog.set_config('lock_timeout', '2s', true);
    execute pg_catalog.format('drop index %s', leftover);
  end loop;
end
$leftover$;

-- >>> sql/host/message_ai_sent.index.sql
create index concurrently if not exists inboxdb_message_ai_sent on public."Message" ("leadId", (true))
where channel = 'email' and direction = 'outbound' and source = 'zrg' and "sentBy" = 'ai' and "aiDraftId" is not null;
-- <<< sql/host/message_ai_sent.index.sql

-- >>> sql/host/ai_draft_to_review.index.sql
create index concurrently if not exists inboxdb_ai_draft_to_review on public."AIDraft" ("leadId", (true))
where status = 'pending' and "autoSendAction" = 'needs_review';
-- <<< sql/host/ai_draft_to_review.index.sql
