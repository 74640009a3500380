"""The lists in sql/ that are written from others: ``python -m tests.lists --write`` (``make migration``).

A list of counts, written from view count, stands between a line ``-- each count: FORM`` and a line ``-- end``: FORM
once for each count, with ``{name}``, ``{bit}`` and ``{place}`` (in the vector, from 1); a list at the end is
``-- each count, with commas between: FORM``. Between ``-- list: NAME, as in FILE`` and ``-- end`` stands a copy of what
stands between ``-- list: NAME`` and ``-- end`` in FILE. counts/definitions.sql has the hash of what defines the counts.
"""

import hashlib
import re
import sys
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

from inboxdb.database import sources

LIST = re.compile(
    r"^(?P<mark>(?P<indent> *)-- each count(?P<between>, with commas between)?: (?P<form>.*)\n)"
    r"(?:.*\n)*?(?P<end> *-- end\n)",
    re.MULTILINE,
)

COPY = re.compile(
    r"^(?P<mark>(?P<indent> *)-- list: (?P<name>.*), as in (?P<file>.*)\n)(?:.*\n)*?(?P<end> *-- end\n)", re.MULTILINE
)

# Counts by other definitions are counted anew.
DEFINING = ("counts/classified_lead.view.sql", "counts/lead_now.view.sql", "host/id_key.sql")
DEFINITIONS = "counts/definitions.sql"


class Count(NamedTuple):
    """A row of view count."""

    bit: int
    name: str
    meaning: str


def counts(folder: Path = sources.SQL) -> list[Count]:
    """List the counts, by the view's text."""
    rows = re.findall(r"^  \((\d+), '(\w+)', '(.*)'\),?$", (folder / "counts/count.view.sql").read_text(), re.MULTILINE)
    return [Count(int(bit), name, meaning) for bit, name, meaning in rows]


def with_lists(text: str, counted: list[Count]) -> str:
    """Return a source's text with each of its lists as the counts have it."""

    def lines(found: re.Match[str]) -> str:
        form = found["indent"] + found["form"]
        each = (form.format(name=count.name, bit=count.bit, place=count.bit + 1) for count in counted)
        return found["mark"] + (",\n" if found["between"] else "\n").join(each) + "\n" + found["end"]

    return LIST.sub(lines, text)


def original(name: str, file: Path) -> str:
    """Return a list's lines, from where it is kept."""
    [lines] = re.findall(rf"^ *-- list: {name}\n((?:.*\n)*?) *-- end\n", file.read_text(), re.MULTILINE)
    return dedent(lines)


def with_copies(text: str, folder: Path) -> str:
    """Return a source's text with each of its copies as the list is."""
    return COPY.sub(
        lambda found: (
            found["mark"] + indent(original(found["name"], folder / found["file"]), found["indent"]) + found["end"]
        ),
        text,
    )


def written(folder: Path = sources.SQL) -> dict[Path, str]:
    """Return the files whose lists are not as they should be, with the text that they should have."""
    counted = counts(folder)
    texts = {file: file.read_text() for file in sorted(folder.rglob("*.sql"))}
    new = {file: with_copies(with_lists(text, counted), folder) for file, text in texts.items()}
    defining = "".join(new[folder / name] for name in DEFINING)
    digest = hashlib.md5(defining.encode(), usedforsecurity=False).hexdigest()[:8]
    new[folder / DEFINITIONS] = re.sub(r"select '\w+'", f"select '{digest}'", texts[folder / DEFINITIONS])
    return {file: text for file, text in new.items() if text != texts[file]}


if __name__ == "__main__":
    for stale, should_be in written().items():
        if sys.argv[1:] == ["--write"]:
            stale.write_text(should_be)
        sys.stderr.write(
            f"{stale.relative_to(sources.SQL)} {'written' if sys.argv[1:] else 'has a list out of date'}\n"
        )
