"""The recipes of CONTRIBUTING.md, each carried out on a copy of the repository: the change works, and the files that it
touched are those that the recipe lists, no more and no fewer. All of the copy's migrations are released.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.programs import program
from tests.servers import Database
from tests.test_migrations import NAMES

ROOT = Path(__file__).parents[1]
NUMBER = f"{len(NAMES) + 1:04d}"  # of the next migration
EXTRAS = ("test", "dev")  # of .venv, which `make` need not set up here


class Copy:
    """A copy of the repository, to change."""

    def __init__(self, root: Path) -> None:
        """Copy all that git knows, or would."""
        self.root = root
        program("git", "git")
        listed = self._run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes((ROOT / name).read_bytes())
        self._run("git", "init", "--quiet")
        self._commit("Before the recipe")

    def release(self) -> None:
        """Release its migrations, so that a change needs a further one."""
        self.append("migrations/RELEASED", f"{NAMES[-1]} 1000.0.0 {self._run('git', 'rev-parse', 'HEAD')}")
        self._commit("Release 1000.0.0")

    def tell(self, section: str, line: str) -> None:
        """Write a line of the changelog."""
        self.replace("CHANGELOG.md", "## [Unreleased]\n", f"## [Unreleased]\n\n### {section}\n\n- {line}\n")

    def write(self, name: str, text: str) -> None:
        """Write a new file."""
        assert not (self.root / name).exists(), name
        (self.root / name).write_text(text)

    def insert(self, name: str, before: str, text: str) -> None:
        """Insert text before a place that is there once."""
        file = self.root / name
        places = file.read_text().count(before)
        assert places == 1, f"{name} has {places} times: {before}\nWhere the place has moved, mend this recipe's test."
        file.write_text(file.read_text().replace(before, text + before))

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace text that is there once."""
        self.insert(name, old, "")
        file = self.root / name
        file.write_text(file.read_text().replace(old, new))

    def append(self, name: str, text: str) -> None:
        """Append text to a file."""
        file = self.root / name
        file.write_text(file.read_text() + text)

    def make(self, *arguments: str, status: int = 0) -> str:
        """Run make, in the environment that runs this test."""
        made = (f"--assume-old=.venv/{extra}" for extra in EXTRAS)
        return self._run("make", f"BIN={Path(sys.executable).parent}", *made, *arguments, status=status)

    def inboxdb(self, *arguments: str, database: Database) -> str:
        """Run the copy's inboxdb on a database."""
        return self._run(sys.executable, "-m", "inboxdb", *arguments, "--dsn", database.direct_dsn)

    def pytest(self, *arguments: str) -> str:
        """Run some of the copy's tests."""
        return self._run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    @property
    def touched(self) -> set[str]:
        """The files that were changed since it was copied."""
        status = self._run("git", "status", "--porcelain", "--untracked-files=all", "-z")
        return {line[3:] for line in status.split("\0") if line}

    def _commit(self, message: str) -> None:
        self._run("git", "add", "--all")
        author = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
        self._run("git", *author, "commit", "--quiet", "--no-verify", "--message", message)

    def _run(self, *arguments: str, cwd: Path | None = None, status: int = 0) -> str:
        # The copy's own modules come first: `python -m` puts the folder in front of what is installed.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GIT"))}
        done = subprocess.run(arguments, cwd=cwd or self.root, env=environment, capture_output=True, text=True)
        assert done.returncode == status, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if status else "")


def listed(recipe: str, name: str, migration: str = "") -> set[str]:
    """Return the files that a recipe's table lists; NNNN is the next migration's number."""
    [section] = re.findall(rf"^### {recipe}\n(.*?)(?=^###? |\Z)", (ROOT / "CONTRIBUTING.md").read_text(), re.M | re.S)
    files = re.findall(r"^\| `([^`]+)` \|", section, re.M)
    return {file.replace("NNNN-NAME", f"{NUMBER}-{migration}").replace("NAME", name) for file in files}


def test_the_table_counts_the_files_by_hand() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    recipes = re.findall(r"^### ([^\n]*)\n(.*?)(?=^###? |\Z)", text.partition("\n## Recipes\n")[2], re.M | re.S)
    by_hand = {name.lower(): len(re.findall(r"^\| `[^`]+` \| hand \|", lines, re.M)) for name, lines in recipes}
    counted = re.findall(r"^\| \[(.*)\]\(#.*\) \| (\d+) \|", text, re.M)
    assert {name: int(number) for name, number in counted} == by_hand


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    copy = Copy(tmp_path)
    copy.release()
    return copy


