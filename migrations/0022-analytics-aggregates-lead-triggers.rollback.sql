-- Undoes 0022-analytics-aggregates-lead-triggers: puts back what was before.
-- Locks: none on the host's tables.

set local lock_timeout = '2s';
set local search_path = '';

drop trigger if exists inboxdb_note_compared_analytics on public."Lead";
drop trigger if exists inboxdb_note_analytics on public."Lead";

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> by hand, after the bodies
-- <<< by hand
