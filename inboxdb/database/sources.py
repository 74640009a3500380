"""The SQL that inboxdb ships: where sql/ and migrations/ are, and how the one gets into the other.

A migration carries whole bodies from sql/, between markers that name their source, so that a DBA reads it from top to
bottom. migrations/checksums.txt says what each file has to be (``sha256sum --check checksums.txt`` reads it, too).
``python -m inboxdb.database.sources`` (``make migration``) writes bodies and checksums anew; ``--check`` only says
whether they are up to date.
"""

import re
import sys
from hashlib import sha256
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# Inside a wheel the folders travel in the package; in a checkout they stand beside it.
ROOT = _PACKAGE if (_PACKAGE / "sql").is_dir() else _PACKAGE.parent
SQL = ROOT / "sql"
MIGRATIONS = ROOT / "migrations"
HOST = _PACKAGE / "host" if (_PACKAGE / "host").is_dir() else _PACKAGE.parent / "tests" / "host"

CHECKSUMS = "checksums.txt"

INCLUDED = re.compile(r"^-- >>> sql/(?P<source>\S+)\n.*?^-- <<< sql/(?P=source)\n", re.MULTILINE | re.DOTALL)


def contents() -> list[str]:
    """List every file of sql/ in load order, as the table of contents names them."""
    return re.findall(r"^\\ir (\S+)$", (SQL / "inboxdb.sql").read_text(), re.MULTILINE)


def with_bodies(migration: str) -> str:
    """Return a migration's text with each included body as sql/ has it now.

    Raises FileNotFoundError for a marker that names no file.
    """
    return INCLUDED.sub(
        lambda found: (
            f"-- >>> sql/{found['source']}\n{(SQL / found['source']).read_text()}-- <<< sql/{found['source']}\n"
        ),
        migration,
    )


def checksums() -> str:
    """Return what checksums.txt has to say of migrations/ as it is now: a line a file, SHA-256 and name, sorted."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    return "".join(f"{sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def damaged() -> list[str]:
    """List the files of migrations/ that are not as checksums.txt says: changed, missing, or not named in it."""
    file = MIGRATIONS / CHECKSUMS
    said = file.read_text().splitlines() if file.exists() else []
    return sorted({line.partition("  ")[2] for line in set(said) ^ set(checksums().splitlines())})


def main(arguments: list[str]) -> int:
    """Bring the bodies in migrations/ and checksums.txt up to date, or with ``--check`` report what is not."""
    check = arguments == ["--check"]
    stale = [file for file in sorted(MIGRATIONS.glob("*.sql")) if with_bodies(file.read_text()) != file.read_text()]
    for file in stale:
        if check:
            sys.stderr.write(f"{file.name} differs from sql/: run `make migration`\n")
        else:
            file.write_text(with_bodies(file.read_text()))
            sys.stderr.write(f"{file.name} brought up to date\n")
    changed = damaged()
    if check:
        sys.stderr.writelines(f"{name} differs from {CHECKSUMS}: run `make migration`\n" for name in changed)
    elif changed:
        (MIGRATIONS / CHECKSUMS).write_text(checksums())
        sys.stderr.write(f"{CHECKSUMS} brought up to date\n")
    return 1 if check and (stale or changed) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
