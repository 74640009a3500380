"""The SQL that inboxdb ships: where sql/ and migrations/ are, and how the one gets into the other.

A migration carries whole bodies from sql/, between markers that name their source, so that a DBA reads it from top to
bottom. ``python -m inboxdb.sources`` (``make migration``) writes the bodies anew; ``--check`` only says whether they
are up to date.
"""

import re
import sys
from pathlib import Path

_PACKAGE = Path(__file__).parent
# Inside a wheel the folders travel in the package; in a checkout they stand beside it.
ROOT = _PACKAGE if (_PACKAGE / "sql").is_dir() else _PACKAGE.parent
SQL = ROOT / "sql"
MIGRATIONS = ROOT / "migrations"
HOST = _PACKAGE / "host" if (_PACKAGE / "host").is_dir() else _PACKAGE.parent / "tests" / "host"

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


def main(arguments: list[str]) -> int:
    """Bring the bodies in migrations/ up to date, or with ``--check`` report the files that are not."""
    stale = [file for file in sorted(MIGRATIONS.glob("*.sql")) if with_bodies(file.read_text()) != file.read_text()]
    for file in stale:
        if arguments == ["--check"]:
            sys.stderr.write(f"{file.name} differs from sql/: run `make migration`\n")
        else:
            file.write_text(with_bodies(file.read_text()))
            sys.stderr.write(f"{file.name} brought up to date\n")
    return 1 if stale and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
