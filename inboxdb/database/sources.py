"""The SQL that inboxdb ships: where sql/ and migrations/ are, and the checksum of each file of migrations/.

``sha256sum --check checksums.txt`` compares the same checksums.
"""

import re
from hashlib import sha256
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# Inside a wheel the folders travel in the package; in a checkout they stand beside it.
ROOT = _PACKAGE if (_PACKAGE / "sql").is_dir() else _PACKAGE.parent
SQL = ROOT / "sql"
MIGRATIONS = ROOT / "migrations"
HOST = _PACKAGE / "host" if (_PACKAGE / "host").is_dir() else _PACKAGE.parent / "tests" / "host"

CHECKSUMS = "checksums.txt"


def contents() -> list[str]:
    """List every file of sql/ in load order, as the table of contents names them."""
    return re.findall(r"^\\ir (\S+)$", (SQL / "inboxdb.sql").read_text(), re.MULTILINE)


def checksums() -> str:
    """Return the text of checksums.txt for today's migrations/: a line a file, SHA-256 and name, sorted."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    return "".join(f"{sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def damaged() -> list[str]:
    """List the files of migrations/ that are not as checksums.txt says: changed, missing, or not named in it."""
    file = MIGRATIONS / CHECKSUMS
    recorded = file.read_text().splitlines() if file.exists() else []
    return sorted({line.partition("  ")[2] for line in set(recorded) ^ set(checksums().splitlines())})
