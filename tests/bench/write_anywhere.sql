\set n random(1, :leads)
update "Lead"
set "sentimentTag" = case "sentimentTag" when 'Interested' then 'Neutral' else 'Interested' end, "updatedAt" = now()
where id = format('%s-%s', (:n - 1) / 1000, (:n - 1) % 1000);
