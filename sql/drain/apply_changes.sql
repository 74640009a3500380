create or replace function inboxdb.apply_changes(
  target_client_id inboxdb.client_id, as_of timestamptz,
  out noted_since timestamptz, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile
set search_path = ''
-- all by key: as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
as $$
-- Purpose: refresh a workspace by change: take the changes of single leads and the snoozes that ended, and apply the
--   differences to the counts (D20).
-- Parameters: target_client_id, with all its leads in counted_lead; as_of, not earlier than the last refresh. The
--   caller took the lock in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: when the oldest change was noted, or the first snooze ended; the users with changed counts or leads.
-- Errors: IB014 where a count would fall below zero or exceed its leads, because a change was missed before; those of
--   remember_leads and store_counts.
-- A change of the whole workspace stays in the log, for a recount.
-- Reads, writes: as remember_leads, end_snoozes, changed_counts, store_counts and note_refresh.
-- INVOKER: called by refresh_workspace only.
declare
  first_snooze pg_catalog.timestamptz;
  moved inboxdb.lead_kind[];
  due inboxdb.counts_row[];
  leads_now integer;
  is_possible boolean;
begin
  select r.noted_since, r.touched_scopes, r.moved into noted_since, changed_scopes, moved
  from inboxdb.remember_leads(target_client_id, as_of, false, false) as r;

  select w.next_snooze_at into first_snooze from inboxdb.workspace as w where w.client_id = target_client_id;
  if first_snooze <= as_of then
    noted_since := least(noted_since, first_snooze);
    moved := moved || inboxdb.end_snoozes(target_client_id, first_snooze, as_of);
  end if;

  select
    pg_catalog.array_agg(
      (d.tid, d.is_global, d.scope_user_id, case when d.is_global or d.leads > 0 then d.leads end, d.counts)
      ::inboxdb.counts_row
    ),
    changed_scopes || pg_catalog.array_agg(d.scope_user_id) filter (where not d.is_global),
    pg_catalog.max(d.leads) filter (where d.is_global),
    pg_catalog.bool_and(inboxdb.is_possible(d.tid, d.is_global, d.leads, d.counts))
  into due, changed_scopes, leads_now, is_possible
  from inboxdb.changed_counts(target_client_id, moved) as d;
  if not is_possible then
    raise exception using
      errcode = 'IB014',
      message = pg_catalog.format('the changes of workspace %L do not fit its stored counts', target_client_id),
      detail = 'A count would fall below zero, or exceed the leads. Nothing was changed.',
      hint = 'The refresh that found it counts the workspace anew; `inboxdb status` shows that it healed.';
  end if;

  changed_scopes := array(select distinct s.id from pg_catalog.unnest(changed_scopes) as s (id));
  perform inboxdb.store_counts(
    pg_catalog.array_fill(target_client_id, array[pg_catalog.cardinality(due)]), as_of, due
  );
  perform inboxdb.note_refresh(array[target_client_id], as_of, array[leads_now], false, false);
end
$$;
