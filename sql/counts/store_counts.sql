create or replace function inboxdb.store_counts(
  target_client_ids inboxdb.client_id[], as_of timestamptz, due inboxdb.counts_row[], versions bigint[]
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: write rows of inbox_counts; nothing else does, except for bump_versions, the version.
-- Parameters: due, the rows as they are to be, each with the ctid of the present row; leads are null to delete the row;
--   target_client_ids, the workspace of each; as_of, the instant of the counts; versions, the inbox cache version of
--   each workspace, for its global row, null to keep the present one.
-- Errors: 40001 where another session wrote counts of these workspaces meanwhile, past the locks.
-- Writes: inbox_counts, by ctid (D36). One statement, because each has to be set up, and takes its locks (D96).
-- INVOKER: called by apply_changes and recount_workspace only, which forbid sequential scans.
declare
  written integer;
begin
  merge into inboxdb.inbox_counts as s
  using
    rows from (pg_catalog.unnest(target_client_ids), pg_catalog.unnest(due), pg_catalog.unnest(versions))
      as d (client_id, tid, is_global, scope_user_id, leads, counts, version)
    -- the place alone: written so that the primary key, with all dead rows, cannot answer (D8)
    on s.ctid = d.tid and (s.client_id = d.client_id) is true
  when matched and d.leads is null then
    delete
  when matched then
    update set
      leads = d.leads,
      -- each count: {name} = d.counts[{place}],
      all_responses = d.counts[1],
      requires_attention = d.counts[2],
      previously_required_attention = d.counts[3],
      total_non_blacklisted = d.counts[4],
      awaiting_reply = d.counts[5],
      needs_repair = d.counts[6],
      ai_sent = d.counts[7],
      ai_review = d.counts[8],
      total = d.counts[9],
      -- end
      computed_at = as_of,
      version = case when s.is_global then coalesce(d.version, s.version) end,
      updated_at = case
        when
          -- each count: s.{name} = d.counts[{place}] and
          s.all_responses = d.counts[1] and
          s.requires_attention = d.counts[2] and
          s.previously_required_attention = d.counts[3] and
          s.total_non_blacklisted = d.counts[4] and
          s.awaiting_reply = d.counts[5] and
          s.needs_repair = d.counts[6] and
          s.ai_sent = d.counts[7] and
          s.ai_review = d.counts[8] and
          s.total = d.counts[9] and
          -- end
          true
          then s.updated_at
        else as_of
      end
  when not matched and d.tid is null then
    insert (
      client_id, is_global, scope_user_id, leads,
      -- each count: {name},
      all_responses,
      requires_attention,
      previously_required_attention,
      total_non_blacklisted,
      awaiting_reply,
      needs_repair,
      ai_sent,
      ai_review,
      total,
      -- end
      computed_at, updated_at, version
    )
    values (
      d.client_id, d.is_global, d.scope_user_id, d.leads,
      -- each count: d.counts[{place}],
      d.counts[1],
      d.counts[2],
      d.counts[3],
      d.counts[4],
      d.counts[5],
      d.counts[6],
      d.counts[7],
      d.counts[8],
      d.counts[9],
      -- end
      as_of, as_of, case when d.is_global then d.version end
    );
  get diagnostics written = row_count;

  if written <> pg_catalog.cardinality(due) then
    raise exception using
      errcode = '40001',
      message = pg_catalog.format(
        'the stored counts of workspace %s were changed by somebody else',
        (
          select pg_catalog.string_agg(distinct pg_catalog.quote_literal(w.client_id::pg_catalog.text), ', ')
          from pg_catalog.unnest(target_client_ids) as w (client_id)
        )
      ),
      detail = 'Only a refresh writes inboxdb.inbox_counts, and this one holds the workspace. Nothing was changed.',
      hint = 'The drain tries again.';
  end if;
end
$$;
