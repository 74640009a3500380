-- Undoes 0006-lead-triggers: from here on nothing notes changes of "Lead", and counts go stale.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted.

set local lock_timeout = '2s';

drop trigger if exists inboxdb_note_insert on public."Lead";
drop trigger if exists inboxdb_note_delete on public."Lead";
drop trigger if exists inboxdb_note_update on public."Lead";
drop trigger if exists inboxdb_note_rollup on public."Lead";
drop trigger if exists inboxdb_note_compared on public."Lead";
drop trigger if exists inboxdb_note_truncate on public."Lead";
