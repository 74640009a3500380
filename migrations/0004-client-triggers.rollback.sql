-- Undoes 0004-client-triggers: from here on nothing notes changes of "Client", and counts go stale.
-- Locks: ACCESS EXCLUSIVE on "Client", for milliseconds once granted.

set local lock_timeout = '2s';

drop trigger if exists inboxdb_note_insert_or_delete on public."Client";
drop trigger if exists inboxdb_note_update on public."Client";
drop trigger if exists inboxdb_note_truncate on public."Client";
