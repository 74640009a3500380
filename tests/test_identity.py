"""Who is asking, and which workspaces are theirs: no claims are nobody, and malformed claims are never repeated."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier

from tests.rows import GLOBAL, Host, new_id
from tests.servers import WRITER, Database, Server

ANN = "00000000-0000-4000-8000-00000000000a"
BOB = "00000000-0000-4000-8000-00000000000b"

CLAIMS = "request.jwt.claims"
OLDER = "request.jwt.claim.sub"  # claims of PostgREST before version 9

# In every malformed claim below; in no field of an error.
SECRET = "hush"

ROLES = ("ADMIN", "INBOX_MANAGER", "SETTER", "CLIENT_PORTAL")


def claim(connection: Connection[Any], value: str, setting: str = CLAIMS) -> None:
    """Set claims for the session."""
    connection.execute("select set_config(%s, %s, false)", [setting, value])


def current_user(connection: Connection[Any]) -> str | None:
    """Ask inboxdb who is asking."""
    [(user,)] = connection.execute("select inboxdb.current_user_id()::text").fetchall()
    return None if user is None else str(user)


def fields_of(error: psycopg.Error) -> dict[str, str]:
    """Return every field of an error that is not empty, by its name."""
    fields = {name: getattr(error.diag, name) for name in dir(error.diag) if not name.startswith("_")}
    return {name: value for name, value in fields.items() if isinstance(value, str) and value}


def assert_malformed(connection: Connection[Any], query: str = "select inboxdb.current_user_id()") -> None:
    """Assert that a query fails by the claims, and that no field of the error repeats them."""
    with pytest.raises(psycopg.Error) as raised:
        connection.execute(query.encode())
    fields = fields_of(raised.value)
    assert fields["sqlstate"] == "IB005"
    assert {"message_primary", "message_detail", "message_hint", "context"} <= fields.keys()
    assert [name for name, value in fields.items() if SECRET in value] == []


@pytest.fixture(scope="module")
def empty(server: Server, host_variant: str) -> Iterator[Database]:
    """A database without rows, for tests that write none."""
    with server.database(host_variant, installed=True) as database:
        yield database


@pytest.fixture
def visitor(empty: Database) -> Iterator[Connection[Any]]:
    """A browser's session in it, without claims."""
    with closing(empty.signed_in(None)) as connection:
        yield connection


# The current user


@pytest.mark.all_hosts
@pytest.mark.parametrize(
    "claims",
    [
        f'{{"sub": "{ANN}"}}',
        f'{{"sub":"{ANN}"}}',
        f' \t\r\n{{ "sub" : "{ANN}" }} \n',
        f'{{"aud": ["x", {{"sub": "{BOB}"}}], "sub": "{ANN}", "user": {{"sub": "{BOB}"}}, "exp": 1.5e9}}',
        f'{{"\\u0073ub": "{ANN}"}}',
        f'{{"sub": "{BOB}", "Sub": "{BOB}", "sub": "{ANN}"}}',  # the last of two counts, as in PostgREST
        f'{{"name": "\\ud83d\\ude00 é \\"\\\\", "sub": "{ANN}"}}',
    ],
)
def test_the_subject_of_the_claims_is_the_user(visitor: Connection[Any], claims: str) -> None:
    claim(visitor, claims)
    assert current_user(visitor) == ANN


@pytest.mark.all_hosts
def test_the_older_claim_counts_where_there_are_no_claims(visitor: Connection[Any]) -> None:
    claim(visitor, ANN, OLDER)
    assert current_user(visitor) == ANN
    claim(visitor, "", CLAIMS)
    assert current_user(visitor) == ANN, "'' is what a `set local` leaves behind"
    claim(visitor, json.dumps({"sub": BOB}))
    assert current_user(visitor) == BOB
    claim(visitor, "{}")
    assert current_user(visitor) is None, "claims without a subject are nobody's, whatever the older one says"


@pytest.mark.all_hosts
@pytest.mark.parametrize("setting", [CLAIMS, OLDER])
def test_a_user_is_signed_in_for_the_transaction(visitor: Connection[Any], setting: str) -> None:
    """With `set local`, which leaves '' behind."""
    assert current_user(visitor) is None
    with visitor.transaction():
        value = json.dumps({"sub": ANN}) if setting == CLAIMS else ANN
        visitor.execute("select set_config(%s, %s, true)", [setting, value])
        assert current_user(visitor) == ANN
    left = visitor.execute("select current_setting(%s, true)", [setting]).fetchall()
    assert left == [("",)]
    assert current_user(visitor) is None


