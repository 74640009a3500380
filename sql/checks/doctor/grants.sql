-- Looks for: rights in our schemas that the matrix does not list, and listed ones that are missing.
-- Why: one grant too many shows a tenant's counts, or the log, to whoever has it; one too few stops a drain.
-- Evidence: grant_matrix, which the role that installed inboxdb may read.
-- Source of the rule: sql/access/grant_matrix.view.sql.
with ours (classid, objid, what, acl, owner) as (
  select
    'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, pg_catalog.format('schema %I', n.nspname),
    coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)), n.nspowner
  from pg_catalog.pg_namespace as n
  where n.nspname in ('inboxdb', 'inbox_api')
  union all
  select
    'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.oid::pg_catalog.regclass::pg_catalog.text,
    coalesce(
      c.relacl,
      pg_catalog.acldefault(
        (case c.relkind when 'S' then 's' else 'r' end)::pg_catalog."char", -- noqa: RF06
        c.relowner
      )
    ),
    c.relowner
  from pg_catalog.pg_class as c
  inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
  where n.nspname in ('inboxdb', 'inbox_api') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select
    'pg_catalog.pg_attribute'::pg_catalog.regclass, c.oid,
    pg_catalog.format('%s.%I', c.oid::pg_catalog.regclass, a.attname), a.attacl, c.relowner
  from pg_catalog.pg_attribute as a
  inner join pg_catalog.pg_class as c on a.attrelid = c.oid
  inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
  where n.nspname in ('inboxdb', 'inbox_api') and a.attacl is not null
  union all
  select
    'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.oid::pg_catalog.regprocedure::pg_catalog.text,
    coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.proowner
  from pg_catalog.pg_proc as p
  inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
  where n.nspname in ('inboxdb', 'inbox_api')
  union all
  select
    'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.oid::pg_catalog.regtype::pg_catalog.text,
    coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner)), t.typowner
  from pg_catalog.pg_type as t
  inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
  left join pg_catalog.pg_class as c on t.typrelid = c.oid
  where n.nspname in ('inboxdb', 'inbox_api') and (t.typtype = 'd' or c.relkind = 'c')
),

given as (
  select
    o.classid, o.objid, o.what, pg_catalog.lower(e.privilege_type) as privilege,
    case e.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(e.grantee)::pg_catalog.text end as grantee
  from ours as o
  cross join lateral pg_catalog.aclexplode(o.acl) as e
  where e.grantee <> o.owner
),

listed as (
  select
    case m.kind
      when 'schema' then 'pg_catalog.pg_namespace' when 'table' then 'pg_catalog.pg_class' else 'pg_catalog.pg_proc'
    end::pg_catalog.regclass as classid,
    case m.kind
      when 'schema' then pg_catalog.to_regnamespace(m.object_name)::pg_catalog.oid
      when 'table' then pg_catalog.to_regclass(m.object_name)::pg_catalog.oid
      else pg_catalog.to_regprocedure(m.object_name)::pg_catalog.oid
    end as objid,
    m.object_name as what, m.privilege, m.grantee
  from inboxdb.grant_matrix as m
  where m.grantee = 'public' or pg_catalog.to_regrole(pg_catalog.quote_ident(m.grantee)) is not null
)

select
  case when l.grantee is null then 'problem' else 'warning' end as severity,
  pg_catalog.format(
    'role %I %s %s on %s', coalesce(g.grantee, l.grantee),
    case when l.grantee is null then 'was given' else 'lacks' end,
    pg_catalog.string_agg(coalesce(g.privilege, l.privilege), ', ' order by coalesce(g.privilege, l.privilege)),
    coalesce(g.what, l.what)
  ) as evidence,
  '`inboxdb roles`, which gives just what sql/access/grant_matrix.view.sql lists and takes everything else' as remedy
from given as g
full join listed as l
  on g.classid = l.classid and g.objid = l.objid and g.privilege = l.privilege and g.grantee = l.grantee
where g.grantee is null or l.grantee is null
group by l.grantee is null, coalesce(g.grantee, l.grantee), coalesce(g.what, l.what), l.grantee
order by severity, evidence;
