"""What is planned is what is applied: the script for psql, the list, how far to go, and what was done by hand."""

import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from inboxdb.database import checks, connection, sources
from inboxdb.database.errors import InboxdbError, LedgerLost, MigrationFailed, NotNext, UnknownMigration
from inboxdb.demo import embedded
from inboxdb.install import access, ledger, migrate, plan
from tests.catalog import catalog, difference
from tests.interleave import DEADLINE, until
from tests.rows import Host
from tests.servers import OWNER, WRITER, Database
from tests.test_checksums import edit, texts
from tests.test_cli import answer, invoke, refusal
from tests.test_migrations import (
    ACCESS,
    FROM_LEADS,
    INDEXES,
    LAST,
    LEADS,
    NAMES,
    by_psql,
    drained,
    holding_a_snapshot,
    holding_lead,
    interrupted_build,
    not_applied,
    ours_with,
    run_yoyo,
    threads,
    waiting_for,
)

__all__ = ["threads"]

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


@pytest.mark.long
def test_script_in_steps(bare_database: Database, database: Database) -> None:
    for name in NAMES:
        psql(bare_database, plan.script(bare_database.dsn, to=name))
        assert not_applied(bare_database) == NAMES[NAMES.index(name) + 1 :]
    assert not difference(catalog(database.connect()), catalog(bare_database.connect()))


def test_ledger_is_as_yoyo_makes_it(bare_database: Database, database: Database) -> None:
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


@pytest.mark.long
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
    assert "`inboxdb workspace`, is at work" in psql(bare_database, script, status=3)
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
        assert one["summary"].startswith(f"inboxdb {one['id'][:4]}: ")
        assert "\nLocks: " in one["summary"]
        assert "\nUndo: " in one["summary"]
        assert "depends" not in one["summary"]
        assert one["undo"].startswith(f"Undoes {one['id']}: ")
    shown = invoke("migrate", "plan", "--to", INDEXES, "--dsn", bare_database.dsn).stdout
    assert f"{INDEXES}, NOT in a transaction\n" in shown
    assert LEADS not in shown

    assert answer(bare_database, "migrate", "apply", "--dry-run") == {"would_apply": NAMES}
    result = invoke("migrate", "apply", "--dry-run", "--to", LEADS, "--batch", "2", "--dsn", bare_database.dsn)
    assert result.stdout == f"would apply {NAMES[0]}\nwould apply {NAMES[1]}\n"
    assert not difference(bare, catalog(bare_database.connect()))


def test_locks_are_shown_with_how_long_at_most(bare_database: Database) -> None:
    steps = {one.id: one for one in plan.examine(bare_database.dsn, lock_timeout=0.5).steps}
    assert steps[LEADS].locks == [
        plan.Lock('public."Lead"', "SHARE ROW EXCLUSIVE", "writers", 0.5, connection.ATTEMPTS, "commit")
    ]
    assert {(one.seconds_at_a_time, one.attempts) for one in steps[INDEXES].locks} == {(None, None)}
    shown = invoke("migrate", "plan", "--lock-timeout", "0.5", "--dsn", bare_database.dsn).stdout
    assert (
        'SHARE ROW EXCLUSIVE on public."Lead": stops writers; waited for 0.5 s at a time, 10 times; held until commit'
    ) in shown
    assert 'on public."Message": stops nobody; waited for as long as it takes; held until the index is built' in shown


# from the strongest
MODES = {
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "RowShareLock": "ROW SHARE",
    "AccessShareLock": "ACCESS SHARE",
}


def locks_of(watcher: Connection[Any], pid: int) -> dict[str, str]:
    """List the tables of the host and of inboxdb that a session holds, each with its strongest lock."""
    rows = watcher.execute(
        """
        select format('%%I.%%I', n.nspname, c.relname), l.mode
        from pg_locks as l join pg_class as c on l.relation = c.oid join pg_namespace as n on c.relnamespace = n.oid
        where l.pid = %s and l.granted and n.nspname in ('public', 'inboxdb', 'realtime') and c.relkind = 'r'
        order by array_position(%s, l.mode) desc
        """,
        [pid, list(MODES)],
    )
    return {table: MODES[mode] for table, mode in rows}


