create or replace function inboxdb.held_snapshot(out seconds double precision, out holder text, out all_seen boolean)
language sql stable
set search_path = ''
as $$
  -- Purpose: the oldest held snapshot: the transaction, slot or standby keeping dead rows from vacuum.
  -- Returns: its age (0 without any, and for a standby or its slot, because PostgreSQL keeps no age of theirs); its
  --   holder, null for nobody; whether the caller could see everybody's sessions: without pg_read_all_stats the ages of
  --   other roles' sessions are 0.
  -- Reads: pg_stat_activity, pg_stat_progress_vacuum, pg_prepared_xacts, pg_replication_slots.
  -- INVOKER: callers see as much as PostgreSQL lets them.
  select
    coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - oldest.since), 0), oldest.holder,
    pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
  from (select 1) as always (one)
  left join lateral (
    select held.holder, held.since
    from (
      select pg_catalog.format('session %s', a.pid), a.xact_start
      from pg_catalog.pg_stat_activity as a
      where a.pid <> pg_catalog.pg_backend_pid()
        and (
          -- an xid: part of every snapshot taken meanwhile, here too
          a.backend_xid is not null
          -- holds back this database; of a standby, all databases
          or (a.backend_xmin is not null and coalesce(a.datname = pg_catalog.current_database(), true))
        )
        -- vacuums ignore each other's snapshots
        and not exists (select from pg_catalog.pg_stat_progress_vacuum as v where v.pid = a.pid)
      union all
      select pg_catalog.format('prepared transaction %s', p.gid), p.prepared
      from pg_catalog.pg_prepared_xacts as p
      union all
      -- xmin only: a catalog_xmin keeps rows of the catalogs and of no other table
      select pg_catalog.format('replication slot %s', s.slot_name), null
      from pg_catalog.pg_replication_slots as s
      where s.xmin is not null
    ) as held (holder, since)
    order by held.since
    limit 1
  ) as oldest on true
$$;
