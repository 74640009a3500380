create or replace function inboxdb.is_found(
  target_lead_id inboxdb.lead_id, terms text[], address text
) returns boolean
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- the caller has each plan made anew, which would cost more than the look at a lead; its other settings hold here
set plan_cache_mode = force_generic_plan
as $$
-- Purpose: judge live whether a search finds a lead. By strpos, for which no character is a wildcard.
-- Parameters: target_lead_id; terms, folded, each to be found somewhere; address, folded, null for terms.
-- Returns: true or false.
-- Reads: searched_lead, "SmsCampaign", by key.
-- INVOKER: called by walk_leads only, which forbids scans, and filtering by row-level security.
declare
  lead pg_catalog.record;
  term pg_catalog.text;
begin
  if address is not null then
    return exists (
      select from inboxdb.searched_lead as s where s.lead_id = target_lead_id and address = any (s.addresses)
    );
  end if;
  -- words once: the view's expression would be computed again for each mention
  select s.words, coalesce(inboxdb.folded(c.name collate "default"), '') as campaign into lead
  from inboxdb.searched_lead as s
  left join public."SmsCampaign" as c on s.sms_campaign_id = c.id
  where s.lead_id = target_lead_id;
  if not found then
    return false;
  end if;
  foreach term in array terms loop
    if pg_catalog.strpos(lead.words, term) = 0
      and pg_catalog.strpos(lead.campaign, term) = 0
      and pg_catalog.strpos(
        pg_catalog.split_part(lead.words, e'\t', 2), coalesce(inboxdb.digits_asked(term), e'\t')
      ) = 0
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;
