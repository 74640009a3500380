"""Cuts a release: ``python -m inboxdb.release.cut 0.1.0`` (``make release VERSION=0.1.0``).

Two commits: one that is the release, with its version, and one that names the first in migrations/RELEASED, from where
on its migrations stay as they are. Nothing is pushed, and nothing tagged.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

from inboxdb.database import sources
from inboxdb.release import frozen, migration

VERSION_FILE = sources.ROOT / "inboxdb" / "__init__.py"


def main(arguments: list[str]) -> int:
    """Cut a release of the version that is named, or say what is in its way."""
    [version] = arguments
    if found := list(obstacles(version)):
        sys.stderr.writelines(f"{line}\n" for line in found)
        sys.stderr.write("Nothing was changed.\n")
        return 1
    cut(version)
    return 0


def obstacles(version: str) -> Iterator[str]:
    """Say what is in the way of a release of this version."""
    last = frozen.last()
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"'{version}' is no version: make release VERSION=0.1.0."
    elif last and _numbers(version) <= _numbers(last.version):
        yield f"{version} does not come after {last.version}, the last release."
    if changed := _git("status", "--porcelain"):
        yield f"Something is not committed:\n{changed}"
    if migration.main(["--check"]):
        yield "The migrations are not up to date: run `make migration`."
    changelog = (sources.ROOT / "CHANGELOG.md").read_text()
    section = re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if not section:
        yield f"CHANGELOG.md has no section '## [{version}] - ' and a day."
    elif not (upgrade := re.search(r"^### Upgrade\n+(\S.*?)(?=^### |\Z)", section[1], re.M | re.S)):
        yield f"CHANGELOG.md's section of {version} does not say how to upgrade: '### Upgrade'."
    else:
        for name in (file.stem for file in migration.files() if not frozen.is_released(file.name)):
            if name not in upgrade[1]:
                yield f"CHANGELOG.md's '### Upgrade' of {version} does not name {name}."


def cut(version: str) -> frozen.Release:
    """Commit a release, then the line that names it."""
    _write_version(version)
    _git("commit", "--all", "--message", f"Release {version}")
    release = frozen.Release(migration.files()[-1].stem, version, _git("rev-parse", "HEAD").strip())
    with (sources.MIGRATIONS / frozen.RELEASED).open("a") as file:
        file.write(" ".join(release) + "\n")
    major, minor, _ = _numbers(version)
    _write_version(f"{major}.{minor + 1}.0.dev0")
    _git("commit", "--all", "--message", f"Name release {version}: its migrations stay as they are")
    return release


def _write_version(version: str) -> None:
    text = VERSION_FILE.read_text()
    VERSION_FILE.write_text(re.sub(r'^__version__ = ".*"$', f'__version__ = "{version}"', text, flags=re.M))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=sources.ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
