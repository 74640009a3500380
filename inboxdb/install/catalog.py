"""The objects of inboxdb: a database's, read from its catalog, and the shipped ones.

catalog.json, beside this file, is what installing sql/ makes, written by ``python -m tests.catalog --write``. It is the
same for every host and server: whatever depends on the types of the host's columns, on names of roles, or on the
version of PostgreSQL is left out of it, or written in one way.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import Connection

from inboxdb.database.connection import transaction

SNAPSHOT = Path(__file__).with_suffix(".json")

# yoyo's tables and our runner's own are made by the runner, not by sql/.
BOOKKEEPING = re.compile(r"\binboxdb\.(_?yoyo_|migration_text\b)")

WHERE_OURS_ARE = "n.nspname in ('inboxdb', 'inbox_api', 'public', 'realtime')"

# Kind, name, and what there is to know of each object.
QUERY = """
with
space as (
  select n.* from pg_namespace as n where {spaces}
),
relation as (
  select c.*, format('%I.%I', s.nspname, c.relname) as name
  from pg_class as c
  inner join space as s on c.relnamespace = s.oid
),
-- privileges of anyone but the owner, who has them all: as default (null) or spelled out
privilege (granted_on, acl, owner) as (
  select format('schema %I', s.nspname), coalesce(s.nspacl, acldefault('n', s.nspowner)), s.nspowner
  from space as s
  union all
  select
    format('relation %s', r.name),
    coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner)),
    r.relowner
  from relation as r
  union all
  select format('column %s.%I', r.name, a.attname), a.attacl, r.relowner
  from relation as r
  inner join pg_attribute as a on r.oid = a.attrelid
  union all
  select format('routine %s', p.oid::regprocedure), coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
  from pg_proc as p
  inner join space as s on p.pronamespace = s.oid
  union all
  select format('type %s', t.oid::regtype), coalesce(t.typacl, acldefault('T', t.typowner)), t.typowner
  from pg_type as t
  inner join space as s on t.typnamespace = s.oid
  left join relation as r on t.typrelid = r.oid
  where t.typtype in ('d', 'e') or r.relkind = 'c'
),
object (kind, name, facts) as (
  select 'schema', format('%I', s.nspname), json_build_object('owner', s.nspowner::regrole)
  from space as s
  union all
  select
    'relation',
    r.name,
    json_build_object(
      'kind', r.relkind, 'persistence', r.relpersistence, 'rls', r.relrowsecurity, 'force_rls', r.relforcerowsecurity,
      'replica_identity', r.relreplident, 'owner', r.relowner::regrole,
      -- in any order: ALTER TABLE ... SET puts a changed one last
      'options', (select array_agg(o.one order by o.one) from unnest(r.reloptions) as o (one)),
      -- without aliases, which PostgreSQL 15 writes before columns of an only table, too
      'definition', case r.relkind when 'v' then regexp_replace(pg_get_viewdef(r.oid), '\\m[a-z]\\.', '', 'g') end
    )
  from relation as r
  where r.relkind not in ('i', 'I')
  union all
  select
    'column',
    format('%s.%I', r.name, a.attname),
    json_build_object(
      'type', format_type(a.atttypid, a.atttypmod),
      'not_null', nullif(a.attnotnull, false),
      'default', pg_get_expr(d.adbin, d.adrelid),
      'identity', nullif(a.attidentity, ''),
      'generated', nullif(a.attgenerated, ''),
      'collation', case when a.attcollation <> t.typcollation then a.attcollation::regcollation end,
      -- null for the default from 17 on
      'statistics', nullif(a.attstattarget, -1)
    )
  from relation as r
  inner join pg_attribute as a on r.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
  inner join pg_type as t on a.atttypid = t.oid
  left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
  where r.relkind in ('r', 'p', 'v', 'm', 'c')
  union all
  select
    'constraint',
    format('%I on %s', c.conname, coalesce(nullif(c.conrelid, 0)::regclass::text, c.contypid::regtype::text)),
    json_build_object(
      'definition', regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', ''), 'validated', c.convalidated
    )
  from pg_constraint as c
  inner join space as s on c.connamespace = s.oid
  -- from 18 on, NOT NULL is a constraint too; "column" says it on every version
  where c.contype <> 'n'
  union all
  select
    'index',
    format('%s on %s', r.name, i.indrelid::regclass),
    json_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'ready', i.indisready)
  from pg_index as i
  inner join relation as r on i.indexrelid = r.oid
  where r.relkind in ('i', 'I')
  union all
  select
    'trigger',
    format('%I on %s', t.tgname, r.name),
    json_build_object('definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled)
  from pg_trigger as t
  inner join relation as r on t.tgrelid = r.oid
  where not t.tgisinternal
  union all
  select
    'policy',
    format('%I on %s', p.polname, r.name),
    json_build_object(
      'command', p.polcmd, 'permissive', p.polpermissive,
      'roles', (
        select json_agg(coalesce(nullif(o, 0)::regrole::text, 'public') order by o) from unnest(p.polroles) as o
      ),
      'using', pg_get_expr(p.polqual, r.oid), 'check', pg_get_expr(p.polwithcheck, r.oid)
    )
  from pg_policy as p
  inner join relation as r on p.polrelid = r.oid
  union all
  select 'rule', format('%I on %s', w.rulename, r.name), json_build_object('definition', pg_get_ruledef(w.oid))
  from pg_rewrite as w
  inner join relation as r on w.ev_class = r.oid
  where w.rulename <> '_RETURN'
  union all
  select
    'sequence',
    r.name,
    json_build_object(
      'type', q.seqtypid::regtype, 'start', q.seqstart, 'increment', q.seqincrement, 'min', q.seqmin, 'max', q.seqmax,
      'cache', q.seqcache, 'cycle', q.seqcycle
    )
  from pg_sequence as q
  inner join relation as r on q.seqrelid = r.oid
  union all
  select
    'routine',
    p.oid::regprocedure::text,
    json_build_object(
      'kind', p.prokind, 'arguments', pg_get_function_arguments(p.oid), 'result', pg_get_function_result(p.oid),
      'language', l.lanname, 'volatility', p.provolatile, 'definer', p.prosecdef, 'strict', p.proisstrict,
      'leakproof', p.proleakproof, 'parallel', p.proparallel, 'cost', p.procost, 'rows', p.prorows,
      'settings', p.proconfig, 'owner', p.proowner::regrole, 'body', md5(p.prosrc)
    )
  from pg_proc as p
  inner join space as s on p.pronamespace = s.oid
  inner join pg_language as l on p.prolang = l.oid
  where p.prokind <> 'a'
  union all
  select
    'type',
    t.oid::regtype::text,
    json_build_object(
      'kind', t.typtype, 'base', nullif(t.typbasetype, 0)::regtype, 'not_null', t.typnotnull, 'default', t.typdefault,
      'labels', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum as e where e.enumtypid = t.oid),
      'owner', t.typowner::regrole
    )
  from pg_type as t
  inner join space as s on t.typnamespace = s.oid
  where t.typtype in ('d', 'e')
  union all
  select
    'privilege',
    format('%s to %s', p.granted_on, coalesce(nullif(e.grantee, 0)::regrole::text, 'public')),
    json_build_object(
      'rights', string_agg(lower(e.privilege_type), ',' order by e.privilege_type),
      'grantable', nullif(bool_or(e.is_grantable), false)
    )
  from privilege as p
  cross join aclexplode(p.acl) as e
  -- from 17 on
  where e.grantee <> p.owner and e.privilege_type <> 'MAINTAIN'
  group by p.granted_on, e.grantee
  union all
  select
    'publication',
    format('%I', p.pubname),
    json_build_object(
      'owner', p.pubowner::regrole, 'insert', p.pubinsert, 'update', p.pubupdate, 'delete', p.pubdelete,
      'truncate', p.pubtruncate, 'via_root', p.pubviaroot, 'all_tables', p.puballtables,
      'schemas', (
        select json_agg(n.pnnspid::regnamespace::text order by n.pnnspid::regnamespace::text)
        from pg_publication_namespace as n
        where n.pnpubid = p.oid
      ),
      'tables', (
        select json_agg(
          concat(
            t.prrelid::regclass,
            (
              select ' (' || string_agg(quote_ident(a.attname), ', ' order by quote_ident(a.attname)) || ')'
              from pg_attribute as a
              where a.attrelid = t.prrelid and a.attnum = any (t.prattrs::int2[])
            ),
            ' where ' || pg_get_expr(t.prqual, t.prrelid)
          ) order by t.prrelid::regclass::text
        )
        from pg_publication_rel as t
        where t.prpubid = p.oid
      )
    )
  from pg_publication as p
)
select o.kind, o.name, json_strip_nulls(o.facts) from object as o where {kinds}
"""

# A type after ::, there because of the host's choice for its ids, texts or times.
CAST = re.compile(r"::(?:text|uuid|character varying(?:\(\d+\))?|timestamp(?:\(\d\))? with(?:out)? time zone)(?:\[\])?")
CHOSEN_ID = re.compile(r"text|uuid|character varying.*")
CHOSEN_TIME = re.compile(r"timestamp(\(\d\))? with(out)? time zone")
DOMAINS = {
    "inboxdb.client_id": ("Client", "id"),
    "inboxdb.lead_id": ("Lead", "id"),
    "inboxdb.user_id": ("Lead", "assignedToUserId"),
}
AS_THE_HOST = "the type of {}.{}"

Facts = dict[str, Any]


class Object(NamedTuple):
    """An object: its kind, and its name as `drop` or `grant` would have it, with the table it is on."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Name the object as people would."""
        return f"{self.kind} {self.name}"

    @property
    def table(self) -> str:
        """The table of which the object is a part, or its own name."""
        if self.kind == "column":
            return self.name.rpartition(".")[0]
        return self.name.partition(" on ")[2] or self.name


