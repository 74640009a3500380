"""The differences between an installation and the shipped objects, and the remedy of each.

Compared are the objects of the snapshot (see catalog.py), and whatever else is in our schemas or has our name on the
host's tables. What differs from one installation to the next is no difference: which of our roles exist, the decision
about "Lead", whether there is a publication, or Supabase's realtime.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Identifier

from inboxdb.database import sources
from inboxdb.database.connection import Connection, transaction
from inboxdb.install import catalog, lists
from inboxdb.install.catalog import Facts, Object, Objects

REPAIR = "`inboxdb migrate verify --repair`"
LACKS_COLUMN = "the host's column back under its name: `inboxdb doctor` names it"
NAME_THE_ROLES = "name its roles anew with `inboxdb rls on`; `inboxdb rls plan` lists them"

LEAD = Object("relation", 'public."Lead"')
MEMBER, TRUSTED = (Object("policy", f'{name} on public."Lead"') for name in ("inboxdb_member", "inboxdb_trusted"))
REALTIME = "realtime.messages"
PUBLICATION = Object("publication", "inboxdb_lead")
COMPARING, NAMED = (
    [Object("trigger", f'inboxdb_note_{name} on public."Lead"') for name in names]
    for names in (("compared", "compared_text", "compared_analytics"), ("update", "rollup", "text", "analytics"))
)

# Views and triggers that are made only where the host has the columns that a function of sql/ asks for.
WHERE_THE_HOST_HAS_COLUMNS = {
    "list/missing_for_lists.sql": ("inboxdb.listed_lead",),
    "analytics/missing_for_analytics.sql": ("inboxdb_note_analytics", "inboxdb_note_compared_analytics"),
    "search/missing_for_search.sql": ("inboxdb.searched_lead", "inboxdb_note_text", "inboxdb_note_compared_text"),
}

# Tables of one row that installing makes, and how the row is made anew. Suspended: our views have stand-ins.
FILL = {
    "inboxdb.installation": """
        delete from inboxdb.installation;
        insert into inboxdb.installation (lead_rls, suspended_since)
        select inboxdb.lead_rls(), case when exists (
          select
          from pg_catalog.pg_proc as p
          where p.pronamespace = 'inboxdb'::pg_catalog.regnamespace
            and pg_catalog.starts_with(p.proname, 'suspended_') and p.proname <> 'suspended_since'
        ) then pg_catalog.clock_timestamp() end""",
    "inboxdb.list_key": "insert into inboxdb.list_key (is_only) values (true) on conflict do nothing",
    "inboxdb.analytics_state": """
        delete from inboxdb.analytics_state;
        insert into inboxdb.analytics_state (read_from, server_started_at)
        values ('0', pg_catalog.pg_postmaster_start_time())""",
    "inboxdb.search_state": """
        delete from inboxdb.search_state;
        insert into inboxdb.search_state (read_from, server_started_at)
        values ('0', pg_catalog.pg_postmaster_start_time())""",
    "inboxdb.drain_state": """
        delete from inboxdb.drain_state;
        insert into inboxdb.drain_state (read_from, server_started_at)
        values ('0', pg_catalog.pg_postmaster_start_time())""",
}

NOTHING = "none"  # in words, what we ship where an object is not ours
MISSING = "missing"  # what is installed where an object is lost

ROWS = (".table.sql", ".type.sql")  # files of sql/ that make what may hold rows

# What `lost_or_changed` compares of a kind, where not all: other checks tell of the rest, and `migrate verify` of all.
TOLD_APART = {
    "policy": ("using", "check", "permissive"),
    "relation": ("kind", "definition"),
    "routine": ("kind", "arguments", "result", "definer"),
}

# Facts without a meaning to people.
OPAQUE = {"body", "definition", "using", "check"}

WORDS = {
    ("enabled", "O"): "enabled",
    ("enabled", "D"): "disabled",
    ("enabled", "R"): "enabled for replicas only",
    ("persistence", "p"): "logged",
    ("persistence", "u"): "unlogged",
    ("valid", "yes"): "valid",
    ("valid", "no"): "invalid",
    ("ready", "yes"): "ready",
    ("ready", "no"): "not ready",
}

# What a file of sql/ makes: a table or a type, or a routine or a view.
TABLE = re.compile(r"create (?:table|type|domain) (inboxdb\.\w+)")
ROUTINE = re.compile(r"^create or replace (?:function|procedure|view) (inbox(?:db|_api)\.\w+)", re.MULTILINE)
TRIGGER = re.compile(r'^create or replace trigger (\w+)\n[^;]*? on (public\."\w+")\n.*?;$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Remedy:
    """The remedy of a difference.

    Fields: command, for people; statements, what we would run, none where we cannot; concurrently, whether outside a
    transaction, for as long as it takes; file, that of sql/ to be loaded again.
    """

    command: str
    statements: tuple[str, ...] = ()
    concurrently: bool = False
    file: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether `verify --repair` can mend the difference."""
        return bool(self.statements or self.file)

    @property
    def makes_anew(self) -> bool:
        """Whether the file makes a table or a type, of which the rows are lost."""
        return (self.file or "").endswith(ROWS)


