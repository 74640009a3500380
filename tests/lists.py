"""The lists in sql/ that are written from others: ``python -m tests.lists --write`` (``make migration``).

A list of counts, written from view count, stands between a line ``-- each count: FORM`` and a line ``-- end``: FORM
once for each count, with ``{name}``, ``{bit}``, ``{of_snoozed}`` and ``{place}`` (in the vector, from 1); a list at the
end is ``-- each count, with commas: FORM``. Between ``-- list: NAME, as in FILE`` and ``-- end`` stands a copy
of what stands between ``-- list: NAME`` and ``-- end`` in FILE. Between ``-- each read: FORM`` and ``-- end`` stands
FORM for each function of schema inbox_api and its helper, with ``{routine}``; between ``-- each function of a shard:
FORM`` and ``-- end`` the same for those that routers call; between ``-- each file of ROOM/`` and ``-- end`` the room's
files in load order; between ``-- query of FILE`` and ``-- end`` the query of FILE's view.
counts/definitions.sql has the hash of what defines the counts.
"""

import hashlib
import re
import sys
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

from inboxdb.database import sources
from inboxdb.release import made as objects

LIST = re.compile(
    r"^(?P<mark>(?P<indent> *)-- each count(?P<between>, with commas)?: (?P<form>.*)\n)"
    r"(?:.*\n)*?(?P<end> *-- end\n)",
    re.MULTILINE,
)

COPY = re.compile(
    r"^(?P<mark>(?P<indent> *)-- list: (?P<name>.*), as in (?P<file>.*)\n)(?:.*\n)*?(?P<end> *-- end\n)", re.MULTILINE
)

ROUTINES = re.compile(
    r"^(?P<mark>(?P<indent> *)-- each (?P<kind>read|function of a shard): (?P<form>.*)\n)(?:.*\n)*?(?P<end> *-- end\n)",
    re.MULTILINE,
)
# the room of each kind, and how the names begin
KINDS = {"read": ("api", ("inbox_api.", "inboxdb.read_")), "function of a shard": ("shard", ("inboxdb.shard_",))}
FILES = re.compile(r"^(?P<mark>-- each file of (?P<room>\w+)/\n)(?:.*\n)*?(?P<end>-- end\n)", re.MULTILINE)

QUERY = re.compile(r"^(?P<mark> *-- query of (?P<file>.*)\n)(?:.*\n)*?(?P<end> *-- end\n)", re.MULTILINE)

LONGEST = 120  # characters of a line

# Counts by other definitions are counted anew: by other text of these two, or of whatever they name.
DEFINED_BY = ("lead_now", "kind_now")
DEFINITIONS = "counts/definitions.sql"


class Count(NamedTuple):
    """A row of view count."""

    bit: int
    name: str
    of_snoozed: str
    meaning: str


def counts(folder: Path = sources.SQL) -> list[Count]:
    """List the counts, by the view's text."""
    view = (folder / "counts/count.view.sql").read_text()
    rows = re.findall(r"^  \(\s*(\d+), '(\w+)', (\w+),\s*'(.*)'\s*\),?$", view, re.MULTILINE)
    return [Count(int(bit), *row) for bit, *row in rows]


def with_lists(text: str, counted: list[Count]) -> str:
    """Return a source's text with each of its lists as the counts have it."""

    def lines(found: re.Match[str]) -> str:
        form = found["indent"] + found["form"]
        each = (form.format(**count._asdict(), place=count.bit + 1) for count in counted)
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


def with_queries(text: str, folder: Path) -> str:
    """Return a source's text with each view's query that it repeats as the view's file has the query."""

    def query(found: re.Match[str]) -> str:
        [selected] = re.findall(r"^select\n(.*?);$", (folder / found["file"]).read_text(), re.MULTILINE | re.DOTALL)
        return f"{found['mark']}{selected}\n{found['end']}"

    return QUERY.sub(query, text)


def routines(folder: Path, kind: str) -> list[str]:
    """List the routines of a kind, with their parameters' types."""
    room, names = KINDS[kind]
    files = sorted((folder / room).glob("*.sql"))
    made = [one.name for file in files for one in objects.made(file.read_text()) if one.kind == "function"]
    return [routine for routine in made if routine.startswith(names)]


def folded(line: str) -> str:
    """Return a row of constants as a line, or as a line or two for each constant where the line is too long."""
    if len(line) <= LONGEST:
        return line + "\n"
    space, row = re.fullmatch(r"( *)\((.*)\),", line).groups()  # type: ignore[union-attr]
    constants = []
    for constant in re.findall(r"'[^']*'", row):
        text = f"{space}  {constant}"
        while len(text.rpartition("\n")[2]) >= LONGEST:  # one text for the server, over lines
            before, last = text[:LONGEST].rpartition(" ")[0], text[:LONGEST].rpartition(" ")[2] + text[LONGEST:]
            text = f"{before}'\n{space}  ' {last}"
        constants.append(text)
    return f"{space}(\n" + ",\n".join(constants) + f"\n{space}),\n"


def load_order(room: Path) -> list[str]:
    """List a room's files: types, then functions of inboxdb, then their callers in inbox_api."""

    def key(file: Path) -> tuple[bool, bool, str]:
        return ".type." not in file.name, "function inbox_api." in file.read_text(), file.name

    return [f"{room.name}/{file.name}" for file in sorted(room.glob("*.sql"), key=key)]


def with_routines(text: str, folder: Path) -> str:
    """Return a source's text with its lists of routines, and of files, as sql/ is."""
    text = ROUTINES.sub(
        lambda found: (
            found["mark"]
            + "".join(
                folded(found["indent"] + found["form"].format(routine=routine))
                for routine in routines(folder, found["kind"])
            )
            + found["end"]
        ),
        text,
    )
    return FILES.sub(
        lambda found: (
            found["mark"] + "".join(f"\\ir {file}\n" for file in load_order(folder / found["room"])) + found["end"]
        ),
        text,
    )


def defining_files(texts: dict[Path, str]) -> list[Path]:
    """List the files whose text says what is counted, in the order of their names."""
    found: dict[str, list[Path]] = {}
    named = list(DEFINED_BY)
    for name in named:
        if name not in found:
            found[name] = [file for file in texts if file.name.partition(".")[0] == name]
            named += [one for file in found[name] for one in re.findall(r"inboxdb\.(\w+)", code(texts[file]))]
    return sorted(file for files in found.values() for file in files)


def code(text: str) -> str:
    """Return a source's text without comments."""
    return re.sub(r"--[^\n]*|^comment on .*?;$", "", text, flags=re.MULTILINE | re.DOTALL)


def written(folder: Path = sources.SQL) -> dict[Path, str]:
    """Return the files whose lists are not as they should be, with the text that they should have."""
    counted = counts(folder)
    texts = {file: file.read_text() for file in sorted(folder.rglob("*.sql"))}
    new = {file: with_lists(text, counted) for file, text in texts.items()}
    for copied in (with_copies, with_queries, with_routines):
        new = {file: copied(text, folder) for file, text in new.items()}
    defining = "".join(new[file] for file in defining_files(new))
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
