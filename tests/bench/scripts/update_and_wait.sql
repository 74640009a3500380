\set n random(1, :leads)
begin;
update "Lead"
set "sentimentTag" = case "sentimentTag" when 'Interested' then 'Neutral' else 'Interested' end, "updatedAt" = now()
where id = (select id from bench.lead where place = :place and n = :n);
\sleep 5 ms
commit;
