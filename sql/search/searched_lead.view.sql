-- Not made where the host lacks a column: then there is no search (see missing_for_search).
do $view$
begin
  if inboxdb.missing_for_search() is not null then
    return;
  end if;
  execute $searched$
create or replace view inboxdb.searched_lead as
-- The one definition of searched texts: stored, walked through, and judged live.
select
  l.id as lead_id,
  l."clientId" as client_id,
  -- a line for each field, and digits behind a tab: terms have neither, hence never match across
  pg_catalog.concat(
    inboxdb.folded(l."firstName" collate "default"), e'\n', inboxdb.folded(l."lastName" collate "default"), e'\n',
    inboxdb.folded(l.email collate "default"), e'\n', inboxdb.folded(l."companyName" collate "default"), e'\n',
    inboxdb.folded(l.phone collate "default"), e'\t', inboxdb.only_digits(l.phone)
  ) collate "C" as words,
  address.folded as addresses,
  l."smsCampaignId" as sms_campaign_id,
  pg_catalog.array_remove(
    array(select inboxdb.exact_hash('address', a.one) from pg_catalog.unnest(address.folded) as a (one))
    || inboxdb.exact_hash('phone', nullif(inboxdb.only_digits(l.phone), ''))
    || inboxdb.exact_hash('campaign', l."smsCampaignId"::text),
    null
  ) as exact
from public."Lead" as l
cross join lateral (
  select
    array(
      select inboxdb.folded(a.one)
      from (
        select l.email::text collate "default"
        union all
        select l."currentReplierEmail"::text collate "default"
        union all
        -- whatever dimensions and bounds the host gives the array
        (select u.one::text collate "default" from pg_catalog.unnest(l."alternateEmails") as u (one) limit 100)
      ) as a (one)
      where a.one <> ''
    ) as folded
) as address
-- no index of ours has room for longer ids (D111)
where inboxdb.id_bytes(l.id) + inboxdb.id_bytes(l."clientId") <= 2500
$searched$;
end
$view$;

do $comment$
begin
  if pg_catalog.to_regclass('inboxdb.searched_lead') is not null then
    execute $$comment on view inboxdb.searched_lead is
      'Of each lead the folded texts, addresses and campaign that searches look in.'$$;
  end if;
end
$comment$;
