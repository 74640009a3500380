create or replace function inboxdb.publish_leads() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: make the publication inboxdb_lead: inserted and updated leads as id, workspace, user and update time,
--   without personal data and without deletes. Row-level security does not apply to a stream: its readers see the
--   leads of every tenant.
-- Errors: IB009 where the replica identity of "Lead" is missing or has columns outside the publication: every UPDATE of
--   the host's would fail; 42710 where the publication exists; 42501 for a caller who does not own "Lead" or may not
--   create publications.
-- Locks: SHARE UPDATE EXCLUSIVE on "Lead", which stops no writer.
-- INVOKER: for the owner.
declare
  identity constant pg_catalog."char" := (
    select c.relreplident from pg_catalog.pg_class as c where c.oid = 'public."Lead"'::pg_catalog.regclass
  );
begin
  if not exists (
    select
    from pg_catalog.pg_index as i
    where i.indrelid = 'public."Lead"'::pg_catalog.regclass
      and case identity when 'd' then i.indisprimary and i.indimmediate when 'i' then i.indisreplident else false end
      and not exists (
        select
        from pg_catalog.unnest(i.indkey::pg_catalog.int2[]) as k (attnum)
        inner join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where a.attname not in ('id', 'clientId', 'assignedToUserId', 'updatedAt')
      )
  ) then
    raise exception using
      errcode = 'IB009',
      message = pg_catalog.format(
        'the replica identity of "Lead" is %s, which inboxdb_lead would not publish',
        case identity
          when 'f' then 'FULL' when 'n' then 'NOTHING' when 'i' then 'an index' else 'a primary key' end
      ),
      detail = 'Beside such a publication every UPDATE of "Lead" fails. Nothing was changed.',
      hint = 'alter table public."Lead" replica identity default; with "id" as the primary key, if no other'
        ' publication needs it as it is.';
  end if;
  create publication inboxdb_lead for table public."Lead" (id, "clientId", "assignedToUserId", "updatedAt")
  with (publish = 'insert, update');
end
$$;
