create or replace function inboxdb.mark_all_inbox_counts_dirty() returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: ask for a refresh of every workspace: at install, and wherever changes may have been missed.
-- Writes: the change log (one row; the collector expands it).
-- DEFINER: its callers have no rights in inboxdb.
begin
  perform inboxdb.note_change(null, null);
end
$$;
