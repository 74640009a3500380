"""Canaries: a read is rolled out by stages, and taken back by itself."""

import re
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import click

from inboxdb.cli import render
from inboxdb.cli.app import Call, Seconds, command, main, options, report
from inboxdb.database.connection import Connection, session
from inboxdb.database.errors import InboxdbError
from inboxdb.rollout import canary, packet, statements


class Duration(click.ParamType[timedelta]):
    """A time such as 90s, 30m, 2h."""

    name = "duration"
    units: ClassVar = {"s": "seconds", "m": "minutes", "h": "hours"}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read a number and its unit."""
        said = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh])", str(value))
        if not said:
            self.fail(f"{value} is no time such as 90s, 30m or 2h.", param, ctx)
        return timedelta(**{self.units[said[2]]: float(said[1])})


class Percentages(click.ParamType[list[int]]):
    """Whole numbers, as in 5,25,100."""

    name = "percentages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Read them; which may be is decided in SQL."""
        if not re.fullmatch(r"\d{1,3}(,\d{1,3})*", str(value)):
            self.fail(f"{value} is no list of percentages such as 5,25,100.", param, ctx)
        return [int(one) for one in str(value).split(",")]


FLAG = click.argument("flag")
OUT = click.Path(file_okay=False, path_type=Path)


@main.group("canary")
def canary_group() -> None:
    """Roll a read out by stages, judged by samples, and taken back by itself if a gate is breached."""


@command(canary_group, "start")
@FLAG
@options(
    click.option("--stages", type=Percentages(), default="5,25,100", show_default=True, help="Of all workspaces."),
    click.option(
        "--observe",
        type=Duration(),
        default="30m",
        show_default=True,
        help="How long each stage is observed at least: two windows or longer.",
    ),
    click.option(
        "--at-most", type=Duration(), default="2h", show_default=True, help="After how long a stage is undecided."
    ),
    click.option("--window", type=Duration(), default="5m", show_default=True, help="Two in a row are a breach."),
    click.option("--yes", is_flag=True, help="Ask nothing."),
)
def start(
    call: Call, flag: str, stages: list[int], observe: timedelta, at_most: timedelta, window: timedelta, yes: bool
) -> bool:
    """Set a flag to the first stage's percentage, and begin to observe.

    A flag that is on for all workspaces is turned off for most of them by that: the command says for how many, and
    asks.
    """
    times = canary.Times(observe, at_most, window)
    with session(call.dsn, application_name="inboxdb canary") as connection:
        now = canary.prospect(connection, flag, window)
        canary.check_start(connection, flag, stages, times)
        _warn_and_ask(now, flag, stages[0], window, yes)
        begun = canary.start(connection, flag, stages, times)
    call.answer(asdict(begun), render.canaries([begun]))
    return True


def _warn_and_ask(now: canary.Prospect, flag: str, percentage: int, window: timedelta, yes: bool) -> None:
    turned_off = max(now.percentage - percentage, 0)
    report(
        f"{flag} is on for {now.percentage} % of workspaces, and will be for {percentage} %: this turns it off for "
        f"{turned_off} %, at once. Workspaces with a state of their own keep it."
    )
    if not now.reported:
        report(
            f"Nobody has reported a read behind {flag} in the last {window.total_seconds():g} s: until somebody calls "
            "inbox_api.note_reads, each stage is undecided, and no breach is seen but in the queue."
        )
    if turned_off and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is there to be asked: give --yes.")
        if not click.confirm("Go on?", err=True):
            raise InboxdbError("nothing was changed.")


@command(canary_group, "status")
@click.argument("flag", required=False)
def status(call: Call, flag: str | None) -> bool:
    """Show the last canary of each flag, or of one: its stage, and its gates as of the last look.

    Beside them the calls of reads that pg_stat_statements has seen since its last reset, where it is installed.
    """
    with session(call.dsn, application_name="inboxdb canary") as connection:
        found = [canary.latest(connection, flag)] if flag else canary.read(connection)
        seen = statements.read(connection)
    answer = {"canaries": list(map(asdict, found)), "statements": list(map(asdict, seen))}
    call.answer(answer, render.canaries(found) + render.statements(seen))
    return True


@command(canary_group, "advance")
@FLAG
def advance(call: Call, flag: str) -> bool:
    """Look once more, and go on to the next stage if every gate is passed; after the last stage it is complete.

    Refused (IB025) while the stage is observed, and while it is undecided. Exit status 3 if the look found a breach.
    """
    with session(call.dsn, application_name="inboxdb canary") as connection:
        state = canary.look(connection, canary.latest(connection, flag).canary_number, advance=True)
        now = canary.latest(connection, flag)
    call.answer(asdict(now), render.canaries([now]))
    return state in ("observing", canary.COMPLETE)


@command(canary_group, "abort")
@FLAG
@click.option("--why", metavar="TEXT", required=True, help="The reason, for the history.")
def abort(call: Call, flag: str, why: str) -> bool:
    """End a canary, and set its flag to off: for a flag that is to be on, `inboxdb flags set FLAG on` follows."""
    with session(call.dsn, application_name="inboxdb canary") as connection:
        now = canary.abort(connection, flag, why)
    call.answer(asdict(now), render.canaries([now]))
    return True


@command(canary_group, "watch")
@FLAG
@options(
    click.option("--auto", is_flag=True, help="Go on to the next stage where one is passed."),
    click.option(
        "--every", type=Seconds(min=0.05, max=600), default=60, show_default=True, help="Seconds between looks."
    ),
    click.option("--out", type=OUT, metavar="DIR", help="Write the evidence packet at the end."),
)
def watch(call: Call, flag: str, auto: bool, every: float, out: Path | None) -> bool:
    """Look at a canary each minute until it ends: a breach takes its flag back.

    Any number may watch, and one that is killed loses nothing: the next goes on. With --auto it stops where a stage is
    undecided. Exit status 3 unless the canary is complete.
    """
    now = canary.watch(call.dsn, flag, auto=auto, every=every, tell=report)
    if out:
        with session(call.dsn, application_name="inboxdb canary") as connection:
            for file in _write(connection, flag, now.canary_number, out):
                report(f"wrote {file}")
    call.answer(asdict(now), render.canaries([now]))
    return now.state == canary.COMPLETE


@command(canary_group, "report")
@FLAG
@click.option("--out", type=OUT, metavar="DIR", required=True, help="The folder to write to.")
@click.option("--number", type=click.IntRange(1), metavar="N", help="Which canary, if not the flag's last one.")
def write_report(call: Call, flag: str, out: Path, number: int | None) -> bool:
    """Write the evidence packet as of the last look: Markdown, JSON, and a drawing where the extra `plot` is installed.

    The same at any later time, as long as the samples are kept: setting read_sample_days.
    """
    with session(call.dsn, application_name="inboxdb canary") as connection:
        files = _write(connection, flag, canary.find(connection, flag, number), out)
    call.answer({"files": list(map(str, files))}, "\n".join(f"wrote {file}" for file in files))
    return True


def _write(connection: Connection, flag: str, number: int, out: Path) -> list[Path]:
    """Write the packet of a canary, and say what it lacks. Returns the files."""
    evidence = canary.evidence(connection, number)
    files = packet.write(evidence, out)
    if not any(stage["looks"] for stage in evidence["stages"]):
        report(
            f"No look at canary {number} yet, so the packet has no gate, read or sample: "
            f"`inboxdb canary watch {flag}`, or a drain, looks."
        )
    if not any(file.suffix == ".svg" for file in files):
        report("No drawing: extra `plot` is not installed (`pip install '.[plot]'` in the checkout).")
    return files
