"""The objects made by a file of sql/, read from its text, and how each is dropped."""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

# A domain is made by a statement in quotes, because its type is the host's choice.
CREATE = re.compile(
    r"^(?: *execute pg_catalog\.format\(')?create (?:or replace )?"
    r"(?P<kind>function|procedure|view|table|type|domain|trigger|policy|index)"
    r"(?: concurrently)?(?: if not exists)? (?P<name>[\w.]+)(?P<rest>.*?);$",
    re.MULTILINE | re.DOTALL,
)
RESULT = re.compile(r"\s*(returns .*?)\s*^(?:language|as)\b", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"--.*")


class Made(NamedTuple):
    """An object made by a file.

    Fields: kind and name, as `drop` has them; head, whatever `create or replace` cannot change: a routine's parameters
    and result, all of a view, a policy or an index. A table or a type has none: it is altered by hand.
    """

    kind: str
    name: str
    head: str

    @property
    def drop(self) -> str:
        """The statement to drop the object."""
        if self.kind == "index":
            return f"drop index concurrently if exists {self.name};\n"
        if self.kind in ("view", "trigger") and self.head.endswith("$"):
            # made by a statement in quotes, where the host has the columns
            return f"drop {self.kind} if exists {self.name};\n"
        return f"drop {self.kind} {self.name};\n"


@cache
def made(text: str) -> tuple[Made, ...]:
    """List what a file of sql/ makes, in its order, but for the indexes of tables of ours: they go with the table."""
    code = COMMENT.sub("", text)
    found = []
    for create in CREATE.finditer(code):
        kind, name, rest = create["kind"], create["name"], " ".join(create["rest"].split())
        on = re.search(r'(?:^| )on (inboxdb\.\w+|public\."\w+")', rest)
        table = on[1] if on else ""
        match kind:
            case "function" | "procedure":
                found.append(_routine(kind, name, code[create.end("name") :]))
            case "view":
                found.append(Made(kind, name, rest))
            case "policy":
                found.append(Made(kind, f"{name} on {table}", rest))
            case "trigger":
                is_quoted = code[: create.start()].rstrip().endswith("$")
                found.append(Made(kind, f"{name} on {table}", "$" if is_quoted else ""))
            case "index":
                if table.startswith("public."):
                    found.append(Made(kind, f"public.{name}", rest))
            case _:
                found.append(Made(kind, name, ""))
    return tuple(found)


def naming(objects: Iterable[Made]) -> re.Pattern[str]:
    """Return a pattern of the names of objects, found where a head names one of them; nowhere without objects."""
    names = "|".join({re.escape(re.split(r"\(| on ", one.name)[0]) for one in objects})
    return re.compile(rf"(?<![\w.])(?:{names or '(?!)'})(?![\w.])")


def _routine(kind: str, name: str, rest: str) -> Made:
    """Read a routine's parameters, in the outermost parenthesis that `rest` begins with, and its result."""
    depth, end = 1, 1
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[end], 0)
        end += 1
    parameters = " ".join(rest[1 : end - 1].split())
    result = RESULT.match(rest, end)
    told_apart_by = re.sub(r" default [^,]+|(?:^|, )out [^,]+", "", parameters)
    types = re.sub(r"(^|, )(?:inout )?\w+ ", r"\1", told_apart_by)
    return Made(kind, f"{name}({types})", f"({parameters}) {' '.join(result[1].split()) if result else ''}")
