-- Looks for: tables and columns that parts of analytics read, where the host lacks some. Asked by `inboxdb doctor` and
-- by `inboxdb migrate plan`.
-- Why: the reads of such a part are refused (IB020); counts, lists and the other parts do without.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/analytics/missing_for_analytics.sql, from which `make migration` writes this list.
with needed (place, part, host_table, host_column, types, same_as) as (
  values
  -- list: analytics columns, as in analytics/missing_for_analytics.sql
  (1, 'figures', 'Lead', 'createdAt', 'timestamp%', null),
  (2, 'figures', 'Lead', 'appointmentBookedAt', 'timestamp%', null),
  (3, 'figures', 'Lead', 'appointmentStatus', '%', null),
  (4, 'figures', 'Lead', 'appointmentCanceledAt', 'timestamp%', null),
  (5, 'figures', 'Lead', 'smsCampaignId', '%', null),
  (6, 'figures', 'Message', 'id', '%', null),
  (7, 'figures', 'Message', 'sentAt', 'timestamp%', null),
  (8, 'figures', 'Message', 'sentByUserId', '%', null),
  (9, 'figures', 'SmsCampaign', 'id', '%', 5),
  (10, 'figures', 'SmsCampaign', 'name', '%', null),
  (11, 'email campaigns', 'Lead', 'emailCampaignId', '%', null),
  (12, 'email campaigns', 'EmailCampaign', 'id', '%', 11),
  (13, 'email campaigns', 'EmailCampaign', 'clientId', '%', 40),
  (14, 'email campaigns', 'EmailCampaign', 'name', '%', null),
  (15, 'workflows', 'FollowUpSequence', 'id', '%', null),
  (16, 'workflows', 'FollowUpSequence', 'clientId', '%', 40),
  (17, 'workflows', 'FollowUpSequence', 'name', '%', null),
  (18, 'workflows', 'FollowUpInstance', 'leadId', '%', 41),
  (19, 'workflows', 'FollowUpInstance', 'sequenceId', '%', 15),
  (20, 'workflows', 'FollowUpInstance', 'lastStepAt', 'timestamp%', null),
  (21, 'reactivations', 'ReactivationCampaign', 'id', '%', null),
  (22, 'reactivations', 'ReactivationCampaign', 'clientId', '%', 40),
  (23, 'reactivations', 'ReactivationCampaign', 'name', '%', null),
  (24, 'reactivations', 'ReactivationEnrollment', 'campaignId', '%', 21),
  (25, 'reactivations', 'ReactivationEnrollment', 'leadId', '%', 41),
  (26, 'reactivations', 'ReactivationEnrollment', 'sentAt', 'timestamp%', null),
  (27, 'CRM', 'LeadCrmRow', 'id', '%', null),
  (28, 'CRM', 'LeadCrmRow', 'leadId', '%', 41),
  (29, 'CRM', 'LeadCrmRow', 'interestRegisteredAt', 'timestamp%', null),
  (30, 'CRM', 'LeadCrmRow', 'interestType', '%', null),
  (31, 'CRM', 'LeadCrmRow', 'interestCampaignName', '%', null),
  (32, 'CRM', 'LeadCrmRow', 'responseMode', '%', null),
  (33, 'CRM', 'LeadCrmRow', 'responseSentByUserId', '%', null),
  (34, 'CRM', 'LeadCrmRow', 'leadCategoryOverride', '%', null),
  (35, 'CRM', 'LeadCrmRow', 'pipelineStatus', '%', null),
  (36, 'CRM', 'LeadCrmRow', 'createdAt', 'timestamp%', null),
  (37, 'time zones', 'WorkspaceSettings', 'clientId', '%', 40),
  (38, 'time zones', 'WorkspaceSettings', 'timezone', '%', null),
  -- read by counts, and there
  (40, 'counts', 'Client', 'id', '%', null),
  (41, 'counts', 'Lead', 'id', '%', null)
  -- end
),

typed (place, part, host_table, host_column, same_as, type_name) as (
  select
    n.place, n.part, n.host_table, n.host_column, n.same_as,
    (
      select pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
      from pg_catalog.pg_attribute as a
      where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
        and a.attname = n.host_column
        and not a.attisdropped
        and pg_catalog.format_type(a.atttypid, null) like n.types
    )
  from needed as n
),

found (place, part, lack) as (
  select
    c.place, c.part,
    case
      when pg_catalog.to_regclass(pg_catalog.format('public.%I', c.host_table)) is null
        then pg_catalog.format('public.%I is missing', c.host_table)
      when c.type_name is null
        then pg_catalog.format('public.%I.%I is missing, or of no type that would do', c.host_table, c.host_column)
      else
        pg_catalog.format(
          'public.%I.%I is not of the type of public.%I.%I', c.host_table, c.host_column, other.host_table,
          other.host_column
        )
    end
  from typed as c
  left join typed as other on c.same_as = other.place
  where c.part <> 'counts' and (c.type_name is null or c.type_name <> other.type_name)
)

select
  'note' as severity,
  null as migration,
  pg_catalog.format(
    case f.part
      when 'figures' then 'there are no analytics: %s'
      when 'time zones' then 'workspaces have no time zones of their own: %s'
      else 'there are no analytics of ' || f.part || ': %s'
    end,
    pg_catalog.string_agg(f.lack, ', ' order by f.place)
  ) as evidence,
  'nothing, if the application does without; else add the columns: the reads answer from then on' as remedy
from (
  -- a table that is missing is named once
  select pg_catalog.min(one.place) as place, one.part, one.lack
  from found as one
  group by one.part, one.lack
) as f
group by f.part
order by pg_catalog.min(f.place);
