-- All counts in a materialized view that is refreshed over and over, without locking out its readers.
--
-- Recommended by PostgreSQL's manual for data that "need not be current" (chapter 39.3 and REFRESH MATERIALIZED VIEW), and
-- by most articles on slow dashboards, with pg_cron for the job and CONCURRENTLY for the readers, which takes a unique
-- index. It has no triggers: writers pay nothing.
--
-- In its favour: the view rests on inboxdb's definition and partial indexes, one scan for all scopes, and sorts and
-- hashes have 256 MB. Against it: a refresh counts every workspace, whichever changed.
create schema rival_materialized_view;
grant usage on schema rival_materialized_view to public;

create materialized view rival_materialized_view.inbox_counts as
select
  l.client_id,
  grouping(l.scope_user_id) = 1 as is_global,
  case when grouping(l.scope_user_id) = 1 then inboxdb.sentinel() else l.scope_user_id end as scope_user_id,
  (count(*) filter (where l.visible and l.all_responses))::integer as all_responses,
  (count(*) filter (where l.visible and l.requires_attention))::integer as requires_attention,
  (count(*) filter (where l.visible and l.previously_required_attention))::integer as previously_required_attention,
  (count(*) filter (where l.visible and l.total_non_blacklisted))::integer as total_non_blacklisted,
  greatest(
    count(*) filter (where l.visible and l.total_non_blacklisted)
    - count(*) filter (where l.visible and l.requires_attention), 0
  )::integer as awaiting_reply,
  (count(*) filter (where l.visible and l.needs_repair))::integer as needs_repair,
  (count(*) filter (where l.visible and l.ai_sent))::integer as ai_sent,
  (count(*) filter (where l.visible and l.ai_review))::integer as ai_review,
  (count(*) filter (where l.visible and l.total))::integer as total
from (
  select c.*, c.snoozed_until is null or c.snoozed_until <= now() as visible
  from inboxdb.classified_lead as c
  offset 0
) as l
group by grouping sets ((l.client_id), (l.client_id, l.scope_user_id))
having grouping(l.scope_user_id) = 1 or l.scope_user_id is not null
with no data;

create unique index on rival_materialized_view.inbox_counts (client_id, is_global, scope_user_id);

set work_mem = '256MB';
refresh materialized view rival_materialized_view.inbox_counts;
reset work_mem;

grant select on rival_materialized_view.inbox_counts to public;

-- The job.
create procedure rival_materialized_view.drain()
language plpgsql
set work_mem = '256MB'
as $$
begin
  refresh materialized view concurrently rival_materialized_view.inbox_counts;
end
$$;
