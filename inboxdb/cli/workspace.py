"""Moving a workspace from one database to another."""

from dataclasses import asdict

import click

from inboxdb.cli import render
from inboxdb.cli.app import WRITERS_WAIT, Call, command, main, options, report
from inboxdb.database.connection import resolve_dsn
from inboxdb.move import steps

SIDES = options(
    click.argument("client_id"),
    click.option("--from", "source", metavar="DSN", required=True, help="The database that has the workspace."),
    click.option("--to", "target", metavar="DSN", required=True, help="The database that is to have it."),
)


@main.group()
def workspace() -> None:
    """Move a workspace, with all its rows, to another database.

    Both databases have inboxdb, of one version, and the host's tables alike. Name them by services
    (--from service=shard0), so that no password is on a command line.
    """


@command(workspace, "plan", database=False)
@SIDES
def plan_move(call: Call, client_id: str, source: str, target: str) -> bool:
    """Say what a move would do: rows, how long writers would be refused, what is in the way. Changes nothing."""
    plan = steps.plan(resolve_dsn(source, "--from"), resolve_dsn(target, "--to"), client_id)
    obstacles = [one._asdict() for one in plan.obstacles]
    call.answer(asdict(plan) | {"obstacles": obstacles}, render.move_plan(plan))
    return not plan.obstacles


@command(workspace, "move", database=False)
@SIDES
@click.option("--router", metavar="DSN", help="Switch the directory there; as one who may write it. Needs --shard.")
@click.option("--shard", type=click.IntRange(min=0), help="The target's number in that directory.")
@click.option("--switched", is_flag=True, help="Go on with a move that was ready: the directory names the target.")
@WRITERS_WAIT
def move(
    call: Call,
    client_id: str,
    source: str,
    target: str,
    router: str | None,
    shard: int | None,
    switched: bool,
    lock_timeout: float,
) -> bool:
    """Move a workspace, or go on with its move where the last call ended, was refused or was killed.

    Rows are copied while they are written. Then writers of this workspace are refused (IB024) until the move has ended:
    the rest is copied, counts, lists and analytics are compared, the directory is switched, and the source's rows
    deleted. Without --router it stops before the switch: switch the directory, then call it again with --switched.
    Refused, with the remedy, where it cannot be exact. `inboxdb workspace undo` gives it up before the switch.
    """
    if (router is None) != (shard is None):
        raise click.UsageError("--router and --shard are given together.")
    to = None if router is None or shard is None else steps.Router(resolve_dsn(router, "--router"), shard)
    sides = resolve_dsn(source, "--from"), resolve_dsn(target, "--to")
    moved = steps.move(*sides, client_id, router=to, switched=switched, lock_timeout=lock_timeout, report=report)
    call.answer(asdict(moved), render.moved(moved))
    return True


@command(workspace, "undo", database=False)
@SIDES
@WRITERS_WAIT
def undo_move(call: Call, client_id: str, source: str, target: str, lock_timeout: float) -> bool:
    """Give a move up before its directory is switched: delete the copy, and let the source's writers go on."""
    sides = resolve_dsn(source, "--from"), resolve_dsn(target, "--to")
    moved = steps.undo(*sides, client_id, lock_timeout=lock_timeout)
    call.answer(asdict(moved), render.moved(moved))
    return True
