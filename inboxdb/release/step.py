"""The text of one migration, and of its rollback: from what sql/ was before it to what it is after it.

Both directions are the same step: what is no more is dropped, with what rests on it; bodies follow in load order. A
table or type that is there is altered by hand, and its body follows as a comment, so that the file says what it became.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from inboxdb.release.made import Made, made, naming

BODY = re.compile(
    r"^-- >>> (?P<from>sql/|[\w-]+:)(?P<source>\S+)(?P<altered>, altered by hand above)?\n"
    r"(?P<text>.*?)^-- <<< (?P=from)(?P=source)\n",
    re.MULTILINE | re.DOTALL,
)
GONE = re.compile(r"^-- gone: sql/(\S+)\n", re.MULTILINE)
BY_HAND = re.compile(r"^-- >>> by hand, (before|after) the bodies\n(.*?)^-- <<< by hand\n", re.MULTILINE | re.DOTALL)
SETTINGS = "set local lock_timeout = '2s';\nset local search_path = '';\n"
SETTINGS_OF_BUILDS = "set lock_timeout = 0;\n\nset statement_timeout = 0;\n\nset search_path = '';\n"

# What the names of migrations end with that take up indexes, or one host table's triggers.
PARTS = ("-indexes", "-triggers")

# Altered by hand: a table has rows, a type columns that use it.
LASTING = ("table", "type", "domain")
LINTED = {"function", "view", "table", "domain", "type"}
WITHOUT_RIGHTS = {"trigger", "policy", "index"}


class State(NamedTuple):
    """sql/ as after some migration: the text of each source, and the last migration to carry the source."""

    texts: dict[str, str]
    carriers: dict[str, str]

    def after(self, migration: str, bodies: dict[str, str | None]) -> "State":
        """Return sql/ as after one more migration, by the bodies carried; a source without a body is gone."""
        texts = {source: text for source, text in {**self.texts, **bodies}.items() if text is not None}
        return State(texts, {**self.carriers, **dict.fromkeys(bodies, migration)})


NOTHING = State({}, {})


def bodies(text: str) -> dict[str, str | None]:
    """Read which sources a migration carries, and as what; a source that it says is gone has no body."""
    gone = dict.fromkeys(GONE.findall(text))
    return gone | {
        found["source"]: re.sub("^-- ", "", found["text"], flags=re.MULTILINE) if found["altered"] else found["text"]
        for found in BODY.finditer(text)
    }


def is_generated(text: str) -> bool:
    """Whether all of a migration but its author's parts is written from sql/, and not its bodies alone."""
    return BY_HAND.search(text) is not None


def part_of(source: str) -> str:
    """Say what follows the name of the migration that takes up a source; nothing for that of most."""
    if source.endswith(".index.sql"):
        return "-indexes"
    if source.endswith(".trigger.sql"):
        table = source.rpartition("/")[2].removesuffix(".trigger.sql").replace("_", "-")
        return f"-{table}-triggers"
    return ""


def top(name: str, previous: str) -> str:
    """Write what a new migration says on top, for its author to go on from."""
    number, _, words = name.partition("-")
    builds = words.endswith("-indexes")
    how = "NOT in a transaction" if builds else "one transaction"
    return (
        f"-- inboxdb {number}: {words.replace('-', ' ')}.\n"
        "-- Locks: none on the host's tables. Duration: milliseconds.\n"
        f"-- Undo: {name}.rollback.sql puts back what was before.\n"
        f"-- By hand: psql {'' if builds else '-1 '}-v ON_ERROR_STOP=1 -f migrations/{name}.sql ({how}).\n"
        f"-- depends: {previous}\n"
        + ("-- transactional: false\n" if builds else "")
        + f"\n{SETTINGS_OF_BUILDS if builds else SETTINGS}"
    )


def top_of_rollback(name: str) -> str:
    """Write what a new rollback says on top, for its author to go on from."""
    settings = SETTINGS_OF_BUILDS if name.endswith("-indexes") else SETTINGS
    return f"-- Undoes {name}: puts back what was before.\n-- Locks: none on the host's tables.\n\n{settings}"