@dataclass(frozen=True)
class Difference:
    """An object unlike the shipped one: as shipped, as installed, and the remedy."""

    object: Object
    shipped: str
    installed: str
    remedy: Remedy


class _State(NamedTuple):
    """The shipped objects, the installed ones, and the facts used by remedies."""

    expected: Objects
    installed: Objects
    owner: str
    decided: str | None
    named: Mapping[str, list[str]]


def differences(connection: Connection) -> list[Difference]:
    """Compare an installation with what we ship. Changes nothing.

    Parameters: connection, of a role that may read inboxdb's tables.
    Returns the differences, without an object whose table or routine differs itself.
    """
    state = _read_state(connection)
    changed = {
        obj
        for obj in state.expected.keys() | state.installed.keys()
        if state.expected.get(obj) != state.installed.get(obj)
    }
    differ = []
    for obj in sorted(changed):
        if not any(part in changed for part in _explained_by(obj, state)):
            shipped, installed = state.expected.get(obj), state.installed.get(obj)
            differ.append(Difference(obj, *_in_words(obj, shipped, installed), _remedy(obj, shipped, installed, state)))
    differ += [*_lost_rows(connection, state), *_unbuilt(connection)]
    # the host is judged by which of its columns our views read
    return differ if any(one.object.kind == "relation" for one in differ) else [*differ, *_changed_host(connection)]


def lost_or_changed(connection: Connection, kind: str) -> list[Difference]:
    """Compare the objects of a kind that we ship with the installed ones, by TOLD_APART. Changes nothing.

    Whether a policy on somebody else's table is there hangs on what was decided, and is no difference here.

    Reads what every role may. What somebody else made besides is no difference here.

    Parameters: connection; kind: trigger, index, relation, routine or policy.
    """
    shipped, installed = catalog.shipped(), _installed(connection, f"o.kind = '{kind}'")
    _expect_as_chosen(connection, shipped, installed)
    _expect_for_columns(connection, shipped)
    remedy = {
        "trigger": _for_trigger,
        "index": _for_index,
        "relation": _for_relation,
        "routine": _for_routine,
        "policy": _for_policy,
    }[kind]
    if names := TOLD_APART.get(kind):
        shipped, installed = (
            {obj: {name: facts.get(name) for name in names} for obj, facts in of.items() if obj.kind == kind}
            for of in (shipped, installed)
        )
    differ = []
    for obj, facts in sorted(shipped.items()):
        others = obj.kind == "policy" and not obj.table.startswith("inboxdb.") and obj not in installed
        if obj.kind == kind and not others and (found := installed.get(obj)) != facts:
            key = Object("constraint", _constraint_of(obj))
            mended_by = _for_constraint(key, shipped[key], None) if key in shipped and not found else None
            differ.append(Difference(obj, *_in_words(obj, facts, found), mended_by or remedy(obj, facts, found)))
    return differ


def watched() -> tuple[str, ...]:
    """List the host's tables with triggers of ours, in the order in which these are made."""
    return tuple(dict.fromkeys(trigger[2] for _, trigger in _triggers()))


