"""sql/ keeps the habits that a reader and a DBA rely on, and docs/errors.md knows every error that it raises."""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from inboxdb.database import logs, sources
from inboxdb.drain import announce, pace
from inboxdb.install import migrate
from inboxdb.install.catalog import shipped
from inboxdb.install.differences import FILL, watched
from inboxdb.move import fence
from inboxdb.watch import facts
from tests import lists

FILES = sorted(sources.SQL.rglob("*.sql"))
TEXTS = {file.relative_to(sources.SQL).as_posix(): file.read_text() for file in FILES}

DOCS = Path(__file__).parents[1] / "docs"

ROLLBACKS = [file.read_text() for file in sources.MIGRATIONS.glob("*.rollback.sql")]

# name, what stands between it and the body, body
ROUTINE = re.compile(
    r"^create or replace (?:function|procedure) inbox(?:db|_api)\.(?P<name>\w+)(?P<head>.*?)\n"
    r"as \$\$\n(?P<body>.*?)^\$\$;$",
    re.MULTILINE | re.DOTALL,
)
FOUND = {found["name"]: found for text in TEXTS.values() for found in ROUTINE.finditer(text)}
ROUTINES = [found for text in TEXTS.values() for found in ROUTINE.finditer(text)]
QUOTED = re.compile(r"""--.*|\$re\$.*?\$re\$|'(?:[^']|'')*'|"[^"]*\"""")


def test_contents_list_every_file_once() -> None:
    # checks/ makes nothing
    made = {name for name in TEXTS if name != "inboxdb.sql" and not name.startswith("checks/")}
    assert sorted(sources.contents()) == sorted(made)


def test_each_room_names_only_itself_and_those_above() -> None:
    """The chapters of the table of contents are the rooms, top to bottom; sql/checks/ is below all of them."""
    rooms = list(dict.fromkeys(re.findall(r"^-- (\w+): ", TEXTS["inboxdb.sql"], re.MULTILINE)))
    assert {name.partition("/")[0] for name in TEXTS} == {*rooms, "checks", "inboxdb.sql"}
    home = {
        made: name.partition("/")[0]
        for name in TEXTS
        for made in re.findall(
            r"^create (?:or replace )?(?:function|procedure|view|table|domain|type) inboxdb\.(\w+)",
            TEXTS[name],
            re.MULTILINE,
        )
    }
    home |= dict.fromkeys(("client_id", "lead_id", "user_id"), "host") | {"folding": "search"}
    upward = []
    for name in sources.contents():
        room = name.partition("/")[0]
        code = re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--.*", "", TEXTS[name]))
        for named in re.findall(r"\binboxdb\.(\w+)", code):
            if rooms.index(home[named]) > rooms.index(room):
                upward.append(f"{name} names {named} of {home[named]}/")
    assert not upward


def test_form(subtests: pytest.Subtests) -> None:
    for name in TEXTS:
        with subtests.test(name):
            text = TEXTS[name]
            assert text.endswith("\n")
            assert text.isascii(), "databases have many encodings"
            assert all(len(line) <= 120 and line == line.rstrip() for line in text.splitlines())
            assert not re.search(r"[A-Z]", QUOTED.sub("", text)), "keywords and names in lower case"


def test_object_is_in_the_file_named_after_it(subtests: pytest.Subtests) -> None:
    for name in [name for name in TEXTS if name not in ("log/change.table.sql", "inboxdb.sql")]:
        with subtests.test(name):
            made = re.findall(
                r"^create (?:or replace )?(?:function|procedure|view|table|type|index concurrently if not exists) "
                r"(?:inboxdb[._]|inbox_api\.)?(\w+)",
                TEXTS[name],
                re.MULTILINE,
            )
            assert set(made) <= {Path(name).name.partition(".")[0]}


def test_lists_of_counts_are_those_of_the_view_and_other_definitions_are_told_from_these() -> None:
    """A refresh by change goes by what each lead last counted: a new definition has to be told from the last one."""
    assert lists.written() == {}, "run `make migration`"


def test_whatever_can_be_replaced_is(subtests: pytest.Subtests) -> None:
    """A later migration carries the same text again, and finds the objects there."""
    for name in TEXTS:
        with subtests.test(name):
            assert not re.search(r"^create (function|procedure|view|trigger)\b", TEXTS[name], re.MULTILINE)


def test_every_routine_is_found() -> None:
    made = sum(
        len(re.findall(r"^create or replace (?:function|procedure)", text, re.MULTILINE)) for text in TEXTS.values()
    )
    assert len(ROUTINES) == made > 30


