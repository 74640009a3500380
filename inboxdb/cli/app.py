"""The program, and what all its commands share: options, JSON, errors and exits."""

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from math import isnan
from typing import Any, Concatenate, NoReturn, ParamSpec

import click
import psycopg

from inboxdb import __version__
from inboxdb.cli import render
from inboxdb.database.connection import LOCK_TIMEOUT, describe, resolve_dsn
from inboxdb.database.errors import InboxdbError
from inboxdb.database.logs import logger

ERROR, NOT_HEALTHY, INTERRUPTED = 1, 3, 130

DSN = click.Option(["--dsn"], metavar="DSN", help="The database; see `inboxdb -h`.")
COMMON = [
    click.Option(["as_json", "--json"], is_flag=True, help="Print JSON."),
    click.Option(["--debug"], is_flag=True, help="Print a traceback with an error."),
]

Arguments = ParamSpec("Arguments")


class Seconds(click.FloatRange):
    """A range without NaN: comparisons alone let NaN pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number."""
        number = float(super().convert(value, param, ctx))
        return self.fail(f"{value} is not a number.", param, ctx) if isnan(number) else number


WRITERS_WAIT = click.option(
    "--lock-timeout",
    type=Seconds(min=0.01, max=3600),
    default=LOCK_TIMEOUT,
    show_default=True,
    help="How long writers may queue behind a lock that stops them, in seconds.",
)


@dataclass(frozen=True)
class Call:
    """The argument of every command: its options and its output."""

    dsn: str
    as_json: bool
    debug: bool

    @property
    def database(self) -> str:
        """The host and name of the database, without a password."""
        return describe(self.dsn)

    def answer(self, data: Mapping[str, object], text: str) -> None:
        """Print the result: for machines the data as a JSON object, for people the text."""
        click.echo(json.dumps(data, default=render.json_value) if self.as_json else text)


def report(line: str) -> None:
    """Report a step on stderr."""
    click.echo(line, err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dsn", metavar="DSN", help="The database, for whichever command follows.")
@click.version_option(__version__, message="%(prog)s %(version)s")
def main(dsn: str | None) -> None:
    """Inbox badge counts kept right inside Postgres.

    The database is named by --dsn, else by INBOXDB_DSN, else DATABASE_URL, else libpq's PG* variables. Prefer
    the variables where the connection string holds a password: other users of the machine can read command lines.

    Data goes to stdout, progress and errors to stderr. Exit status: 0 done, 1 error, 2 usage, 3 not healthy (drift, a
    workspace unverified or failed, a promise broken, a problem found by the doctor, an obstacle in a plan).
    """
    # ids and names may have characters that the terminal, or a pipe's encoding, lacks
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def command(
    group: click.Group, name: str | None = None, *, database: bool = True
) -> Callable[[Callable[Concatenate[Call, Arguments], bool]], click.Command]:
    """Make a function a command, with the options and the ways to end that all commands share.

    Parameters: group it belongs to; name, the function's if None; database, whether it takes --dsn.
    Returns a decorator for a function of a Call and the command's own parameters, which returns whether all is well.
    """

    def decorate(function: Callable[Concatenate[Call, Arguments], bool]) -> click.Command:
        @functools.wraps(function)
        def run(
            as_json: bool,
            debug: bool,
            dsn: str | None = None,
            *args: Arguments.args,
            **kwargs: Arguments.kwargs,
        ) -> None:
            context = click.get_current_context()
            try:
                explicit = dsn or context.find_root().params["dsn"]
                healthy = function(Call(resolve_dsn(explicit) if database else "", as_json, debug), *args, **kwargs)
            except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
                raise
            except KeyboardInterrupt:
                if render.LOGS in context.meta:
                    logger.warning("interrupted", action="end")
                else:
                    report("interrupted")
                context.exit(INTERRUPTED)
            except Exception as error:
                _fail(error, as_json, debug, logs=render.LOGS in context.meta)
            context.exit(0 if healthy else NOT_HEALTHY)

        made = group.command(name)(run)
        # behind its own options in the help
        made.params += [DSN, *COMMON] if database else COMMON
        return made

    return decorate


def options(*given: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make several click options one decorator, in the order of the help."""

    def decorate(function: Any) -> Any:
        for option in reversed(given):
            function = option(function)
        return function

    return decorate


def _fail(error: Exception, as_json: bool, debug: bool, *, logs: bool) -> NoReturn:
    """Print the error in a line, and exit. Messages of a server or a library are not repeated: they may quote rows."""
    reason = str(error) if isinstance(error, InboxdbError) else f"internal error: {_unspoken(error)} (see --debug)"
    reason = " ".join(reason.split())
    trace = ""
    chain: BaseException | None = error if debug else None
    while chain is not None:
        trace += "".join(traceback.format_tb(chain.__traceback__)) + _unspoken(chain) + "\n"
        chain = chain.__cause__
    sqlstate = error.sqlstate if isinstance(error, InboxdbError) else None
    if logs:
        logger.error("gave up", action="end", reason=reason, sqlstate=sqlstate, trace=trace or None)
    else:
        if trace:
            report(trace.removesuffix("\n"))
        report(json.dumps({"error": reason, "sqlstate": sqlstate}) if as_json else f"inboxdb: {reason}")
    try:
        sys.stdout.flush()
    except OSError:
        # an answer that stdout did not take is dropped: tried once more at exit, it would make the exit status 120
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(ERROR)


def _unspoken(error: BaseException) -> str:
    code = f" {error.sqlstate}" if isinstance(error, psycopg.Error) and error.sqlstate else ""
    return type(error).__name__ + code
