"""Install, upgrade, verify, suspend, uninstall."""

import sys
from dataclasses import asdict
from typing import Any

import click

from inboxdb.cli import render
from inboxdb.cli.access import names_roles, showing_lead_access
from inboxdb.cli.app import WRITERS_WAIT, Call, command, main, report
from inboxdb.database.connection import session
from inboxdb.database.errors import InboxdbError
from inboxdb.install import lists, plan, repair, suspend, uninstall, updates
from inboxdb.install import migrate as migrations
from inboxdb.install.access import Named
from inboxdb.install.apply import install
from inboxdb.install.suspend import refuse_while_suspended


@main.group()
def migrate() -> None:
    """Install inboxdb into a database, upgrade it, undo it."""


@command(migrate, "apply")
@names_roles
@click.option("--without-rls", is_flag=True, help='Leave row-level security on "Lead" as it is.')
@click.option("--without-lists", is_flag=True, help="Build no indexes for lists, until `inboxdb lists build`.")
@click.option("--create-roles", is_flag=True, help="Make the roles that are missing: see `inboxdb roles`.")
@click.option("--noted-updates", type=click.Choice(updates.NOTED), help="See `inboxdb noted-updates`.")
@click.option("--to", metavar="ID", help="The last migration to apply.")
@click.option("--batch", type=click.IntRange(min=1), help="Apply so many at most.")
@WRITERS_WAIT
@click.option("--dry-run", is_flag=True, help="Only list what would be applied, in order.")
def migrate_apply(
    call: Call,
    named: Named,
    without_rls: bool,
    without_lists: bool,
    to: str | None,
    batch: int | None,
    dry_run: bool,
    **how: Any,
) -> bool:
    """Apply the migrations that are pending.

    Connect directly, not through a pooler, as a role that owns the host's tables and may create a schema. The counts
    are filled by the first `inboxdb drain-dirty`.

    The first time it asks what becomes of every role with rights on "Lead" (see `inboxdb rls plan`): name each with
    --trust or --restrict, or leave row-level security out with --without-rls. Until then it lists them and stops.

    A migration whose shipped text differs from the applied one is refused, and so is a database newer than this
    inboxdb: `inboxdb migrate status` shows both. With nothing left to apply it looks whether what was applied is there,
    and ends with exit status 3 where something is not. Roles named again are protected again, if they no longer are.
    """
    refuse_while_suspended(call.dsn, "nothing can be applied")
    if dry_run:
        return _list_pending(call, to, batch)
    if without_rls and named != Named():
        raise click.UsageError("--without-rls leaves the roles alone: name none.")
    roles = None if without_rls else named
    with showing_lead_access(call.dsn, named):
        done = install(call.dsn, roles, with_lists=not without_lists, to=to, batch=batch, report=report, **how)
    unlike = [asdict(found) for found in done.unlike_shipped]
    call.answer({"applied": done.applied, "unlike_shipped": unlike}, render.installed(done, call.database))
    return not done.unlike_shipped


def _list_pending(call: Call, to: str | None, batch: int | None) -> bool:
    would = migrations.pending(call.dsn, to=to, batch=batch)
    call.answer({"would_apply": would}, "\n".join(f"would apply {id}" for id in would) or "nothing is pending")
    return True


@command(migrate, "status")
def migrate_status(call: Call) -> bool:
    """List the migrations, and when each was applied.

    Also the migrations whose applied text differs from the shipped one, with the first lines that differ, and the ones
    unknown to this inboxdb, because the database is newer.
    """
    listed = migrations.status(call.dsn)
    call.answer({"migrations": list(map(asdict, listed))}, render.migrations(listed))
    return True


