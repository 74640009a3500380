create or replace function inboxdb.search_indexes()
returns table (index_name text, statement text, fingerprint text, state text)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the indexes of lead_text: by trigrams where pg_trgm and btree_gin are there, in whatever schema; else by the
--   beginnings of first and last names, which stay once made. By hashes always.
-- Returns: as list_indexes. No rows where there is no search.
-- Reads: the system catalog.
-- INVOKER: for the owner.
declare
  trigrams pg_catalog.text;
  found pg_catalog.record;
begin
  if pg_catalog.to_regclass('inboxdb.searched_lead') is null then
    return;
  end if;
  select pg_catalog.format('%I.gin_trgm_ops', n.nspname) into trigrams
  from pg_catalog.pg_extension as e
  inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
  where e.extname = 'pg_trgm' and exists (select from pg_catalog.pg_extension as b where b.extname = 'btree_gin');

  for found in
    select i.name, i.keys
    from (
      values
      ('inboxdb.lead_text_exact', 'using gin (exact)', true),
      ('inboxdb.lead_text_first_name', $k$(client_id, left(split_part(words, e'\n', 1), 64))$k$, trigrams is null),
      ('inboxdb.lead_text_last_name', $k$(client_id, left(split_part(words, e'\n', 2), 64))$k$, trigrams is null),
      ('inboxdb.lead_text_trigrams', 'using gin (client_id, words ' || trigrams || ')', trigrams is not null)
    ) as i (name, keys, is_wanted)
    where i.is_wanted or (i.keys is not null and pg_catalog.to_regclass(i.name) is not null)
    order by i.name
  loop
    index_name := found.name;
    statement := pg_catalog.format(
      'create index concurrently if not exists %s on inboxdb.lead_text %s',
      pg_catalog.split_part(found.name, '.', 2), found.keys
    );
    fingerprint := pg_catalog.md5(statement);
    state := (
      select
        case
          when not i.indisvalid then 'invalid'
          when pg_catalog.obj_description(i.indexrelid, 'pg_class') is distinct from fingerprint then 'outdated'
          else 'built'
        end
      from pg_catalog.pg_index as i
      where i.indexrelid = pg_catalog.to_regclass(found.name)
    );
    state := coalesce(state, 'missing');
    return next;
  end loop;
end
$$;