def forward(text: str, before: State, after: State, order: Iterable[str]) -> str:
    """Write a migration anew, but for what is on top of it and between its markers by hand.

    Parameters: text, what it was; before and after it; order, that in which sql/ is loaded.
    """
    markers = dict.fromkeys([*after.texts, *before.texts], "sql/")
    return _step(text, before.texts, after.texts, order, markers)


def backward(text: str, before: State, after: State, order: list[str]) -> str:
    """Write a rollback anew, from after its migration to before it; parameters as of forward."""
    markers = {source: f"{carrier}:" for source, carrier in before.carriers.items()}
    # what is dropped in the load order backwards, since a body from before may rest on a source that is new
    known = {source: place for place, source in enumerate(order)}
    old = {source: after.texts[source] for source in sorted(after.texts, key=lambda one: known.get(one, -1))}
    # as carried: a body comes after what it rests on
    return _step(text, old, before.texts, before.texts, markers)


def _step(text: str, old: dict[str, str], new: dict[str, str], order: Iterable[str], markers: dict[str, str]) -> str:
    differing = {source for source in {**old, **new} if old.get(source) != new.get(source)}
    there = [one for source in old for one in made(old[source])]
    to_be = {one for source in new for one in made(new[source])}
    dropped = [one for one in there if one not in to_be]
    again: set[str] = set()
    while more := _resting_on(dropped, old, new, differing | again):
        again |= more
        dropped = [one for one in there if one in dropped or any(one in made(old[source]) for source in more)]
    lasting = {one.name for one in there if one.kind in LASTING}

    builds = "\nset lock_timeout = 0;" in text
    if builds:
        # left by an interrupted build, the index would be there and invalid
        dropped += [one for source in differing & new.keys() for one in made(new[source]) if one.kind == "index"]
    by_hand = dict(BY_HAND.findall(text))
    parts = [re.split(r"^set (?:local )?lock_timeout", text, maxsplit=1, flags=re.MULTILINE)[0].rstrip("\n") + "\n"]
    parts.append(SETTINGS_OF_BUILDS if builds else SETTINGS)
    if dropped:
        parts.append("".join(_drop(one) for one in reversed(list(dict.fromkeys(dropped)))))
    parts.append(_by_hand("before", by_hand))
    for source in order:
        if source in new and source in differing | again:
            altered = any(one.name in lasting for one in made(new[source]))
            parts.append(_body(markers[source], source, new[source], altered=altered))
    if gone := "".join(f"-- gone: sql/{source}\n" for source in old if source not in new and source in markers):
        parts.append(gone)
    parts.append(_by_hand("after", by_hand))
    if again or {one.kind for one in set(there) ^ to_be} - WITHOUT_RIGHTS:
        parts.append(
            "-- rights, for what is new or made anew\n"
            "do $rights$\nbegin\n  perform inboxdb.apply_grants();\nend\n$rights$;\n"
        )
    return "\n".join(parts)


def _resting_on(dropped: list[Made], old: dict[str, str], new: dict[str, str], known: set[str]) -> set[str]:
    """Find the sources, of those that do not change, whose views and policies, or whose routines' parameters and
    results, name what is dropped: the server would not drop it.
    """
    # nothing rests on a trigger
    named = naming(one for one in dropped if one.kind != "trigger")
    return {
        source
        for source in old
        if source in new and source not in known
        for one in made(old[source])
        if named.search(one.head)
    }


def _drop(one: Made) -> str:
    return (f"-- squawk-ignore ban-drop-{one.kind}\n" if one.kind in LINTED else "") + one.drop


def _by_hand(place: str, texts: dict[str, str]) -> str:
    return f"-- >>> by hand, {place} the bodies\n{texts.get(place, '')}-- <<< by hand\n"


def _body(marker: str, source: str, text: str | None, *, altered: bool = False) -> str:
    if text is None:
        return ""
    if altered:
        text = re.sub("^(?=.)", "-- ", text, flags=re.MULTILINE)
    return f"-- >>> {marker}{source}{', altered by hand above' if altered else ''}\n{text}-- <<< {marker}{source}\n"
