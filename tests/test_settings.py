"""Settings that a database carries into every session: the host writes, drains refresh, and the counts are the same.

The settings are the server's own list, pg_settings, so that those of a new version are tried, too.
"""

import json
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from inboxdb.cli.app import NOT_HEALTHY
from inboxdb.counts.verify import verify
from inboxdb.database import connection, sources
from inboxdb.drain.run import drain
from inboxdb.install import access, migrate, plan, repair
from inboxdb.watch import doctor
from tests.catalog import catalog, difference
from tests.interleave import DEADLINE, until
from tests.rows import Host, new_id
from tests.servers import DRAINER, MEMBER, WRITER, Database
from tests.test_cli import answer, invoke, refusal
from tests.test_migrations import NAMES, holding_a_snapshot, invalid_indexes, threads, waiting_for
from tests.test_plan import psql

__all__ = ["threads"]

# Values of settings whose values are text, and of those that no minimum or maximum says enough about.
VALUES = {
    "DateStyle": ["SQL, DMY", "German", "Postgres, MDY"],
    "TimeZone": ["Pacific/Apia", "<+05>-05:30", "America/St_Johns"],
    "client_encoding": ["LATIN1", "SQL_ASCII", "EUC_JP"],
    "createrole_self_grant": ["set, inherit"],
    "default_tablespace": ["nowhere"],
    "default_text_search_config": ["pg_catalog.simple"],
    "lock_timeout": ["1ms"],
    # below, each of a million debugging messages quotes its statement: 4 GB of log
    "log_min_error_statement": ["log", "panic"],
    "plpgsql.extra_errors": ["all"],
    "plpgsql.extra_warnings": ["all"],
    "restrict_nonsystem_relation_kind": [],
    "search_path": ["nowhere", "public, pg_catalog"],
    "temp_tablespaces": ["nowhere"],
    "timezone_abbreviations": ["India", "Australia"],
    "wal_consistency_checking": ["all"],
    # of a transaction, never of a database
    "transaction_deferrable": [],
    "transaction_isolation": [],
    "transaction_read_only": [],
    # a check of the doctor's names it
    "track_counts": [],
    # each has a test of its own
    "default_transaction_read_only": [],
    "session_replication_role": ["local"],
    # refused by the server beside others, or taken from the machine's memory
    "log_statement_stats": [],
    "max_stack_depth": ["100kB"],
    "temp_buffers": ["100"],
}


CHECK = (sources.SQL / "checks" / "both" / "settings.sql").read_text()

# What plan and doctor know, with a value that they are to speak of.
NOTED = {
    "transaction_timeout": "2s",
    "statement_timeout": "2min",
    "lock_timeout": "500ms",
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "5min",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "row_security": "off",
    "default_table_access_method": "another",
    "restrict_nonsystem_relation_kind": "view",
    "exit_on_error": "on",
    "temp_file_limit": "1MB",
    "client_encoding": "LATIN1",
    "DateStyle": "German",
}
SHARES = 3  # of all mixes, for processes side by side

TIMEOUTS = [name for name in NOTED if name.endswith("_timeout")]


def prepare(database: Database) -> None:
    access.turn_off(database.dsn)


def values(connection: Connection) -> dict[str, list[str]]:
    """List what every setting that a database may carry can be, its own value aside: at most two numbers of each."""
    connection.execute("load 'plpgsql'")
    query = """
        select
          name::text,
          case vartype
            when 'bool' then array[case reset_val when 'on' then 'off' else 'on' end]
            when 'enum' then array_remove(enumvals, reset_val)
            when 'string' then '{}'::text[]
            else array_remove(array[min_val, max_val], reset_val)
          end
        from pg_settings
        where context in ('user', 'superuser')
    """
    rows: list[tuple[str, list[str]]] = connection.execute(query).fetchall()
    return {name: VALUES.get(name, known) for name, known in rows}