# a host with every column that a migration asks for
@pytest.mark.host_variants("wide-text")
@pytest.mark.parametrize("name", [name for name in NAMES if name != INDEXES])
def test_declared_locks_are_those_taken(name: str, bare_database: Database) -> None:
    migrate.apply(bare_database.dsn, batch=NAMES.index(name))
    owner = bare_database.connect()
    there = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'inboxdb')"
    before = {table for (table,) in owner.execute(there)}
    [step] = plan.examine(bare_database.dsn, to=name).steps
    [migration] = [one for one in migrate.shipped() if one.id == name]
    with owner.transaction(force_rollback=True):
        owner.execute(migrate.statements(migration, 2).encode())
        taken = locks_of(owner, owner.info.backend_pid)
    # of our own tables those that stop somebody
    taken = {
        table: mode
        for table, mode in taken.items()
        if table in before and (table.startswith("public.") or plan.STOPS.get(mode) not in (None, "nobody"))
    }
    assert {one.host_table: one.mode for one in step.locks} == taken


def test_declared_locks_of_the_index_builds_are_those_taken(
    threads: ThreadPoolExecutor, bare_database: Database
) -> None:
    migrate.apply(bare_database.dsn, batch=NAMES.index(INDEXES))
    [step] = plan.examine(bare_database.dsn, to=INDEXES).steps
    taken: dict[str, str] = {}
    # the one that is built first goes on to be built while a snapshot is held; then it is there, and the other is built
    for _ in step.locks:
        reader = holding_a_snapshot(bare_database)
        applying = threads.submit(migrate.apply, bare_database.dsn, to=INDEXES)
        [builder] = waiting_for(reader, bare_database)
        locks = locks_of(bare_database.connect(), builder)
        assert len(locks) == 1, "one table at a time"
        taken |= locks
        bare_database.connect().execute("select pg_terminate_backend(%s)", [builder])
        with pytest.raises(MigrationFailed):
            applying.result(DEADLINE)
        reader.rollback()
        if len(taken) < len(step.locks):
            bare_database.connect().execute("drop index inboxdb_message_ai_sent")
            bare_database.connect().execute(
                (sources.SQL / "host" / "message_ai_sent.index.sql").read_bytes().replace(b"concurrently", b"")
            )
    assert {one.host_table: one.mode for one in step.locks} == taken


@pytest.mark.host_variants("wide-text")  # which lacks nothing
def test_nothing_to_plan(database: Database) -> None:
    for arguments in (["plan"], ["apply", "--dry-run"], ["mark", "--all"]):
        assert invoke("migrate", *arguments, "--dsn", database.dsn).stdout == "nothing is pending\n"
    psql(database, plan.script(database.dsn))


# What stands in the way


def findings(database: Database, *options: str, role: str = OWNER, check: str = "") -> list[dict[str, Any]]:
    """Plan as a role; return what is found, of one check or of all but what is to be decided about "Lead", and what
    narrow hosts lack for analytics.
    """
    result = invoke("migrate", "plan", "--json", *options, "--dsn", database.server.dsn_of(database.name, role))
    found: list[dict[str, Any]] = json.loads(result.stdout)["findings"]
    assert result.exit_code == (3 if any(one["severity"] == "obstacle" for one in found) else 0)
    assert all(one["evidence"] and one["remedy"] for one in found)
    severities = [checks.SEVERITIES.index(one["severity"]) for one in found]
    assert severities == sorted(severities), "the worst first"
    return [one for one in found if (one["check"] == check if check else one["check"] not in ("lead_rls", "analytics"))]


Planted = tuple[str, str | None, str]

