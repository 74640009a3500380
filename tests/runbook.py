"""The runbook's table of facts: ``python -m tests.runbook`` (``make migration``) writes docs/operations.md's anew."""

import re

from inboxdb.database import sources
from inboxdb.watch.facts import runbook

FILE = sources.ROOT / "docs/operations.md"
TABLE = re.compile(r"^\| `status` says \|.*\n(?:\|.*\n)*", re.MULTILINE)


def with_facts(text: str) -> str:
    """Return the runbook's text with the table as it is to be."""
    return TABLE.sub(lambda _: runbook(), text)


if __name__ == "__main__":
    FILE.write_text(with_facts(FILE.read_text()))