def carry(database: Database, settings: Mapping[str, str]) -> None:
    """Have the database carry these settings, and no others, into new sessions."""
    alter = SQL("alter database {}").format(Identifier(database.name))
    with psycopg.connect(database.server.dsn, autocommit=True) as admin:  # of another database
        admin.execute("load 'plpgsql'")
        admin.execute(alter + SQL(" reset all"))
        for name, value in settings.items():
            path = SQL(".").join(map(Identifier, name.split(".")))
            parts = value.split(", ") if name == "search_path" else [value]
            admin.execute(alter + SQL(" set {} = {}").format(path, SQL(", ").join(map(Literal, parts))))


def live(database: Database) -> None:
    """Write, drain both ways, read, compare, look: all in new sessions."""
    user = new_id()
    with psycopg.connect(database.dsn_of(WRITER), autocommit=True) as writer:
        host = Host(writer)
        workspace = host.workspace()
        host.member(workspace, user, "ADMIN")
        lead = host.lead(workspace, assignedToUserId=user, lastInboundAt="2024-01-01 00:00:00+00")
        host.update("Lead", lead, assignedToUserId=new_id())
        draft = host.draft(lead)
        host.ai_sent(lead)
        host.delete("AIDraft", draft)
        host.delete("Lead", host.lead(workspace))
    done = drain(database.dsn)
    assert (done.refreshed, done.failures, done.remaining) == (1, [], 0)
    with psycopg.connect(database.dsn_of(WRITER), autocommit=True) as writer:
        Host(writer).lead(workspace)
    with psycopg.connect(database.dsn_of(DRAINER), autocommit=True) as drainer:
        drainer.execute("call inboxdb.drain_dirty()")
    with psycopg.connect(database.dsn_of(MEMBER), autocommit=True) as member:
        member.execute("set role authenticated")
        member.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": user})])
        counts = member.execute("select total, ai_sent from inbox_api.inbox_counts(%s)", [workspace]).fetchone()
        assert counts == (2, 1)
    assert answer(database, "counts", workspace)["total"] == 2
    compared = verify(database.dsn)
    assert compared.healthy
    assert compared.workspaces
    assert not {check.check: check.findings for check in doctor.examine(database.dsn) if check.status == "problem"}
    assert {one.state for one in migrate.status(database.dsn)} == {"applied"}
    assert not repair.verify(database.dsn).findings
    assert invoke("status", "--dsn", database.dsn).exit_code == 0
    assert not [one for one in answer(database, "migrate", "plan")["findings"] if one["severity"] != "note"]


def culprits(database: Database, settings: dict[str, str]) -> list[str]:
    """Live with these settings; where that fails, halve them until each culprit is alone, and say what it does."""
    carry(database, settings)
    try:
        live(database)
    except Exception as error:
        if len(settings) < 2:
            return [f"{settings}: {type(error).__name__}: {error}"]
        items = list(settings.items())
        half = len(items) // 2
        return culprits(database, dict(items[:half])) + culprits(database, dict(items[half:])) or [
            f"{settings}, together only: {type(error).__name__}: {error}"
        ]
    return []


def has(connection: Connection, name: str) -> bool:
    """Whether the server's version has a setting."""
    return connection.execute("select current_setting(%s, true) is not null", [name]).fetchone() == (True,)


def rounds_of(database: Database) -> list[dict[str, str]]:
    """All settings at once: first the first value of each, then the second, and so on."""
    pairs = [[(name, value) for value in known] for name, known in values(database.superuser()).items()]
    return [dict(filter(None, one)) for one in zip_longest(*pairs)]


def test_every_setting(database: Database) -> None:
    rounds = rounds_of(database)
    assert len(rounds[0]) > 150
    for one in rounds[:2]:
        assert not culprits(database, one)


