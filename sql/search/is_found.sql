create or replace function inboxdb.is_found(
  target_lead_id inboxdb.lead_id, terms text[], address text
) returns boolean
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Purpose: judge live whether a search finds a lead. By strpos, for which no character is a wildcard.
-- Parameters: target_lead_id; terms, folded, each to be found somewhere; address, folded, null for terms.
-- Returns: true or false.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: searched_lead, "SmsCampaign", by key.
-- INVOKER: called by walk_leads only.
declare
  lead pg_catalog.record;
  term text;
begin
  select s.text, s.digits, s.addresses, inboxdb.folded(c.name) as campaign
  into lead
  from inboxdb.searched_lead as s
  left join public."SmsCampaign" as c on s.sms_campaign_id = c.id
  where s.lead_id = target_lead_id;
  if not found then
    return false;
  elsif address is not null then
    return address = any (lead.addresses);
  end if;
  foreach term in array terms loop
    if pg_catalog.strpos(lead.text, term) = 0
      and pg_catalog.strpos(coalesce(lead.campaign, ''), term) = 0
      and pg_catalog.strpos(coalesce(lead.digits, ''), coalesce(inboxdb.digits_asked(term), E'\t')) = 0
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;
