create or replace view inboxdb.flag_definition as
select d.flag_name, d.meaning
from (
  values
  ('counts_read', 'badge counts: inbox_counts'),
  ('inbox_read', 'conversations: conversations, conversation, conversation_messages, conversation_filters'),
  ('analytics_read', 'figures of days and CRM rows: analytics_..., crm_...')
) as d (flag_name, meaning);

comment on view inboxdb.flag_definition is
'Every flag, and the reads of inbox_api behind the flag. A flag that nobody has set is on.';
