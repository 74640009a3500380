create or replace function inboxdb.verify_workspace(
  target_client_id inboxdb.client_id,
  out settled boolean, out scopes integer, out drifted integer, out differences jsonb
)
-- STABLE matters: everything is read in the caller's snapshot, so that stored and live counts are of the same moment.
language plpgsql stable security definer
set search_path = ''
as $$
-- Purpose: compare a workspace's stored counts with the live ones, both ways, as of when they were computed.
-- Parameters: target_client_id.
-- Returns: settled, false while changes wait or a snooze is due, when a difference proves nothing yet; scopes compared;
--   drifted, how many of them differ, are missing or are superfluous; differences, an array of objects with is_global,
--   scope_user_id, stored and live (null for a missing row).
-- Errors: those of live_inbox_counts and require_resumed.
-- Reads: inbox_counts, waiting, and as live_inbox_counts. Costs a scan of the workspace.
-- DEFINER: as live_inbox_counts.
declare
  as_of pg_catalog.timestamptz := coalesce(
    (select s.computed_at from inboxdb.inbox_counts as s where s.client_id = target_client_id and s.is_global),
    inboxdb.clock()
  );
begin
  perform inboxdb.require_resumed();
  settled := not exists (select from inboxdb.waiting as w where w.client_id = target_client_id);

  with
  stored as (
    select
      s.is_global, s.scope_user_id,
      pg_catalog.to_jsonb(s)
      - '{client_id,is_global,scope_user_id,leads,computed_at,updated_at,version}'::pg_catalog.text[] as counts
    from inboxdb.inbox_counts as s
    where s.client_id = target_client_id
  ),
  live as (
    select
      l.is_global, l.scope_user_id,
      pg_catalog.to_jsonb(l)
      - '{client_id,is_global,scope_user_id,leads,computed_at,updated_at,version}'::pg_catalog.text[] as counts
    from inboxdb.live_inbox_counts(target_client_id, as_of) as l
  )
  select
    pg_catalog.count(*),
    coalesce(
      pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'is_global', is_global, 'scope_user_id', scope_user_id, 'stored', stored.counts, 'live', live.counts
      )) filter (where stored.counts is distinct from live.counts),
      '[]'
    )
  into scopes, differences
  from stored
  full join live using (is_global, scope_user_id);
  drifted := pg_catalog.jsonb_array_length(differences);

  -- A table truncated after our snapshot was taken looks empty in the snapshot: its file is a new one. Checked after
  -- the tables were read, and locked by the reading, so that no TRUNCATE comes in between.
  settled := settled and not exists (
    select
    from pg_catalog.pg_class as c
    where c.oid in (
      'inboxdb.change_0'::pg_catalog.regclass, 'inboxdb.change_1'::pg_catalog.regclass,
      'inboxdb.change_2'::pg_catalog.regclass, 'inboxdb.change_3'::pg_catalog.regclass,
      'public."Lead"'::pg_catalog.regclass, 'public."Message"'::pg_catalog.regclass,
      'public."AIDraft"'::pg_catalog.regclass
    )
      and c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid)
  );
end
$$;
