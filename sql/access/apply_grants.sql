create or replace function inboxdb.apply_grants() returns void
language plpgsql volatile
set search_path = ''
-- else a regclass as text would be no name of the matrix
set quote_all_identifiers = off
as $$
-- Purpose: make the privileges in our schemas equal to grant_matrix, for the roles that exist: everything else is
--   revoked from everybody but the owner, from PUBLIC and where granted by hand as well.
-- Errors: 42501 for a caller who does not own inboxdb.
-- Locks: no table; two calls at once follow each other.
-- Reads: grant_matrix. Changes privileges.
-- INVOKER: for the owner.
declare
  statement pg_catalog.text;
begin
  perform pg_catalog.pg_advisory_xact_lock(inboxdb.lock_class('grants'), 0);
  for statement in
    with ours (kind, name, acl, owner) as (
      select
        'schema', n.nspname::pg_catalog.text,
        coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)), n.nspowner
      from pg_catalog.pg_namespace as n
      where n.nspname in ('inboxdb', 'inbox_api')
      union all
      select
        case c.relkind when 'S' then 'sequence' else 'table' end,
        c.oid::pg_catalog.regclass::pg_catalog.text,
        coalesce(
          c.relacl,
          pg_catalog.acldefault((case c.relkind when 'S' then 's' else 'r' end)::pg_catalog."char", c.relowner)
        ),
        c.relowner
      from pg_catalog.pg_class as c
      inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      union all
      select 'table', c.oid::pg_catalog.regclass::pg_catalog.text, a.attacl, c.relowner
      from pg_catalog.pg_attribute as a
      inner join pg_catalog.pg_class as c on a.attrelid = c.oid
      inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api') and a.attacl is not null
      union all
      select
        'routine', p.oid::pg_catalog.regprocedure::pg_catalog.text,
        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.proowner
      from pg_catalog.pg_proc as p
      inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api')
      union all
      select
        'type', t.oid::pg_catalog.regtype::pg_catalog.text,
        coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner)), t.typowner
      from pg_catalog.pg_type as t
      inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
      left join pg_catalog.pg_class as c on t.typrelid = c.oid
      where n.nspname in ('inboxdb', 'inbox_api') and (t.typtype in ('d', 'e') or c.relkind = 'c')
    )
    select distinct
      pg_catalog.format(
        'revoke all on %s %s from %s cascade', o.kind, o.name,
        -- regrole::text quotes names where needed
        coalesce(nullif(e.grantee, 0)::pg_catalog.regrole::pg_catalog.text, 'public')
      )
    from ours as o
    cross join lateral pg_catalog.aclexplode(o.acl) as e
    where e.grantee <> o.owner
  loop
    execute statement;
  end loop;

  for statement in
    select pg_catalog.format('grant %s on %s %s to %I', m.privilege, m.kind, m.object_name, m.grantee)
    from inboxdb.grant_matrix as m
    where m.grantee = 'public' or pg_catalog.to_regrole(pg_catalog.quote_ident(m.grantee)) is not null
  loop
    execute statement;
  end loop;
end
$$;