Objects = dict[Object, Facts]


def read(connection: Connection[Any], spaces: str) -> Objects:
    """Read the objects in some schemas, as they are.

    Parameters: connection, in autocommit mode; spaces, which schemas: a condition on pg_namespace as n.
    Returns the facts about each; a view's definition as a hash.
    """
    objects = _read(connection, spaces)
    for facts in objects.values():
        _hash_definition(facts)
    return objects


def installed(connection: Connection[Any], kinds: str = "true") -> Objects:
    """Read a database's objects of inboxdb, written as in the snapshot: our two schemas, and objects with our name on
    the host's tables and on Supabase's realtime.messages.

    Parameters: connection, in autocommit mode; kinds, which kinds of objects: a condition on object as o.
    """
    objects = {obj: facts for obj, facts in _read(connection, WHERE_OURS_ARE, kinds).items() if _is_ours(obj)}
    owners = Counter(facts["owner"] for facts in objects.values() if "owner" in facts)
    owner = owners.most_common(1)[0][0] if owners else None
    views = {obj.name for obj, facts in objects.items() if facts.get("kind") == "v"}
    host_types = _host_types(connection)
    for obj, facts in objects.items():
        for name in facts.keys() & {"definition", "using", "check", "default", "arguments"}:
            facts[name] = without_host_types(facts[name])
        if owner and facts.get("owner") == owner:
            facts["owner"] = "the owner of schema inboxdb"
        if obj.kind == "column" and obj.table in views:
            facts.pop("collation", None)
            facts["type"] = CHOSEN_TIME.sub("timestamp", CHOSEN_ID.sub("text", facts["type"]))
        if obj.kind == "type" and obj.name in DOMAINS and facts["base"] == host_types.get(DOMAINS[obj.name]):
            facts["base"] = AS_THE_HOST.format(*DOMAINS[obj.name])
        _hash_definition(facts)
    return objects


