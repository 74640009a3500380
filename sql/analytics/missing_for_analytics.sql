create or replace function inboxdb.missing_for_analytics(this_part text) returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has the tables and columns that a part of analytics reads, in types that do.
  -- Parameters: this_part: figures, workflows, email campaigns, reactivations, CRM, or time zones.
  -- Returns: the names of missing columns; null where every column is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, part, host_table, host_column, types, same_as) as (
    -- same_as: the place of the column of the same type, because the two are compared
    values
    -- list: analytics columns
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

  found (place, part, name, same_as, type_name) as (
    select
      n.place, n.part, pg_catalog.format('public.%I.%I', n.host_table, n.host_column), n.same_as,
      (
        -- without the quotes of a session that quotes all identifiers
        select pg_catalog.replace(
            pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
          )
        from pg_catalog.pg_attribute as a
        where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
          and a.attname = n.host_column
          and not a.attisdropped
          and pg_catalog.format_type(a.atttypid, null) like n.types
      )
    from needed as n
  )

  select pg_catalog.string_agg(f.name, ', ' order by f.place)
  from found as f
  left join found as other on f.same_as = other.place
  where f.part = this_part and (f.type_name is null or f.type_name <> other.type_name)
$$;