def _triggers() -> Iterator[tuple[str, re.Match[str]]]:
    """Read the statements of sql/ that make triggers, each with its file."""
    for file in sources.contents():
        if file.endswith(".trigger.sql"):
            for trigger in TRIGGER.finditer((sources.SQL / file).read_text()):
                yield file, trigger


def _lost_rows(connection: Connection, state: _State) -> Iterator[Difference]:
    """Name the rows that installing makes, and nothing else ever does, of which there is not just one."""
    for table, statement in FILL.items():
        if Object("relation", table) in state.installed:
            # a restore of the data alone leaves the one of the dump beside the one that was there
            count = SQL("select pg_catalog.count(*) from {}").format(Identifier(*table.split(".")))
            [(number,)] = connection.execute(count).fetchall()
            if number != 1:
                yield Difference(Object("row", f"state on {table}"), "1", str(number), Remedy(REPAIR, (statement,)))


def _unbuilt(connection: Connection) -> Iterator[Difference]:
    """Name the indexes of lists that are lost, invalid or of another statement, where lists were not left out."""
    # the functions asked may be lost, which is a difference of its own
    with suppress(psycopg.ProgrammingError):
        for index in lists.unbuilt(connection):
            remedy = Remedy(f"`inboxdb lists build`, or {REPAIR}", index.statements, concurrently=True)
            yield Difference(Object("index", index.name), "built", index.state, remedy)


def _changed_host(connection: Connection) -> Iterator[Difference]:
    """Name what a drain suspends inboxdb for, where none has yet."""
    # the functions asked may be lost, which is a difference of its own
    with suppress(psycopg.ProgrammingError):
        query = "select inboxdb.host_problem() where inboxdb.suspended_since() is null"
        for (problem,) in connection.execute(query).fetchall():
            if problem is not None:
                remedy = Remedy("bring that back as it was, or `inboxdb migrate suspend`")
                yield Difference(Object("host", "schema"), "as it was", problem, remedy)


def _read_state(connection: Connection) -> _State:
    installed = {obj: facts for obj, facts in _installed(connection).items() if not lists.is_of_lists(obj)}
    expected = catalog.shipped()
    _expect_as_chosen(connection, expected, installed)
    _expect_for_columns(connection, expected)
    decided, drifted, owner, rls, named = _decided(connection)

    grantees = {obj: obj.name.rpartition(" to ")[2] for obj in expected if obj.kind == "privilege"}
    known = _known_roles(connection, set(grantees.values()))
    for obj, grantee in grantees.items():
        if grantee not in known:
            del expected[obj]
    for role in installed.get(MEMBER, {}).get("roles", ()):
        for called in re.findall(r"inboxdb\.\w+\(\)", expected[MEMBER]["using"]):
            expected[Object("privilege", f"routine {called} to {role}")] = {"rights": "execute"}

    if decided is None:  # the routine asked for it is lost: a difference of its own
        for obj in (MEMBER, TRUSTED):
            installed.pop(obj, None)
    if PUBLICATION not in installed:
        del expected[PUBLICATION]
    if not any(obj.table == REALTIME for obj in installed):
        expected = {obj: facts for obj, facts in expected.items() if obj.table != REALTIME}
    member = expected.pop(MEMBER) | {"command": "*" if decided == "enabled" else "r"}
    trusted = {"command": "*", "permissive": True, "using": "true"}
    if decided in ("enabled", "joined"):
        expected[LEAD], installed[LEAD] = {"rls": True}, {"rls": rls}
        if MEMBER in installed:
            expected[MEMBER] = member
    if decided in ("enabled", "left_out") and TRUSTED in installed:
        expected[TRUSTED] = trusted
    if drifted and rls:
        # the missing policy of the two
        lost, facts = (TRUSTED, trusted) if MEMBER in installed else (MEMBER, member)
        expected.setdefault(lost, facts)
    for obj in (MEMBER, TRUSTED):
        installed.get(obj, {}).pop("roles", None)
    for obj, facts in installed.items():
        # an event trigger's, as Supabase has: the owner, as whom our functions read the table, is not bound
        if expected.get(obj, {}).get("kind") == "r" and facts["rls"] and not facts["force_rls"]:
            facts["rls"] = expected[obj]["rls"]
    return _State(expected, installed, owner, decided, named)


