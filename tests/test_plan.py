"""What is planned is what is applied: the script for psql, the list, how far to go, and what was done by hand."""

import re
import subprocess
from typing import Any

import pytest
from psycopg import Connection

from inboxdb import books, embedded, migrate, plan
from inboxdb.errors import BooksLost, InboxdbError, NotNext, UnknownMigration
from tests.catalog import catalog, difference
from tests.rows import Host
from tests.servers import WRITER, Database
from tests.test_checksums import texts
from tests.test_cli import answer, invoke, refusal
from tests.test_migrations import (
    FROM_LEADS,
    INDEXES,
    LAST,
    LEADS,
    NAMES,
    by_psql,
    drained,
    holding_lead,
    not_applied,
    run_yoyo,
)

NONE_KNOWN = "9999-none"


def psql(database: Database, script: str, status: int = 0) -> str:
    """Pipe a script into psql as its first line says, and return what it printed as errors."""
    command = [str(embedded.binaries(18) / "psql"), "-X", "-v", "ON_ERROR_STOP=1", "-f", "-", "--dbname", database.dsn]
    result = subprocess.run(command, input=script, capture_output=True, text=True)
    assert result.returncode == status, result.stderr
    return result.stderr


def holding_the_runners_lock(database: Database) -> Connection[Any]:
    """Be a migration runner, as far as others can tell."""
    runner = database.connect()
    runner.execute("select pg_advisory_lock(%s, 0)", (migrate.LOCK_CLASS,))
    return runner


# The script


@pytest.mark.all_hosts
@pytest.mark.parametrize("applied_before", [0, 3])
def test_psql_installs_what_apply_would(bare_database: Database, database: Database, applied_before: int) -> None:
    migrate.apply(bare_database.dsn, batch=applied_before)
    result = invoke("migrate", "plan", "--sql", "--dsn", bare_database.dsn)
    assert result.exit_code == 0
    psql(bare_database, result.stdout)

    assert not difference(catalog(database.connect()), catalog(bare_database.connect()))
    assert [(one.id, one.state) for one in migrate.status(bare_database.dsn)] == [(name, "applied") for name in NAMES]
    assert texts(bare_database) == texts(database)
    assert migrate.apply(bare_database.dsn) == []
    assert plan.script(bare_database.dsn).startswith("-- Nothing is pending on ")

    Host(bare_database.writer()).workspace()
    assert len(drained(bare_database.connect())) == 1
    assert len(migrate.rollback(bare_database.dsn, count=None)) == len(NAMES)


def test_script_in_steps(bare_database: Database, database: Database) -> None:
    for name in NAMES:
        psql(bare_database, plan.script(bare_database.dsn, to=name))
        assert not_applied(bare_database) == NAMES[NAMES.index(name) + 1 :]
    assert not difference(catalog(database.connect()), catalog(bare_database.connect()))


def test_books_are_as_yoyo_makes_them(bare_database: Database, database: Database) -> None:
    bare_database.connect().execute("create schema inboxdb")
    run_yoyo(bare_database, "apply")
    described = (
        """
        select table_name, column_name, ordinal_position, data_type, character_maximum_length, is_nullable
        from information_schema.columns where table_schema = 'inboxdb' and table_name ~ '_yoyo_' order by 1, 3
        """,
        "select pg_get_indexdef(indexrelid) from pg_index where indrelid::regclass::text ~ '_yoyo_' order by 1",
        "select version from inboxdb._yoyo_version",
        "select migration_hash, migration_id from inboxdb._yoyo_migration order by 2",
        "select migration_hash, migration_id, operation from inboxdb._yoyo_log order by 2",
    )
    for query in described:
        rows = [one.connect().execute(query).fetchall() for one in (bare_database, database)]
        assert rows[0] == rows[1] != []


def test_script_says_each_statement_of_the_files(bare_database: Database) -> None:
    script = plan.script(bare_database.dsn)
    for migration in NAMES:
        assert script.count(f"-- inboxdb {migration[:4]}: ") == 2, "as it runs, and as it is recorded"
    assert script.count("\nbegin;\n") == script.count("\ncommit;\n") == len(NAMES) + 1
    assert bare_database.server.password not in script