def shipped() -> Objects:
    """Read the snapshot: the objects that installing inboxdb makes where every role that it knows is there, and, of
    what is not everywhere, inboxdb_member on "Lead", the publication, and the policies on realtime.messages.
    """
    entries: Mapping[str, Facts] = json.loads(SNAPSHOT.read_text())
    return {Object(*obj.split(" ", 1)): facts for obj, facts in entries.items()}


def as_snapshot(objects: Objects) -> str:
    """Write objects as the snapshot has them: a line each, sorted."""
    lines = sorted(f"{json.dumps(str(obj))}: {json.dumps(facts)}" for obj, facts in objects.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def without_host_types(expression: str) -> str:
    """Take from an expression, as the server writes it, the casts that hang on the types of the host's columns, with
    the parentheses that it puts around what is cast.
    """
    while cast := CAST.search(expression):
        before, after = expression[: cast.start()], expression[cast.end() :]
        start = _start_of_parenthesis(before) if before.endswith(")") else None
        if start is not None and not before[:start].endswith(tuple("abcdefghijklmnopqrstuvwxyz_0123456789")):
            inner = before[start + 1 : -1]
            # around an operator they say what it binds
            before = before[:start] + (f"({inner})" if _has_operator(inner) else inner)
        expression = before + after
    return expression


def _start_of_parenthesis(text: str) -> int | None:
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return None


def _has_operator(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if depth == 0 and character == " ":
            return True
    return False


def _read(connection: Connection[Any], spaces: str, kinds: str = "true") -> Objects:
    with transaction(connection):
        # so that every name is written with its schema
        connection.execute("set local search_path = ''")
        query = QUERY.replace("{spaces}", spaces).replace("{kinds}", kinds)
        rows = connection.execute(query.encode()).fetchall()
    return {Object(kind, name): facts for kind, name, facts in rows}


def _hash_definition(facts: Facts) -> None:
    if facts.get("kind") == "v":
        facts["definition"] = hashlib.md5(facts["definition"].encode(), usedforsecurity=False).hexdigest()


def _host_types(connection: Connection[Any]) -> dict[tuple[str, str], str]:
    query = """
        select
          c.relname::text, a.attname::text,
          pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid and not a.attisdropped
        where c.relnamespace = pg_catalog.to_regnamespace('public') and c.relname in ('Client', 'Lead')
    """
    with transaction(connection):
        rows = connection.execute(query).fetchall()
    return {(table, column): type_name for table, column, type_name in rows}


def _is_ours(obj: Object) -> bool:
    name = obj.name.partition(" ")[2] if obj.kind == "privilege" else obj.name
    if obj.kind == "publication":
        return name == "inboxdb_lead"
    if obj.kind != "privilege" and BOOKKEEPING.search(name):
        return False
    if obj.table.startswith(("public.", "realtime.")):
        on_host = {"index": "public.inboxdb_", "trigger": "inboxdb_", "policy": "inboxdb_"}
        return obj.kind in on_host and name.startswith(on_host[obj.kind])
    return re.match(r"inboxdb\b|inbox_api\b", obj.table if obj.kind != "privilege" else name) is not None
