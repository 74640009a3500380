-- Undoes 0011-search-lead-triggers: drops the two triggers.
-- Locks: ACCESS EXCLUSIVE on "Lead", which stops readers and writers; while it queues, at most the 2 s of lock_timeout,
--   they queue behind it. Milliseconds once granted.

set local lock_timeout = '2s';
set local search_path = '';

drop trigger if exists inboxdb_note_compared_text on public."Lead";
drop trigger if exists inboxdb_note_text on public."Lead";

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> by hand, after the bodies
-- <<< by hand