def test_script_has_the_lock_timeout_that_is_asked_for(bare_database: Database) -> None:
    asked = ["migrate", "plan", "--sql", "--lock-timeout", "0.5", "--to", NAMES[1], "--dsn", bare_database.dsn]
    script = invoke(*asked).stdout
    assert (
        re.findall(r"^begin;\n\n(?:--.*\n)+\nset local (.*)$", script, re.MULTILINE) == ["lock_timeout = '0.5s';"] * 2
    )
    psql(bare_database, script)
    assert migrate.status(bare_database.dsn)[1].state == "applied"
    assert invoke("migrate", "apply", "--lock-timeout", "0", "--dsn", bare_database.dsn).exit_code == 2


def test_script_stops_where_apply_would_and_goes_on(bare_database: Database, database: Database) -> None:
    holder = holding_lead(bare_database)
    assert "lock timeout" in psql(bare_database, plan.script(bare_database.dsn), status=3)
    assert not_applied(bare_database) == FROM_LEADS
    holder.rollback()
    psql(bare_database, plan.script(bare_database.dsn))
    assert not difference(catalog(database.connect()), catalog(bare_database.connect()))


def test_script_run_twice_changes_nothing(bare_database: Database) -> None:
    script = plan.script(bare_database.dsn)
    psql(bare_database, script)
    before, kept = catalog(bare_database.connect()), texts(bare_database)
    psql(bare_database, script, status=3)
    assert not difference(before, catalog(bare_database.connect()))
    assert texts(bare_database) == kept


def test_script_checks_the_host_and_waits_for_no_runner(bare_database: Database) -> None:
    script = plan.script(bare_database.dsn)
    bare = catalog(bare_database.connect())
    runner = holding_the_runners_lock(bare_database)
    assert "another `inboxdb migrate` is at work" in psql(bare_database, script, status=3)
    runner.close()
    bare_database.connect().execute('alter table "Lead" rename column "snoozedUntil" to "snoozed"')
    assert 'public."Lead"."snoozedUntil" is missing' in psql(bare_database, script, status=3)
    bare_database.connect().execute('alter table "Lead" rename column "snoozed" to "snoozedUntil"')
    assert not difference(bare, catalog(bare_database.connect()))


# The list


def test_plan_and_dry_run_change_nothing_and_take_no_lock(bare_database: Database) -> None:
    holding_the_runners_lock(bare_database)
    bare = catalog(bare_database.connect())
    steps = answer(bare_database, "migrate", "plan")["steps"]
    assert [(one["id"], one["transactional"]) for one in steps] == [(name, name != INDEXES) for name in NAMES]
    for one in steps:
        assert one["about"].startswith(f"inboxdb {one['id'][:4]}: ")
        assert "\nLocks: " in one["about"]
        assert "\nUndo: " in one["about"]
        assert "depends" not in one["about"]
    shown = invoke("migrate", "plan", "--to", INDEXES, "--dsn", bare_database.dsn).stdout
    assert f"{INDEXES}, NOT in a transaction\n" in shown
    assert LEADS not in shown

    assert answer(bare_database, "migrate", "apply", "--dry-run") == {"would_apply": NAMES}
    result = invoke("migrate", "apply", "--dry-run", "--to", LEADS, "--batch", "2", "--dsn", bare_database.dsn)
    assert result.stdout == f"would apply {NAMES[0]}\nwould apply {NAMES[1]}\n"
    assert not difference(bare, catalog(bare_database.connect()))


def test_nothing_to_plan(database: Database) -> None:
    for arguments in (["plan"], ["apply", "--dry-run"], ["mark", "--all"]):
        assert invoke("migrate", *arguments, "--dsn", database.dsn).stdout == "nothing is pending\n"
    psql(database, plan.script(database.dsn))


# How far


def test_apply_and_rollback_go_as_far_as_they_are_told(bare_database: Database) -> None:
    owner = bare_database.connect()
    assert migrate.apply(bare_database.dsn, to=INDEXES) == NAMES[:3]
    at_indexes = catalog(owner)
    assert migrate.apply(bare_database.dsn, to=NAMES[0]) == []
    assert migrate.apply(bare_database.dsn, to=LAST, batch=1) == [NAMES[3]]
    assert migrate.apply(bare_database.dsn, to=LAST) == NAMES[4:]
    assert [one.id for one in migrate.rollback(bare_database.dsn, to=INDEXES)] == NAMES[:2:-1]
    assert not difference(at_indexes, catalog(owner))
    assert migrate.rollback(bare_database.dsn, to=LEADS) == []
    for command in ("apply", "rollback", "plan"):
        said = refusal(bare_database, "migrate", command, "--to", NONE_KNOWN)
        assert f"there is no migration '{NONE_KNOWN}': there are {', '.join(NAMES)}." in said
    assert not difference(at_indexes, catalog(owner))
    assert invoke("migrate", "rollback", "--all", "--to", INDEXES, "--dsn", bare_database.dsn).exit_code == 2