@pytest.mark.all_hosts
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (CLAIMS, ""),
        (CLAIMS, "{}"),
        (CLAIMS, '{"role": "authenticated"}'),
        (CLAIMS, '{"sub": null}'),
        (CLAIMS, '{"sub": ""}'),
        (CLAIMS, f'{{"sub": "{GLOBAL}"}}'),
        (OLDER, ""),
        (OLDER, GLOBAL),
    ],
)
def test_nobody(visitor: Connection[Any], setting: str, value: str) -> None:
    claim(visitor, value, setting)
    assert current_user(visitor) is None


NOT_JSON = {
    "a word": SECRET,
    "blank": "  ",
    "single quotes": f"{{'sub': '{SECRET}'}}",
    "truncated": f'{{"sub": "{SECRET}"',
    "truncated string": f'{{"sub": "{SECRET}',
    "trailing garbage": f'{{"sub": "{SECRET}"}} x',
    "two documents": f'{{"sub": "{SECRET}"}}{{}}',
    "trailing comma": f'{{"sub": "{SECRET}",}}',
    "trailing comma in an array": f'{{"sub": "{SECRET}", "a": [1,]}}',
    "leading comma in an array": f'{{"sub": "{SECRET}", "a": [,1]}}',
    "nothing but a comma": f'{{"sub": "{SECRET}", "a": [,], "o": {{,}}}}',
    "no comma": f'{{"sub": "{SECRET}", "a": [1 2]}}',
    "no comma between members": f'{{"sub": "{SECRET}" "a": 1}}',
    "array closed as an object": f'{{"sub": "{SECRET}", "a": [1}}}}',
    "key without a value": f'{{"sub": "{SECRET}", "a"}}',
    "keys in an array": f'{{"sub": "{SECRET}", "a": ["b": 1]}}',
    "bare value": f'{{"sub": {SECRET}}}',
    "bare key": f'{{sub: "{SECRET}"}}',
    "number as key": f'{{1: "{SECRET}"}}',
    "no colon": f'{{"sub" "{SECRET}"}}',
    "comment": f'{{"sub": "{SECRET}"}} // why not',
    "leading zero": f'{{"sub": "{SECRET}", "exp": 01}}',
    "plus sign": f'{{"sub": "{SECRET}", "exp": +1}}',
    "no digit after the point": f'{{"sub": "{SECRET}", "exp": 1.}}',
    "not a number": f'{{"sub": "{SECRET}", "exp": NaN}}',
    "upper case": f'{{"sub": "{SECRET}", "ok": TRUE}}',
    "two words in one": f'{{"sub": "{SECRET}", "ok": truefalse}}',
    "byte order mark": f'\ufeff{{"sub": "{SECRET}"}}',
    "another space": f'{{\u00a0"sub": "{SECRET}"}}',
    "another comma": f'{{"sub": "{SECRET}"\uff0c "a": 1}}',
    "unknown escape": f'{{"sub": "{SECRET}\\x41"}}',
    "short escape": f'{{"sub": "{SECRET}\\u12"}}',
    "escaped NUL": f'{{"sub": "{SECRET}\\u0000"}}',
    "escaped NUL in a key": f'{{"\\u0000": 1, "sub": "{SECRET}"}}',
    "first half of a pair": f'{{"sub": "{SECRET}\\ud83d"}}',
    "second half of a pair": f'{{"sub": "{SECRET}\\ude00"}}',
    "pair in the wrong order": f'{{"sub": "{SECRET}\\ude00\\ud83d"}}',
    "half a pair elsewhere": f'{{"sub": "{SECRET}", "name": "\\ud83d "}}',
    "line break in a string": f'{{"sub": "{SECRET}\n"}}',
    "tab in a string": f'{{"sub": "{SECRET}\t"}}',
    "control characters": f'{{"sub": "{SECRET}\x01\x02\x1f"}}',
    "control character between": f'{{"sub":\x01"{SECRET}"}}',
    "nothing but control characters": "\x01",
    "statement": f'\'; drop table "{SECRET}"; --',
    "a megabyte": f'{{"sub": "{SECRET * 250_000}"}}',
    "100,000 arrays": f'{{"sub": "{SECRET}", "a": {"[" * 100_000}{"]" * 100_000}}}',
    "100,000 arrays, left open": SECRET + "[" * 100_000,
}
NO_OBJECT = {
    "array": f'["{SECRET}"]',
    "array of an object": f'[{{"sub": "{SECRET}"}}]',
    "string": f'"{SECRET}"',
    "number": "4711",
    "true": "true",
    "null": "null",
}
NO_STRING = {
    "number as subject": '{"sub": 4711}',
    "true as subject": '{"sub": true}',
    "object as subject": f'{{"sub": {{"id": "{SECRET}"}}}}',
    "array as subject": f'{{"sub": ["{SECRET}"]}}',
    "a string, then a number": f'{{"sub": "{SECRET}", "sub": 4711}}',
}
MALFORMED = NOT_JSON | NO_OBJECT | NO_STRING


