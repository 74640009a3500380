create or replace function inboxdb.fit_for_set(target_client_ids inboxdb.client_id[], as_of timestamptz)
returns inboxdb.client_id[]
language plpgsql stable
set search_path = ''
as $$
-- Purpose: choose the workspaces that a set may refresh: by change, of 1,000 changes in all, those with the fewest
--   first, so that no workspace of the set is locked for long.
-- Parameters: target_client_ids; as_of, the instant of the new counts.
-- Returns: the workspaces with 1 to 100 changes, each of a lead, for which reason_to_recount knows no reason, and
--   without a snooze that ended.
-- Reads: the change log, workspace, inbox_counts, "Client", inbox_counts_dirty.
-- INVOKER: called by refresh_set only, which forbids all but nested loops.
begin
  return array(
    select c.client_id
    from (
      select
        c.client_id, pg_catalog.count(*) as changes,
        pg_catalog.sum(pg_catalog.count(*)) over (order by pg_catalog.count(*), c.client_id)
          as changes_so_far
      from inboxdb.changes_of(target_client_ids, 101) as c
      group by c.client_id
      having pg_catalog.count(*) = pg_catalog.count(c.lead_id)
    ) as c
    cross join lateral (
      select w.leads, w.definitions, w.next_snooze_at
      from inboxdb.workspace as w
      where w.client_id = c.client_id
      offset 0
    ) as w
    -- the global row, found from the end of the index (D36)
    cross join lateral (
      select s.computed_at
      from inboxdb.inbox_counts as s
      where s.client_id = c.client_id and s.is_global
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    ) as s
    where c.changes <= least(greatest(w.leads / 10, 10), 100)
      and c.changes_so_far <= 1000
      and w.definitions = inboxdb.definitions()
      and (w.next_snooze_at <= as_of) is not true
      and s.computed_at <= as_of
      and exists (select from public."Client" as h where h.id = c.client_id offset 0)
      and not exists (
        select
        from inboxdb.inbox_counts_dirty as d
        where inboxdb.is_work_row(
            d.client_id, d.next_attempt_at, c.client_id, (select f.claim_from from inboxdb.read_floor as f)
          )
          and d.collapsed
        offset 0
      )
  );
end
$$;