def test_apply_in_parts_asks_about_leads_with_the_last(bare_database: Database) -> None:
    first = invoke("migrate", "apply", "--batch", "2", "--create-roles", "--dsn", bare_database.dsn)
    assert first.exit_code == 0, first.stderr
    assert first.stdout.endswith(f" has 5 migrations pending: next {INDEXES}\n")
    assert 'row-level security on "Lead" and roles wait for the last migration\n' in first.stderr
    assert answer(bare_database, "migrate", "apply", "--to", LEADS, "--without-rls")["applied"] == NAMES[2:6]
    assert WRITER in invoke("migrate", "apply", "--to", LAST, "--dsn", bare_database.dsn).stderr
    assert not_applied(bare_database) == [LAST]
    assert answer(bare_database, "migrate", "apply", "--to", LAST, "--trust", WRITER)["applied"] == [LAST]
    assert answer(bare_database, "rls", "plan")["decided"] == "enabled"


def test_each_migration_is_shown_with_its_duration(bare_database: Database) -> None:
    said = invoke("migrate", "apply", "--without-rls", "--dsn", bare_database.dsn).stderr
    assert re.findall(r"^applying (\S+)\napplied \1 in \d+\.\d\d s$", said, re.MULTILINE) == NAMES


# What was done by hand


def test_what_was_run_by_hand_is_marked(bare_database: Database, database: Database) -> None:
    by_psql(bare_database)
    assert not_applied(bare_database) == NAMES
    with pytest.raises(BooksLost, match="name those to `inboxdb migrate mark`"):
        migrate.apply(bare_database.dsn)
    assert answer(bare_database, "migrate", "mark", *NAMES[:2]) == {"marked": NAMES[:2]}
    assert not_applied(bare_database) == NAMES[2:]
    assert answer(bare_database, "migrate", "mark", "--all") == {"marked": NAMES[2:]}
    assert {one.state for one in migrate.status(bare_database.dsn)} == {"applied"}
    assert texts(bare_database) == texts(database)
    assert migrate.apply(bare_database.dsn) == []
    operations = bare_database.connect().execute("select operation from inboxdb._yoyo_log").fetchall()
    assert set(operations) == {("mark",)}
    assert run_yoyo(bare_database, "list").count("\nA ") == len(NAMES)
    assert len(migrate.rollback(bare_database.dsn, count=None)) == len(NAMES)


def test_mark_refuses_what_is_not_next(bare_database: Database) -> None:
    with pytest.raises(NotNext, match="there is no schema inboxdb here"):
        migrate.mark(bare_database.dsn, None)
    migrate.apply(bare_database.dsn, batch=2)
    kept = texts(bare_database)
    refused: dict[tuple[str, ...], tuple[type[InboxdbError], str]] = {
        (NAMES[0],): (NotNext, "it is recorded as applied already"),
        (NAMES[3],): (NotNext, f"{NAMES[2]} comes before it"),
        (NAMES[2], NAMES[4]): (NotNext, f"{NAMES[3]} comes before it"),
        (NAMES[3], NAMES[2]): (NotNext, f"{NAMES[2]} comes before it"),
        (NAMES[2], NAMES[2]): (NotNext, "named twice"),
        (NAMES[2], NONE_KNOWN): (UnknownMigration, NONE_KNOWN),
    }
    for ids, (error, reason) in refused.items():
        with pytest.raises(error, match=reason):
            migrate.mark(bare_database.dsn, ids)
    assert not_applied(bare_database) == NAMES[2:]
    assert texts(bare_database) == kept
    assert books.read(bare_database.connect()).keys() == set(NAMES[:2])
    for arguments in ([], ["--all", NAMES[2]]):
        assert invoke("migrate", "mark", *arguments, "--dsn", bare_database.dsn).exit_code == 2
