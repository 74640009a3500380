"""The recipes of CONTRIBUTING.md, each carried out on a copy of the repository: the change works, and the files that it
touched are those that the recipe lists, no more and no fewer.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import program

ROOT = Path(__file__).parents[1]


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
        self._run("git", "add", "--all")
        self._run(
            *("git", "-c", "user.name=test", "-c", "user.email=test@example.invalid"),
            *("commit", "--quiet", "--no-verify", "--message", "Before the recipe"),
        )

    def write(self, name: str, text: str) -> None:
        """Write a new file."""
        assert not (self.root / name).exists(), name
        (self.root / name).write_text(text)

    def insert(self, name: str, before: str, text: str) -> None:
        """Insert text before a place that is there once."""
        file = self.root / name
        assert file.read_text().count(before) == 1, f"{name}: {before}"
        file.write_text(file.read_text().replace(before, text + before))

    def append(self, name: str, text: str) -> None:
        """Append text to a file."""
        file = self.root / name
        file.write_text(file.read_text() + text)

    def pytest(self, *arguments: str) -> str:
        """Run some of the copy's tests."""
        return self._run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    @property
    def touched(self) -> set[str]:
        """The files that were changed since it was copied."""
        status = self._run("git", "status", "--porcelain", "--untracked-files=all", "-z")
        return {line[3:] for line in status.split("\0") if line}

    def _run(self, *arguments: str, cwd: Path | None = None) -> str:
        # The copy's own modules come first: `python -m` puts the folder in front of what is installed.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GIT"))}
        done = subprocess.run(arguments, cwd=cwd or self.root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def listed(recipe: str, name: str) -> set[str]:
    """Return the files that a recipe's table lists."""
    [section] = re.findall(rf"^### {recipe}\n(.*?)(?=^###? |\Z)", (ROOT / "CONTRIBUTING.md").read_text(), re.M | re.S)
    return {file.replace("NAME", name) for file in re.findall(r"^\| `([^`]+)` \|", section, re.M)}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


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
    owner.execute("update inboxdb.workspace set leads = 1000001 where number = 1")
    [finding] = only_complaint(database, "very_large", "note")
    assert finding["evidence"].endswith("has 1000001 leads")
"""


def test_doctor_check(copy: Copy) -> None:
    copy.write("sql/checks/doctor/very_large.sql", CHECK)
    row = "| `very_large` | a workspace has more than 1,000,000 leads | `inboxdb doctor` | `inboxdb status` |\n"
    copy.insert("docs/operations.md", "| `replica_identity` |", row)
    copy.append("tests/test_doctor.py", TEST_OF_CHECK)
    copy.pytest("tests/test_doctor.py", "-k", "very_large or healthy or page")
    copy.pytest("tests/test_documents.py", "-k", "not test_every_command_runs")
    assert copy.touched == listed("A doctor check", "very_large")
