\set n random(1, 1000)
update "Lead"
set "sentimentTag" = case "sentimentTag" when 'Interested' then 'Neutral' else 'Interested' end, "updatedAt" = now()
where id = format('0-%s', :n - 1);
