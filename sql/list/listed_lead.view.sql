-- Not made where the host lacks a column: then there are no lists (see missing_for_lists).
do $view$
begin
  if inboxdb.missing_for_lists() is not null then
    return;
  end if;
  execute $listed$
create or replace view inboxdb.listed_lead as
-- classified_lead, word for word, with the columns by which lists sort and filter. A copy, because a join back to
-- "Lead" is removed by the planner on 18 only, and because counts go by classified_lead's text (function definitions).
select
  coalesce(inboxdb.utc(l."lastMessageAt"), inboxdb.utc(l."createdAt"), '-infinity') as activity_at,
  coalesce(inboxdb.utc(l."updatedAt"), '-infinity') as updated_at,
  l."sentimentTag" as sentiment_tag,
  l."overallScore" as overall_score,
  l."smsCampaignId" as sms_campaign_id,
  -- query of counts/classified_lead.view.sql
  -- end
$listed$;
end
$view$;

do $comment$
begin
  if pg_catalog.to_regclass('inboxdb.listed_lead') is not null then
    execute $$comment on view inboxdb.listed_lead is
      'For each lead what classified_lead says, and the columns by which lists sort and filter.'$$;
  end if;
end
$comment$;