def mixes_of(database: Database) -> list[dict[str, str]]:
    """Each value of every setting among six to eight others, twice: what one of them hides is seen beside others."""
    pairs = [(name, value) for name, known in values(database.superuser()).items() for value in known]
    return [dict(pairs[first::step]) for step in (len(pairs) // 8, len(pairs) // 7) for first in range(step)]


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_every_value_of_every_setting(database: Database, share: int) -> None:
    tried = [*rounds_of(database)[2:], *mixes_of(database)]
    assert not [culprit for one in tried[share::SHARES] for culprit in culprits(database, one)]


@pytest.mark.slow
def test_install_whatever_is_set(bare_database: Database, database: Database) -> None:
    """By `migrate apply`, and by the script that psql runs, under all settings at once; what is made is the same."""
    admin = bare_database.superuser()
    admin.execute("create access method another type table handler heap_tableam_handler")
    expected = catalog(database.connect())
    carried = {**rounds_of(bare_database)[0], "default_table_access_method": "another"}
    views = {"restrict_nonsystem_relation_kind": "view"} if has(admin, "restrict_nonsystem_relation_kind") else {}
    carry(bare_database, carried | views)
    migrate.apply(bare_database.dsn, to=NAMES[2])
    script = invoke("migrate", "plan", "--sql", "--dsn", bare_database.dsn).stdout
    psql(bare_database, script)
    assert migrate.apply(bare_database.dsn) == []
    carry(bare_database, carried)
    live(bare_database)
    assert repair.verify(bare_database.dsn, repair=True).healthy
    for step in ("suspend", "resume"):
        answer(bare_database, "migrate", step)
    carry(bare_database, {})
    assert not difference(expected, catalog(bare_database.connect()))
    query = "select relname from pg_class where relam = (select oid from pg_am where amname = 'another')"
    assert admin.execute(query).fetchall() == []
    carry(bare_database, carried)
    answer(bare_database, "uninstall", "--yes")


def test_no_timeout_cuts_a_drain_short(database: Database, owner: Connection) -> None:
    """A refresh that takes longer than every timeout of the host's; where the server has none of a name, without."""
    known = [name for name in TIMEOUTS if has(owner, name)]
    owner.execute(
        """
        create or replace function inboxdb.checkpoint(name text, about text default null) returns void
        language plpgsql as $$begin
          if name = 'counts stored' then perform pg_catalog.pg_sleep(0.3); end if;
        end$$
        """
    )
    host = Host(database.writer())
    workspace = host.workspace()
    carry(database, dict.fromkeys(known, "200ms"))
    done = drain(database.dsn)
    assert (done.refreshed, done.failures) == (1, [])
    assert verify(database.dsn).healthy
    answer(database, "recompute", workspace)
    # left out here, because a statement_timeout bounds the whole call
    carry(database, dict.fromkeys(set(known) - {"statement_timeout"}, "200ms"))
    host.lead(workspace)
    with psycopg.connect(database.dsn_of(DRAINER), autocommit=True) as drainer:
        drainer.execute("call inboxdb.drain_dirty(max_seconds => 1)")
    assert answer(database, "counts", workspace)["total"] == 1


def test_a_call_ends_within_its_statement_timeout(database: Database) -> None:
    """Asked to go on for a minute, the procedure claims nothing after half of the timeout: none is cut short."""
    with psycopg.connect(database.dsn_of(DRAINER), autocommit=True, options="-c statement_timeout=5s") as drainer:
        began = time.monotonic()
        drainer.execute("call inboxdb.drain_dirty(max_seconds => 60)")
        assert 2.5 <= time.monotonic() - began < 5


def test_an_index_is_built_beyond_a_transaction_timeout(bare_database: Database, threads: ThreadPoolExecutor) -> None:
    """The build waits for a transaction that is open for longer than transaction_timeout, and is made in the end."""
    reader = holding_a_snapshot(bare_database)
    if not has(reader, "transaction_timeout"):
        pytest.skip("transaction_timeout is of PostgreSQL 17")
    carry(bare_database, {"transaction_timeout": "200ms"})
    applying = threads.submit(migrate.apply, bare_database.dsn)
    [builder] = waiting_for(reader, bare_database)
    watcher = bare_database.superuser(options="-c transaction_timeout=0")
    waits = "select xact_start < clock_timestamp() - interval '0.4 s' from pg_stat_activity where pid = %s"
    until(lambda: watcher.execute(waits, [builder]).fetchone() == (True,))
    reader.rollback()
    assert applying.result(DEADLINE)
    assert not invalid_indexes(watcher)


def findings(database: Database) -> dict[str, str]:
    """What plan and doctor say alike about settings: by setting, evidence and remedy."""
    [check] = [one for one in doctor.examine(database.dsn) if one.check == "settings"]
    planned = [one for one in plan.examine(database.dsn).findings if one.check == "settings"]
    assert {one.evidence for one in check.findings} == {one.evidence for one in planned}
    return {one.evidence.split()[0]: f"{one.evidence}; {one.remedy}" for one in check.findings}


@pytest.mark.slow
def test_plan_and_doctor_say_what_is_done_about_settings(database: Database) -> None:
    admin = database.superuser()
    admin.execute("create access method another type table handler heap_tableam_handler")
    assert findings(database) == {}
    for name, value in NOTED.items():
        if has(admin, name) and name != "default_transaction_read_only":  # of this session check read_only says so
            carry(database, {name: value})
            found = findings(database)
            assert found.keys() == {name}
            assert f"{name} is {value} for database {database.name}: " in found[name]
    carry(database, {"statement_timeout": "0"})
    admin.execute(f"alter role {DRAINER} in database {database.name} set default_transaction_read_only = on")
    assert findings(database).keys() == {"default_transaction_read_only"}
    for role in (DRAINER, WRITER):
        admin.execute(f"alter role {role} in database {database.name} set statement_timeout = '30s'")
    said = findings(database)["statement_timeout"]
    assert f"30s for role {DRAINER} in database {database.name}" in said
    assert f"`alter role {DRAINER} in database {database.name} reset statement_timeout`" in said
    options = make_conninfo(database.dsn, options="-c lock_timeout=7s")
    assert "lock_timeout is 7000ms: " in invoke("doctor", "--dsn", options).stdout


@pytest.mark.parametrize(
    ("name", "value", "said_by"),
    [("default_transaction_read_only", "on", "read_only"), ("restrict_nonsystem_relation_kind", "view", "settings")],
)
def test_a_setting_that_stops_inboxdb_is_a_problem(database: Database, name: str, value: str, said_by: str) -> None:
    """Named by the doctor, with a remedy that mends it; nothing is written where writes are off."""
    if not has(database.superuser(), name):
        pytest.skip(f"{name} is of later versions")
    drain(database.dsn)
    carry(database, {name: value})
    [check] = [check for check in doctor.examine(database.dsn) if check.status == "problem"]
    [finding] = check.findings
    assert check.check == said_by
    assert f"{name} is {value}" in finding.evidence
    if name == "default_transaction_read_only":
        assert name in refusal(database, "drain-dirty", status=1)
        assert answer(database, "migrate", "plan", status=NOT_HEALTHY)["findings"]
    remedy = finding.remedy.split("`")[1]
    with psycopg.connect(database.server.dsn, autocommit=True) as admin:
        admin.execute(remedy.encode())
    live(database)


def test_table_in_the_documents_has_every_setting() -> None:
    """Every setting that inboxdb sets for itself, and every one that plan and doctor know."""
    text = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
    table = text.partition("## Settings of the host")[2].partition("\n## ")[0]
    documented = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall("`(.*?)`", row)
    }
    noted = set(re.findall(r"^  \(?\s*'(\w+)', array\[", CHECK, re.MULTILINE))
    ours = set(re.findall(r"set local (\w+)", connection.OF_TRANSACTIONS_17))
    migrations = set(re.findall(r"^    \('([\w.]+)', ", migrate.SETTINGS, re.MULTILINE))
    assert noted == NOTED.keys()
    assert noted | ours | migrations <= documented