def _expect_as_chosen(connection: Connection, expected: Objects, installed: Objects) -> None:
    """Expect the triggers that the setting noted_updates asks for (D125), and the comparing one where the host has
    BEFORE triggers (D121); elsewhere it may be. Where the setting cannot be read, the triggers say what was chosen.
    """
    must_compare = (sources.SQL / "log" / "must_compare.sql").read_text().split("$$")[1]
    is_comparing = installed.get(COMPARING[0], {}).get("enabled") == "O"
    only_changed = is_comparing and all(installed.get(obj, {}).get("enabled") in ("D", None) for obj in NAMED)
    # the table may be lost, and may not be read by whoever runs the doctor
    with suppress(psycopg.ProgrammingError), transaction(connection):
        setting = "select s.setting_value from inboxdb.setting as s where s.setting_name = 'noted_updates'"
        only_changed = connection.execute(setting).fetchone() == ("changed",)
    if only_changed:
        expected |= {obj: expected[obj] | {"enabled": "D"} for obj in NAMED if obj in expected}
    if only_changed or is_comparing or connection.execute(must_compare.encode()).fetchone() == (True,):
        expected |= {obj: expected[obj] | {"enabled": "O"} for obj in COMPARING if obj in expected}


def _expect_for_columns(connection: Connection, expected: Objects) -> None:
    """Expect no view and no trigger for which the host lacks a column."""
    for file, names in WHERE_THE_HOST_HAS_COLUMNS.items():
        # the argument of missing_for_analytics; the others have none
        missing = (sources.SQL / file).read_text().split("$$")[1].replace("this_part", "'figures'")
        if connection.execute(missing.encode()).fetchone() != (None,):
            for obj in [obj for obj in expected if obj.table in names or obj.name.partition(" on ")[0] in names]:
                del expected[obj]


def _installed(connection: Connection, kinds: str = "true") -> Objects:
    installed = catalog.installed(connection, kinds)
    for facts in installed.values():
        if facts.get("enabled") == "A":  # on a subscriber they have to be
            facts["enabled"] = "O"
    return installed


def _decided(connection: Connection) -> tuple[str | None, bool, str, bool, dict[str, list[str]]]:
    """Read what was decided about "Lead" (None where it cannot be asked), whether the catalog no longer agrees, who
    owns our schema, whether row-level security is on, and the roles that our policies name.
    """
    decided, drifted = None, False
    # the functions called may be the lost ones
    with suppress(psycopg.ProgrammingError):
        [(decided,)] = connection.execute("select inboxdb.lead_rls()").fetchall()
    with suppress(psycopg.ProgrammingError), transaction(connection):
        drifted = connection.execute("select inboxdb.lead_rls_state()").fetchone() == ("drifted",)
    [(owner, rls)] = connection.execute(
        """
        select
          (
            -- whoever owns most of our functions: one object, and be it the schema, may be somebody else's by now
            select (pg_catalog.mode() within group (order by p.proowner))::pg_catalog.regrole::pg_catalog.text
            from pg_catalog.pg_proc as p
            where p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
          ),
          c.relrowsecurity
        from pg_catalog.pg_class as c
        where c.oid = 'public."Lead"'::pg_catalog.regclass
        """
    ).fetchall()
    policies = connection.execute(
        """
        select
          p.polname::pg_catalog.text,
          array(
            select case o when 0 then 'public' else pg_catalog.pg_get_userbyid(o)::pg_catalog.text end
            from pg_catalog.unnest(p.polroles) as o
          )
        from pg_catalog.pg_policy as p
        where p.polrelid = 'public."Lead"'::pg_catalog.regclass and p.polname in ('inboxdb_member', 'inboxdb_trusted')
        """
    )
    return decided, drifted, owner, rls, dict(policies.fetchall())


def _known_roles(connection: Connection, names: set[str]) -> set[str]:
    query = "select r.rolname from pg_catalog.pg_roles as r where r.rolname = any (%s)"
    return {name for (name,) in connection.execute(query, (list(names),))} | {"public"}