TEST_OF_COUNT = """

def test_example_by_change(inbox: Inbox) -> None:
    inbox.host.update("Lead", inbox.anns, sentimentTag="Out of Office")
    assert inbox.refresh() == {HERE: None}
    assert stored_counts(inbox.owner)[HERE][ANN].example == 1
    inbox.host.update("Lead", inbox.anns, sentimentTag=None)
    assert inbox.refresh() == {HERE: None}
    assert stored_counts(inbox.owner)[HERE][ANN].example == 0


def test_snoozed_example_by_change(inbox: Inbox) -> None:
    def snoozed() -> list[int]:
        assert inbox.refresh() == {HERE: None}
        return [stored_counts(inbox.owner)[HERE][scope].snoozed_example for scope in (GLOBAL, ANN, BOB)]

    inbox.host.update("Lead", inbox.anns, snoozedUntil=TUESDAY)
    assert snoozed() == [2, 1, 1]
    set_clock(inbox.owner, "2024-06-10 10:00:00+00")
    assert snoozed() == [1, 1, 0]
    inbox.host.update("Lead", inbox.anns, snoozedUntil=None)
    assert snoozed() == [0, 0, 0]
"""


ADDED = ("example", "snoozed_example")
GROWN = "".join(
    f"alter table inboxdb.inbox_counts add column {name} integer not null default 0 check ({name} >= 0);\n"
    f"alter type inboxdb.counts_answer add attribute {name} integer;\n"
    for name in ADDED
)
SHRUNK = "".join(
    f"alter table inboxdb.inbox_counts drop column {name};\nalter type inboxdb.counts_answer drop attribute {name};\n"
    for name in ADDED
)
MARKED = "select inboxdb.mark_all_inbox_counts_dirty();\n"
COUNT_BY_HAND, UNDONE_BY_HAND = (GROWN, MARKED), (SHRUNK, "")


@pytest.mark.slow
def test_count(copy: Copy) -> None:
    """One row of the view and one condition: all other lists of counts in sql/ follow, for a count of visible leads and
    for one of snoozed leads; by hand, the migration grows what has rows.
    """
    view = (copy.root / "sql/counts/count.view.sql").read_text()
    [(last, bit)] = re.findall(r"^(  \((\d+), '.*'\))\n\) as c ", view, re.MULTILINE)
    rows = (
        f"  ({int(bit) + 1}, 'example', false, 'the lead is out of office'),\n"
        f"  ({int(bit) + 2}, 'snoozed_example', true, 'any lead')\n"
    )
    copy.replace("sql/counts/count.view.sql", last + "\n", f"{last},\n{rows}")
    copy.replace(
        "sql/counts/classified_lead.view.sql",
        '\nfrom public."Lead" as l\n',
        ",\n  coalesce(l.\"sentimentTag\" = 'Out of Office', false) as example,\n  true as snoozed_example\n"
        'from public."Lead" as l\n',
    )
    rows = "| `example` | visible | the lead is out of office |\n| `snoozed_example` | snoozed | any lead |\n"
    copy.insert("docs/contracts.md", "\nA lead that a user is assigned to", rows)
    copy.insert("tests/rows.py", "\n    def plus", "    example: int = 0\n    snoozed_example: int = 0\n")
    rows_of_tests = (copy.root / "tests/rows.py").read_text()
    [(all_snoozed, others)] = re.findall(r"^(SNOOZED = Counts\((.*))\)$", rows_of_tests, re.MULTILINE)
    copy.replace("tests/rows.py", all_snoozed, f"{all_snoozed}{', ' if others else ''}snoozed_example=1")
    copy.insert(
        "tests/naive.py",
        "        ai_sent=int(ai_sent),\n",
        '        example=int(lead["sentimentTag"] == "Out of Office"),\n',
    )
    copy.insert(
        "tests/test_parity.py",
        '    ("another tag", Lead(',
        '    ("out of office", Lead("Out of Office"), QUIET._replace(example=1)),\n',
    )
    copy.append("tests/test_by_change.py", TEST_OF_COUNT)
    copy.tell("Added", "The counts `example` and `snoozed_example`.")
    assert f"migration {NUMBER}-example failed" in copy.make("migration", "NAME=example", status=2)
    by_hand = ("-- >>> by hand, before the bodies\n", "-- >>> by hand, after the bodies\n")
    for suffix, texts in (("", COUNT_BY_HAND), (".rollback", UNDONE_BY_HAND)):
        for marker, text in zip(by_hand, texts, strict=True):
            copy.replace(f"migrations/{NUMBER}-example{suffix}.sql", marker, marker + text)
    copy.make("migration")
    copy.pytest("tests/test_api.py", "-k", "contracts_name_the_columns")
    copy.pytest("tests/test_sources.py", "tests/test_by_change.py")
    copy.pytest("tests/test_cli.py", "-k", "counts_answer")
    copy.pytest("tests/test_parity.py", "-k", "specification and not container")
    copy.pytest("tests/test_races.py", "-k", "two_steps or one_workspace")
    copy.pytest("tests/test_migrations.py", "-k", "every_way or committed or each_step")
    assert copy.touched == listed("A count", "example", "example")


