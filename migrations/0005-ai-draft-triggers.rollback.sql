-- Undoes 0005-ai-draft-triggers: from here on nothing notes changes of "AIDraft", and counts go stale.
-- Locks: ACCESS EXCLUSIVE on "AIDraft", for milliseconds once granted.

set local lock_timeout = '2s';

drop trigger if exists inboxdb_note_insert on public."AIDraft";
drop trigger if exists inboxdb_note_update on public."AIDraft";
drop trigger if exists inboxdb_note_delete on public."AIDraft";
drop trigger if exists inboxdb_note_truncate on public."AIDraft";
