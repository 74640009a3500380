create or replace function inboxdb.find_page(
  filter_name text, sort_name text, is_nobodys boolean, condition text, page_size integer,
  target_client_id inboxdb.client_id, as_of timestamptz, user_id inboxdb.user_id,
  after_at timestamptz, after_id inboxdb.lead_id, channels text[], sentiment_tags text[], sms_campaign_id text
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: choose how to find a page of a list: along an index that has only its leads; along an index, looking at each
--   lead; or, for counts that no index of "Lead" can have, among the leads that may belong to the count.
-- Parameters: filter_name, of list_filter; sort_name, activity or updated; is_nobodys, whether leads of nobody are
--   wanted; condition, of list_condition; page_size; target_client_id; as_of, the instant at which snoozes are judged;
--   user_id, whose leads, null for all; the cursor's place; what condition asks for.
-- Returns: the page.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: list_filter, and what the functions read that it calls.
-- INVOKER: called by read_conversations only.
declare
  -- how many leads a call looks at one by one
  most integer := 2000;
  chosen inboxdb.list_filter;
  candidates inboxdb.lead_id[];
  whose text;
  looked_at text;
begin
  select f.* into chosen from inboxdb.list_filter as f where f.name = filter_name;
  whose := case
    when is_nobodys then 'l.scope_user_id is null'
    when user_id is null then 'true'
    when chosen.index_condition = 'true' or chosen.bit is not null then 'l.scope_user_id = $3'
    else 'l.user_id = $3'
  end;
  if chosen.bit is not null then
    candidates := inboxdb.list_candidates(target_client_id, chosen.bit, most);
  end if;
  if candidates is not null then
    return inboxdb.sort_candidates(
      candidates, chosen.term, whose, coalesce(condition, 'true'), page_size,
      target_client_id, as_of, user_id, after_at, after_id, channels, sentiment_tags, sms_campaign_id
    );
  end if;

  if chosen.bit is not null then
    looked_at := chosen.term;
    chosen.term := 'true';
  end if;
  -- no index has the updates of a user's leads in order, nor the leads of nobody
  if whose <> 'true' and (sort_name = 'updated' or is_nobodys) then
    looked_at := pg_catalog.concat_ws(' and ', looked_at, pg_catalog.format('coalesce(%s, false)', whose));
    whose := 'true';
  end if;
  looked_at := nullif(pg_catalog.concat_ws(' and ', looked_at, condition), '');
  if looked_at is null then
    most := page_size + 1;
  end if;
  return inboxdb.walk_leads(
    inboxdb.list_statement(
      chosen.term, case sort_name when 'updated' then 'updated_at' else 'activity_at' end, whose,
      coalesce(looked_at, 'true'), after_id is not null, most
    ),
    page_size, most, target_client_id, as_of, user_id, after_at, after_id, channels, sentiment_tags, sms_campaign_id
  );
end
$$;