FUNCTION = """\
create or replace function inboxdb.failing_jobs(this_job text) returns bigint
language sql stable
set search_path = ''
as $$
  -- Purpose: count the workspaces whose last run of a job failed.
  -- Parameters: this_job.
  -- Returns: how many.
  -- Reads: job_status.
  -- INVOKER: for the owner, by hand.
  select pg_catalog.count(*)
  from inboxdb.job_status as s
  where s.job_name = this_job and s.last_status = 'failed'
$$;
"""

TEST_OF_FUNCTION = """\
from tests.servers import Database


def test_nothing_failed(database: Database) -> None:
    assert database.connect().execute("select inboxdb.failing_jobs('tidy')").fetchall() == [(0,)]
"""


@pytest.mark.slow
def test_function(copy: Copy) -> None:
    copy.write("sql/jobs/failing_jobs.sql", FUNCTION)
    copy.insert("sql/inboxdb.sql", "\\ir jobs/record_job.sql\n", "\\ir jobs/failing_jobs.sql\n")
    copy.write("tests/test_failing_jobs.py", TEST_OF_FUNCTION)
    copy.make("migration", "NAME=failing-jobs")
    copy.pytest(
        "tests/test_failing_jobs.py", "tests/test_sources.py", "-k", "failing_jobs or contents or rooms or nothing"
    )
    assert copy.touched == listed("A function", "failing_jobs", "failing-jobs")


CHECK = """\
-- Looks for: workspaces with more than 1,000,000 leads.
-- Why: a recount of one takes seconds.
-- Evidence: table workspace, for the role that installed inboxdb.
-- Source of the rule: docs/benchmarks/.
select
  'note' as severity,
  pg_catalog.format('workspace %s has %s leads', w.client_id, w.leads) as evidence,
  'nothing, or `inboxdb drain-dirty --pace 0.5`' as remedy
from inboxdb.workspace as w
where w.leads > 1000000
order by w.client_id
"""

TEST_OF_CHECK = """

def test_workspace_is_very_large(database: Database) -> None:
    owner = database.connect()
    one = "select client_id from inboxdb.workspace limit 1"
    owner.execute(f"update inboxdb.workspace set leads = 1000001 where client_id = ({one})")
    [finding] = only_complaint(database, "very_large", "note")
    assert finding["evidence"].endswith("has 1000001 leads")
"""


@pytest.mark.slow
def test_doctor_check(copy: Copy) -> None:
    copy.write("sql/checks/doctor/very_large.sql", CHECK)
    row = "| `very_large` | a workspace has more than 1,000,000 leads | `inboxdb doctor` | `inboxdb status` |\n"
    copy.insert("docs/operations.md", "| `replica_identity` |", row)
    copy.append("tests/test_doctor.py", TEST_OF_CHECK)
    copy.pytest("tests/test_doctor.py", "-k", "very_large or healthy or page")
    copy.pytest("tests/test_documents.py", "-k", "not test_every_command_runs")
    assert copy.touched == listed("A doctor check", "very_large")


@pytest.mark.slow
def test_migration(copy: Copy, bare_database: Database) -> None:
    """A released function changes: the next migration brings the new body, its rollback the old one."""

    def delay() -> float:
        with psycopg.connect(bare_database.direct_dsn) as owner:
            [(seconds,)] = owner.execute("select extract(epoch from inboxdb.retry_delay(20))")
        return float(seconds)

    copy.inboxdb("migrate", "apply", "--without-rls", database=bare_database)
    assert delay() <= 300
    copy.replace("sql/jobs/retry_delay.sql", "- 1), interval '5 minutes')", "- 1), interval '15 minutes')")
    copy.make("migration", "NAME=longer-delays")
    copy.tell("Upgrade", f"{NUMBER}-longer-delays; no lock.")
    copy.inboxdb("migrate", "apply", database=bare_database)
    assert delay() > 600
    copy.inboxdb("migrate", "verify", database=bare_database)
    copy.inboxdb("migrate", "rollback", "--to", NAMES[-1], database=bare_database)
    assert delay() <= 300
    copy.pytest("tests/test_sources.py", "tests/test_migrations.py", "-k", "form or object or bodies or file")
    assert copy.touched == listed("A migration", "retry_delay", "longer-delays")


