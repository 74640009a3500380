"""The demo."""

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import click

from inboxdb.cli.app import Call, Seconds, command, main


@command(main, "demo", database=False)
@click.option("--workspaces", type=click.IntRange(min=1), default=40, show_default=True, help="How many workspaces.")
@click.option("--leads", type=click.IntRange(min=1), default=200_000, show_default=True, help="How many leads.")
@click.option("--seconds", type=Seconds(min=1), default=15, show_default=True, help="How long to write and drain.")
@click.option("--keep", is_flag=True, help="Leave the server up, and print how to connect to it.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the server lives: a new or an empty one; a temporary one if not given.",
)
def run_demo(call: Call, workspaces: int, leads: int, seconds: float, keep: bool, directory: Path | None) -> bool:
    """Show inboxdb at work on a PostgreSQL server of its own."""
    from inboxdb.demo import show  # rich takes longer to import than the rest of inboxdb

    with redirect_stdout(sys.stderr) if call.as_json else nullcontext():
        healthy = show.run(workspaces=workspaces, leads=leads, seconds=seconds, keep=keep, directory=directory)
    if call.as_json:
        call.answer({"healthy": healthy}, "")
    return healthy
