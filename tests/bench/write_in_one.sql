\set n random(1, 1000)
update "Lead"
set :column = case :column when 'Interested' then 'Neutral' else 'Interested' end, "updatedAt" = now()
where id = format('0-%s', :n - 1);