# What is done to a database, and the obstacle that it is: check, migration, evidence.
OBSTACLES: dict[str, Planted] = {
    "revoke create on database {database} from {owner}": (
        "privileges", None, "role {owner} may not create a schema in database {database}",
    ),
    "revoke create on schema public from {owner}": (
        "privileges", INDEXES, "role {owner} may not create an index in schema public",
    ),
    'alter table "Message" owner to postgres; grant all on "Message" to {owner}': (
        "privileges", INDEXES, 'role {owner} does not own public."Message", which belongs to postgres',
    ),
    'alter table "Lead" owner to postgres; grant select on "Lead" to {owner}': (
        "privileges", LEADS, 'role {owner} may not create triggers on public."Lead"',
    ),
    "create schema inboxdb": (
        "host", None, "the host schema does not fit: schema inboxdb belongs to postgres, not to the role that applies.",
    ),
    'alter table "Lead" rename column "snoozedUntil" to snoozed': (
        "host", None, 'the host schema does not fit: column public."Lead"."snoozedUntil" is missing.',
    ),
    "alter role {owner} in database {database} set default_transaction_read_only = on": (
        "read_only", None,
        "transactions are read-only: default_transaction_read_only is on, set by the role in the database",
    ),
    "create schema inboxdb authorization {owner}; create table inboxdb.inbox_counts ()": (
        "leftovers", NAMES[0], "table inboxdb.inbox_counts is there already, though the migration is not recorded",
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", OBSTACLES)
def test_obstacle_is_named_and_makes_apply_fail(planted: str, bare_database: Database) -> None:
    words = {"owner": OWNER, "database": bare_database.name}
    bare_database.superuser().execute(planted.format(**words))
    check, migration, evidence = OBSTACLES[planted]
    found = findings(bare_database)
    assert [(one["check"], one["severity"], one["migration"], one["evidence"]) for one in found] == [
        (check, "obstacle", migration, evidence.format(**words))
    ]
    steps = answer_anyway(bare_database)["steps"]
    assert [one["id"] for one in steps] == NAMES, "it is planned nevertheless"
    with pytest.raises(InboxdbError):
        migrate.apply(bare_database.dsn)
    for order in re.findall(r"`(grant [^`]*)`", found[0]["remedy"]):
        if "privileges" in check and "apply as" not in found[0]["remedy"]:
            bare_database.superuser().execute(order)
            assert findings(bare_database) == []
            assert migrate.apply(bare_database.dsn)[-1] == LAST


def answer_anyway(database: Database) -> Any:
    return json.loads(invoke("migrate", "plan", "--json", "--dsn", database.dsn).stdout)


def test_everything_that_is_wrong_is_said_at_once(bare_database: Database) -> None:
    found = findings(bare_database, role=WRITER)
    assert {one["check"] for one in found} == {"privileges"}
    assert len({one["evidence"] for one in found}) == 7
    assert {one["migration"] for one in found} == {None, INDEXES, *NAMES[3:6]}
    assert findings(bare_database, "--to", NAMES[1], role=WRITER) == [found[0]], "only what is planned counts"


def test_reading_rights_that_are_missing_are_a_warning(bare_database: Database) -> None:
    superuser = bare_database.superuser()
    superuser.execute('alter table "ClientMember" owner to postgres')
    superuser.execute('alter table "Client" owner to postgres')
    superuser.execute(f'grant trigger, select on "Client" to {OWNER}')
    superuser.execute('alter table "Lead" enable row level security; alter table "Lead" force row level security')
    found = [(one["severity"], one["migration"], one["evidence"]) for one in findings(bare_database)]
    assert found == [
        ("warning", NAMES[1], f'row-level security hides rows of public."Lead" from role {OWNER}, '
         "so nothing could be counted"),
        ("warning", NAMES[3], f'role {OWNER} does not own public."Client", so it could not undo this'),
        ("warning", ACCESS, f'role {OWNER} may not read public."ClientMember", so nothing could be counted'),
    ]  # fmt: skip


def test_invalid_index_is_a_note(threads: ThreadPoolExecutor, bare_database: Database) -> None:
    reader = holding_a_snapshot(bare_database)
    interrupted_build(threads, bare_database, reader, "pg_terminate_backend")
    reader.rollback()
    [found] = findings(bare_database, check="leftovers")
    assert found["severity"] == "note"
    assert found["evidence"].startswith("index public.inboxdb_message_ai_sent is invalid")
    migrate.apply(bare_database.dsn)
    assert findings(bare_database) == []


def test_triggers_made_by_hand_are_noted_until_they_are_marked(bare_database: Database) -> None:
    migrate.apply(bare_database.dsn, to=INDEXES)
    bare_database.connect().execute((sources.SQL / "log" / "client.trigger.sql").read_bytes())
    [found] = findings(bare_database)
    assert (found["check"], found["severity"], found["migration"]) == ("leftovers", "note", NAMES[3])
    assert 'trigger inboxdb_note_insert_or_delete on public."Client" is there already' in found["evidence"]
    [order] = re.findall(r"`inboxdb (migrate mark [^`]*)`", found["remedy"])
    assert invoke(*order.split(), "--dsn", bare_database.dsn).exit_code == 0
    assert findings(bare_database) == []


def test_blockers_are_named_by_pid_and_age(bare_database: Database) -> None:
    secret = "synthetic.person@example.invalid"
    bare_database.superuser().execute(f"grant pg_read_all_stats to {OWNER}")
    try:
        assert findings(bare_database) == []
        writer = bare_database.writer(autocommit=False, application_name="the app")
        writer.execute('lock table "Lead" in row exclusive mode')
        writer.execute('select from "Lead" where email = %s', [secret])
        pid = writer.info.backend_pid
        # one that is young will have ended in time
        [young] = findings(bare_database, "--lock-timeout", "3600")
        assert (young["severity"], young["migration"]) == ("note", LEADS)
        found = findings(bare_database, "--lock-timeout", "0.01", check="blockers")
        assert [(one["severity"], one["migration"]) for one in found] == [("warning", LEADS)]
        assert re.fullmatch(
            rf"session {pid} of role {WRITER}, application 'the app', idle in transaction holds RowExclusive on "
            r'public\."Lead", in a transaction for 00:00:\d\d',
            found[0]["evidence"],
        )
        assert secret not in str(found)
        assert findings(bare_database, "--lock-timeout", "0.01", "--to", NAMES[3], check="blockers") == []
        [order] = re.findall(r"`(select [^`]*)`", found[0]["remedy"])
        bare_database.superuser().execute(order)
        until(lambda: findings(bare_database) == [])
    finally:
        bare_database.superuser().execute(f"revoke pg_read_all_stats from {OWNER}")


def test_blocker_of_an_age_that_may_not_be_seen(bare_database: Database) -> None:
    writer = holding_lead(bare_database)
    [found] = findings(bare_database, "--lock-timeout", "3600")
    assert found["severity"] == "warning"
    assert found["evidence"].startswith(f"session {writer.info.backend_pid} of role {WRITER}, application ")
    assert found["evidence"].endswith("for how long this role may not see (it needs pg_read_all_stats)")


def test_prepared_transaction_in_the_way(bare_database: Database) -> None:
    gid = f"forgotten of {bare_database.name}"
    session = bare_database.connect(autocommit=False)
    session.tpc_begin(gid)
    session.execute('delete from "Message"')
    session.tpc_prepare()
    [found] = findings(bare_database)
    assert (found["check"], found["severity"], found["migration"]) == ("blockers", "warning", INDEXES)
    assert re.fullmatch(
        rf"prepared transaction '{gid}' holds RowExclusive on public\.\"Message\", in a transaction for 00:00:\d\d",
        found["evidence"],
    )
    [order] = re.findall(r"`([^`]*)`", found["remedy"])
    bare_database.connect().execute(order)
    assert findings(bare_database) == []


def test_old_snapshot_that_an_index_build_waits_for(bare_database: Database) -> None:
    reader = bare_database.connect(autocommit=False, application_name="a dump")
    reader.execute("set transaction isolation level repeatable read")
    reader.execute("select")
    [found] = findings(bare_database, "--lock-timeout", "0.01")
    assert (found["check"], found["severity"], found["migration"]) == ("snapshots", "warning", INDEXES)
    assert f"session {reader.info.backend_pid} of role {OWNER}, application 'a dump'" in found["evidence"]
    assert findings(bare_database, "--lock-timeout", "3600") == []
    assert findings(bare_database, "--lock-timeout", "0.01", "--to", NAMES[1]) == []


def test_another_runner_is_a_warning(bare_database: Database) -> None:
    runner = holding_the_runners_lock(bare_database)
    [found] = findings(bare_database)
    assert (found["check"], found["severity"]) == ("runner", "warning")
    assert f"session {runner.info.backend_pid}, connected for 00:00:" in found["evidence"]


def test_edited_newer_and_damaged_are_obstacles(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = ours_with(tmp_path, monkeypatch)
    edit(copy, LAST)
    database.connect().execute(
        "insert into inboxdb._yoyo_migration values ('x', %s, now() at time zone 'UTC')", [NONE_KNOWN]
    )
    found = findings(database)
    assert [(one["check"], one["severity"]) for one in found] == [
        ("newer_database", "obstacle"),
        ("edited_migration", "obstacle"),
    ]
    assert NONE_KNOWN in found[0]["evidence"]
    assert LAST in found[1]["evidence"]
    (copy / f"{LEADS}.sql").write_text("")
    assert [(one["check"], one["severity"]) for one in findings(database)] == [("damaged_files", "obstacle")]


def test_suspended_is_an_obstacle(database: Database) -> None:
    assert invoke("migrate", "suspend", "--dsn", database.dsn).exit_code == 0
    [found] = findings(database)
    assert (found["check"], found["severity"]) == ("suspended", "obstacle")
    assert invoke("migrate", "apply", "--dsn", database.dsn).exit_code == 1
    assert invoke("migrate", "resume", "--dsn", database.dsn).exit_code == 0
    assert findings(database) == []
    assert invoke("migrate", "suspend", "--dsn", database.dsn).exit_code == 0
    database.connect().execute("drop table inboxdb.inbox_counts cascade")
    assert findings(database) == [found], "which makes the table anew"
    assert invoke("migrate", "resume", "--dsn", database.dsn).exit_code == 0
    assert findings(database) == []


def test_what_is_to_be_decided_is_said_until_it_is(bare_database: Database) -> None:
    [found] = findings(bare_database, check="lead_rls")
    assert (found["severity"], found["migration"]) == ("warning", LAST)
    assert WRITER in found["evidence"]
    assert findings(bare_database, "--to", LEADS, check="lead_rls") == []
    migrate.apply(bare_database.dsn, to=LEADS)
    assert len(findings(bare_database, check="lead_rls")) == 1
    assert invoke("migrate", "apply", "--without-rls", "--dsn", bare_database.dsn).exit_code == 0
    assert findings(bare_database, check="lead_rls") == []


def test_roles_that_are_missing(bare_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "ROLES", ("authenticated", "never_made"))
    [found] = findings(bare_database)
    assert (found["check"], found["severity"], found["migration"]) == ("roles", "note", ACCESS)
    assert found["evidence"] == "there is no role never_made"
    assert "this role may not create roles" in found["remedy"]

    bare = catalog(bare_database.connect())
    asked = ["migrate", "apply", "--without-rls", "--create-roles"]
    assert "this role may not create roles" in refusal(bare_database, *asked)
    assert not difference(bare, catalog(bare_database.connect())), "before anything is changed"
    assert "--create-roles` makes them" in findings(bare_database, role="postgres")[0]["remedy"]


def test_query_that_cannot_be_run_is_said(
    bare_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(sources.SQL, tmp_path / "sql")
    monkeypatch.setattr(sources, "SQL", tmp_path / "sql")
    (tmp_path / "sql" / "checks" / "plan" / "runner.sql").write_text("select rolpassword from pg_catalog.pg_authid")
    assert [(one["check"], one["severity"]) for one in findings(bare_database)] == [("runner", "not looked at")]


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
    rest = NAMES[NAMES.index(LEADS) + 1 :]
    first = invoke("migrate", "apply", "--batch", "2", "--create-roles", "--dsn", bare_database.dsn)
    assert first.exit_code == 0, first.stderr
    assert first.stdout.endswith(f" has {len(NAMES) - 2} migrations pending: next {INDEXES}\n")
    assert 'row-level security on "Lead" and roles wait for the last migration\n' in first.stderr
    assert answer(bare_database, "migrate", "apply", "--to", LEADS, "--without-rls")["applied"] == NAMES[2 : -len(rest)]
    assert WRITER in invoke("migrate", "apply", "--to", LAST, "--dsn", bare_database.dsn).stderr
    assert not_applied(bare_database) == rest
    assert answer(bare_database, "migrate", "apply", "--to", LAST, "--trust", WRITER)["applied"] == rest
    assert answer(bare_database, "rls", "plan")["decided"] == "enabled"


def test_each_migration_is_shown_with_its_duration(bare_database: Database) -> None:
    said = invoke("migrate", "apply", "--without-rls", "--dsn", bare_database.dsn).stderr
    assert re.findall(r"^applying (\S+)\napplied \1 in \d+\.\d\d s$", said, re.MULTILINE) == NAMES


# What was done by hand


@pytest.mark.long
def test_what_was_run_by_hand_is_marked(bare_database: Database, database: Database) -> None:
    by_psql(bare_database)
    assert not_applied(bare_database) == NAMES
    with pytest.raises(LedgerLost, match="name those to `inboxdb migrate mark`"):
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
    assert ledger.read(bare_database.connect()).keys() == set(NAMES[:2])
    for arguments in ([], ["--all", NAMES[2]]):
        assert invoke("migrate", "mark", *arguments, "--dsn", bare_database.dsn).exit_code == 2
