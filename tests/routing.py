"""What is written from the reads of inbox_api: ``python -m tests.routing --write`` (``make migration``).

Each read is defined once, in sql/api/. sql/shard/ has a function for each, which takes the request as arguments and
returns a refusal as data; docs/deploy/router/reads.sql has what a router answers by.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent, wrap
from typing import NamedTuple

from inboxdb.database import sources

READ = re.compile(
    r"^create or replace function inbox_api\.(?P<name>\w+)\((?P<parameters>.*?)\)\n"
    r"returns setof inboxdb\.(?P<answer>\w+)\n.*?"
    r"^  select \*\s+from inboxdb\.read_(?P=name)\((?P<arguments>[^()]*)\)\n\$\$;$",
    re.MULTILINE | re.DOTALL,
)
ANSWER = re.compile(
    r"^create type inboxdb\.(?P<name>\w+_answer) as \(\n(?P<columns>.*?)\n\);\n", re.MULTILINE | re.DOTALL
)
IDS = ("inboxdb.client_id", "inboxdb.lead_id")  # of a type of the host's, which a router does not know

ROUTER = sources.ROOT / "docs/deploy/router/reads.sql"

LONGEST = 120  # characters of a line

OF_A_SHARD = """\
-- Written by `make migration`, from sql/api/{name}.sql.
create or replace function inboxdb.shard_{name}(
{parameters}
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
{header}
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_{name}(
{arguments}
      ) as r
    );
    answer.response_headers := nullif(pg_catalog.current_setting('response.headers'), '');
    answer.response_status := nullif(pg_catalog.current_setting('response.status'), '');
  exception
    when query_canceled or others then
      get stacked diagnostics
        answer.sqlstate = returned_sqlstate,
        answer.message = message_text,
        answer.detail = pg_exception_detail,
        answer.hint = pg_exception_hint;
  end;
  perform inboxdb.set_request(null, null, null);
  return answer;
end
$$;
"""


TOP = """\
-- Written by `make migration`, from sql/api/: part of router.sql.
drop schema if exists inbox_api cascade;
create schema inbox_api;
"""

TYPE = """
drop type if exists inbox_router.{name} cascade;
create type inbox_router.{name} as (
{columns}
);
"""

WORKSPACES = """
create or replace function inbox_router.ask_workspaces(shard integer) returns setof text
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select w from inboxdb.shard_workspaces() as w;
$$;
"""

ROUTED = """
create or replace function inbox_router.ask_{name}(
{asked}
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_{name}(
{arguments}
  );
$$;

create function inbox_api.{name}(
{parameters}
)
returns setof inbox_router.{answer}
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_{first}({first}) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_{name}(
{arguments_here}
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.{answer}, inbox_router.deliver(kept));
end
$$;
"""


HEADER = """\
Purpose: inbox_api.{name} in a single call, for a router or a gateway: the request as arguments, a refusal as data, \
because a raised one costs more, and a router then drops its connection (D151).
Parameters: claims, headers, method, as of set_request; the others as of inbox_api.{name}, ids as text.
Returns: see shard_answer.
Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
Reads: as read_{name}. Writes: the settings of the request, which are empty afterwards.
DEFINER: inboxdb_router may call this function, and none that is called here.
"""


class Parameter(NamedTuple):
    """A parameter of a read: name, type, and ``default ...`` or nothing."""

    name: str
    type: str
    default: str

    @property
    def is_id(self) -> bool:
        """Whether it is an id of the host's."""
        return self.type in IDS

    @property
    def declaration(self) -> str:
        """The parameter where ids are text."""
        return " ".join(filter(None, (self.name, "text" if self.is_id else self.type, self.default)))


class Read(NamedTuple):
    """A function of inbox_api: name, parameters, the type of its answer, and what it gives its helper."""

    name: str
    parameters: list[Parameter]
    answer: str
    arguments: list[str]


def reads(folder: Path = sources.SQL) -> list[Read]:
    """List the functions of inbox_api, by sql/."""
    found = []
    for file in sorted((folder / "api").glob("*.sql")):
        for read in READ.finditer(file.read_text()):
            declared = [one.split(maxsplit=2) for one in " ".join(read["parameters"].split()).split(", ")]
            parameters = [Parameter(name, type_, " ".join(default)) for name, type_, *default in declared]
            found.append(Read(read["name"], parameters, read["answer"], re.findall(r"\w+", read["arguments"])))
    return found


def lines(words: list[str], space: str) -> str:
    """Put words between commas, on as few lines as they need."""
    whole = ", ".join(word.replace(" ", "\0") for word in words)
    found = wrap(whole, LONGEST - len(space), break_long_words=False, break_on_hyphens=False)
    return indent("\n".join(found).replace("\0", " "), space)


def of_a_shard(read: Read) -> str:
    """Write the shard's function for a read."""
    request = [f"{name} text" for name in ("claims", "headers", "method")]
    ids = {one.name: one.type for one in read.parameters if one.is_id}
    return OF_A_SHARD.format(
        name=read.name,
        parameters=lines([*request, *(one.declaration for one in read.parameters)], "  "),
        header="\n".join(
            line
            for said in HEADER.format(name=read.name).splitlines()
            for line in wrap(said, LONGEST, initial_indent="-- ", subsequent_indent="--   ", break_on_hyphens=False)
        ),
        arguments=lines([f"{one}::{ids[one]}" if one in ids else one for one in read.arguments], "        "),
    )


def answers(folder: Path = sources.SQL) -> Iterator[str]:
    """Write the types of answers anew, where ids are text: that of a shard's function, and those of the reads."""
    for file in [folder / "shard/shard_answer.type.sql", *sorted((folder / "api").glob("*_answer.type.sql"))]:
        for found in ANSWER.finditer(file.read_text()):
            columns = re.sub(r"\binboxdb\.\w+", "text", re.sub(r"^ *--.*\n?", "", found["columns"], flags=re.MULTILINE))
            yield TYPE.format(name=found["name"], columns=columns.rstrip())


def routed(read: Read) -> str:
    """Write what a router answers a read by."""
    request = ["claims", "headers", "method"]
    names = [*request, *(one.name for one in read.parameters)]
    declared = [*(f"{name} text" for name in request), *(one.declaration for one in read.parameters)]
    [first] = (one.name for one in read.parameters if one.is_id)
    return ROUTED.format(
        name=read.name,
        answer=read.answer,
        first=first,
        asked=lines(["shard integer", *declared], "  "),
        arguments=lines(names, "    "),
        parameters=lines([one.declaration for one in read.parameters], "  "),
        arguments_here=lines(["shard", *names], "          "),
    )


def of_the_router() -> str:
    """Write the router's part that is made of the reads."""
    return "".join([TOP, *answers(), WORKSPACES, *map(routed, reads())])


def written(folder: Path = sources.SQL) -> dict[Path, str]:
    """Return the files that are not as they should be, with the text that they should have."""
    texts = {folder / f"shard/shard_{read.name}.sql": of_a_shard(read) for read in reads(folder)}
    if folder == sources.SQL:
        texts[ROUTER] = of_the_router()
    return {file: text for file, text in texts.items() if not file.exists() or file.read_text() != text}


if __name__ == "__main__":
    for stale, should_be in written().items():
        if sys.argv[1:] == ["--write"]:
            stale.write_text(should_be)
        sys.stderr.write(f"{stale.name} {'written' if sys.argv[1:] else 'is out of date'}\n")
