"""Flags: which reads are on, for whom."""

from dataclasses import asdict

import click

from inboxdb.cli import render
from inboxdb.cli.app import Call, command, main, report
from inboxdb.database.connection import session
from inboxdb.install import flags
from inboxdb.rollout import canary

WORKSPACE = click.option("--workspace", "client_id", metavar="CLIENT_ID", help="One workspace alone.")


@main.group("flags")
def flags_group() -> None:
    """Switch reads of inbox_api on or off: for all workspaces, a percentage of them, or one."""


@command(flags_group, "list")
@WORKSPACE
def list_flags(call: Call, client_id: str | None) -> bool:
    """List the flags: their state, the workspaces with a state of their own, and who set them last."""
    with session(call.dsn, application_name="inboxdb flags") as connection:
        found = flags.read(connection, client_id)
    call.answer({"flags": list(map(asdict, found))}, render.flags(found))
    return True


@command(flags_group, "set")
@click.argument("flag")
@click.argument("state")
@WORKSPACE
@click.option("--why", metavar="TEXT", required=True, help="The reason, for the history.")
def set_flag(call: Call, flag: str, state: str, client_id: str | None, why: str) -> bool:
    """Set a flag to on, off, default (on), or a percentage of all workspaces, as in 25%; a workspace to on or off.

    In force at once, without a deployment: reads behind a flag that is off are refused (IB015). A workspace's own state
    beats the percentage, until it is set to default. A percentage that grows only adds workspaces.
    """
    with session(call.dsn, application_name="inboxdb flags") as connection:
        found = flags.switch(connection, flag, state, why, client_id)
        ended = canary.overtaken(connection, flag) if client_id is None else None
    if ended is not None:
        report(f"This ends canary {ended} of {flag} at its next look.")
    call.answer(asdict(found), render.flags([found]))
    return True


@command(flags_group, "history")
@click.argument("flag", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def flag_history(call: Call, flag: str | None, limit: int) -> bool:
    """Show who set which flag, when and why, the latest first."""
    with session(call.dsn, application_name="inboxdb flags") as connection:
        found = flags.history(connection, flag, limit)
    call.answer({"history": list(map(asdict, found))}, render.flag_history(found))
    return True
