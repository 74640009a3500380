"""Ways to arrive on a server: what each leaves out, a first pass makes up for, before any claim."""

import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from inboxdb.counts.verify import verify
from inboxdb.demo import embedded
from inboxdb.drain.run import drain
from inboxdb.watch import status
from tests.clusters import Cluster
from tests.interleave import Stage, until
from tests.parts import one_in
from tests.rows import Host, drift, new_id
from tests.servers import SETTINGS, Database, Server, new_folder
from tests.standby import caught_up, standby
from tests.test_restore import (
    as_owner,
    assert_sound,
    complaints,
    dump,
    empty_database,
    leave_waiting,
    next_xid,
    restore,
    run,
    versions,
)

ARRIVED = "inboxdb counts every workspace anew"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    """Another server with the same roles, which archives."""
    folder = new_folder()
    archive = new_folder()
    archive.chmod(0o777)
    settings = {**SETTINGS, "archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    with embedded.server(folder, 18, settings=settings) as dsn:
        server = Server(dsn, secrets.token_hex(16))
        yield server
        server.close()
    shutil.rmtree(archive)


def prepare(database: Database) -> list[str]:
    """Fill three workspaces, drained, the last time by change."""
    host = Host(database.connect())
    workspaces = [host.workspace() for _ in range(3)]
    for workspace in workspaces:
        for _ in range(6):
            host.lead(workspace, assignedToUserId=new_id())
        host.ai_sent(host.lead(workspace, lastInboundAt="2024-01-01 00:00:00+00"))
    drain(database.dsn)
    for workspace in workspaces:
        host.lead(workspace)
    drain(database.dsn)
    return workspaces


def warned(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many arrivals were told since the last call."""
    told = sum(ARRIVED in record.getMessage() for record in caplog.records)
    caplog.clear()
    return told


def arrived(dsn: str) -> bool:
    """Return whether `inboxdb status` tells of an arrival."""
    with psycopg.connect(dsn) as connection:
        return status.read(connection).arrived_at is not None


def recounts(dsn: str) -> list[str | None]:
    """Return the reason of each workspace's last refresh, null for by change."""
    with psycopg.connect(dsn) as connection:
        return [reason for (reason,) in connection.execute("select recount_reason from inboxdb.job_status order by 1")]


def hear(connection: psycopg.Connection[tuple[object, ...]], heard: list[str]) -> None:
    """Keep the server's warnings to a session."""
    connection.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))


# Logical replication


@contextmanager
def subscribed(source: str, target: str, what: str = "all tables") -> Iterator[None]:
    """Replicate one database into another, and wait until the rows are there; the subscription ends with the block."""
    at = conninfo_to_dict(source)
    slot = f"moving_{at['dbname']}"  # slots are of the whole server, and other tests make theirs meanwhile
    with psycopg.connect(source, autocommit=True) as there, psycopg.connect(target, autocommit=True) as here:
        there.execute(f"create publication moving for {what}".encode())
        address = f"host={at['host']} port={at['port']} user=postgres dbname={at['dbname']}"
        here.execute(
            f"create subscription moving connection '{address}' publication moving with (slot_name = {slot})".encode()
        )
        try:
            ready = "select bool_and(srsubstate = 'r') from pg_subscription_rel"
            until(lambda: here.execute(ready).fetchone() == (True,))
            yield
            written = there.execute("select pg_current_wal_insert_lsn()::text").fetchone()
            applied = (
                "select bool_and(replay_lsn >= %s::pg_lsn) from pg_stat_replication where application_name = 'moving'"
            )
            until(lambda: there.execute(applied, written).fetchone() == (True,))
        finally:
            here.execute("drop subscription moving")
            there.execute("drop publication moving")


