create or replace function inboxdb.cut_facts(
  gone inboxdb.lead_fact[], come inboxdb.lead_fact[],
  out gone_counts inboxdb.lead_fact[], out come_counts inboxdb.lead_fact[],
  out gone_replies inboxdb.lead_fact[], out come_replies inboxdb.lead_fact[]
)
language plpgsql immutable
set search_path = ''
set jit = off
as $$
-- Purpose: cut leads' facts down to what adds otherwise than before, so that one more message of a lead costs one
--   message, however many the lead has.
-- Parameters: gone and come, the facts of leads before and after.
-- Returns: the same leads, those with many messages cut: for counts, where its tag and campaign are the same, and for
--   replies, which neither is of.
-- INVOKER: called by add_figures only.
declare
  -- cutting fewer messages costs more than adding them up
  most constant integer := 16;
begin
  if not exists (select from pg_catalog.unnest(gone) as g where pg_catalog.cardinality(g.info) > most) then
    gone_counts := gone;
    come_counts := come;
    gone_replies := gone;
    come_replies := come;
    return;
  end if;
  select
    coalesce(pg_catalog.array_agg(case when d.are_cut then d.less_gone else d.gone end) filter (where d.was), '{}'),
    coalesce(pg_catalog.array_agg(case when d.are_cut then d.less_come else d.come end) filter (where d.is), '{}'),
    coalesce(pg_catalog.array_agg(coalesce(d.less_gone, d.gone)) filter (where d.was), '{}'),
    coalesce(pg_catalog.array_agg(coalesce(d.less_come, d.come)) filter (where d.is), '{}')
  into gone_counts, come_counts, gone_replies, come_replies
  from (
    select
      g as gone,
      c as come,
      less.gone as less_gone,
      less.come as less_come,
      less.gone is not null and (g.tag_key, g.campaign_key) = (c.tag_key, c.campaign_key) as are_cut,
      g.lead_key is not null as was,
      c.lead_key is not null as is
    from pg_catalog.unnest(gone) as g
    full join pg_catalog.unnest(come) as c on g.lead_key = c.lead_key
    left join lateral inboxdb.cut_messages(g, c) as less
      on pg_catalog.cardinality(g.info) > most and g.user_key = c.user_key
  ) as d;
end
$$;