ANSWER = """\
create type inboxdb.inbox_scope_answer as (scope_user_id inboxdb.user_id);

comment on type inboxdb.inbox_scope_answer is 'The answer of inbox_api.inbox_scope: see there.';
"""

READ = """\
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.inbox_scope(client_id inboxdb.client_id)
returns setof inboxdb.inbox_scope_answer
language sql stable
rows 1
as $$
  -- Purpose: the current user's scope in a workspace, as in the topic of its signals.
  -- Parameters: client_id, the workspace.
  -- Returns: one row: scope_user_id, the sentinel for the whole workspace, a setter's own id.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace.
  -- INVOKER: read_inbox_scope checks access.
  select * from inboxdb.read_inbox_scope(client_id)
$$;
"""

HELPER_OF_READ = """\
create or replace function inboxdb.read_inbox_scope(target_client_id inboxdb.client_id)
returns setof inboxdb.inbox_scope_answer
language sql stable security definer
set search_path = ''
set row_security = off
as $$
  -- Purpose: the current user's scope in a workspace.
  -- Parameters: target_client_id.
  -- Returns: see inbox_api.inbox_scope.
  -- Errors: those of require_access.
  -- DEFINER: members may not call require_access.
  select inboxdb.require_access(target_client_id, 'counts_read')
$$;
"""

TEST_OF_READ = """\
from tests.rows import GLOBAL, Host, new_id
from tests.servers import Database


def test_owner_of_the_workspace_sees_all_of_it(database: Database) -> None:
    user = new_id()
    workspace = Host(database.writer()).workspace(userId=user)
    session = database.signed_in(user)
    assert session.execute("select scope_user_id from inbox_api.inbox_scope(%s)", [workspace]).fetchall() == [(GLOBAL,)]
"""


@pytest.mark.slow
def test_read(copy: Copy) -> None:
    copy.write("sql/api/inbox_scope_answer.type.sql", ANSWER)
    copy.write("sql/api/inbox_scope.sql", READ)
    copy.write("sql/api/read_inbox_scope.sql", HELPER_OF_READ)
    copy.write("tests/test_inbox_scope.py", TEST_OF_READ)
    row = "| `inbox_api.inbox_scope(client_id)` | `authenticated` | the scope alone |\n"
    copy.insert("docs/contracts.md", "\n## Flags\n", row)
    copy.replace(
        "docs/contracts.md", "| `counts_read` | `inbox_counts` |", "| `counts_read` | `inbox_counts`, `inbox_scope` |"
    )
    copy.tell("Added", "`inbox_api.inbox_scope(client_id)`.")
    copy.make("migration", "NAME=inbox-scope")
    copy.pytest("tests/test_inbox_scope.py", "tests/test_sources.py", "tests/test_grants.py")
    copy.pytest("tests/test_leaks.py", "-k", "declared and text")
    assert copy.touched == listed("A read", "inbox_scope", "inbox-scope")


FACT = """\
    counted_workspaces: Annotated[
        int,
        Fact("counted workspaces", "workspaces refreshed before", metric="inboxdb_counted_workspaces"),
    ]
"""


@pytest.mark.slow
def test_figure_of_status(copy: Copy) -> None:
    query = "sql/operations/drain_status.sql"
    column = "out self_healed_workspaces integer"
    copy.replace(query, column, f"{column},\n  out counted_workspaces integer")
    count = "(select pg_catalog.count(*) from inboxdb.workspace)"
    copy.insert(query, "    s.arrived_at,\n", f"    {count},\n")
    copy.insert("inboxdb/watch/facts.py", "    drifted_workspaces: Annotated[", FACT)
    copy.insert("tests/test_watching.py", '        "drifted_workspaces": 0,', '        "counted_workspaces": 0,\n')
    copy.tell("Added", "`inboxdb status` shows `counted_workspaces`.")
    copy.make("migration", "NAME=counted-workspaces")
    copy.pytest("tests/test_watching.py", "tests/test_metrics.py", "-k", "nothing_to_do or says or watches")
    copy.pytest("tests/test_sources.py", "tests/test_documents.py", "-k", "not test_every_command_runs")
    assert copy.touched == listed("A figure of status", "", "counted-workspaces")


