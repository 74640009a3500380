"""What each kind of dump restores to, and what is run until `verify`, `migrate verify` and the doctor are content."""

import os
import secrets
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from inboxdb.counts.verify import verify
from inboxdb.database.checks import PROBLEM
from inboxdb.demo import embedded
from inboxdb.drain.run import drain
from inboxdb.install import access, migrate, repair
from inboxdb.watch import doctor
from tests.interleave import DEADLINE
from tests.parts import one_in
from tests.rows import Host, new_id, stored_counts
from tests.running import watching
from tests.servers import OWNER, SETTINGS, WRITER, Database, Server, find, new_folder, version_of
from tests.test_cli import invoke

NAMED = access.Named(trusted=[WRITER], restricted=["authenticated"])
# Tables of one row that installing makes.
STATES = ("analytics_state", "installation", "drain_state", "list_key", "search_state")
NAMES = f"--trust {WRITER} --restrict authenticated"

WITHOUT_OURS = ("--exclude-schema=inboxdb", "--exclude-schema=inbox_api")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    """Another server with the same roles."""
    with embedded.server(new_folder(), 18, settings=SETTINGS) as dsn:
        server = Server(dsn, secrets.token_hex(16))
        yield server
        server.close()


@pytest.fixture
def used(database: Database) -> Database:
    """A database in use: row-level security on "Lead", workspaces counted, and changes of every kind waiting."""
    access.turn_on(database.dsn, NAMED)
    host = Host(database.writer())
    workspaces = host.workspace(), host.workspace()
    for workspace in workspaces:
        host.ai_sent(host.lead(workspace, assignedToUserId=new_id(), lastInboundAt="2024-01-01 00:00:00+00"))
    drain(database.dsn)
    leave_waiting(host, workspaces[0])
    return database


def leave_waiting(host: Host, workspace: str) -> None:
    """Note more changes than the floor is found by one by one, a draft's, which names no workspace, and a workspace."""
    for _ in range(300):
        host.lead(workspace, status="needs_repair")
    host.draft(host.lead(workspace))
    host.workspace()


def program(dsn: str, name: str) -> Path:
    """Find pg_dump or pg_restore of a server's own version, which knows what it writes and takes; else the newest."""
    version = int(version_of(dsn).partition(".")[0])
    try:
        own = find(version)
    except pytest.UsageError:
        own = 18
    assert not isinstance(own, str)
    folder = embedded.binaries(own) if isinstance(own, int) else own
    return folder / name if (folder / name).exists() else embedded.binaries(18) / name


def dump(database: Database, folder: Path, *options: str) -> Path:
    """Dump a database as its superuser, in pg_dump's own format."""
    file = folder / f"{new_id()}.dump"
    dsn = database.server.dsn_of(database.name)
    subprocess.run([program(dsn, "pg_dump"), "--format=custom", "--file", file, *options, dsn], check=True)
    return file


def restore(dsn: str, file: Path, *options: str, settings: str = "") -> list[str]:
    """Restore a dump; return the errors that pg_restore passed over."""
    result = subprocess.run(
        [program(dsn, "pg_restore"), "--dbname", dsn, *options, file],
        capture_output=True,
        text=True,
        env={**os.environ, "PGOPTIONS": settings},
    )
    errors = [line.partition(" ERROR: ")[2].strip() for line in result.stderr.splitlines() if " error: " in line]
    assert result.returncode == (1 if errors else 0), result.stderr
    return errors


@contextmanager
def empty_database(server: Server) -> Iterator[str]:
    """Lend a database that has nothing, as its superuser."""
    name = f"restored_{secrets.token_hex(6)}"
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0".encode())
        try:
            admin.execute(f"grant create on database {name} to {OWNER}".encode())
            yield make_conninfo(server.dsn, dbname=name)
        finally:
            admin.execute(f"drop database {name} with (force)".encode())