@command(migrate, "plan")
@click.option("--sql", "as_sql", is_flag=True, help="Print exactly what would run, as a script for psql.")
@click.option("--to", metavar="ID", help="The last migration to plan.")
@WRITERS_WAIT
def migrate_plan(call: Call, as_sql: bool, to: str | None, lock_timeout: float) -> bool:
    """Say what each pending migration does, which locks it takes, how it is undone, and what stands in its way here.

    Changes nothing. An obstacle is certain to make `inboxdb migrate apply` fail: exit status 3. A warning, such as a
    session that holds a lock, may be gone by then. The role that will apply, with pg_read_all_stats, sees most.

    With --sql it prints what `inboxdb migrate apply` would run, transactions, settings and records included, for
    `psql -X -v ON_ERROR_STOP=1`.
    """
    if as_sql:
        script = plan.script(call.dsn, to=to, lock_timeout=lock_timeout)
        call.answer({"sql": script}, script.removesuffix("\n"))
        return True
    planned = plan.examine(call.dsn, to=to, lock_timeout=lock_timeout)
    call.answer(asdict(planned), render.plan(planned, call.database))
    return planned.possible


@command(migrate, "mark")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that are pending.")
def migrate_mark(call: Call, ids: tuple[str, ...], everything: bool) -> bool:
    """Record migrations as applied that somebody has run by hand. Runs nothing of them.

    They have to be the next ones, in order. The script of `inboxdb migrate plan --sql` records them itself.
    """
    if everything == bool(ids):
        raise click.UsageError("Give migrations, or --all.")
    marked = migrations.mark(call.dsn, None if everything else ids)
    call.answer({"marked": marked}, "\n".join(f"marked {id}" for id in marked) or "nothing is pending")
    return True


@command(migrate, "rollback")
@click.option("--all", "everything", is_flag=True, help="Undo all migrations, not just the latest.")
@click.option("--to", metavar="ID", help="Undo what came after this migration, which stays.")
@WRITERS_WAIT
def migrate_rollback(call: Call, everything: bool, to: str | None, lock_timeout: float) -> bool:
    """Undo the latest migration.

    Row-level security on "Lead" has to be taken off first (`inboxdb rls off`), since it rests on inboxdb's functions.
    Without its triggers inboxdb notes no changes, so the counts go stale; without its tables they are gone. Applying
    again brings everything back, since the counts are derived from the host's tables.
    """
    if everything and to is not None:
        raise click.UsageError("--all undoes everything, --to stops at a migration: give one of them.")
    if not everything:
        refuse_while_suspended(call.dsn, "only all migrations can be undone (--all)")
    undone = migrations.rollback(
        call.dsn,
        count=None if everything else 1,
        to=to,
        lock_timeout=lock_timeout,
        on_step=lambda migration: report(f"undoing {migration}"),
    )
    call.answer({"undone": list(map(asdict, undone))}, render.undone(undone, to, call.database))
    return True


@command(migrate, "verify")
@click.option("--repair", "mend", is_flag=True, help="Mend what is inboxdb's.")
def migrate_verify(call: Call, mend: bool) -> bool:
    """Compare the installation with the shipped objects.

    Looks at functions and views, triggers (disabled ones, too), policies, indexes, constraints, columns, storage
    parameters, owners and rights, on the host's tables as far as they are inboxdb's. Names each difference and what
    mends it. Exit status 3 when something differs and was not mended.

    --repair mends it: with a lock on a host table for milliseconds where a trigger is concerned, for which it waits 2 s
    at a time; indexes are built concurrently. Where changes may have been missed, every workspace is marked.
    """
    refuse_while_suspended(call.dsn, "it is not as shipped, and is not to be")
    result = repair.verify(call.dsn, repair=mend)
    call.answer(asdict(result) | {"healthy": result.healthy}, render.verification(result, mend, call.database))
    return result.healthy


@command(migrate, "suspend")
@WRITERS_WAIT
def migrate_suspend(call: Call, lock_timeout: float) -> bool:
    """Take inboxdb off the host's columns, so that the host's own migration may change or drop them.

    Its triggers are dropped, its views let go of the columns, its policy on "Lead" lets restricted roles see no row;
    trusted roles go on, and readers read the counts as they are, marked stale. Drains find nothing to do until
    `inboxdb migrate resume`. Run it again where it was broken off.
    """
    done = suspend.suspend(call.dsn, lock_timeout=lock_timeout)
    call.answer(asdict(done), render.suspension(done, call.database))
    return True


@command(migrate, "resume")
@WRITERS_WAIT
def migrate_resume(call: Call, lock_timeout: float) -> bool:
    """Undo `inboxdb migrate suspend`, and have every workspace refreshed by the next drain.

    Refused where a counted column is gone, or an id has another type. If interrupted, run it again. Exit status 3 where
    something else is not as shipped, such as row-level security on "Lead", and could not be mended.
    """
    done = suspend.resume(call.dsn, lock_timeout=lock_timeout)
    call.answer(asdict(done), render.resumption(done, call.database))
    return not done.unmended


