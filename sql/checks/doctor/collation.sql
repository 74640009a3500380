-- Looks for: a database whose collation had another version when its indexes were built, as after files were copied to
-- another operating system, pg_upgrade, or a promotion there.
-- Why: indexes on text are out of order then: a workspace may be listed twice, or not be found, by ours and the host's.
-- Evidence: the catalog, readable by everybody. Hosts whose ids are UUIDs have no text in an index of ours.
-- Source of the rule: ALTER DATABASE ... REFRESH COLLATION VERSION in PostgreSQL's manual.
select
  'problem' as severity,
  pg_catalog.format(
    'indexes on text were built with version %s of the database''s collation, and the server has %s', d.datcollversion,
    actual.version
  ) as evidence,
  pg_catalog.format(
    'as the owner of the database `reindex database %1$I`, which stops writers, and '
    '`alter database %1$I refresh collation version`; then `inboxdb mark --all`', d.datname
  ) as remedy
from pg_catalog.pg_database as d
cross join lateral pg_catalog.pg_database_collation_actual_version(d.oid) as actual (version)
where d.datname = pg_catalog.current_database()
  and d.datcollversion <> actual.version
  and exists (
    select
    from pg_catalog.pg_type as t
    inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
    where n.nspname = 'inboxdb' and t.typname = 'client_id' and t.typbasetype = 'text'::pg_catalog.regtype
  );