def as_owner(dsn: str, database: Database) -> str:
    return make_conninfo(dsn, user=OWNER, password=database.server.password)


def run(dsn: str, commands: str, status: int = 0) -> str:
    """Run commands of inboxdb's, a line each; return what the last one said."""
    for command in commands.strip().splitlines():
        result = invoke(*shlex.split(command), "--dsn", dsn)
        assert result.exit_code == status, result.output
    return result.output


def complaints(dsn: str) -> set[str]:
    """Return the doctor's checks that have found a problem."""
    return {one.check for one in doctor.examine(dsn) if one.status == PROBLEM}


def differing(dsn: str) -> set[str]:
    return {one.object for one in repair.verify(dsn).findings}


def versions(dsn: str) -> dict[tuple[str, str], int]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select client_id::text, family, version from inboxdb.cache_version").fetchall()
    return {(workspace, family): version for workspace, family, version in rows}


def waiting(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        [(number,)] = connection.execute("select count(*) from inboxdb.waiting").fetchall()
    return int(number)


def assert_sound(dsn: str) -> None:
    """All is applied, as shipped, counted and right, a later write, too; the doctor has no complaint."""
    assert {one.state for one in migrate.status(dsn)} == {"applied"}
    assert differing(dsn) == set()
    assert complaints(dsn) == set()
    for _ in range(2):
        assert waiting(dsn) == 0
        with psycopg.connect(dsn) as connection:
            assert connection.execute("select count(*) from inboxdb.drain_state").fetchone() == (1,)
            for slice in range(4):
                rows = connection.execute(f"select from inboxdb.change_{slice}".encode()).rowcount
                assert rows == 0, "a change lies where nobody reads"
            workspaces = [str(one) for (one,) in connection.execute('select id from public."Client"')]
            assert sorted(stored_counts(connection)) == sorted(workspaces)
            assert verify(dsn).healthy
            Host(connection).lead(workspaces[0], status="needs_repair")
        drain(dsn)


def next_xid(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        [(number,)] = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text::int8").fetchall()
    return int(number)


def count_transactions(dsn: str, up_to: int) -> None:
    """Let a server count transactions up to a number."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            f"do $$begin while pg_current_xact_id()::text::int8 < {up_to} loop commit; end loop; end$$".encode()
        )


# Whole


@pytest.mark.all_hosts
def test_a_whole_dump_waits_for_a_drain(used: Database, tmp_path: Path) -> None:
    before = versions(used.dsn)
    file = dump(used, tmp_path)
    with empty_database(used.server) as restored:
        assert restore(restored, file) == []
        assert differing(restored) == set()
        assert waiting(restored) > 300
        run(restored, "drain-dirty")
        assert_sound(restored)
        assert all(versions(restored)[key] >= version for key, version in before.items())


@pytest.mark.long
@pytest.mark.parametrize("counts", ["fewer", "more"])
def test_another_server_drains_what_waited(used: Database, elsewhere: Server, tmp_path: Path, counts: str) -> None:
    """It has counted far fewer transactions than those in the log, and where it drained to, or far more."""
    here, there = next_xid(used.server.dsn), next_xid(elsewhere.dsn)
    owner = used.connect()
    if counts == "fewer":
        count_transactions(used.server.dsn, there + 10_000)
        leave_waiting(Host(used.writer()), new_workspace(used))
        drain(used.dsn)
        leave_waiting(Host(used.writer()), new_workspace(used))
        [(low,)] = owner.execute("select min(xid)::text::int8 from inboxdb.change").fetchall()
        [(floor,)] = owner.execute("select read_from::text::int8 from inboxdb.drain_state").fetchall()
        assert min(low, floor) > next_xid(elsewhere.dsn) + 5_000
    else:
        count_transactions(elsewhere.dsn, here + 10_000)
        [(high,)] = owner.execute("select max(xid)::text::int8 from inboxdb.change").fetchall()
        assert high < next_xid(elsewhere.dsn) - 5_000
    file = dump(used, tmp_path)
    with empty_database(elsewhere) as restored:
        assert restore(restored, file) == []
        assert waiting(restored) > 300
        run(restored, "drain-dirty")
        assert_sound(restored)


def new_workspace(database: Database) -> str:
    return Host(database.writer()).workspace()


@pytest.mark.slow
def test_a_dump_taken_at_work(used: Database, tmp_path: Path) -> None:
    """Writers write and a drain drains; each dump is of one instant."""
    stop = Event()

    def write() -> int:
        host, written = Host(used.writer()), 0
        while not stop.is_set():
            host.draft(host.lead(host.workspace(), assignedToUserId=new_id()))
            written += 1
        return written

    with ThreadPoolExecutor() as pool, watching(used.dsn):
        writing = pool.submit(write)
        try:
            files = [dump(used, tmp_path) for _ in range(3)]
        finally:
            stop.set()
        assert writing.result(DEADLINE) > 10
    for file in files:
        with empty_database(used.server) as restored:
            assert restore(restored, file) == []
            run(restored, "drain-dirty")
            assert_sound(restored)


def test_an_old_dump_in_place_of_the_database(used: Database, tmp_path: Path) -> None:
    """Whoever cached under a later version than the dump's has to learn of the restore."""
    file = dump(used, tmp_path)
    for _ in range(3):
        run(used.dsn, "mark --all\ndrain-dirty")
    with empty_database(used.server) as restored:
        assert restore(restored, file) == []
        run(restored, "mark --all\ndrain-dirty")
        assert_sound(restored)
        after = versions(restored)
        assert all(after[key] > version for key, version in versions(used.dsn).items())


# The schema alone


@pytest.mark.long
@pytest.mark.parametrize("protection", one_in(3, ["enabled", "joined", "undecided"]))
def test_the_schema_alone(used: Database, tmp_path: Path, protection: str) -> None:
    if protection != "enabled":
        access.turn_off(used.dsn)
        used.connect().execute("update inboxdb.installation set lead_rls = 'undecided'")
    if protection == "joined":
        used.connect().execute('alter table "Lead" enable row level security')
        access.turn_on(used.dsn, NAMED)
    file = dump(used, tmp_path, "--schema-only")
    data = dump(used, tmp_path, "--data-only", *WITHOUT_OURS)
    with empty_database(used.server) as restored:
        assert restore(restored, file) == []
        owner = as_owner(restored, used)
        assert {one.state for one in migrate.status(restored)} == {"unrecorded"}
        for command in ("migrate apply --without-rls", "migrate plan --sql", "migrate apply --dry-run"):
            assert "migrate mark --all" in run(owner, command, status=1)
        plan = run(owner, "migrate plan", status=3)
        assert "migrate mark --all" in plan
        assert "drop what it made" not in plan
        assert "not recorded" in run(owner, "migrate status")
        assert "migrate verify --repair" in run(owner, "status", status=1)
        assert "state" in complaints(restored)

        run(owner, "migrate mark --all")
        with psycopg.connect(restored) as connection:
            # protection is not lost with the row that says so
            assert connection.execute("select inboxdb.lead_rls()").fetchone() == (protection,)
        lost = {f"state on inboxdb.{table}" for table in STATES}
        assert differing(restored) == {f"row {name}" for name in lost}
        run(owner, "migrate verify --repair\ndrain-dirty\nstatus\nmetrics")
        with psycopg.connect(restored) as connection:
            decided = "select lead_rls from inboxdb.installation"
            assert connection.execute(decided).fetchone() == (protection,)
        assert complaints(restored) == set()

        assert restore(restored, data) == []
        run(owner, "drain-dirty")
        assert_sound(restored)


# Without our schemas


@pytest.mark.long
def test_without_our_schemas(used: Database, tmp_path: Path) -> None:
    file = dump(used, tmp_path, *WITHOUT_OURS)
    with empty_database(used.server) as restored:
        errors = restore(restored, file)
        # fifteen triggers, and the policy for those who are restricted
        assert errors == ['schema "inboxdb" does not exist'] * 16
        owner = as_owner(restored, used)
        with psycopg.connect(restored, autocommit=True) as connection:
            [workspace] = connection.execute('select min(id) from "Client"').fetchall()
            connection.execute('grant select on "Lead" to authenticated')
            for role, leads in ((WRITER, True), ("authenticated", False)):
                connection.execute(f"set role {role}".encode())
                assert bool(connection.execute('select from "Lead"').rowcount) == leads
            connection.execute(f"set role {WRITER}".encode())
            Host(connection).lead(*workspace)

        run(owner, f"migrate apply {NAMES}\ndrain-dirty")
        assert access.lead_access(owner).decided == "enabled"
        assert_sound(restored)


# Without our roles


@pytest.mark.long
@pytest.mark.parametrize("owned", [True, False], ids=["with owners", "without owners and rights"])
def test_without_our_roles(used: Database, tmp_path: Path, owned: bool) -> None:
    file = dump(used, tmp_path)
    with embedded.server(new_folder(), 18, settings=SETTINGS) as dsn:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(f"create role {OWNER} login; create role {WRITER} login".encode())
            admin.execute(f"create database restored owner {OWNER}".encode())
        superuser, owner = (make_conninfo(dsn, dbname="restored", user=user) for user in ("postgres", OWNER))
        errors = restore(superuser, file) if owned else restore(owner, file, "--no-owner", "--no-acl")
        unknown = {f'role "{role}" does not exist' for role in access.ROLES}
        assert 'role "authenticated" does not exist' in errors
        assert set(errors) <= unknown

        assert differing(owner) > {"privilege routine inboxdb.collect() to public"}
        with psycopg.connect(superuser, autocommit=True) as admin:
            # the schemas are closed all the same
            may = "select has_schema_privilege('app_writer', 'inboxdb', 'usage')"
            assert admin.execute(may).fetchone() == (False,)
            if not owned:
                admin.execute(
                    f"grant select, insert, update, delete on all tables in schema public to {WRITER}".encode()
                )
        run(superuser, "roles --create")
        run(owner, f"rls on {NAMES}\nmigrate verify --repair\ndrain-dirty")
        assert_sound(superuser)


# Data past the triggers


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "settings"),
    [(["--disable-triggers"], ""), ([], "-c session_replication_role=replica")],
    ids=["disabled triggers", "replica"],
)
def test_data_past_the_triggers(used: Database, tmp_path: Path, options: list[str], settings: str) -> None:
    file = dump(used, tmp_path, "--data-only", *WITHOUT_OURS)
    with used.server.database(used.host, installed=True) as target:
        dsn = target.server.dsn_of(target.name)
        access.turn_on(target.dsn, NAMED)
        drain(dsn)
        assert restore(dsn, file, "--data-only", *options, settings=settings) == []
        assert waiting(dsn) == 0
        assert differing(dsn) == set()
        assert complaints(dsn) == {"missed"}
        run(dsn, "mark --all\ndrain-dirty")
        assert_sound(dsn)


def test_data_with_ours_into_an_installation(used: Database, tmp_path: Path) -> None:
    """What an installation has from the start is there twice, or stands in the way of what is restored."""
    file = dump(used, tmp_path, "--data-only")
    with used.server.database(used.host, installed=True) as target:
        dsn = target.server.dsn_of(target.name)
        access.turn_on(target.dsn, NAMED)
        errors = restore(dsn, file, "--data-only")
        assert all("duplicate key" in error for error in errors)
        assert differing(dsn) == {f"row state on inboxdb.{table}" for table in ("drain_state", "search_state")}
        run(dsn, "migrate verify --repair\ndrain-dirty")
        assert_sound(dsn)
