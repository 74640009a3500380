create or replace function inboxdb.read_conversation_filters(target_client_id inboxdb.client_id)
returns inboxdb.conversation_filters_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
-- planned for this scope: a setter's leads by the index of a user's leads
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the SMS campaigns of the leads that the current user may see.
-- Parameters: target_client_id.
-- Returns: see inbox_api.conversation_filters.
-- Errors: those of require_access, before anything else is read; IB020 without lists; 42501 where row-level security
--   would filter what the owner of this function sees.
-- Reads: listed_lead, "SmsCampaign", cache_version.
-- DEFINER: members may not read leads.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'inbox_read');
  as_of constant pg_catalog.timestamptz := inboxdb.clock();
  answer inboxdb.conversation_filters_answer;
begin
  perform inboxdb.require_lists();
  select
    coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object('sms_campaign_id', g.sms_campaign_id, 'name', s.name, 'leads', g.leads)
        order by s.name, g.sms_campaign_id
      ) filter (where g.sms_campaign_id is not null), '[]'
    ),
    coalesce(pg_catalog.max(g.leads) filter (where g.sms_campaign_id is null), 0)
  into answer.sms_campaigns, answer.unattributed
  from (
    select l.sms_campaign_id, pg_catalog.count(*)::integer as leads
    from inboxdb.listed_lead as l
    where l.client_id = target_client_id
      and l.is_listed
      and l.snoozed <= inboxdb.host_time(as_of, l.snoozed)
      and (scope = inboxdb.sentinel() or l.scope_user_id = scope)
    group by l.sms_campaign_id
  ) as g
  left join public."SmsCampaign" as s on g.sms_campaign_id = s.id;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'inbox') as v);
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array(target_client_id, scope, pg_catalog.to_jsonb(answer)));
  end if;
  return answer;
end
$$;
