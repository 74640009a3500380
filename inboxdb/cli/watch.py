"""How an installation is doing."""

from dataclasses import asdict
from pathlib import Path

import click

from inboxdb.cli import render
from inboxdb.cli.app import Call, command, main
from inboxdb.database.checks import PROBLEM
from inboxdb.database.connection import session
from inboxdb.watch import doctor, status


@command(main, "status")
def show_status(call: Call) -> bool:
    """Show how the drain is doing.

    Exit status 3 when a promise is broken: changes wait for longer than 15 seconds, refreshes fail, workspaces are
    quarantined or not audited in time, Redis is more than a minute behind, row-level security on "Lead" is not as it
    was decided.
    """
    with session(call.dsn, application_name="inboxdb status") as connection:
        now = status.read(connection)
        failing = status.failing(connection, limit=status.SHOWN)
    lists = {"failing": list(map(asdict, failing)), "broken_promises": now.broken_promises}
    call.answer(asdict(now) | lists, render.status(now, failing, call.database))
    return not now.broken_promises


@command(main, "doctor")
@click.option(
    "--prisma-schema",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The host's schema.prisma: does Prisma manage a schema of ours?",
)
def run_doctor(call: Call, prisma_schema: Path | None) -> bool:
    """Look for what a DBA should know, and say what to do about it. Changes nothing.

    Each check runs by itself, for 10 seconds at most. What this role may not see is "not looked at": the role that
    installed inboxdb, with pg_read_all_stats, sees all. Exit status 3 when there is a problem.
    """
    checks = doctor.examine(call.dsn, prisma_schema=prisma_schema)
    call.answer({"checks": [check.as_json for check in checks]}, render.examination(checks, call.database))
    return all(check.status != PROBLEM for check in checks)


@command(main, "metrics")
def show_metrics(call: Call) -> bool:
    """Print how the drain is doing in Prometheus' text format. No label names a workspace."""
    from inboxdb.watch import metrics  # needs an extra

    text = metrics.text(call.dsn)
    call.answer({"metrics": text}, text.rstrip())
    return True
