"""Upkeep of the host's tables: what there is, and by hand."""

from dataclasses import asdict

import click

from inboxdb.cli import render
from inboxdb.cli.app import Call, command, main, report
from inboxdb.database.connection import session
from inboxdb.drain import upkeep


@main.group("upkeep")
def upkeep_group() -> None:
    """Recover stale drafts, and prune rows of the host's: drains do what is switched on by a setting."""


@command(upkeep_group, "list")
def list_upkeep(call: Call) -> bool:
    """List the items: what each does, whether it is on, and what the host's tables lack for it."""
    with session(call.dsn, application_name="inboxdb upkeep") as connection:
        found = upkeep.read(connection)
    call.answer({"upkeep": list(map(asdict, found))}, render.upkeep(found))
    return True


@command(upkeep_group, "run")
@click.argument("item")
@click.option("--dry-run", is_flag=True, help="Only count the rows that are due, up to 10,000; also while it is off.")
def run_upkeep(call: Call, item: str, dry_run: bool) -> bool:
    """Do an item now, batch after batch, until nothing is due; it has to be on: see `inboxdb upkeep list`.

    Each batch is a transaction of its own, so that whatever ends this command loses no batch before. Rows that others
    hold are left to the next run.
    """
    with session(call.dsn, application_name="inboxdb upkeep") as connection:
        done = upkeep.run(connection, item, dry_run=dry_run, on_batch=lambda rows: report(f"{rows:,} rows so far"))
    call.answer(asdict(done), render.upkeep_done(done))
    return True