@main.group("lists")
def lists_group() -> None:
    """Build the indexes of the conversation list, or drop them."""


@command(lists_group, "build")
def lists_build(call: Call) -> bool:
    """Build the indexes for lists that are missing, invalid or outdated.

    Five indexes on "Lead" and up to six on tables of inboxdb's, one after the other, concurrently: no reader and no
    writer waits, and each takes a scan or two of the table, and the end of transactions that began before. Without them
    lists are refused (IB020). From now on `inboxdb migrate apply` builds what is missing.
    """
    built = lists.build(call.dsn, report=report)
    call.answer({"built": built}, "\n".join(f"built {name}" for name in built) or "every index is built")
    return True


@command(lists_group, "drop")
def lists_drop(call: Call) -> bool:
    """Drop the indexes for lists, concurrently: lists are refused (IB020), until `inboxdb lists build`."""
    dropped = lists.drop(call.dsn, report=report)
    call.answer({"dropped": dropped}, "\n".join(f"dropped {name}" for name in dropped) or "no index is there")
    return True


@command(main, "noted-updates")
@click.argument("noted", type=click.Choice(updates.NOTED), metavar="named|changed")
@WRITERS_WAIT
def noted_updates(call: Call, noted: str, lock_timeout: float) -> bool:
    """Choose which UPDATEs of "Lead" are noted: those that name a counted column, or those that change one.

    `named`, the default, costs least where the application names the columns that it changes. `changed` is for an
    application whose ORM names every column in each UPDATE: each updated lead is compared, and noted only where a
    counted column has another value. A message then counts only once one of the lead's "lastInboundAt",
    "lastOutboundAt" and "lastZrgOutboundAt" changes, and otherwise with the next audit.

    In force at once, and no change is missed. Takes a lock on "Lead" that stops writers for milliseconds; waits for the
    lock as --lock-timeout says, letting writers through. From `changed` to `named` every workspace is marked.
    """
    refuse_while_suspended(call.dsn, "its triggers are off")
    updates.note(call.dsn, noted, lock_timeout=lock_timeout)
    verb = "names" if noted == "named" else "changes"
    call.answer({"noted_updates": noted}, f'an UPDATE of "Lead" is noted where it {verb} a counted column')
    return True


@command(main, "uninstall")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option("--rls-off", is_flag=True, help='Let inboxdb\'s policies on "Lead" go, too: see `inboxdb rls off`.')
@click.option("--drop-roles", is_flag=True, help="Drop the roles whose names begin with inboxdb_, too.")
@WRITERS_WAIT
def run_uninstall(call: Call, yes: bool, dry_run: bool, rls_off: bool, drop_roles: bool, lock_timeout: float) -> bool:
    """Remove every trace of inboxdb from the database, counts included, and say what went and what remains.

    Works in whatever state it is: half applied, suspended, or broken off. Refused while something that is not inboxdb's
    depends on it, and while "Lead" has its policies, unless --rls-off says that they may go: restricted roles then see
    what the host's own policies let through, or every row if there are none. The host's rows are not touched.
    """
    if not (yes or dry_run):
        _ask_whether_to_uninstall(call)
    done = uninstall.uninstall(
        call.dsn,
        rls_off=rls_off,
        drop_roles=drop_roles,
        dry_run=dry_run,
        lock_timeout=lock_timeout,
        on_step=lambda removed: report(f"removing {removed}"),
    )
    call.answer(asdict(done) | {"dry_run": dry_run}, render.uninstalled(done, dry_run, call.database))
    return True


def _ask_whether_to_uninstall(call: Call) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to be asked: give --yes, or --dry-run to see what would go.")
    with session(call.dsn, application_name="inboxdb uninstall") as connection:
        name = connection.info.dbname
    typed = click.prompt(f"Removes inboxdb and its counts from {call.database}. Type {name} to go on", err=True)
    if typed != name:
        raise InboxdbError("that is not its name. Nothing was changed.")
