-- Undoes 0001-tables: drops the counts and everything else inboxdb keeps. Schema inboxdb stays, since yoyo's own tables
-- are in it.
-- Locks: none on the host's tables.

-- squawk-ignore-file ban-drop-table, ban-drop-function, ban-drop-domain, ban-drop-type

set local lock_timeout = '2s';

drop table inboxdb.setting;
drop table inboxdb.installation;
drop table inboxdb.freshness;
drop table inboxdb.maintenance_failure;
drop table inboxdb.run;
drop table inboxdb.drain_state;
drop table inboxdb.drift;
drop table inboxdb.counted_lead;
drop table inboxdb.workspace;
drop table inboxdb.change_3;
drop table inboxdb.change_2;
drop table inboxdb.change_1;
drop table inboxdb.change_0;
drop table inboxdb.job_status;
drop table inboxdb.cache_version;
drop table inboxdb.inbox_counts_dirty;
drop type inboxdb.changed_workspace;
drop type inboxdb.compared_lead;
drop type inboxdb.counts_row;
drop type inboxdb.lead_kind;
drop table inboxdb.inbox_counts;
drop function inboxdb.definitions();
drop function inboxdb.id_hash(uuid, bigint);
drop function inboxdb.id_hash(text, bigint);
drop function inboxdb.key_id(bytea);
drop function inboxdb.id_key(uuid);
drop function inboxdb.id_key(text);
drop function inboxdb.utc(timestamptz);
drop function inboxdb.utc(timestamp);
drop function inboxdb.clock();
drop function inboxdb.sentinel();
drop domain inboxdb.user_id;
drop domain inboxdb.lead_id;
drop domain inboxdb.client_id;