@pytest.mark.slow
def test_logical_replication(database: Database, elsewhere: Server, tmp_path: Path) -> None:
    """No sequence comes along, rows come with transaction ids of another server, and no trigger fires for them."""
    source, workspaces = database.server.dsn_of(database.name), database.prepared
    leave_waiting(Host(database.writer()), workspaces[0])
    schema = dump(database, tmp_path, "--schema-only")
    with empty_database(elsewhere) as restored, ExitStack() as connections:
        assert restore(restored, schema) == []
        owner = as_owner(restored, database)
        with subscribed(source, restored):
            # a drain here would write rows that the subscription is about to write
            assert "drop the subscription" in run(owner, "drain-dirty", status=1)
            Host(database.writer()).lead(workspaces[1], status="needs_repair")
            run(database.dsn, "drain-dirty")
            Host(database.writer()).lead(workspaces[2], status="needs_repair")

        moved = Database(elsewhere, str(conninfo_to_dict(restored)["dbname"]), "text", connections)
        with closing(Stage(moved)) as stage:
            heard: list[str] = []
            first, second = stage.session(), stage.session()
            for session in (first, second):
                hear(session, heard)
            undecided = Host(moved.connect(autocommit=False))
            undecided.lead(workspaces[0], status="needs_repair")
            host = Host(stage.session())
            arriving = stage.start(first, "select inboxdb.claim_next()::text", pause_at="arriving")
            # another worker claims nothing before, and writers go on
            assert second.execute("select inboxdb.claim_next()").fetchone() == (None,)
            host.lead(workspaces[1], status="needs_repair")
            new = host.workspace()
            arriving.assert_paused()
            [(claimed,)] = arriving.resume()
            assert claimed in [*workspaces, new]
            host.lead(new)
            undecided.connection.commit()
            assert second.execute("select inboxdb.claim_next()::text").fetchone() != (None,)
            assert sum(ARRIVED in told for told in heard) == 1
        run(owner, "migrate verify --repair")  # the checkpoints' pauses
        assert None in recounts(owner)
        run(owner, "drain-dirty")
        assert None not in recounts(owner)
        # a change that moves no total of a workspace
        with psycopg.connect(restored) as connection:
            connection.execute('update "Lead" set status = %s where status = %s', ["contacted", "new"])
        run(owner, "drain-dirty")
        assert_sound(restored)
        with psycopg.connect(restored) as connection:
            assert drift(connection) == []


