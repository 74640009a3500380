create or replace function inboxdb.walk_analytics(
  target_number integer, most integer, out has_more boolean, out has_differed boolean
)
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: a step of the walk through all leads of a workspace, by key: the first fill, and once a day the audit, which
--   finds what no writer announced. Leads are found in counted_lead, which has them all, and in lead_fact, which may
--   have some that are gone. A lead that changes behind the walk is noted, and looked at by fold_analytics.
-- Parameters: target_number, of the workspace; most, how many leads to look at. The caller took the workspace's lock in
--   an EARLIER statement.
-- Returns: whether there is more to do: false at once where no walk is under way; whether a lead differed.
-- Errors: those of compare_facts; IB014 where rows of aggregates were lost, found at the end of a walk by their sums.
-- Reads: counted_lead, workspace. Writes: analytics_workspace; as compare_facts.
-- INVOKER: called by refresh_analytics and recompute_analytics only.
declare
  this constant inboxdb.analytics_workspace := (
    select w from inboxdb.analytics_workspace as w where w.number = target_number
  );
  counts_number constant integer := (
    select w.number from inboxdb.workspace as w where w.client_id = this.client_id
  );
  keys pg_catalog.bytea[];
begin
  has_more := false;
  has_differed := false;
  if this.walk_began_at is null then
    return;
  end if;
  keys := array(
    select k.lead_key
    from (
      (
        select c.lead_key
        from inboxdb.counted_lead as c
        where c.workspace = counts_number and c.lead_key > this.walked_to
        order by c.lead_key
        limit most
      )
      union
      (
        select f.lead_key
        from inboxdb.lead_fact as f
        where f.workspace = target_number and f.lead_key > this.walked_to
        order by f.lead_key
        limit most
      )
    ) as k
    order by k.lead_key
    limit most
  );
  perform inboxdb.checkpoint('walking', this.client_id::pg_catalog.text);
  if pg_catalog.cardinality(keys) > 0 then
    has_differed := inboxdb.compare_facts(
      target_number, this.client_id, this.time_zone,
      array(
        select inboxdb.key_id(k.lead_key)::inboxdb.lead_id
        from pg_catalog.unnest(keys) with ordinality as k (lead_key, place)
        order by k.place
      ),
      pg_catalog.array_fill(true, array[pg_catalog.cardinality(keys)])
    );
  end if;
  has_more := pg_catalog.cardinality(keys) = most;
  if not has_more and exists (
    select
    from inboxdb.analytics_workspace as w
    where w.number = target_number
      and (w.leads, w.counted, w.replies) <> (
        (select pg_catalog.count(*) from inboxdb.lead_fact as f where f.workspace = target_number),
        (
          select coalesce(pg_catalog.sum(d.packed >> 5), 0)
          from inboxdb.analytics_count as c
          cross join lateral pg_catalog.unnest(c.day_counts) as d (packed)
          where c.workspace = target_number
        ),
        (
          select coalesce(pg_catalog.sum(r.n), 0) from inboxdb.analytics_reply as r where r.workspace = target_number
        )
      )
  ) then
    raise exception using
      errcode = 'IB014',
      message = 'rows of a workspace''s aggregates of analytics were lost',
      detail = 'Their sums are not what the refreshes added.',
      hint = 'The workspace''s aggregates are built anew by the drain.';
  end if;
  update inboxdb.analytics_workspace as w
  set
    walked_to = keys[pg_catalog.cardinality(keys)],
    walked_at = case when has_more then w.walked_at else w.walk_began_at end,
    walk_began_at = case when has_more then w.walk_began_at end
  where w.number = target_number;
end
$$;
