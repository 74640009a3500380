-- Looks for: a replica identity of "Lead" outside the columns of the publication inboxdb_lead: FULL, none, or an index
-- over other columns.
-- Why: every UPDATE of "Lead" by the host fails, or soon will.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: IB009 in docs/errors.md; CREATE PUBLICATION in PostgreSQL's manual.
select
  'problem' as severity,
  pg_catalog.format(
    'the replica identity of public."Lead" is %s, and publication inboxdb_lead publishes four columns only',
    case c.relreplident when 'f' then 'FULL' when 'n' then 'NOTHING' else 'an index over other columns' end
  ) as evidence,
  '`alter table public."Lead" replica identity default`; or `inboxdb publication off`, if something else needs it so'
    as remedy
from pg_catalog.pg_publication as p
inner join pg_catalog.pg_publication_rel as r on p.oid = r.prpubid
inner join pg_catalog.pg_class as c on r.prrelid = c.oid and c.oid = pg_catalog.to_regclass('public."Lead"')
where p.pubname = 'inboxdb_lead'
  and not exists (
    select
    from pg_catalog.pg_index as i
    where i.indrelid = c.oid
      and case c.relreplident
        when 'd' then i.indisprimary and i.indimmediate when 'i' then i.indisreplident else false
      end
      and not exists (
        select
        from pg_catalog.unnest(i.indkey::pg_catalog.int2[]) as k (attnum)
        where k.attnum <> all (r.prattrs::pg_catalog.int2[])
      )
  );
