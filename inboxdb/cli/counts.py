"""Counts: shown, asked for again, and held to the live ones."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from inboxdb.cli import render
from inboxdb.cli.app import Call, command, main
from inboxdb.counts import analytics, conversations, stored
from inboxdb.counts.verify import verify
from inboxdb.database.connection import session, transaction
from inboxdb.drain import workspaces

DAY = click.DateTime(["%Y-%m-%d"])


@command(main, "counts")
@click.argument("client_id")
@click.option("--setter", metavar="USER_ID", help="The counts of one user, not of the whole workspace.")
def show_counts(call: Call, client_id: str, setter: str | None) -> bool:
    """Show the stored counts of a workspace."""
    with session(call.dsn, application_name="inboxdb counts") as connection:
        row = stored.read(connection, client_id, setter)
    answer = asdict(row)
    call.answer(answer | answer.pop("counts"), render.counts(row))
    return True


@command(main, "conversations")
@click.argument("client_id")
@click.option("--as", "user", metavar="USER_ID", help="As a user sees them; else as who sees the whole workspace.")
@click.option("--filter", "filter_name", metavar="FILTER", help="all, responses, attention …: see docs/contracts.md.")
@click.option("--search", metavar="TEXT", help="An e-mail address, or terms: see docs/contracts.md.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
def show_conversations(
    call: Call, client_id: str, user: str | None, filter_name: str | None, search: str | None, limit: int
) -> bool:
    """Show the newest conversations of a workspace, read live."""
    with session(call.dsn, application_name="inboxdb conversations") as connection:
        conditions = {"filter": filter_name} | ({"search": search} if search else {})
        found, has_more = conversations.read(connection, client_id, user, conditions, limit)
    call.answer({"conversations": found, "has_more": has_more}, render.conversations(found, has_more))
    return True


@command(main, "analytics")
@click.argument("client_id")
@click.option(
    "--from", "from_day", type=DAY, metavar="DAY", help="The first day; 29 days before the last, if not given."
)
@click.option("--to", "to_day", type=DAY, metavar="DAY", help="The last day; today, if not given.")
@click.option("--as", "user", metavar="USER_ID", help="As a user sees them; else as who sees the whole workspace.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw them, as an SVG.")
def show_analytics(
    call: Call, client_id: str, from_day: datetime | None, to_day: datetime | None, user: str | None, plot: Path | None
) -> bool:
    """Show messages and leads by day, response times and the way to meetings of a workspace.

    Days look like 2024-06-30, and are of the workspace's time zone; both ends are included, 400 days at most.
    """
    if plot:
        from inboxdb.cli import plots  # needs an extra
    with session(call.dsn, application_name="inboxdb analytics") as connection:
        found = analytics.read(connection, client_id, user, from_day and from_day.date(), to_day and to_day.date())
    if plot:
        plots.write(found, plot)
    call.answer(asdict(found), f"wrote {plot}" if plot else render.analytics(found))
    return True


@command(main)
@click.argument("client_ids", metavar="[CLIENT_ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Mark every workspace.")
def mark(call: Call, client_ids: tuple[str, ...], everything: bool) -> bool:
    """Ask for a refresh of workspaces by the next drain. If an id is wrong, none is marked."""
    if everything == bool(client_ids):
        raise click.UsageError("Name the workspaces to mark, or give --all.")
    with session(call.dsn, application_name="inboxdb mark") as connection:
        if everything:
            with transaction(connection):
                connection.execute("select inboxdb.mark_all_inbox_counts_dirty()")
        else:
            workspaces.mark(connection, client_ids)
    marked = "every workspace" if everything else render.plural(len(client_ids), "workspace")
    call.answer({"all": everything, "client_ids": client_ids}, f"marked {marked} for the next `inboxdb drain-dirty`")
    return True


@command(main)
@click.argument("client_ids", metavar="[CLIENT_ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Put back every quarantined workspace.")
def requeue(call: Call, client_ids: tuple[str, ...], everything: bool) -> bool:
    """Put quarantined workspaces back on the work list, with all their attempts. If an id is wrong, none is put back.

    A workspace is quarantined when it failed 8 times, or 15 times for a reason that may pass (a timeout, a lock, a lost
    connection); `inboxdb status` lists them with the reason.
    """
    if everything == bool(client_ids):
        raise click.UsageError("Name the workspaces to put back, or give --all.")
    with session(call.dsn, application_name="inboxdb requeue") as connection:
        requeued = workspaces.requeue(connection, client_ids)
    put_back = render.plural(requeued, "workspace")
    call.answer({"requeued": requeued}, f"put back {put_back} for the next `inboxdb drain-dirty`")
    return True


@command(main)
@click.argument("client_ids", metavar="CLIENT_ID...", nargs=-1, required=True)
def recompute(call: Call, client_ids: tuple[str, ...]) -> bool:
    """Recount workspaces now, dirty or not. If an id is wrong, none is recomputed."""
    with session(call.dsn, application_name="inboxdb recompute") as connection:
        workspaces.recompute(connection, client_ids)
    call.answer({"client_ids": client_ids}, f"recomputed {render.plural(len(client_ids), 'workspace')}")
    return True


@command(main)
@click.argument("client_ids", metavar="CLIENT_ID...", nargs=-1, required=True)
@click.option("--days", type=click.IntRange(1, 100_000), metavar="N", help="Look at leads with a message of N days.")
def recompute_analytics(call: Call, client_ids: tuple[str, ...], days: int | None) -> bool:
    """Bring workspaces' aggregates of analytics up to date now. If an id is wrong, none is recomputed.

    All leads are looked at, as drains do once a day; a workspace in quarantine comes out of it.
    """
    with session(call.dsn, application_name="inboxdb recompute-analytics") as connection:
        workspaces.recompute_analytics(connection, client_ids, days)
    recomputed = f"recomputed the analytics of {render.plural(len(client_ids), 'workspace')}"
    call.answer({"client_ids": client_ids}, recomputed)
    return True


@command(main, "verify")
@click.option("--sample", type=click.IntRange(1, 2**31 - 1), metavar="N", help="Look at N workspaces, taken at random.")
@click.option("--repair", is_flag=True, help="Refresh the workspaces that drifted, and compare them again.")
def verify_counts(call: Call, sample: int | None, repair: bool) -> bool:
    """Compare the stored counts with the live ones.

    A workspace with changes waiting is drained first. Exit status 3 when a scope drifted and was not repaired, or a
    workspace could not be compared.
    """
    with render.progress("verifying") as on_progress:
        result = verify(call.dsn, sample=sample, repair=repair, on_progress=on_progress)
    figures = {name: getattr(result, name) for name in ("workspaces", "scopes", "drifted", "unverified")}
    call.answer(figures | asdict(result), render.verified(result, repair))
    return result.healthy
