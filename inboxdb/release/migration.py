"""Writes migrations/ from sql/.

A migration carries whole bodies from sql/, between markers that name their source, so that a DBA reads it from top to
bottom; the rollback of a later one carries the bodies before. What is on top of a file, and between its markers "by
hand", is its author's. migrations/checksums.txt says what each file has to be.

``python -m inboxdb.release.migration`` (``make migration``) brings every file that is not released up to date; with a
name (``make migration NAME=add-meetings``) it writes the next migration, or more into that one. ``--check`` only says
what is not up to date. A released file is never written: where one was edited nothing is, and the difference is shown.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from inboxdb.database import sources
from inboxdb.release import frozen, step
from inboxdb.release.step import NOTHING, State


class Refused(Exception):
    """The migrations cannot be written; the message says why, and what to do."""


def main(arguments: list[str]) -> int:
    """Bring migrations/ up to date, or with ``--check`` report what is not; a name asks for the next migration."""
    check = arguments == ["--check"]
    name = arguments[0] if arguments and not check else None
    if edits := frozen.edits():
        sys.stderr.writelines(f"{line}\n" for line in edits)
        sys.stderr.write(
            "What is released is not edited: put it back, and write a new migration. Nothing was written.\n"
        )
        return 1
    try:
        texts = planned(name)
    except Refused as refused:
        sys.stderr.write(f"{refused} Nothing was written.\n")
        return 1
    stale = [file for file, text in texts.items() if not file.exists() or file.read_text() != text]
    for file in stale:
        if check:
            sys.stderr.write(f"{file.name} differs from sql/: run `make migration`\n")
        else:
            file.write_text(texts[file])
            sys.stderr.write(f"{file.name} brought up to date\n")
    changed = sources.damaged()
    if check:
        sys.stderr.writelines(f"{name} differs from {sources.CHECKSUMS}: run `make migration`\n" for name in changed)
    elif changed:
        (sources.MIGRATIONS / sources.CHECKSUMS).write_text(sources.checksums())
        sys.stderr.write(f"{sources.CHECKSUMS} brought up to date\n")
    return 1 if check and (stale or changed) else 0


def files() -> list[Path]:
    """List the migrations in order, without their rollback files."""
    return [file for file in sorted(sources.MIGRATIONS.glob("*.sql")) if not file.name.endswith(".rollback.sql")]


def carried(migrations: Iterable[Path]) -> State:
    """Read what sql/ was after some migrations: of each source that is not gone the newest carrier's text."""
    state = NOTHING
    for file in migrations:
        state = state.after(file.stem, step.bodies(file.read_text()))
    return state


def today() -> dict[str, str]:
    """Read sql/ as it is, in load order, without what makes nothing."""
    return {source: (sources.SQL / source).read_text() for source in sources.contents()}


def planned(name: str | None = None) -> dict[Path, str]:
    """Write, in memory, every file of migrations/ that is not released.

    Parameters: name, of the migration to write if there is none of that name which is not released, else to extend.
    Raises Refused for a name that is none, and where sql/ has what no migration can take up.
    """
    if name is not None and not re.fullmatch(r"[a-z]+(-[a-z]+)*", name):
        raise Refused(f"'{name}' is no name for a migration: words of small letters, joined by hyphens.")
    there = {file: step.bodies(file.read_text()) for file in files()}
    newest = {source: file for file, bodies in there.items() for source in bodies}
    now = today()
    written = [file for file in there if not frozen.is_released(file.name) and step.is_generated(file.read_text())]
    missing = [source for source in now if source not in newest]
    changed = [
        source
        for source, text in carried(there).texts.items()
        # with a name, what is carried by another migration not yet released stays there as it is
        if now.get(source) != text and (name or newest[source] not in written)
    ]
    taken_up = _spread(missing + changed, name, written, len(there))
    newest |= {source: file for file, found in taken_up.items() for source in found}

    texts: dict[Path, str] = {}
    state, previous = NOTHING, ""
    for file in sorted({*there, *taken_up}):
        if file in taken_up or file in written:
            bodies = there.get(file, {}) | dict.fromkeys(taken_up.get(file, []))
            after = state.after(
                file.stem, bodies | {source: now.get(source) for source in bodies if newest[source] == file}
            )
            texts |= _texts(file, previous, state, after, list(now))
        else:
            after = state.after(file.stem, there[file])
        state, previous = after, file.stem
    return texts


def _spread(found: list[str], name: str | None, written: list[Path], known: int) -> dict[Path, list[str]]:
    """Decide which migration takes up which sources: indexes and triggers have migrations of their own, since an index
    is built outside a transaction, and a transaction locks one host table at most. Without a name they go with the last
    migration that is not released.
    """
    generated = {file.stem.partition("-")[2]: file for file in written}
    if name is None and found:
        mains = [part for part in generated if not part.endswith(step.PARTS)]
        if not mains:
            raise Refused(f"No migration has sql/{found[0]} as it is: `make migration NAME=...` writes the next one.")
        name = mains[-1]
    parts: dict[str, list[str]] = {name: []} if name else {}
    for source in found:
        parts.setdefault(f"{name}{step.part_of(source)}", []).append(source)
    spread = {}
    for part, of_it in parts.items():
        if part not in generated:
            known += 1
            generated[part] = sources.MIGRATIONS / f"{known:04d}-{part}.sql"
        spread[generated[part]] = of_it
    return spread


def _texts(file: Path, previous: str, before: State, after: State, order: list[str]) -> dict[Path, str]:
    """Write a migration, and its rollback."""
    rollback = file.with_suffix(".rollback.sql")
    text = file.read_text() if file.exists() else step.top(file.stem, previous)
    undo = rollback.read_text() if rollback.exists() else step.top_of_rollback(file.stem)
    return {file: step.forward(text, before, after, order), rollback: step.backward(undo, before, after, order)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