def test_routine_says_what_it_does_and_for_whom(subtests: pytest.Subtests) -> None:
    for routine in ROUTINES:
        with subtests.test(routine["name"]):
            comment = re.match(r"(?: *--.*\n)+", routine["body"])
            assert comment, "no header inside the body"
            header = comment[0]
            said = set(re.findall(r"-- ([A-Z][a-z]+|DEFINER|INVOKER)(?=: |, )", header))
            parameters = re.match(r"\((.*?)\)(?:\s+returns|\s+language|\s*\n)", routine["head"], re.DOTALL)
            assert "Purpose" in said
            assert ("DEFINER" if "security definer" in routine["head"] else "INVOKER") in said
            if parameters and re.sub(r"\bout \w+ [^,]*,?", "", parameters[1]).strip():
                assert "Parameters" in said
            if not re.search(r"returns (void|trigger)\b|^create or replace procedure", routine[0]):
                assert "Returns" in said
            for code in re.findall(r"errcode = '(IB\d+)'", routine["body"]):
                assert re.search(rf"-- Errors: .*{code}", header, re.DOTALL)


def test_routine_is_called_by_just_those_it_says(subtests: pytest.Subtests) -> None:
    for name in [name for name, one in FOUND.items() if re.search(r"called by .* only", one["body"])]:
        with subtests.test(name):
            said = re.search(r"called by ([^.]*?) only", re.sub(r"\n *--", "", FOUND[name]["body"]))
            assert said
            if not said[1].endswith("functions"):
                callers = {one for one in FOUND if re.search(rf"\b{name}\(", re.sub(r"--.*", "", FOUND[one]["body"]))}
                assert set(re.findall(r"\w+", said[1])) - {"and"} == callers


def test_routine_pins_its_search_path(subtests: pytest.Subtests) -> None:
    for routine in ROUTINES:
        with subtests.test(routine["name"]):
            if "\nset search_path = ''\n" in routine["head"] + "\n":
                continue
            assert "security definer" not in routine["head"]
            # Inlined, committing, or for cost: the file says which. Then nothing in it is looked up by a search_path.
            text = next(text for text in TEXTS.values() if routine[0] in text)
            assert re.search(r"--.*(search_path|\bSET\b)", text), "neither a search_path nor a word why not"


def test_routine_names_types_with_their_schema(subtests: pytest.Subtests) -> None:
    """Types are looked up in pg_temp even where search_path is empty: a domain there runs code of the caller's."""
    for routine in ROUTINES:
        with subtests.test(routine["name"]):
            code = QUOTED.sub("''", routine["body"])
            # other types that sql/ names are keywords
            named = r"(?:text|name|uuid|jsonb?|timestamptz|date|bytea|oid|tid|xid8|record|reg\w+)"
            casts = re.findall(rf"::{named}\b", code)
            variables = re.findall(rf"^ +\w+ (?:constant )?{named}(?:\[\])?(?: :=|;)", code, re.MULTILINE)
            assert casts + variables == []


def test_rows_that_publishers_confirm_are_locked_before_they_are_written_by_ctid() -> None:
    """A row that was confirmed meanwhile is passed over, because its ctid is another one (D171)."""
    code = {name: re.sub("--.*", "", text) for name, text in TEXTS.items()}
    by_ctid = re.compile(r"update inboxdb\.(cache_version|job_status) as (\w).*?where \2\.ctid = ", re.DOTALL)
    writers = {name: found.start() for name in code if (found := by_ctid.search(code[name]))}
    assert writers.keys() == {"announce/new_versions.sql", "jobs/record_jobs.sql"}
    assert [name for name, at in writers.items() if "for update\n" not in code[name][:at]] == []


