"""Releases: migrations/RELEASED names the last release, and its files of migrations/ stay as they are."""

import subprocess
from collections.abc import Iterator
from difflib import unified_diff
from typing import NamedTuple

from inboxdb.database import sources

RELEASED = "RELEASED"


class Release(NamedTuple):
    """A release: its last migration, its version, and the commit that is it."""

    migration: str
    version: str
    commit: str


def last() -> Release | None:
    """Read the last release; None before the first."""
    lines = (sources.MIGRATIONS / RELEASED).read_text().splitlines()
    named = [line.split() for line in lines if not line.startswith("#")]
    return Release(*named[-1]) if named else None


def is_released(file: str) -> bool:
    """Whether a file of migrations/, a rollback file or not, belongs to the last release."""
    release = last()
    return release is not None and file.partition(".")[0] <= release.migration


def edits() -> list[str]:
    """List how files of the last release, and their lines in checksums.txt, differ from what was released: lines of
    unified diffs.

    Compares with the release's commit where git's history has it, else the files with their lines in checksums.txt.
    """
    release = last()
    if release is None:
        return []
    if _git("cat-file", "-e", f"{release.commit}^{{commit}}") is None:
        return [f"{name} differs from {sources.CHECKSUMS}" for name in sources.damaged() if is_released(name)]
    return list(_differences(release))


def _differences(release: Release) -> Iterator[str]:
    listed = _released(release, sources.CHECKSUMS).splitlines()
    names = {line.partition("  ")[2] for line in listed}
    for name in sorted(names | {file.name for file in sources.MIGRATIONS.glob("*.sql") if is_released(file.name)}):
        file = sources.MIGRATIONS / name
        before = _released(release, name).splitlines(keepends=True) if name in names else []
        now = file.read_bytes().decode().splitlines(keepends=True) if file.exists() else []
        yield from _diff(before, now, name, release)
    now = (sources.MIGRATIONS / sources.CHECKSUMS).read_text().splitlines()
    yield from _diff(listed, [line for line in now if is_released(line.partition("  ")[2])], sources.CHECKSUMS, release)


def _diff(before: list[str], now: list[str], name: str, release: Release) -> Iterator[str]:
    lines = unified_diff(before, now, f"{name} ({release.version})", f"{name} (here)", n=0, lineterm="")
    yield from (line.rstrip("\n") for line in lines)


def _released(release: Release, name: str) -> str:
    text = _git("show", f"{release.commit}:migrations/{name}")
    if text is None:
        raise FileNotFoundError(f"migrations/{name} is not in {release.commit}, which {RELEASED} names")
    return text


def _git(*arguments: str) -> str | None:
    """Run git in the repository; None where it fails, or there is no git."""
    try:
        result = subprocess.run(["git", *arguments], cwd=sources.ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.decode()
