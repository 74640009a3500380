"""A release can be followed by another: cut on a copy of the repository, followed by the next, and never edited.

The copy may have releases of its own before: versions and numbers of migrations here come after those.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inboxdb.release import migration
from tests.parts import one_in
from tests.test_migrations import NAMES
from tests.test_recipes import Copy

HEADER = """\
  -- Purpose: made up.
  -- Parameters: wanted, made up.
  -- Returns: made up.
  -- INVOKER: made up.
"""
ANSWER = f"""\
create or replace function inboxdb.answer_made_up(wanted integer) returns table (number integer)
language sql stable
set search_path = ''
as $$
{HEADER}  select wanted
$$;
"""
VIEW = "create or replace view inboxdb.made_up as\nselect w.number from inboxdb.workspace as w;\n"
VIEW_OVER_IT = "create or replace view inboxdb.over_made_up as\nselect m.number from inboxdb.made_up as m;\n"
TABLE = "create table inboxdb.kept_made_up (\n  id integer primary key\n);\n"
TYPE = "create type inboxdb.shape_made_up as (\n  number integer\n);\n"
GOING = "create or replace view inboxdb.going_made_up as\nselect 1 as number;\n"
PLACE = "\\ir operations/work_left.sql\n"
ADD = """\
alter table inboxdb.kept_made_up add column words text;
alter type inboxdb.shape_made_up add attribute words text;
"""
DROP = """\
alter table inboxdb.kept_made_up drop column words;
alter type inboxdb.shape_made_up drop attribute words;
"""


KEPT = ("RELEASED", "checksums.txt")
BY_HAND = "-- >>> by hand, before the bodies\n"

VERSION = "1000.0.0"
MAKE_UP, GO_ON = (f"{len(NAMES) + 1:04d}-make-up", f"{len(NAMES) + 2:04d}-go-on")


class Repository:
    """A copy of the repository, or a clone of one, with git's history."""

    def __init__(self, root: Path) -> None:
        """Take a folder with a repository, and let it be committed to."""
        self.root = root
        for name, value in (("user.name", "tests"), ("user.email", "tests@example.invalid")):
            self.run("git", "config", name, value)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a program in it; return what it says."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GIT"))}
        environment["PYTHONPATH"] = str(self.root)
        result = subprocess.run(arguments, cwd=self.root, env=environment, capture_output=True, text=True)
        assert result.returncode == status, f"{arguments}\n{result.stdout}\n{result.stderr}"
        return result.stdout + result.stderr

    def python(self, *arguments: str, status: int = 0) -> str:
        """Run a module of its own."""
        return self.run(sys.executable, "-m", *arguments, status=status)

    def pytest(self, *arguments: str, status: int = 0) -> str:
        """Run tests of its own."""
        return self.python("pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments, status=status)

    def commit(self) -> None:
        """Commit whatever was changed."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "Change")

    def read(self, name: str) -> str:
        """Read a file."""
        return (self.root / name).read_text()

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.root / name).write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        """Change the first place that reads so."""
        text = self.read(name)
        assert old in text, f"{name}: {old}"
        self.write(name, text.replace(old, new, 1))

    @property
    def release(self) -> list[str]:
        """What migrations/RELEASED names last: migration, version, commit."""
        return self.read("migrations/RELEASED").splitlines()[-1].split()


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A copy of the repository, released with some objects made up for what follows."""
    repository = Repository(Copy(tmp_path_factory.mktemp("repository")).root)
    made_up = {
        "answer_made_up": ANSWER,
        "made_up.view": VIEW,
        "over_made_up.view": VIEW_OVER_IT,
        "kept_made_up.table": TABLE,
        "shape_made_up.type": TYPE,
        "going_made_up.view": GOING,
    }
    for name, text in made_up.items():
        repository.write(f"sql/operations/{name}.sql", text)
    contents = "".join(f"\\ir operations/{name}.sql\n" for name in made_up)
    repository.replace("sql/inboxdb.sql", PLACE, PLACE + contents)
    repository.python("inboxdb.release.migration", "make-up")
    repository.python("tests.catalog", "--write")
    said = repository.python("inboxdb.release.cut", VERSION, status=1)
    assert f"CHANGELOG.md has no section '## [{VERSION}] - '" in said
    assert "not committed" in said
    upgrade = f"## [{VERSION}] - 2026-11-29\n\n### Upgrade\n\n- {', '.join(NAMES)}.\n\n"
    repository.replace("CHANGELOG.md", "## [Unreleased]\n", upgrade)
    repository.commit()
    said = repository.python("inboxdb.release.cut", VERSION, status=1)
    assert said == f"CHANGELOG.md's '### Upgrade' of {VERSION} does not name {MAKE_UP}.\nNothing was changed.\n"
    repository.replace("CHANGELOG.md", upgrade, upgrade.replace(NAMES[-1], f"{NAMES[-1]}, {MAKE_UP}"))
    repository.commit()
    repository.python("inboxdb.release.cut", VERSION)
    return repository


@pytest.fixture(scope="module")
def followed(released: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A clone of it with what follows: a function changed, a column more in an answer, a view and a table, a new table,
    a view dropped; in a migration that the tool wrote but for two statements.
    """
    root = tmp_path_factory.mktemp("clone") / "repository"
    released.run("git", "clone", "--quiet", str(released.root), str(root))
    repository = Repository(root)
    repository.replace("sql/jobs/retry_delay.sql", "as $$\n", "as $$\n  -- Changed since.\n")
    repository.replace("sql/operations/answer_made_up.sql", "(number integer)", "(number integer, words text)")
    repository.replace("sql/operations/answer_made_up.sql", "  select wanted\n", "  select wanted, 'made up'\n")
    repository.replace("sql/operations/made_up.view.sql", "select w.number", "select w.client_id, w.number")
    repository.replace("sql/operations/kept_made_up.table.sql", "key\n", "key,\n  words text\n")
    repository.replace("sql/operations/shape_made_up.type.sql", "integer\n", "integer,\n  words text\n")
    repository.write("sql/operations/new_made_up.table.sql", TABLE.replace("kept", "new"))
    repository.replace("sql/inboxdb.sql", "operations/going_made_up.view", "operations/new_made_up.table")
    (root / "sql/operations/going_made_up.view.sql").unlink()
    assert "`make migration NAME=...` writes the next one" in repository.python("inboxdb.release.migration", status=1)
    repository.python("inboxdb.release.migration", "go-on")
    locks = "Locks: ACCESS EXCLUSIVE on inboxdb.kept_made_up."
    repository.replace(f"migrations/{GO_ON}.sql", "Locks: none on the host's tables.", locks)
    repository.replace(f"migrations/{GO_ON}.sql", BY_HAND, BY_HAND + ADD)
    repository.replace(f"migrations/{GO_ON}.rollback.sql", BY_HAND, BY_HAND + DROP)
    repository.python("inboxdb.release.migration")
    repository.python("tests.catalog", "--write")
    repository.commit()
    return repository


def test_a_release_is_a_commit_and_a_line_that_names_it(released: Repository) -> None:
    migration, version, commit = released.release
    assert (migration, version) == (MAKE_UP, VERSION)
    assert commit == released.run("git", "rev-parse", "HEAD^").strip()
    assert f'__version__ = "{VERSION}"\n' in released.run("git", "show", f"{commit}:inboxdb/__init__.py")
    assert '__version__ = "1000.1.0.dev0"\n' in released.read("inboxdb/__init__.py")
    assert released.run("git", "status", "--porcelain") == ""
    assert f"{VERSION} does not come after {VERSION}" in released.python("inboxdb.release.cut", VERSION, status=1)
    assert "'1.0' is no version" in released.python("inboxdb.release.cut", "1.0", status=1)


def test_the_next_migration_carries_what_changed_and_its_rollback_what_was(followed: Repository) -> None:
    changed = followed.run("git", "diff", "--name-only", f"{followed.release[2]}..", "--", "migrations").split()
    assert changed == [f"migrations/{name}" for name in (f"{GO_ON}.rollback.sql", f"{GO_ON}.sql", *KEPT)]
    carriers = migration.carried(migration.files()).carriers
    forward, backward = followed.read(f"migrations/{GO_ON}.sql"), followed.read(f"migrations/{GO_ON}.rollback.sql")
    assert re.findall(r"^(?:drop|alter|-- >>>|-- gone:) (.*)$", forward, re.MULTILINE) == [
        "view inboxdb.going_made_up;",
        "view inboxdb.over_made_up;",
        "view inboxdb.made_up;",
        "function inboxdb.answer_made_up(integer);",
        "by hand, before the bodies",
        "table inboxdb.kept_made_up add column words text;",
        "type inboxdb.shape_made_up add attribute words text;",
        "sql/jobs/retry_delay.sql",
        "sql/operations/answer_made_up.sql",
        "sql/operations/made_up.view.sql",
        "sql/operations/over_made_up.view.sql",
        "sql/operations/kept_made_up.table.sql, altered by hand above",
        "sql/operations/shape_made_up.type.sql, altered by hand above",
        "sql/operations/new_made_up.table.sql",
        "sql/operations/going_made_up.view.sql",
        "by hand, after the bodies",
    ]
    assert re.findall(r"^(?:drop|alter|-- >>>) (.*)$", backward, re.MULTILINE) == [
        "table inboxdb.new_made_up;",
        "view inboxdb.over_made_up;",
        "view inboxdb.made_up;",
        "function inboxdb.answer_made_up(integer);",
        "by hand, before the bodies",
        "table inboxdb.kept_made_up drop column words;",
        "type inboxdb.shape_made_up drop attribute words;",
        f"{carriers['jobs/retry_delay.sql']}:jobs/retry_delay.sql",
        f"{MAKE_UP}:operations/answer_made_up.sql",
        f"{MAKE_UP}:operations/made_up.view.sql",
        f"{MAKE_UP}:operations/over_made_up.view.sql",
        f"{MAKE_UP}:operations/kept_made_up.table.sql, altered by hand above",
        f"{MAKE_UP}:operations/shape_made_up.type.sql, altered by hand above",
        f"{MAKE_UP}:operations/going_made_up.view.sql",
        "by hand, after the bodies",
    ]
    assert "Changed since" in forward
    assert "Changed since" not in backward


def test_a_second_migration_takes_over_what_the_one_before_carries(followed: Repository) -> None:
    changed = "sql/jobs/retry_delay.sql"
    further = f"migrations/{len(NAMES) + 3:04d}-further.sql"
    try:
        followed.replace(changed, "-- Changed since.", "-- Changed twice.")
        followed.python("inboxdb.release.migration", "further")
        assert "Changed since" in followed.read(f"migrations/{GO_ON}.sql"), "as it was"
        assert "Changed twice" in followed.read(further)
        assert re.search(
            rf">>> {GO_ON}:jobs/.*\n(.*\n)*.*Changed since", followed.read(further.replace(".", ".rollback."))
        )
        followed.replace(changed, "-- Changed twice.", "-- Changed again.")
        followed.python("inboxdb.release.migration")
        assert "Changed again" in followed.read(further)
        assert "Changed since" in followed.read(f"migrations/{GO_ON}.sql")
    finally:
        followed.run("git", "checkout", "--quiet", ".")
        followed.run("git", "clean", "--quiet", "--force", "migrations")


@pytest.mark.slow
def test_an_upgraded_installation_passes_the_tests(followed: Repository) -> None:
    """Upgraded beside writers, undone and upgraded again on the way: see tests/released.py."""
    on_it = "text and (parity and not waits or every_way or committed)"
    on_files = "test_file or body or written or declared and go-on"
    files = (f"tests/test_{name}.py" for name in ("parity", "migrations", "plan"))
    followed.pytest("--upgraded-from", followed.release[2], *files, "-k", f"{on_it} or {on_files}")


@pytest.mark.slow
def test_an_upgraded_installation_passes_many_more_tests(followed: Repository) -> None:
    # others on installations of the real release, in CI's step on 15
    names = ("by_change", "changes", "checksums", "grants", "plan", "signals")
    files = (f"tests/test_{name}.py" for name in names)
    followed.pytest("--upgraded-from", followed.release[2], *files, "-k", "text and not killed")


@pytest.mark.parametrize("blessed", one_in(2, [False, True]), ids=["edited", "with its checksum"])
def test_an_edited_file_of_a_release_is_refused(followed: Repository, blessed: bool) -> None:
    edited = followed.read("migrations/0003-host-indexes.sql") + "-- edited\n"
    followed.write("migrations/0003-host-indexes.sql", edited)
    if blessed:
        now = hashlib.sha256(edited.encode()).hexdigest()
        lines = followed.read("migrations/checksums.txt")
        followed.write("migrations/checksums.txt", re.sub(r".*(?=  0003-host-indexes\.sql)", now, lines))
    before = {file: file.read_bytes() for file in (followed.root / "migrations").iterdir()}
    try:
        assert re.search(
            r"^lint:.*\n(\t.*\n)*\t.*-m inboxdb.release.migration --check$", followed.read("Makefile"), re.MULTILINE
        )
        for arguments in ((), ("--check",), ("later",)):
            said = followed.python("inboxdb.release.migration", *arguments, status=1)
            assert "+-- edited\n" in said
            assert "What is released is not edited" in said
            assert (f"checksums.txt ({VERSION})" in said) == blessed
        assert "+-- edited" in followed.pytest("tests/test_migrations.py", "-k", "last_release", status=1)
        assert "not up to date" in followed.python("inboxdb.release.cut", "1000.1.0", status=1)
        assert {file: file.read_bytes() for file in (followed.root / "migrations").iterdir()} == before
    finally:
        followed.run("git", "checkout", "--quiet", "migrations")
