create or replace view inboxdb.read_target as
select t.flag_name, t.named_like, t.warm_ms::double precision as warm_ms, t.cold_ms::double precision as cold_ms
from (
  values
  ('counts_read', 'inbox!_%', 50, 50),
  ('inbox_read', 'conversation%', 300, 300),
  ('analytics_read', 'analytics!_%', 1500, 3000),
  ('analytics_read', 'crm!_%', 1500, 3000)
) as t (flag_name, named_like, warm_ms, cold_ms);

comment on view inboxdb.read_target is
'How long reads may take, 95 of a hundred, by the flag that they are behind and how their names begin (LIKE, escape '
'!): warm_ms where a cache of the application answered, cold_ms where not; the same where the two do not differ.';