def _explained_by(obj: Object, state: _State) -> Iterator[Object]:
    """Name the objects whose own difference explains this one's."""

    def is_on_one_side(other: Object) -> bool:
        return (other in state.expected) != (other in state.installed)

    table = Object("relation", obj.table)
    if obj.kind == "privilege":
        thing = obj.name.rpartition(" to ")[0]
        kind, name = thing.split(" ", 1)
        candidates = [Object(kind, name)]
        if kind == "column":
            candidates.append(Object("relation", name.rpartition(".")[0]))
    elif obj.kind in ("column", "constraint", "trigger", "policy", "rule"):
        candidates = [table]
    elif obj.kind == "index":
        candidates = [table, Object("constraint", _constraint_of(obj))]
    elif obj.kind == "sequence":
        candidates = [table]
    else:
        own_table = _table_of(obj)
        candidates = [Object("relation", own_table)] if own_table != obj.name else []
    yield from filter(is_on_one_side, candidates)
    facts = state.expected.get(table, {})
    if obj.kind == "column" and facts.get("kind") == "v":
        yield table


def _table_of(obj: Object) -> str:
    """Name the table with which an identity column's sequence goes; another object names itself."""
    return re.sub(r"_[a-z]+_seq$", "", obj.name)


def _constraint_of(index: Object) -> str:
    """Name the constraint that made an index, if one did."""
    return f"{index.name.partition(' on ')[0].partition('.')[2]} on {index.table}"


def _in_words(obj: Object, shipped: Facts | None, installed: Facts | None) -> tuple[str, str]:
    """Return the differing facts, as shipped and as installed."""
    if shipped is None or installed is None:
        rights = (shipped or installed or {}).get("rights")
        what = f"may {rights}" if rights else "present"
        return (what, MISSING) if installed is None else (NOTHING, what)
    names = [name for name in {**shipped, **installed} if shipped.get(name) != installed.get(name)]
    return (
        "; ".join(_fact(name, shipped.get(name), "as shipped") for name in names),
        "; ".join(_fact(name, installed.get(name), "another") for name in names),
    )


def _fact(name: str, value: Any, opaque: str) -> str:
    if name in OPAQUE:
        return f"{name} {opaque}"
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return WORDS.get((name, value)) or f"{name} {'none' if value is None else value}"


def _remedy(obj: Object, shipped: Facts | None, installed: Facts | None, state: _State) -> Remedy:
    if obj in (LEAD, MEMBER, TRUSTED):
        return _for_lead(obj, shipped, installed, state)
    changed = {
        name
        for name in {**(shipped or {}), **(installed or {})}
        if (shipped or {}).get(name) != (installed or {}).get(name)
    }
    if shipped and installed and changed == {"owner"}:
        kind = {"relation": _relation_kind(installed), "type": "domain"}.get(obj.kind, obj.kind)
        return _by(f"alter {kind} {obj.name} owner to {state.owner}")
    known: dict[str, Callable[[Object, Facts | None, Facts | None], Remedy]] = {
        "relation": _for_relation,
        "column": _for_column,
        "constraint": _for_constraint,
        "index": _for_index,
        "trigger": _for_trigger,
        "policy": _for_policy,
        "routine": _for_routine,
    }
    if obj.kind in known:
        return known[obj.kind](obj, shipped, installed)
    match obj.kind:
        case "schema":
            return _by(f"create schema {obj.name}")
        case "privilege":
            return _by("select inboxdb.apply_grants()")
        case "publication":
            return Remedy(
                "`inboxdb publication off`, then `inboxdb publication on`",
                ("drop publication inboxdb_lead", "select inboxdb.publish_leads()"),
            )
        case "sequence" if shipped and installed:
            cycle = "cycle" if shipped["cycle"] else "no cycle"
            return _by(
                f"alter sequence {obj.name} as {shipped['type']} increment {shipped['increment']} "
                f"minvalue {shipped['min']} maxvalue {shipped['max']} start {shipped['start']} "
                f"cache {shipped['cache']} {cycle}"
            )
        case "rule" | "type" if shipped is None:
            return _unknown(f"drop {obj}")
    return _anew(obj.name)


def _by(statement: str) -> Remedy:
    return Remedy(f"`{statement}`, or {REPAIR}", (statement,))