@pytest.mark.parametrize("claims", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_claims_are_an_error_that_does_not_repeat_them(visitor: Connection[Any], claims: str) -> None:
    visitor.execute("set statement_timeout = '5s'")
    claim(visitor, claims)
    assert_malformed(visitor)
    claim(visitor, json.dumps({"sub": ANN}))
    assert current_user(visitor) == ANN, "the session goes on"


@pytest.mark.all_hosts
@pytest.mark.parametrize("claims", [SECRET, f'["{SECRET}"]', f'{{"sub": {{"id": "{SECRET}"}}}}'])
def test_malformed_claims_are_an_error_wherever_they_are_read(database: Database, claims: str) -> None:
    owner = database.connect()
    workspace = Host(owner).workspace(userId=ANN)
    Host(owner).lead(workspace)
    owner.execute('grant select on "Lead" to authenticated')
    owner.execute("select inboxdb.protect_leads(%s, '{authenticated}')", [[WRITER]])
    owner.execute("call inboxdb.drain_dirty()")
    connection = database.signed_in(None)
    claim(connection, claims)
    for query in (
        f"select inboxdb.has_client_access('{workspace}')",
        f"select inboxdb.has_client_access('{new_id()}')",
        f"select inboxdb.has_topic_access('inbox:v1:{workspace}:{GLOBAL}')",
        "select inboxdb.member_workspaces()",
        "select inboxdb.setter_workspaces()",
        f"select inbox_api.inbox_counts('{workspace}')",
        "select from inboxdb.inbox_counts",
        "select from inboxdb.cache_version",
        "select from inboxdb.job_status",
        'select from "Lead"',
    ):
        assert_malformed(connection, query)


@pytest.mark.host_variants("uuid")
@pytest.mark.parametrize("setting", [CLAIMS, OLDER])
@pytest.mark.parametrize(
    "subject",
    [
        SECRET,
        "0",
        ANN[:-1],
        f"{ANN}0",
        f" {ANN}",
        f"{ANN}\n",
        f"{{{ANN}}}",
        f"urn:uuid:{ANN}",
        ANN.replace("-", ""),
        ANN.replace("a", "g"),
        ANN.replace("4", "\u0664"),  # a digit, elsewhere
        f"{ANN}'; --",
        f"{ANN} {SECRET}",
    ],
)
def test_a_subject_that_is_no_uuid_is_an_error_where_users_have_one(
    visitor: Connection[Any], setting: str, subject: str
) -> None:
    claim(visitor, json.dumps({"sub": subject}) if setting == CLAIMS else subject, setting)
    assert_malformed(visitor)


@pytest.mark.host_variants("uuid")
def test_a_uuid_is_the_same_in_upper_case(database: Database) -> None:
    workspace = Host(database.writer()).workspace(userId=ANN)
    connection = database.signed_in(ANN.upper())
    assert current_user(connection) == ANN
    assert connection.execute("select inboxdb.member_workspaces()::text").fetchall() == [(workspace,)]
    claim(connection, json.dumps({"sub": GLOBAL.upper()}))
    assert current_user(connection) is None


@pytest.mark.host_variants("text", "mixed")
@pytest.mark.parametrize(
    "user",
    [
        "auth0|0001",
        "it's",
        'a "quoted" one',
        "back\\slash",
        "a\nb\r\tc",
        "\x01\x1f\x7f",
        "é\U0001f600",
        " ",
        "null",
        "$1",
        "%s",
    ],
)
def test_an_id_is_any_text_where_users_have_text(database: Database, user: str) -> None:
    """Escaped or not, an id comes back unchanged, and finds its own rows and nobody else's."""
    host = Host(database.writer())
    mine = host.workspace(userId=user)
    host.member(host.workspace(), f"{user}'", "ADMIN")
    connection = database.signed_in(None)
    for escape in (True, False):
        claim(connection, json.dumps({"sub": user}, ensure_ascii=escape))
        assert current_user(connection) == user
        assert connection.execute("select inboxdb.member_workspaces()::text").fetchall() == [(mine,)]
    claim(connection, user, OLDER)
    claim(connection, "")
    assert current_user(connection) == user


@pytest.mark.host_variants("text", "mixed")
def test_text_ids_differ_by_case(database: Database) -> None:
    Host(database.writer()).workspace(userId="ann")
    assert database.signed_in("Ann").execute("select inboxdb.member_workspaces()").fetchall() == []


@pytest.mark.parametrize("filler", ["x", "é", "\U0001f600"])
def test_claims_may_have_16384_characters(visitor: Connection[Any], filler: str) -> None:
    frame = f'{{"sub": "{ANN}", "{SECRET}": ""}}'
    claims = frame.replace('""', f'"{filler * (16_384 - len(frame))}"')
    assert len(claims) == 16_384
    claim(visitor, claims)
    assert current_user(visitor) == ANN
    claim(visitor, f"{claims} ")
    assert_malformed(visitor)


def test_claims_may_have_1000_objects_and_arrays(visitor: Connection[Any]) -> None:
    visitor.execute("set statement_timeout = '5s'")
    # within one another up to 64 levels only on PostgreSQL 15; the claims' object is a level, too
    deepest = 999 if visitor.info.server_version >= 160000 else 63
    for left, right in (("[", "]"), ('{"a":', "}")):
        for depth in (deepest, deepest + 1):
            nested = left * depth + f'"{SECRET}"' + right * depth
            claim(visitor, f'{{"a": {nested}, "sub": "{ANN}"}}')
            if depth == deepest:
                assert current_user(visitor) == ANN
            else:
                assert_malformed(visitor)
        for number in (998, 999):  # in an array, in that object
            beside = ", ".join([left.replace(":", ": 0") + right] * number)
            claim(visitor, f'{{"a": [{beside}], "sub": "{ANN}"}}')
            if number == 998:
                assert current_user(visitor) == ANN
            else:
                assert_malformed(visitor)


@pytest.mark.parametrize(
    "setting",
    [
        "standard_conforming_strings = off",
        "transform_null_equals = on",
        "array_nulls = off",
        "bytea_output = escape",
        "quote_all_identifiers = on",
        "plan_cache_mode = force_generic_plan",
        "search_path = pg_temp, pg_catalog",
    ],
)
def test_the_sessions_settings_make_no_difference(visitor: Connection[Any], setting: str) -> None:
    visitor.execute(f"set {setting}")
    claim(visitor, f'{{"name": "a\\u0062\\n\\"\\\\", "sub": "{ANN}"}}')
    assert current_user(visitor) == ANN
    for malformed in ("truncated", "unknown escape", "escaped NUL", "first half of a pair", "control characters"):
        claim(visitor, MALFORMED[malformed])
        assert_malformed(visitor)


@pytest.mark.all_hosts
def test_parallel_workers_know_who_is_asking(database: Database) -> None:
    owner = database.connect()
    host = Host(owner)
    mine, theirs, assigned = host.workspace(userId=ANN), host.workspace(), host.workspace()
    host.member(assigned, ANN, "SETTER")
    for workspace in (mine, theirs, assigned):
        for user in (ANN, BOB, None):
            for _ in range(20):
                host.lead(workspace, assignedToUserId=user)
    owner.execute('grant select on "Lead" to authenticated')
    owner.execute("select inboxdb.protect_leads(%s, '{authenticated}')", [[WRITER]])
    owner.execute('analyze "Lead"')

    connection = database.signed_in(ANN)
    force = "debug_parallel_query" if connection.info.server_version >= 160000 else "force_parallel_mode"
    for setting in (f"{force} = on", "min_parallel_table_scan_size = 0", "parallel_setup_cost = 0"):
        connection.execute(f"set {setting}")
    connection.execute("set enable_indexscan = off")
    connection.execute("set enable_bitmapscan = off")

    for query, nodes in (
        ('select count(*) from "Lead"', {"Gather", "Seq Scan"}),
        ("select inboxdb.current_user_id()", {"Gather", "Result"}),
    ):
        launched = 0
        [([explained],)] = connection.execute(f"explain (analyze, format json) {query}".encode()).fetchall()
        unseen, seen = [explained["Plan"]], set()
        while unseen:
            node = unseen.pop()
            unseen += node.get("Plans", [])
            seen.add(node["Node Type"])
            launched += node.get("Workers Launched", 0)
        assert nodes <= seen
        assert launched > 0
    assert connection.execute('select count(*) from "Lead"').fetchall() == [(60 + 20,)]
    assert current_user(connection) == ANN

    claim(connection, "")
    assert connection.execute('select count(*) from "Lead"').fetchall() == [(0,)]
    claim(connection, SECRET)
    assert_malformed(connection, 'select count(*) from "Lead"')
    assert_malformed(connection)


# is_json


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.sampled_from('ab"\\/\b\f\n\r\t\x00\x1f\x7fé\u2028\U0001f600[]{}:,tu0d8'), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("sub\\", max_size=3), inner, max_size=4),
    max_leaves=12,
)
# Fragments for random edits of a document: pieces of JSON, and near misses.
PIECES = st.sampled_from(
    [
        *'"\\/[]{}:,-+.0123456789eEtrufalsn \t\n\r\x01\x02\x0b\x1f\x7f\u00a0\ufeffé',
        *(
            "true",
            "null",
            "NaN",
            "Infinity",
            "01",
            "1.",
            ".5",
            "1e5",
            "1e",
            "//",
            "/**/",
            "{}",
            "[]",
            '""',
            "''",
            '"a":',
        ),
        *("\\u0000", "\\u00e9", "\\ud83d", "\\ude00", "\\ud83d\\ude00", "\\uD83D\\u0041", "\\u12", "\\x", "\\n", "\\'"),
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Draw a JSON document, written in one of several ways, and up to three random edits of it."""
    text = json.dumps(
        draw(VALUES),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from((None, 1, "\t"))),
        separators=draw(st.sampled_from(((",", ":"), (" , ", ":\r\n")))),
    )
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(PIECES | st.just("")) + text[at + draw(st.integers(0, 2)) :]
    return text


def is_readable(text: str) -> bool:
    """Say whether a text is JSON without NUL and half a surrogate pair, refused by PostgreSQL."""

    def refuse(_: str) -> None:
        raise ValueError

    try:
        unread = [
            json.loads(text, parse_constant=refuse, object_pairs_hook=lambda pairs: list(itertools.chain(*pairs)))
        ]
    except ValueError:
        return False
    while unread:
        value = unread.pop()
        if isinstance(value, list):
            unread += value
        elif isinstance(value, str) and re.search("[\x00\ud800-\udfff]", value):
            return False
    return True


# Of numbers that `numeric` cannot hold opinions differ: see below.
BEYOND_NUMERIC = "[eE][-+]?[0-9]{5}"


@pytest.fixture(scope="module")
def judge(server: Server) -> Iterator[Connection[Any]]:
    """A session that can call is_json, and is_json_by_hand: the parser without the server's help."""
    with server.database("text", installed=True) as database:
        owner = database.connect()
        [(definition,)] = owner.execute("select pg_get_functiondef('inboxdb.is_json'::regproc)").fetchall()
        by_hand = definition.replace("inboxdb.is_json", "inboxdb.is_json_by_hand")
        by_hand, places = re.subn(
            r"if pg_catalog\.current_setting\('server_version_num'\) >= '\d+' and", "if false and", by_hand
        )
        assert places == 1
        owner.execute(by_hand.encode())
        owner.execute("set search_path = ''")
        yield owner


def judgements(connection: Connection[Any], text: str) -> dict[str, bool]:
    """Ask whether a text is JSON, in each way."""
    [(by_server, by_hand)] = connection.execute(
        "select inboxdb.is_json(%(text)s), inboxdb.is_json_by_hand(%(text)s)", {"text": text}
    ).fetchall()
    try:
        connection.execute("select %s::pg_catalog.jsonb", [text])
        cast = True
    except (errors.InvalidTextRepresentation, errors.UntranslatableCharacter, errors.NumericValueOutOfRange):
        cast = False
    return {"is_json": by_server, "by hand": by_hand, "cast": cast}


def test_is_json_tells_json_from_what_is_not(judge: Connection[Any]) -> None:
    seen: Counter[bool] = Counter()

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(documents())
    def compare(text: str) -> None:
        assume(not re.search(BEYOND_NUMERIC, text))
        expected = is_readable(text)
        seen[expected] += 1
        assert set(judgements(judge, text).values()) == {expected}

    compare()
    assert min(seen[True], seen[False]) > 50


@pytest.mark.parametrize("text", [*NOT_JSON.values(), *NO_OBJECT.values()], ids=[*NOT_JSON, *NO_OBJECT])
def test_is_json_agrees_with_the_cast(judge: Connection[Any], text: str) -> None:
    if len(text) <= 16_384:
        assert set(judgements(judge, text).values()) == {is_readable(text)}
    else:
        [answers] = judge.execute(
            "select inboxdb.is_json(%(text)s), inboxdb.is_json_by_hand(%(text)s)", {"text": text}
        ).fetchall()
        assert answers == (False, False)


@pytest.mark.parametrize("text", ["1" * 1000, "1e1000", "-0.0E-0", "0", '"\U0001f600"', "[[],{}]", f"[{'0,' * 499}0]"])
def test_is_json_takes_unusual_json(judge: Connection[Any], text: str) -> None:
    assert set(judgements(judge, text).values()) == {True}


def test_is_json_may_refuse_numbers_that_nothing_can_hold(judge: Connection[Any]) -> None:
    """IS JSON refuses such numbers; is_json_by_hand takes them. No claim has any."""
    for text in ("1e131072", '{"exp": 1e999999}'):
        assert re.search(BEYOND_NUMERIC, text)
        asked = judge.info.server_version >= 160000
        assert judgements(judge, text) == {"is_json": not asked, "by hand": True, "cast": False}


# Workspaces


def level(roles: set[str], *, owner: bool = False) -> str:
    """Say how much somebody with these roles sees of a workspace: whole, own or nothing."""
    if owner or roles & {"ADMIN", "INBOX_MANAGER"}:
        return "whole"
    if "SETTER" in roles:
        return "own"
    return "whole" if "CLIENT_PORTAL" in roles else "nothing"


ROLE_SETS = [set(chosen) for size in range(5) for chosen in itertools.combinations(ROLES, size)]


def workspaces(connection: Connection[Any], user: str | None, *asked: str) -> dict[str, set[str]]:
    """Ask for a user's workspaces, in each way; `asked` are asked for by id."""
    claim(connection, json.dumps({"sub": user}))
    answers = {
        f"{function}_workspaces": {str(row[0]) for row in connection.execute(f"select inboxdb.{function}_workspaces()")}
        for function in ("member", "setter")
    }
    answers["has_client_access"] = set()
    for workspace in asked:
        [(allowed,)] = connection.execute("select inboxdb.has_client_access(%s)", [workspace]).fetchall()
        assert allowed in (True, False)
        if allowed:
            answers["has_client_access"].add(workspace)
    return answers


def answers_of(member: set[str], setter: set[str]) -> dict[str, set[str]]:
    """Compute the answer of `workspaces` for a user."""
    return {"member_workspaces": member, "setter_workspaces": setter, "has_client_access": member}


@pytest.mark.all_hosts
@pytest.mark.parametrize("supabase", [False, True])
def test_the_highest_role_decides_in_each_workspace(database: Database, supabase: bool) -> None:
    """The owner's is the highest; whoever is a setter elsewhere is one there only."""
    owner = database.connect()
    host = Host(owner)
    if supabase:
        # its answer makes no difference
        owner.execute("create schema auth")
        owner.execute("grant usage on schema auth to public")
        owner.execute(f"create function auth.uid() returns uuid language sql as $$ select '{ANN}'::uuid $$")
    shared, elsewhere, foreign = host.workspace(), host.workspace(), host.workspace()
    host.member(foreign, ANN, "ADMIN")
    for role in ROLES:
        host.member(shared, ANN, role)

    connection = database.signed_in(None)
    scope_of = "select coalesce(scope_user_id::text = %s, false) from inbox_api.inbox_counts(%s)"
    for roles, owns in itertools.product(ROLE_SETS, (False, True)):
        user = new_id()
        workspace = host.workspace(userId=user) if owns else shared
        for role in roles:
            host.member(workspace, user, role)
        host.member(elsewhere, user, "SETTER")
        expected = level(roles, owner=owns)
        assert workspaces(connection, user, shared, workspace, elsewhere, foreign, new_id()) == answers_of(
            {elsewhere} | ({workspace} if expected != "nothing" else set()),
            {elsewhere} | ({workspace} if expected == "own" else set()),
        ), (roles, owns)
        # readers' way, which asks the view nothing
        if expected == "nothing":
            with pytest.raises(psycopg.Error, match="no access to this workspace"):
                connection.execute(scope_of, [user, workspace])
        else:
            assert connection.execute(scope_of, [user, workspace]).fetchall() == [(expected == "own",)], (roles, owns)

    for nobody in (None, "", GLOBAL, new_id()):
        assert workspaces(connection, nobody, shared, elsewhere, foreign) == answers_of(set(), set())


@pytest.mark.all_hosts
def test_access_ends_with_the_role_the_membership_and_the_workspace(database: Database) -> None:
    host = Host(database.writer())
    workspace = host.workspace(userId=BOB)
    setter, manager = host.member(workspace, ANN, "SETTER"), host.member(workspace, ANN, "INBOX_MANAGER")
    connection = database.signed_in(None)
    nothing, own, whole = answers_of(set(), set()), answers_of({workspace}, {workspace}), answers_of({workspace}, set())

    assert workspaces(connection, ANN, workspace) == whole
    host.delete("ClientMember", manager)
    assert workspaces(connection, ANN, workspace) == own
    host.update("ClientMember", setter, role="CLIENT_PORTAL")
    assert workspaces(connection, ANN, workspace) == whole
    host.delete("ClientMember", setter)
    assert workspaces(connection, ANN, workspace) == nothing

    host.member(workspace, ANN, "SETTER")
    host.update("Client", workspace, userId=ANN)
    assert workspaces(connection, ANN, workspace) == whole
    assert workspaces(connection, BOB, workspace) == nothing, "who was its owner"
    host.update("Client", workspace, userId=BOB)
    assert workspaces(connection, ANN, workspace) == own
    host.delete("Client", workspace)
    assert workspaces(connection, ANN, workspace) == nothing
    assert workspaces(connection, BOB, workspace) == nothing


@pytest.mark.all_hosts
def test_a_workspace_that_was_given_to_the_sentinel_is_nobodys(database: Database) -> None:
    host = Host(database.writer())
    workspace = host.workspace(userId=GLOBAL)
    host.member(workspace, GLOBAL, "ADMIN")
    assert workspaces(database.signed_in(None), GLOBAL, workspace) == answers_of(set(), set())


def test_a_role_that_inboxdb_does_not_know_gives_nothing(database: Database) -> None:
    database.connect().execute("""alter type "ClientMemberRole" add value 'GUEST'""")
    host = Host(database.writer())
    workspace = host.workspace()
    host.member(workspace, ANN, "GUEST")
    host.member(workspace, BOB, "GUEST")
    host.member(workspace, BOB, "SETTER")
    connection = database.signed_in(None)
    assert workspaces(connection, ANN, workspace) == answers_of(set(), set())
    assert workspaces(connection, BOB, workspace) == answers_of({workspace}, {workspace})


@pytest.mark.parametrize("table", ["Client", "ClientMember"])
def test_memberships_that_a_policy_hides_are_an_error(database: Database, table: str) -> None:
    """And not fewer workspaces."""
    owner = database.connect()
    workspace = Host(owner).workspace(userId=ANN)
    connection = database.signed_in(ANN)
    owner.execute(
        SQL("alter table {0} enable row level security, force row level security").format(Identifier("public", table))
    )
    for call in (
        f"has_client_access('{workspace}')",
        f"has_topic_access('inbox:v1:{workspace}:{GLOBAL}')",
        "member_workspaces()",
        "setter_workspaces()",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(f"select inboxdb.{call}")
