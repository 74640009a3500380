create or replace function inboxdb.least_size_to_empty() returns bigint
language sql stable
set search_path = ''
as $$
  -- Purpose: say from which size on a slice of the change log is truncated.
  -- Returns: bytes. 128 kB, below which a new file costs more than reading the dead rows (D6); 64 MB where a standby
  --   may replay the lock, and cancel readers of the slice there, such as a dump (D112). Logical decoding replays none.
  -- Reads: pg_stat_replication, pg_replication_slots.
  -- INVOKER: called by empty_slice only; apart, so that tests on a server with the slots of others choose.
  select case
    when
      exists (
        select
        from pg_catalog.pg_stat_replication as r
        where not exists (
          select
          from pg_catalog.pg_replication_slots as s
          where s.slot_type = 'logical' and s.active_pid = r.pid
        )
      )
      or exists (select from pg_catalog.pg_replication_slots as s where s.slot_type = 'physical')
      then 67108864
    else 131072
  end
$$;