def _unknown(statement: str) -> Remedy:
    """Leave unknown objects to their owner."""
    return Remedy(f"`{statement}`, unless somebody needs it: it is not inboxdb's")


def _for_lead(obj: Object, shipped: Facts | None, installed: Facts | None, state: _State) -> Remedy:
    if obj != LEAD and shipped is None:
        # a policy dropped by itself would leave row-level security on, and its roles without a row
        return Remedy(
            '`inboxdb rls off`, or `inboxdb rls on`, naming each role, to protect "Lead": something else is recorded '
            "as decided; `inboxdb rls plan` says who sees what"
        )
    if state.decided != "enabled" and obj == LEAD:
        return Remedy('`alter table public."Lead" enable row level security`, or `inboxdb rls off` to leave it off')
    if installed is None or not state.named:
        return Remedy(NAME_THE_ROLES)
    trusted, restricted = (
        SQL("array[{}]::text[]").format(SQL(", ").join(state.named.get(name, []))).as_string()
        for name in ("inboxdb_trusted", "inboxdb_member")
    )
    return Remedy(
        f"{REPAIR}, which keeps the roles named, or {NAME_THE_ROLES}",
        (f"select inboxdb.protect_leads({trusted}, {restricted}, true)",),
    )


def _relation_kind(facts: Facts) -> str:
    return {"v": "view", "m": "materialized view", "S": "sequence"}.get(facts["kind"], "table")


def _for_relation(obj: Object, shipped: Facts | None, installed: Facts | None) -> Remedy:
    if shipped is None and obj.name == "inboxdb.listed_lead":
        # loading its file drops it
        return replace(_loading(obj.name), command=f"{LACKS_COLUMN}, or {REPAIR}, which drops the view")
    if shipped is None:
        return _unknown(f"drop {_relation_kind(installed or {})} {obj.name}")
    if shipped["kind"] == "v":
        return _loading(obj.name)
    if installed is None:
        return _anew(_table_of(obj))
    if installed["kind"] != shipped["kind"]:
        return Remedy(
            f"`drop {_relation_kind(installed)} {obj.name} cascade`, since it is not inboxdb's, then {REPAIR}"
        )
    alter = f"alter {_relation_kind(shipped)} {obj.name}"
    if installed["persistence"] != shipped["persistence"]:
        return Remedy(f"`{alter} set logged` when nobody drains, since it rewrites the table: a crash would empty it")
    statements = []
    if installed["rls"] != shipped["rls"]:
        statements.append(f"{alter} {'enable' if shipped['rls'] else 'disable'} row level security")
    if installed["force_rls"] != shipped["force_rls"]:
        statements.append(f"{alter} {'' if shipped['force_rls'] else 'no '}force row level security")
    if installed["replica_identity"] != shipped["replica_identity"]:
        statements.append(f"{alter} replica identity default")
    given, wanted = installed.get("options") or [], shipped.get("options") or []
    if others := [option.partition("=")[0] for option in given if option not in wanted]:
        statements.append(f"{alter} reset ({', '.join(others)})")
    if lost := [option for option in wanted if option not in given]:
        statements.append(f"{alter} set ({', '.join(lost)})")
    return Remedy(f"`{'; '.join(statements)}`, or {REPAIR}", tuple(statements))


def _for_column(obj: Object, shipped: Facts | None, installed: Facts | None) -> Remedy:
    column = obj.name.rpartition(".")[2]
    alter = f"alter table {obj.table} alter column {column}"
    if shipped is None:
        return _unknown(f"alter table {obj.table} drop column {column}")
    settable = ("not_null", "default", "statistics")
    if installed is None or any(shipped.get(name) != installed.get(name) for name in shipped if name not in settable):
        return _anew(obj.table)
    statements = []
    if shipped.get("not_null") != installed.get("not_null"):
        statements.append(f"{alter} {'set' if shipped.get('not_null') else 'drop'} not null")
    if shipped.get("default") != installed.get("default"):
        statements.append(
            f"{alter} set default {shipped['default']}" if "default" in shipped else f"{alter} drop default"
        )
    if shipped.get("statistics") != installed.get("statistics"):
        statements.append(f"{alter} set statistics {shipped.get('statistics', -1)}")
    return Remedy(f"`{'; '.join(statements)}`, or {REPAIR}", tuple(statements)) if statements else _anew(obj.table)


