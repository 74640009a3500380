"""docs/deploy/pg_cron.sql, run by the real pg_cron on PostgreSQL 15: changes are counted in time, its log is pruned."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from inboxdb.demo import embedded
from inboxdb.install import migrate
from tests import hosts
from tests.programs import lacking
from tests.rows import GLOBAL, Counts, Host, live_counts, stored_counts
from tests.servers import OWNER, SETTINGS, WRITER, Database, Server, new_folder

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "docs/deploy/pg_cron.sql"
PROGRAMS = Path("/usr/lib/postgresql/15/bin")

MINUTE = 75.0  # seconds, for what begins with the next minute
PROMISE = 15.0  # seconds from commit to reader


class PgCron:
    """A server with pg_cron, whose tables are in its database postgres; inboxdb is there, or in another database."""

    def __init__(self, server: Server, database: Database) -> None:
        """Keep the server, and the database that inboxdb is in."""
        self.server = server
        self.database = database
        self.superuser = database.superuser(dbname="postgres")

    def psql(self, *arguments: str) -> None:
        """Run psql in pg_cron's database, as the superuser."""
        command = [str(PROGRAMS / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.server.dsn, *arguments]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def runs(self, job: str) -> list[tuple[Any, ...]]:
        """List status and message of a job's runs, as pg_cron logged them."""
        return self.superuser.execute(
            "select status, return_message from cron.job_run_details as d join cron.job as j using (jobid) "
            "where j.jobname = %s order by runid",
            [job],
        ).fetchall()


@pytest.fixture(params=["logging in", "background workers"])
def pg_cron(request: pytest.FixtureRequest) -> Iterator[PgCron]:
    """pg_cron in both its ways to run a job: in its own database, and in another one."""
    if not Path("/usr/lib/postgresql/15/lib/pg_cron.so").exists():
        lacking("pg_cron, of Debian's package postgresql-15-cron")
    folder = new_folder()
    settings = SETTINGS | {"shared_preload_libraries": "pg_cron", "cron.database_name": "postgres"}
    settings |= {"cron.host": str(folder)} if request.param == "logging in" else {"cron.use_background_workers": "on"}
    with embedded.server(folder, PROGRAMS, settings=settings) as dsn, ExitStack() as stack:
        server = Server(dsn, "secret")
        stack.callback(server.close)
        if request.param == "logging in":
            database = Database(server, "postgres", "text", stack.enter_context(ExitStack()))
            superuser = database.superuser()
            superuser.execute(f"grant create on database postgres to {OWNER}")
            superuser.execute(f"grant create on schema public to {OWNER}")
            database.connect().execute(hosts.tables("text"))
            superuser.execute(f"grant select, insert, update, delete on all tables in schema public to {WRITER}")
            migrate.apply(database.dsn)
        else:
            database = stack.enter_context(server.database("text", installed=True))
        cron = PgCron(server, database)
        cron.superuser.execute("create extension pg_cron")
        cron.psql("-f", str(SCRIPT))
        if request.param == "background workers":
            # as the script says
            [statement] = re.findall(r"^--   (select cron\.alter_job\(.*?;)$", SCRIPT.read_text(), re.M | re.S)
            cron.psql("-c", statement.replace("\n--", "\n").replace("'app'", f"'{database.name}'"))
        cron.psql("-f", str(SCRIPT))  # as often as you like
        yield cron
        cron.superuser.execute("select cron.alter_job(jobid, active => false) from cron.job")


def within(seconds: float, condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {seconds:.0f} s"
        time.sleep(0.1)


def wait_for_second(second: int) -> None:
    """Wait until the clock's minute is that old, if it is not."""
    time.sleep(max(0.0, second - time.time() % 60))


def test_it_counts_in_time_and_prunes_its_log(pg_cron: PgCron) -> None:
    superuser = pg_cron.superuser
    jobs = superuser.execute("select jobname, username, database from cron.job order by jobname").fetchall()
    assert jobs == [
        ("inboxdb-drain", "inboxdb_cron", pg_cron.database.name),
        ("inboxdb-prune", "inboxdb_cron", "postgres"),
    ]
    # what is not waited for until 17 minutes past the hour
    superuser.execute(
        "select cron.alter_job(jobid, schedule => '* * * * *') from cron.job where jobname = 'inboxdb-prune'"
    )
    for name, user, start in (
        ("old", "inboxdb_cron", "now() - interval '25 hours'"),
        ("never started", "inboxdb_cron", "null"),
        ("somebody else's", "postgres", "now() - interval '25 hours'"),
        ("of today", "inboxdb_cron", "now() - interval '23 hours'"),
    ):
        superuser.execute(
            "insert into cron.job_run_details (jobid, status, return_message, username, start_time) "
            f"values (0, 'succeeded', %s, %s, {start})",
            [name, user],
        )

    owner = pg_cron.database.connect()
    host = Host(pg_cron.database.writer())
    workspace = host.workspace()

    def counted(leads: int) -> Callable[[], bool]:
        counts = Counts(total_non_blacklisted=leads, awaiting_reply=leads, total=leads)
        return lambda: stored_counts(owner).get(workspace) == {GLOBAL: counts}

    host.lead(workspace)
    within(MINUTE, counted(1))
    for number, second in ((2, 30), (3, 40)):
        wait_for_second(second)
        host.lead(workspace)
        within(PROMISE, counted(number))
    within(MINUTE, lambda: ("succeeded", "CALL") in pg_cron.runs("inboxdb-drain"))
    assert {status for status, _ in pg_cron.runs("inboxdb-drain")} <= {"succeeded", "running"}
    assert pg_cron.runs("inboxdb-prune")[0] == ("succeeded", "DELETE 2")
    kept = superuser.execute(
        "select return_message from cron.job_run_details where jobid = 0 order by runid"
    ).fetchall()
    assert kept == [("somebody else's",), ("of today",)]
    assert stored_counts(owner) == {workspace: live_counts(owner, workspace)}
    assert owner.execute("select distinct kind from inboxdb.run").fetchall() == [("sql",)]
