create or replace function inboxdb.set_noted_updates(noted text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: choose which UPDATEs of "Lead" are noted, from this transaction's commit on (D125).
-- Parameters: noted: named, for UPDATEs naming a counted column; changed, for UPDATEs changing one; null for the
--   default.
-- Errors: IB017 for anything else; those of arrange_triggers. Nothing is changed then.
-- Locks: as arrange_triggers.
-- Writes: setting; the change log.
-- INVOKER: for the owner.
begin
  -- first, so that of two calls the second waits here, and arranges the triggers left by the first
  perform inboxdb.set_setting('noted_updates', noted);
  perform inboxdb.arrange_triggers();
end
$$;
