create or replace function inboxdb.apply_changes(target_client_ids inboxdb.client_id[], as_of timestamptz)
returns inboxdb.changed_workspace[]
language plpgsql volatile
set search_path = ''
-- all by key: as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
-- Purpose: refresh workspaces by change: take the changes of single leads and the snoozes that ended, and apply the
--   differences to the counts (D20).
-- Parameters: target_client_ids, with all their leads in counted_lead; as_of, not earlier than the last refreshes. The
--   caller took the locks in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: of each workspace when the oldest change was noted, or the first snooze ended; the users with changed counts
--   or leads; the new inbox cache version, null where nothing was noted.
-- Errors: IB014 where a count would fall below zero or exceed its leads, because a change was missed before; those of
--   remember_changed and store_counts.
-- A change of a whole workspace stays in the log, for a recount.
-- New cache versions are given to workspaces where something was noted, before the counts, which are stored with them.
-- Reads, writes: as remember_changed, end_snoozes, changed_counts, new_versions, store_counts and note_refresh.
-- INVOKER: called by refresh_workspace and refresh_set only, which forbid sequential scans.
declare
  taken inboxdb.changed_workspace[] := inboxdb.remember_changed(target_client_ids, as_of);
  snooze pg_catalog.record;
  ids_of_due inboxdb.client_id[];
  due inboxdb.counts_row[];
  ids inboxdb.client_id[];
  leads_now integer[];
  unfit pg_catalog.text;
  versions bigint[];
begin
  for snooze in
    select t.place, t.client_id, w.next_snooze_at as ended_at
    from pg_catalog.unnest(taken) with ordinality as t (client_id, noted_since, touched_scopes, moved, version, place)
    inner join inboxdb.workspace as w on t.client_id = w.client_id
    where w.next_snooze_at <= as_of
  loop
    taken[snooze.place].noted_since := least(taken[snooze.place].noted_since, snooze.ended_at);
    taken[snooze.place].moved := taken[snooze.place].moved
      || inboxdb.end_snoozes(snooze.client_id, snooze.ended_at, as_of);
  end loop;
  taken := array(
    select (w.client_id, w.noted_since, w.touched_scopes, w.moved, v.version)::inboxdb.changed_workspace
    from pg_catalog.unnest(taken) as w
    left join inboxdb.new_versions(
        'recompute-inbox-counts',
        array(select n.client_id from pg_catalog.unnest(taken) as n where n.noted_since is not null)
      ) as v on w.client_id = v.client_id
  );

  select
    pg_catalog.array_agg(w.client_id), pg_catalog.array_agg(w.version),
    pg_catalog.array_agg(
      (d.tid, d.is_global, d.scope_user_id, case when d.is_global or d.leads > 0 then d.leads end, d.counts)
      ::inboxdb.counts_row
    ),
    pg_catalog.array_agg(w.client_id) filter (where d.is_global),
    pg_catalog.array_agg(d.leads) filter (where d.is_global),
    pg_catalog.string_agg(distinct pg_catalog.quote_literal(w.client_id::pg_catalog.text), ', ')
    filter (where not inboxdb.is_possible(d.tid, d.is_global, d.leads, d.counts))
  into ids_of_due, versions, due, ids, leads_now, unfit
  from pg_catalog.unnest(taken) as w
  cross join lateral inboxdb.changed_counts(w.client_id, w.moved) as d;
  if unfit is not null then
    raise exception using
      errcode = 'IB014',
      message = pg_catalog.format('the changes of workspace %s do not fit its stored counts', unfit),
      detail = 'A count would fall below zero, or exceed the leads. Nothing was changed.',
      hint = 'The refresh that found it counts the workspace anew; `inboxdb status` shows that it healed.';
  end if;
  perform inboxdb.store_counts(ids_of_due, as_of, due, versions);
  perform inboxdb.note_refresh(ids, as_of, leads_now, false, false);

  return array(
    select (
      w.client_id, w.noted_since,
      array(
        select t.id from pg_catalog.unnest(w.touched_scopes) as t (id)
        union
        select d.scope_user_id
        from rows from (pg_catalog.unnest(ids_of_due), pg_catalog.unnest(due))
          as d (client_id, tid, is_global, scope_user_id, leads, counts)
        where d.client_id = w.client_id and not d.is_global
      ),
      null, w.version
    )::inboxdb.changed_workspace
    from pg_catalog.unnest(taken) as w
  );
end
$$;