def test_errors_are_documented() -> None:
    texts = [*TEXTS.values(), *ROLLBACKS, fence.MAKE]
    raised = {code for text in texts for code in re.findall(r"errcode = '(IB\d{3})'", text)}
    table = re.findall(r"^\| `(IB\d{3})` \| `\w+` \| .+ \| .+ \|$", documented(), re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == raised


def test_errors_say_what_to_do(subtests: pytest.Subtests) -> None:
    for name in [name for name, text in TEXTS.items() if "raise exception" in text]:
        with subtests.test(name):
            raises = re.findall(r"raise exception using\n(.*?);\n\s*end", TEXTS[name], re.DOTALL)
            assert len(raises) == TEXTS[name].count("raise exception")
            for said in raises:
                assert re.findall(r"^\s+(\w+) =", said, re.MULTILINE) == ["errcode", "message", "detail", "hint"]


def test_numbers_that_sql_cannot_share_are_the_same() -> None:
    """`inboxdb migrate` takes its lock, and `plan` looks for it, before anything is installed."""
    classes = dict(re.findall(r"what = '(\w+)' then (\d+)", TEXTS["base/lock_class.sql"]))
    assert classes["migration"] == str(migrate.LOCK_CLASS)
    assert f"l.classid = {classes['migration']}\n" in TEXTS["checks/plan/runner.sql"]
    assert f"`classid` {classes['workspace']}." in documented()
    for name in TEXTS.keys() - {"base/lock_class.sql", "checks/plan/runner.sql"}:
        assert not re.search(r"17688418\d\d|x'696e62", TEXTS[name])


def test_a_wait_that_is_too_long_is_one_beyond_the_longest_delay() -> None:
    """collect brings forward what waits for longer, as after a clock that was set back."""
    assert "least(interval '1 second' * " in TEXTS["jobs/retry_delay.sql"]
    assert ", interval '5 minutes')" in TEXTS["jobs/retry_delay.sql"]
    assert "d.next_attempt_at > now + interval '5 minutes'" in TEXTS["drain/collect.sql"]


def alarm_at(name: str) -> float:
    """The number that an alarm of Prometheus compares with."""
    [group] = yaml.safe_load((DOCS / "deploy" / "prometheus-alerts.yaml").read_text())["groups"]
    [expression] = [rule["expr"] for rule in group["rules"] if rule["alert"] == name]
    return float(expression.rpartition("> ")[2])


def test_the_promise_is_written_once() -> None:
    said = re.compile(r"'15 s(?:econds)?'|make_interval\(secs => 15\)")
    assert [name for name, text in TEXTS.items() if said.search(text)] == ["base/promised_freshness.sql"]
    assert 3 * pace.LONGEST_REST == alarm_at("InboxdbSlow") == 15
    assert "changes are not counted within 15 seconds" in (DOCS / "operations.md").read_text()


def test_a_heartbeat_comes_as_often_in_sql_as_in_python() -> None:
    [every] = re.findall(r"beat_at := .*make_interval\(secs => (\d+)\)", TEXTS["drain/drain_dirty.sql"])
    assert float(every) == announce.HEARTBEAT
    [seen] = re.findall(
        r"r\.seen_at > inboxdb\.clock\(\) - interval '(\d+) seconds'", TEXTS["operations/drain_status.sql"]
    )
    assert float(seen) == 6 * announce.HEARTBEAT
    assert f"in the last {seen} s; they give one every {every} s" in (DOCS / "operations.md").read_text()


def test_the_doctor_and_the_alarms_have_the_same_limits() -> None:
    assert f"s.unpublished_seconds > {facts.UNPUBLISHED_LIMIT:g};" in TEXTS["checks/doctor/redis.sql"]
    assert alarm_at("InboxdbCacheBehind") == facts.UNPUBLISHED_LIMIT
    assert "- interval '1 minute', true)" in TEXTS["checks/doctor/draining.sql"]
    assert alarm_at("InboxdbNoDrain") == 60


def test_what_may_pass_by_itself_is_tried_again_in_sql_as_in_python() -> None:
    """But for a read-only database, which SQL cannot write in, and poolers, which SQL runs behind."""
    in_sql = set(
        re.findall(r"'(\w+)%?'", TEXTS["jobs/failure.sql"].partition("error_code is null\n")[2].partition("\n  )")[0])
    )
    assert in_sql == {*pace.MAY_PASS} - {"25006", "XX000"}


def test_every_row_that_installing_makes_can_be_put_back() -> None:
    made = {
        table for text in TEXTS.values() for table in re.findall(r"^insert into (inboxdb\.\w+)", text, re.MULTILINE)
    }
    assert made == FILL.keys()


def test_columns_that_are_published_are_those_of_the_check_before() -> None:
    text = TEXTS["announce/publish_leads.sql"]
    [checked] = re.findall(r"a\.attname not in \((.*)\)", text)
    [published] = re.findall(r'for table public\."Lead" \((.*)\)', text)
    assert re.findall(r"\w+", checked) == re.findall(r"\w+", published)


def test_python_has_words_for_whatever_sql_answers() -> None:
    answering = ("drain_next", "audit_claimed", "refresh_or_record")
    outcomes = {one for name in answering for one in re.findall(r"outcome := '(\w+)'", TEXTS[f"drain/{name}.sql"])}
    # idle: nothing was claimed, which Python does by itself; lost: a connection, which SQL cannot tell
    assert outcomes - {"idle"} == (logs.OUTCOMES | logs.AUDIT_OUTCOMES).keys() - {"lost"}
    [decided] = re.findall(r"check \(lead_rls in \((.*)\)\)", TEXTS["base/installation.table.sql"])
    assert {*re.findall(r"\w+", decided)} | {"drifted"} == facts.LEAD_RLS.keys()


def test_host_tables_that_are_watched_are_those_with_triggers() -> None:
    with_triggers = [obj.table for obj in shipped() if obj.kind == "trigger"]
    assert {*watched()} == {*with_triggers}


def documented() -> str:
    return (DOCS / "errors.md").read_text()
