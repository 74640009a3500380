-- Looks for: a missing host column, or a column of a type unreadable to inboxdb, of another type than the column
-- compared with it, or of another type than our domains have since the install.
-- Why: refreshes, or the host's own writes through our triggers, fail, or stop using an index.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/host/check.sql, from which `make migration` writes this list, and sql/host/.
with required (place, host_table, host_column, kind, equals) as (
  values
  -- list: host columns, as in host/check.sql
  (1, 'Client', 'id', 'id', 'inboxdb.client_id'),
  (2, 'Client', 'userId', 'id', 'Lead.assignedToUserId'),
  (3, 'ClientMember', 'clientId', 'id', 'Client.id'),
  (4, 'ClientMember', 'userId', 'id', 'Lead.assignedToUserId'),
  (5, 'ClientMember', 'role', null, null),
  (6, 'Lead', 'id', 'id', 'inboxdb.lead_id'),
  (7, 'Lead', 'clientId', 'id', 'Client.id'),
  (8, 'Lead', 'status', 'text', null),
  (9, 'Lead', 'sentimentTag', 'text', null),
  (10, 'Lead', 'lastInboundAt', 'time', null),
  (11, 'Lead', 'lastOutboundAt', 'time', null),
  (12, 'Lead', 'lastZrgOutboundAt', 'time', null),
  (13, 'Lead', 'snoozedUntil', 'time', null),
  (14, 'Lead', 'assignedToUserId', 'id', 'inboxdb.user_id'),
  (15, 'AIDraft', 'id', 'id', null),
  (16, 'AIDraft', 'leadId', 'id', 'Lead.id'),
  (17, 'AIDraft', 'status', 'text', null),
  (18, 'AIDraft', 'autoSendAction', 'text', null),
  (19, 'Message', 'leadId', 'id', 'Lead.id'),
  (20, 'Message', 'channel', 'text', null),
  (21, 'Message', 'source', 'text', null),
  (22, 'Message', 'direction', 'text', null),
  (23, 'Message', 'sentBy', 'text', null),
  (24, 'Message', 'aiDraftId', 'id', 'AIDraft.id')
  -- end
),

found (place, name, column_name, kind, equals, type_name) as (
  select
    r.place, r.host_table || '.' || r.host_column, pg_catalog.format('public.%I.%I', r.host_table, r.host_column),
    r.kind, r.equals, pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
  from required as r
  left join pg_catalog.pg_class as c
    on c.relnamespace = pg_catalog.to_regnamespace('public') and r.host_table = c.relname
  left join pg_catalog.pg_attribute as a
    on c.oid = a.attrelid and r.host_column = a.attname and a.attnum > 0 and not a.attisdropped
  union all
  select
    null, r.equals, 'inboxdb''s domain ' || r.equals, null, null,
    pg_catalog.format_type(t.typbasetype, null)
  from required as r
  inner join pg_catalog.pg_type as t on pg_catalog.to_regtype(r.equals) = t.oid
  where r.equals like 'inboxdb.%'
),

judged as (
  select
    f.place,
    case
      when f.type_name is null then pg_catalog.format('column %s is missing', f.column_name)
      when f.kind = 'id' and f.type_name not in ('text', 'uuid')
        or f.kind = 'text' and f.type_name <> 'text'
        or f.kind = 'time' and f.type_name not in ('timestamp without time zone', 'timestamp with time zone')
        then pg_catalog.format('column %s is %s, which inboxdb cannot read', f.column_name, f.type_name)
      when f.type_name <> other.type_name
        then pg_catalog.format(
            'column %s is %s where %s is %s', f.column_name, f.type_name, other.column_name, other.type_name
          )
    end as evidence
  from found as f
  left join found as other on f.equals = other.name
  where f.place is not null
)

select
  'problem' as severity,
  j.evidence,
  'bring the column back as it was; or, where it is to stay so, roll inboxdb back and apply it anew, which reads the '
  'types again: docs/operations.md, The host''s own migrations' as remedy
from judged as j
where j.evidence is not null
order by j.place;