def _for_constraint(obj: Object, shipped: Facts | None, installed: Facts | None) -> Remedy:
    name = obj.name.partition(" on ")[0]
    alter = f"alter table {obj.table}"
    drop = f"{alter} drop constraint {name}"
    if shipped is None:
        return _unknown(drop)
    add = f"{alter} add constraint {name} {shipped['definition']}"
    if installed is None:
        return _by(add)
    if installed["definition"] == shipped["definition"]:
        return _by(f"{alter} validate constraint {name}")
    return Remedy(f"`{drop}; {add}`, or {REPAIR}", (drop, add))


def _for_index(obj: Object, shipped: Facts | None, installed: Facts | None) -> Remedy:
    name = obj.name.partition(" on ")[0]
    drop = f"drop index concurrently {name}"
    if shipped is None:
        if installed and installed["valid"]:
            return _unknown(drop)
        # left by an interrupted build
        return Remedy(f"`{drop}`, or {REPAIR}", (drop,), concurrently=True)
    create = re.sub(r"^(CREATE (?:UNIQUE )?INDEX) ", r"\1 CONCURRENTLY ", shipped["definition"])
    if installed is None:
        return Remedy(f"`{create}`, or {REPAIR}", (create,), concurrently=True)
    if name.endswith("_pkey"):
        again = f"reindex index concurrently {name}"
        return Remedy(f"`{again}`, or {REPAIR}", (again,), concurrently=True)
    return Remedy(f"`{drop}`, then `{create}`, or {REPAIR}", (drop, create), concurrently=True)


def _for_trigger(obj: Object, shipped: Facts | None, installed: Facts | None) -> Remedy:
    name = obj.name.partition(" on ")[0]
    if shipped is None:
        return _unknown(f"drop {obj}")
    is_disabled = shipped["enabled"] == "D"
    switch = f"alter table {obj.table} {'disable' if is_disabled else 'enable'} trigger {name}"
    if installed and installed["definition"] == shipped["definition"]:
        if is_disabled:
            return _by(switch)
        mark = "`inboxdb mark --all`"
        return Remedy(f"`{switch}` and then {mark}, since changes were not noted, or {REPAIR} for both", (switch,))
    [(file, create)] = [(file, trigger[0]) for file, trigger in _triggers() if trigger.groups() == (name, obj.table)]
    return Remedy(
        f"{REPAIR}, which makes it anew from sql/{file} and marks every workspace",
        (create, switch) if is_disabled else (create,),
    )


def _for_policy(obj: Object, shipped: Facts | None, installed: Facts | None) -> Remedy:
    drop = f"drop {obj}"
    if shipped is None:
        return _by(drop)
    if obj.table == REALTIME:
        make = "select inboxdb.protect_topics()"
        return Remedy(
            f"{REPAIR} as the owner of {REALTIME}, or its policies by hand, as docs/contracts.md has them",
            (drop, make) if installed else (make,),
        )
    if obj.table == LEAD.name:
        return Remedy(f"{REPAIR}, which keeps the roles named")
    file = f"access/{obj.table.rpartition('.')[2]}.policy.sql"
    create = (sources.SQL / file).read_text()
    return Remedy(f"{REPAIR}, which makes it anew from sql/{file}", (drop, create) if installed else (create,))


def _for_routine(obj: Object, shipped: Facts | None, installed: Facts | None) -> Remedy:
    if shipped is None:
        return _unknown(f"drop routine {obj.name}")
    return _loading(obj.name.partition("(")[0])


def _loading(name: str) -> Remedy:
    file = _file(ROUTINE, name)
    return Remedy(f"{REPAIR}, which loads sql/{file}", file=file)


def _anew(name: str) -> Remedy:
    return Remedy(f"{REPAIR}, which makes {name} anew and marks every workspace", file=_file(TABLE, name))


def _file(made: re.Pattern[str], name: str) -> str:
    [file] = [file for file in sources.contents() if name in made.findall((sources.SQL / file).read_text())]
    return file