@pytest.mark.slow
def test_replication_of_the_hosts_tables_alone(
    database: Database, elsewhere: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Into an installation that drains meanwhile: its triggers see nothing."""
    source = database.server.dsn_of(database.name)
    with elsewhere.database("text", installed=True) as target:
        dsn = elsewhere.dsn_of(target.name)
        run(target.dsn, "drain-dirty")
        with subscribed(source, dsn, "tables in schema public"):
            run(target.dsn, "drain-dirty")
            assert complaints(dsn) >= {"bypassed_triggers"}
        # a drain that goes on looks every five seconds
        caplog.clear()
        with psycopg.connect(target.dsn, autocommit=True) as connection:
            heard: list[str] = []
            hear(connection, heard)
            assert connection.execute("select inboxdb.arrive()").fetchone() == (True,)
            assert connection.execute("select inboxdb.arrive()").fetchone() == (True,)
        assert sum(ARRIVED in told for told in heard) == 1
        run(target.dsn, "drain-dirty")
        assert_sound(dsn)


def test_rows_of_another_server_fail_no_write(database: Database) -> None:
    """The log may hold rows with the transaction id and the number of a row that is about to be noted."""
    owner, host = database.connect(), Host(database.writer())
    host.lead(database.prepared[0])
    ahead = next_xid(database.dsn)
    for slice in range(4):
        [(last,)] = owner.execute(
            f"select nextval(pg_get_serial_sequence('inboxdb.change_{slice}', 'id'))".encode()
        ).fetchall()
        owner.execute(
            f"""
            insert into inboxdb.change_{slice} (xid, id, client_id, noted_at) overriding system value
            select x::text::xid8, n, {"'" + database.prepared[0] + "'"}, clock_timestamp() - interval '1 day'
            from generate_series({ahead}, {ahead + 200}) as x, generate_series({last}, {last + 5}) as n
            """.encode()
        )
    for _ in range(5):
        host.lead(database.prepared[0])
    drain(database.dsn)
    assert verify(database.dsn).healthy


# Parts of a dump

PARTS = [
    ["--exclude-table-data=inboxdb.counted_lead"],
    [f'--exclude-table-data=public."{table}"' for table in ("Lead", "AIDraft", "Message")],
    ["--exclude-table-data=inboxdb.workspace"],
    ["--exclude-table-data=inboxdb.change_*", "--exclude-table-data=inboxdb.run"],
    [
        f"--exclude-table-data=inboxdb.{table}"
        for table in ("inbox_counts", "inbox_counts_dirty", "cache_version", "job_status")
    ],
]


@pytest.mark.parametrize(
    "part",
    one_in(len(PARTS), PARTS),
    ids=lambda part: part[0].partition(".")[2],
)
def test_a_dump_without_some_rows(database: Database, tmp_path: Path, part: list[str]) -> None:
    leave_waiting(Host(database.writer()), database.prepared[0])
    file = dump(database, tmp_path, *part)
    with empty_database(database.server) as restored:
        assert restore(restored, file) == []
        run(restored, "drain-dirty")
        assert set(recounts(restored)) == {"first_fill"}
        assert_sound(restored)
        with psycopg.connect(restored) as connection:
            assert drift(connection) == [], "what was left out is no drift"


def test_a_dump_without_the_drains_state(database: Database, tmp_path: Path) -> None:
    file = dump(database, tmp_path, "--exclude-table-data=inboxdb.drain_state")
    with empty_database(database.server) as restored:
        assert restore(restored, file) == []
        assert "state" in complaints(restored)
        run(restored, "migrate verify --repair\ndrain-dirty")
        assert_sound(restored)


def test_restored_over_an_installation(database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In place, by `pg_restore --clean`: back to the rows of the dump, with versions beyond those of after it."""
    file = dump(database, tmp_path)
    leave_waiting(Host(database.writer()), database.prepared[0])
    run(database.dsn, "mark --all\ndrain-dirty")
    dsn = database.server.dsn_of(database.name)
    known = versions(dsn)
    caplog.clear()
    assert restore(dsn, file, "--clean", "--if-exists") == []
    run(database.dsn, "drain-dirty")
    assert warned(caplog) == 1
    after = versions(dsn)
    assert all(after[key] > known[key] for key in after)
    assert_sound(dsn)


def test_our_schemas_alone(database: Database, tmp_path: Path) -> None:
    """Where the host's tables were restored before: their triggers of ours are in the other dump."""
    ours = dump(database, tmp_path, "--schema=inboxdb", "--schema=inbox_api")
    theirs = dump(database, tmp_path, "--schema=public")
    with empty_database(database.server) as restored:
        restore(restored, theirs)
        assert restore(restored, ours) == []
        run(as_owner(restored, database), "migrate verify --repair\ndrain-dirty")
        assert_sound(restored)


# Files


def test_a_server_that_withholds_where_it_is(database: Database) -> None:
    """As some managed ones do; a place known in part is still one."""
    place = "select place from inboxdb.drain_state"
    owner = database.connect()
    [(known,)] = owner.execute(place).fetchall()
    assert re.fullmatch("[0-9]+/[0-9A-F]{8}/[0-9]+/", known)
    database.superuser().execute("revoke execute on function pg_control_system, pg_walfile_name from public")
    owner.execute("select inboxdb.arrive()")
    [(left,)] = owner.execute(place).fetchall()
    assert left == f"//{known.split('/')[2]}/"
    Host(database.writer()).lead(database.prepared[0], status="needs_repair")
    drain(database.dsn)
    assert_sound(database.server.dsn_of(database.name))


def test_a_template(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A copy, or another name, leaves out nothing, and costs no recount."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        leave_waiting(Host(connection), database.prepared[0])
    with psycopg.connect(database.server.dsn, autocommit=True) as admin:
        name = f"{database.name}_copied"
        sessions = "select from pg_stat_activity where datname = %s"
        until(lambda: admin.execute(sessions, [database.name]).rowcount == 0)
        admin.execute(f"create database {name}_before template {database.name}".encode())
        admin.execute(f"alter database {name}_before rename to {name}".encode())
        try:
            dsn = database.server.dsn_of(name)
            run(dsn, "drain-dirty")
            assert recounts(dsn) == ["first_fill", "many_changes", None, None]
            assert warned(caplog) == 0
            assert not arrived(dsn)
            assert_sound(dsn)
        finally:
            admin.execute(f"drop database {name} with (force)".encode())


@pytest.mark.slow
def test_promotion(elsewhere: Server, caplog: pytest.LogCaptureFixture) -> None:
    """The primary's last commits may be lost, which caches know by their versions: each goes on beyond."""
    with elsewhere.database("text", installed=True, prepare=prepare) as primary, standby(elsewhere.dsn) as secondary:
        leave_waiting(Host(primary.writer()), primary.prepared[0])
        caught_up(elsewhere.dsn, secondary)
        before = versions(elsewhere.dsn_of(primary.name))
        promoted = make_conninfo(secondary, dbname=primary.name)
        with psycopg.connect(promoted, autocommit=True) as connection:
            connection.execute("select pg_promote()")
        assert (warned(caplog), arrived(promoted)) == (0, False)
        run(promoted, "drain-dirty")
        assert (warned(caplog), arrived(promoted)) == (1, True)
        assert all(versions(promoted)[key] > version for key, version in before.items())
        assert_sound(promoted)
        assert warned(caplog) == 0


@pytest.mark.slow
def test_a_point_in_time(elsewhere: Server, caplog: pytest.LogCaptureFixture) -> None:
    home = Path(str(conninfo_to_dict(elsewhere.dsn)["host"]))
    running = Cluster(home, 18)
    folder = new_folder()
    owner = os.stat(running.data)
    os.chown(folder, owner.st_uid, owner.st_gid)
    with elsewhere.database("text", installed=True, prepare=prepare) as database:
        subprocess.run(
            **running.command("pg_basebackup", "-D", folder / "data", "-d", elsewhere.dsn, "--checkpoint=fast"),
            check=True,
            capture_output=True,
        )
        leave_waiting(Host(database.writer()), database.prepared[0])
        with psycopg.connect(elsewhere.dsn, autocommit=True) as admin:
            admin.execute("select pg_create_restore_point('before')")
            run(database.dsn, "mark --all\ndrain-dirty")
            Host(database.writer()).workspace()
            lost = versions(elsewhere.dsn_of(database.name))
            [(command,)] = admin.execute("show archive_command").fetchall()
            [(wal,)] = admin.execute("select pg_walfile_name(pg_switch_wal())").fetchall()
            archived = "select last_archived_wal >= %s from pg_stat_archiver"
            until(lambda: admin.execute(archived, [wal]).fetchone() == (True,))
        (folder / "data" / "recovery.signal").touch()
        os.chown(folder / "data" / "recovery.signal", owner.st_uid, owner.st_gid)
        settings = {
            "restore_command": str(command).replace("%p ", "").replace("/%f", "/%f %p"),
            "recovery_target_name": "before",
            "recovery_target_action": "promote",
        }
        with Cluster(folder, 18, programs=running.programs).started(settings) as dsn:
            restored = make_conninfo(dsn, dbname=database.name)
            with psycopg.connect(restored, autocommit=True) as connection:
                until(lambda: connection.execute("select pg_is_in_recovery()").fetchone() == (False,))
            run(restored, "drain-dirty")
            assert warned(caplog) == 1
            after = versions(restored)
            assert all(after[key] > version for key, version in lost.items() if key in after)
            assert_sound(restored)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_server_stopped_crashed_and_counting_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A restart costs no recount, unless a table is unlogged: a crash empties it, and no trigger fires."""
    folder = new_folder()
    with embedded.server(folder, 18, settings=SETTINGS) as dsn:
        cluster, server = Cluster(folder, 18), Server(dsn, secrets.token_hex(16))
        with server.database("text", installed=True, prepare=prepare) as database:
            dsn, workspaces = server.dsn_of(database.name), database.prepared
            with psycopg.connect(server.dsn, autocommit=True) as admin:
                admin.execute(f"create database moved template {database.name}".encode())
        server.close()
        dsn = make_conninfo(dsn, dbname="moved")

        def change() -> None:
            with psycopg.connect(dsn, autocommit=True) as connection:
                leave_waiting(Host(connection), workspaces[0])

        change()
        cluster.stop(signal.SIGQUIT)
        with cluster.started():
            run(dsn, "drain-dirty")
            assert warned(caplog) == 0
            change()
            cluster.stop()
        # transactions counted from far further on, then from where they were
        for epoch in (3, 0):
            subprocess.run(**cluster.command("pg_resetwal", "-f", "-e", str(epoch), cluster.data), check=True)
            with cluster.started():
                assert next_xid(dsn) >> 32 == epoch
                run(dsn, "drain-dirty")
                assert_sound(dsn)
                assert warned(caplog) == 0
                change()
                cluster.stop()
        with cluster.started():
            with psycopg.connect(dsn, autocommit=True) as connection:
                for table in ("Message", "AIDraft", "Lead"):
                    connection.execute(f'alter table "{table}" set unlogged'.encode())
            run(dsn, "drain-dirty")
            caplog.clear()
            cluster.stop(signal.SIGQUIT)
        with cluster.started():
            with psycopg.connect(dsn) as connection:
                assert connection.execute('select from "Lead"').rowcount == 0
            run(dsn, "drain-dirty")
            assert "a table that is unlogged may be empty" in caplog.text
            assert warned(caplog) == 1
            assert complaints(dsn) == {"host_tables"}
            with psycopg.connect(dsn, autocommit=True) as connection:
                for table in ("Lead", "AIDraft", "Message"):
                    connection.execute(f'alter table "{table}" set logged'.encode())
            assert_sound(dsn)