JOB = """\
create or replace function inboxdb.tidy_workspace(target_client_id inboxdb.client_id) returns bigint
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: tidy a workspace now.
-- Parameters: target_client_id.
-- Returns: the first family's new cache version; null where the workspace is locked by another.
-- Writes: job_status, cache_version.
-- DEFINER: its callers have no rights in inboxdb.
declare
  started_at pg_catalog.timestamptz := inboxdb.clock();
begin
  if not inboxdb.try_lock_workspace(target_client_id) then
    return null;
  end if;
  perform inboxdb.record_job('tidy', target_client_id, started_at, 1, null);
  return inboxdb.bump_versions('tidy', target_client_id);
end
$$;
"""

TEST_OF_JOB = """\
from tests.rows import Host
from tests.servers import Database


def test_status_is_told(database: Database) -> None:
    owner = database.connect()
    workspace = Host(database.writer()).workspace()
    owner.execute("select inboxdb.tidy_workspace(%s)", [workspace])
    assert owner.execute("select job_name, last_status from inboxdb.job_status").fetchall() == [("tidy", "succeeded")]
"""


@pytest.mark.slow
def test_job(copy: Copy) -> None:
    row = "    'tidy', 'run', 'inboxdb.tidy_workspace', array['inbox'], 0.00001::double precision, false\n  ), (\n"
    copy.insert("sql/jobs/job.view.sql", "    'recompute-inbox-counts', 'refresh',", row)
    copy.write("sql/drain/tidy_workspace.sql", JOB)
    contents = copy.root / "sql/inboxdb.sql"
    last = re.findall(r"^\\ir drain/.*\n", contents.read_text(), re.M)[-1]
    copy.replace("sql/inboxdb.sql", last, f"{last}\\ir drain/tidy_workspace.sql\n")
    copy.write("tests/test_tidy_workspace.py", TEST_OF_JOB)
    copy.insert("docs/contracts.md", "## Reading counts\n", "The job `tidy` tidies.\n\n")
    copy.tell("Added", "The job `tidy`.")
    copy.make("migration", "NAME=tidy")
    copy.pytest("tests/test_tidy_workspace.py", "tests/test_jobs.py", "-k", "told or function")
    copy.pytest("tests/test_sources.py", "tests/test_leaks.py", "-k", "everything_is_declared or routine or rooms")
    assert copy.touched == listed("A job", "tidy_workspace", "tidy")


MAINTENANCE = """\
create or replace function inboxdb.forget_failures() returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: delete failures of maintenance after 30 days.
  -- Writes: maintenance_failure.
  -- INVOKER: called by maintain, by its name in view maintenance.
  delete from inboxdb.maintenance_failure as f
  where f.failed_at < inboxdb.clock() - interval '30 days'
$$;
"""

TEST_OF_MAINTENANCE = """

@pytest.mark.parametrize("by", DRAINS)
def test_old_failures_are_forgotten(database: Database, by: str) -> None:
    owner = database.connect()
    failure = "insert into inboxdb.maintenance_failure (item, failed_at, last_error) values (%s, %s, '22012')"
    owner.execute(failure, ["an-old-one", "2020-01-01"])
    owner.execute(failure, ["a-new-one", "2100-01-01"])
    drain(database, by)
    assert owner.execute("select item from inboxdb.maintenance_failure").fetchall() == [("a-new-one",)]
"""


@pytest.mark.slow
def test_maintenance(copy: Copy) -> None:
    """A function and a row: both drains run the item."""
    last = "  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed', null)\n"
    row = "  ('forget-failures', '1 h', '5 s', null, null, null, 'inboxdb.forget_failures', null),\n"
    copy.insert("sql/jobs/maintenance.view.sql", last, row)
    copy.write("sql/jobs/forget_failures.sql", MAINTENANCE)
    copy.insert("sql/inboxdb.sql", "\\ir jobs/heartbeat.sql\n", "\\ir jobs/forget_failures.sql\n")
    copy.append("tests/test_maintenance.py", TEST_OF_MAINTENANCE)
    copy.insert("docs/how-it-works.md", ", audit (`next_audit`", ", forget old failures (`forget_failures`)")
    copy.tell("Added", "Drains delete failures of maintenance after 30 days.")
    copy.make("migration", "NAME=forget-failures")
    copy.pytest("tests/test_maintenance.py", "-k", "forgotten")
    copy.pytest("tests/test_sources.py", "tests/test_leaks.py", "-k", "everything_is_declared or routine or rooms")
    assert copy.touched == listed("A maintenance item", "forget_failures", "forget-failures")
