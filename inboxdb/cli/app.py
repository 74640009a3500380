"""The command line: what DBAs, cron and CI call."""

import functools
import json
import logging
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn, ParamSpec

import click
import psycopg

from inboxdb import __version__
from inboxdb.counts import stored
from inboxdb.database import logs
from inboxdb.database.connection import LOCK_TIMEOUT, describe, resolve_dsn, session
from inboxdb.database.errors import DatabaseRefused, InboxdbError
from inboxdb.database.logs import logger
from inboxdb.drain import passes, worker
from inboxdb.drain.redis import Cache, publish
from inboxdb.install import access
from inboxdb.watch import status

if TYPE_CHECKING:
    from inboxdb.install.migrate import MigrationStatus
    from inboxdb.install.plan import Step

ERROR, NOT_HEALTHY, INTERRUPTED = 1, 3, 130

PROGRESS_EVERY = 10.0  # seconds between lines that tell of it, where there is no terminal

LOGS = "inboxdb.logs"  # among a context's meta: stderr is a log, of which each line has its form

LEAD_RLS = {
    "undecided": 'not decided for "Lead": see `inboxdb rls plan`',
    "left_out": 'left out on "Lead"',
    "enabled": 'on for "Lead"',
    "drifted": 'NOT AS DECIDED on "Lead": see `inboxdb rls plan`',
    "joined": 'on for "Lead", beside the host\'s own policies',
}

DSN = click.Option(["--dsn"], metavar="DSN", help="The database; see `inboxdb -h`.")
COMMON = [
    click.Option(["as_json", "--json"], is_flag=True, help="Print JSON."),
    click.Option(["--debug"], is_flag=True, help="Print a traceback with an error."),
]

Arguments = ParamSpec("Arguments")


class Seconds(click.FloatRange):
    """A range without NaN, which is neither below its least nor above its most."""

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
    """What every command is called with."""

    dsn: str
    as_json: bool
    debug: bool

    def answer(self, data: Mapping[str, object], text: str) -> None:
        """Give the result to whoever asked: to a machine the data as one JSON object, to people the text."""
        click.echo(json.dumps(data, default=_json_value) if self.as_json else text)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dsn", metavar="DSN", help="The database, for whichever command follows.")
@click.version_option(__version__, message="%(prog)s %(version)s")
def main(dsn: str | None) -> None:
    """Inbox badge counts kept right inside Postgres.

    The database is the one that --dsn names, else INBOXDB_DSN, else DATABASE_URL, else libpq's PG* variables. Prefer
    the variables where the connection string holds a password: other users of the machine can read command lines.

    Data goes to stdout, progress and errors to stderr. Exit status: 0 done, 1 error, 2 usage, 3 not healthy (drift, a
    workspace unverified or failed, a promise broken, a problem found by the doctor, an obstacle in a plan).
    """


@main.group()
def migrate() -> None:
    """Install inboxdb into a database, upgrade it, undo it."""


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
                if LOGS in context.meta:
                    logger.warning("interrupted", action="end")
                else:
                    click.echo("interrupted", err=True)
                context.exit(INTERRUPTED)
            except Exception as error:
                _fail(error, as_json, debug, logs=LOGS in context.meta)
            context.exit(0 if healthy else NOT_HEALTHY)

        made = group.command(name)(run)
        # behind its own options in the help
        made.params += [DSN, *COMMON] if database else COMMON
        return made

    return decorate


def names_roles(function: Callable[..., bool]) -> Callable[..., bool]:
    """Add the options that name the roles with rights on "Lead", given to the function as `named`."""

    @functools.wraps(function)
    def gather(
        *args: object, trusted: tuple[str, ...], restricted: tuple[str, ...], keep_host_policies: bool, **rest: object
    ) -> bool:
        return function(*args, named=access.Named(trusted, restricted, keep_host_policies), **rest)

    for option in (
        click.option("--trust", "trusted", multiple=True, metavar="ROLE", help="It goes on as before. Repeatable."),
        click.option(
            "--restrict",
            "restricted",
            multiple=True,
            metavar="ROLE",
            help="It sees what the signed-in user may see; `public` stands for everybody else. Repeatable.",
        ),
        click.option(
            "--keep-host-policies", is_flag=True, help="Let policies of the host's go on showing restricted roles more."
        ),
    ):
        gather = option(gather)
    return gather


def _fail(error: Exception, as_json: bool, debug: bool, *, logs: bool) -> NoReturn:
    """Say in one line what went wrong, and exit. What a server or a library says is not repeated: it may quote rows."""
    said = str(error) if isinstance(error, InboxdbError) else f"internal error: {_unspoken(error)} (see --debug)"
    said = " ".join(said.split())
    trace = ""
    chain: BaseException | None = error if debug else None
    while chain is not None:
        trace += "".join(traceback.format_tb(chain.__traceback__)) + _unspoken(chain) + "\n"
        chain = chain.__cause__
    sqlstate = error.sqlstate if isinstance(error, InboxdbError) else None
    if logs:
        logger.error("gave up", action="end", reason=said, sqlstate=sqlstate, trace=trace or None)
    else:
        click.echo(trace, err=True, nl=False)
        click.echo(json.dumps({"error": said, "sqlstate": sqlstate}) if as_json else f"inboxdb: {said}", err=True)
    sys.exit(ERROR)


def _unspoken(error: BaseException) -> str:
    code = f" {error.sqlstate}" if isinstance(error, psycopg.Error) and error.sqlstate else ""
    return type(error).__name__ + code


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(type(value).__name__)


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _table(rows: Mapping[str, object]) -> str:
    width = max(map(len, rows)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows.items())


def _lead_access(found: access.LeadAccess, named: access.Named | None) -> str:
    """Say who sees what of "Lead" now, and then: with the roles named so, or once it is off."""
    state = "on" if found.enabled else "off"
    if found.enabled and found.decided != "enabled":
        state += ", with the host's own policies" if found.policies else ", without a policy of the host's"
    text = f'row-level security on "Lead": {state}'
    if found.forced:
        text += "\nFORCE ROW LEVEL SECURITY is on: it binds the owner too, and inboxdb cannot count"
    rows = {
        right.role_name: f"{right.rights}: {_sees(found, right)}"
        + ("" if right.bypasses else f" -> {_will_see(found, right, named)}")
        for right in found.rights
        if right.rights
    }
    text += f"\nwho has which rights on rows, sees what now -> {'with these names' if named else 'once it is off'}"
    text += f"\n{_table(rows)}"
    for right in found.rights:
        if right.unbound_rights and not right.bypasses:
            text += f"\nno policy binds {right.unbound_rights} by {right.role_name}"
    for policy in found.policies:
        kind = "permissive" if policy.is_permissive else "restrictive"
        text += f"\npolicy {policy.policy_name} of the host's: {kind}, {policy.command}, to {', '.join(policy.roles)}"
    for view in found.views:
        text += f"\nview {view.view_name} reads every row for its readers: {view.readers or 'the owner'}"
    return text


def _sees(found: access.LeadAccess, right: access.LeadRight) -> str:
    if right.bypasses or not found.enabled:
        return "every row"
    seen = [
        "every row" if right.named == "trusted" else "",
        "what the signed-in user may see" if right.named == "restricted" else "",
        "what the host's policies let through" if right.has_host_policy else "",
    ]
    return ", and ".join(filter(None, seen)) or "no row"


def _will_see(found: access.LeadAccess, right: access.LeadRight, named: access.Named | None) -> str:
    if named is None:
        ends = found.decided == "enabled" and not found.policies
        return "every row" if ends else _sees(found, replace(right, named=None))
    if right.role_name in named.restricted:
        return _sees(replace(found, enabled=True), replace(right, named="restricted"))
    if right.role_name in named.trusted:
        return _sees(found, replace(right, named=None if found.joins else "trusted"))
    return "? name it with --trust or --restrict"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _scope(is_global: bool, scope_user_id: str) -> str:
    return "the whole workspace" if is_global else f"user {scope_user_id}"


@contextmanager
def _progress(label: str, wanted: bool = True) -> Iterator[passes.Progress | None]:
    """Show on stderr how far it is, if that is wanted: a bar on a terminal, elsewhere and in a log a line at times."""
    if not wanted:
        yield None
        return
    if LOGS in click.get_current_context().meta or not sys.stderr.isatty():
        yield _progress_lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    left = TextColumn("{task.fields[left]}")
    columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), left
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, left="")
        yield lambda done, total, seconds: bar.update(task, completed=done, total=total, left=_seconds_left(seconds))


def _progress_lines(label: str) -> passes.Progress:
    next_at = monotonic() + PROGRESS_EVERY

    def show(done: int, total: int, seconds_left: float | None) -> None:
        nonlocal next_at
        if monotonic() < next_at:
            return
        next_at = monotonic() + PROGRESS_EVERY
        if LOGS in meta:
            left = None if seconds_left is None else round(seconds_left)
            logger.info(label, action="progress", done=done, total=total, seconds_left=left)
        else:
            said = [f"{label}: {done:,} of {_plural(total, 'workspace')}", _seconds_left(seconds_left)]
            click.echo(", ".join(filter(None, said)), err=True)

    meta = click.get_current_context().meta
    return show


def _seconds_left(seconds: float | None) -> str:
    return "" if seconds is None else f"about {timedelta(seconds=round(seconds))} left"


def _state(one: "MigrationStatus") -> str:
    if one.state == "unrecorded":
        return "not recorded, though inboxdb's tables are there: `inboxdb migrate apply --dry-run` says what to do"
    if one.applied_at is None:
        return one.state
    text = _instant(one.applied_at)
    if one.state == "unknown":
        text += ", not known to this inboxdb: the database is newer"
    if one.difference:
        text += ", edited since (- applied, + shipped):" + "".join(f"\n  {line}" for line in one.difference)
    return text


def _planned(step: "Step") -> str:
    how = "in one transaction" if step.transactional else "NOT in a transaction"
    text = f"{step.id}, {how}\n{step.about}"
    for lock in step.locks:
        text += f"\n  {lock.mode} on {lock.host_table}: stops {lock.stops}; waited for "
        if lock.seconds_at_a_time is None or lock.attempts is None:
            text += "as long as it takes"
        else:
            text += f"{lock.seconds_at_a_time:g} s at a time, {lock.attempts} times"
        text += f"; held until {lock.held_until}"
    return text


def _show_step(verb: str) -> Callable[[str], None]:
    return lambda migration: click.echo(f"{verb} {migration}", err=True)


@command(migrate, "apply")
@names_roles
@click.option("--without-rls", is_flag=True, help='Leave row-level security on "Lead" as it is.')
@click.option("--create-roles", is_flag=True, help="Make the roles that are missing: see `inboxdb roles`.")
@click.option("--to", metavar="ID", help="The last migration to apply.")
@click.option("--batch", type=click.IntRange(min=1), help="Apply so many at most.")
@WRITERS_WAIT
@click.option("--dry-run", is_flag=True, help="Only list what would be applied, in order.")
def migrate_apply(
    call: Call,
    named: access.Named,
    without_rls: bool,
    create_roles: bool,
    to: str | None,
    batch: int | None,
    lock_timeout: float,
    dry_run: bool,
) -> bool:
    """Apply the migrations that are pending.

    Connect directly, not through a pooler, as a role that owns the host's tables and may create a schema. The counts
    are filled by the first `inboxdb drain-dirty`.

    The first time it asks what becomes of every role with rights on "Lead" (see `inboxdb rls plan`): name each with
    --trust or --restrict, or leave row-level security out with --without-rls. Until then it lists them and stops.

    A migration that is shipped in other words than it was applied in is refused, and so is a database that is newer
    than this inboxdb: `inboxdb migrate status` shows both.
    """
    from inboxdb.install import migrate as migrations
    from inboxdb.install.suspend import refuse_while_suspended

    refuse_while_suspended(call.dsn, "nothing can be applied")
    if dry_run:
        would = migrations.pending(call.dsn, to=to, batch=batch)
        call.answer({"would_apply": would}, "\n".join(f"would apply {one}" for one in would) or "nothing is pending")
        return True
    if without_rls and named != access.Named():
        raise click.UsageError("--without-rls leaves the roles alone: name none.")
    undecided = False
    left: list[str] = []
    if to is not None or batch is not None:
        left = migrations.pending(call.dsn)[len(migrations.pending(call.dsn, to=to, batch=batch)) :]

    def decide() -> None:
        nonlocal undecided
        if left:
            click.echo('row-level security on "Lead" and roles wait for the last migration', err=True)
            return
        found = access.lead_access(call.dsn)
        undecided = found.undecided
        repeated = found.decided == "left_out" if without_rls else named == access.Named() or found.agrees(named)
        if not undecided and not repeated:
            raise InboxdbError(
                'something else is decided about row-level security on "Lead": see `inboxdb rls`. Nothing was changed.'
            )
        if undecided and not without_rls:
            try:
                access.check(call.dsn, named)
            except InboxdbError:
                click.echo(_lead_access(found, named), err=True)
                raise
        if create_roles:
            access.roles(call.dsn, create=True, installed=False)

    applied = migrations.apply(
        call.dsn,
        to=to,
        batch=batch,
        lock_timeout=lock_timeout,
        on_step=_show_step("applying"),
        on_done=lambda one, seconds: click.echo(f"applied {one} in {seconds:.2f} s", err=True),
        before=decide,
    )
    if undecided:
        _show_step("leaving out" if without_rls else "turning on")('row-level security on "Lead"')
        if without_rls:
            access.turn_off(call.dsn, lock_timeout=lock_timeout)
        else:
            access.turn_on(call.dsn, named, lock_timeout=lock_timeout)
    if create_roles and not left:
        access.roles(call.dsn)
    state = f"has {_plural(len(left), 'migration')} pending: next {left[0]}" if left else "is up to date"
    text = f"applied {_plural(len(applied), 'migration')}: {describe(call.dsn)} {state}"
    if applied and not left:
        text += "\nevery workspace waits for a refresh now: run `inboxdb drain-dirty`"
    call.answer({"applied": applied}, text)
    return True


@command(migrate, "status")
def migrate_status(call: Call) -> bool:
    """List the migrations, and when each was applied.

    Also which were applied in other words than they are shipped in, with the first lines that differ, and which this
    inboxdb does not know, because the database is newer.
    """
    from inboxdb.install import migrate as migrations

    listed = migrations.status(call.dsn)
    call.answer({"migrations": [asdict(one) for one in listed]}, _table({one.id: _state(one) for one in listed}))
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
    from inboxdb.install import plan

    if as_sql:
        script = plan.script(call.dsn, to=to, lock_timeout=lock_timeout)
        call.answer({"sql": script}, script.removesuffix("\n"))
        return True
    found = plan.examine(call.dsn, to=to, lock_timeout=lock_timeout)
    text = "".join(_planned(one) + "\n\n" for one in found.steps)
    for finding in found.findings:
        concerns = f", from {finding.migration} on" if finding.migration else ""
        text += f"{finding.severity.upper()}: {finding.check}{concerns}: {finding.evidence}\n  -> {finding.remedy}\n"
    text += f"{_plural(len(found.steps), 'migration')} pending" if found.steps else "nothing is pending"
    obstacles = sum(one.severity == plan.OBSTACLE for one in found.findings)
    if found.steps or found.findings:
        text += f" on {describe(call.dsn)}: {_plural(obstacles, 'obstacle') if obstacles else 'no obstacle'}"
    call.answer(asdict(found), text)
    return not obstacles


@command(migrate, "mark")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that are pending.")
def migrate_mark(call: Call, ids: tuple[str, ...], everything: bool) -> bool:
    """Record migrations as applied that somebody has run by hand. Runs nothing of them.

    They have to be the next ones, in order. What `inboxdb migrate plan --sql` prints records itself.
    """
    from inboxdb.install import migrate as migrations

    if everything == bool(ids):
        raise click.UsageError("Give migrations, or --all.")
    marked = migrations.mark(call.dsn, None if everything else ids)
    call.answer({"marked": marked}, "\n".join(f"marked {one}" for one in marked) or "nothing is pending")
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
    from inboxdb.install import migrate as migrations
    from inboxdb.install.suspend import refuse_while_suspended

    if everything and to is not None:
        raise click.UsageError("--all undoes everything, --to stops at a migration: give one of them.")
    if not everything:
        refuse_while_suspended(call.dsn, "only all migrations can be undone (--all)")
    undone = migrations.rollback(
        call.dsn,
        count=None if everything else 1,
        to=to,
        lock_timeout=lock_timeout,
        on_step=_show_step("undoing"),
    )
    call.answer(
        {"undone": [asdict(one) for one in undone]},
        "\n".join(one.meaning for one in undone) + "\n`inboxdb migrate apply` brings it back, counts included."
        if undone
        else f"nothing to undo: {describe(call.dsn)} has no migration of inboxdb" + (f" after {to}" if to else ""),
    )
    return True


@command(migrate, "verify")
@click.option("--repair", is_flag=True, help="Mend what is inboxdb's.")
def migrate_verify(call: Call, repair: bool) -> bool:
    """Compare what is installed with what inboxdb ships.

    Looks at functions and views, triggers (disabled ones, too), policies, indexes, constraints, columns, storage
    parameters, owners and rights, on the host's tables as far as they are inboxdb's. Names each difference and what
    mends it. Exit status 3 when something differs and was not mended.

    --repair mends it: with a lock on a host table for milliseconds where a trigger is concerned, for which it waits 2 s
    at a time; indexes are built concurrently. Where changes may have been missed, every workspace is marked.
    """
    from inboxdb.install.repair import verify as compare
    from inboxdb.install.suspend import refuse_while_suspended

    refuse_while_suspended(call.dsn, "it is not as shipped, and is not to be")
    result = compare(call.dsn, repair=repair)
    text = f"{describe(call.dsn)}: " + (
        f"{_plural(len(result.findings), 'difference')} from what inboxdb {__version__} ships"
        + (f", {sum(one.mended for one in result.findings)} of them mended" if repair else "")
        if result.findings
        else f"no difference from what inboxdb {__version__} ships"
    )
    for one in result.findings:
        text += f"\n{one.object}: shipped {one.shipped}; here {one.there}"
        text += "\n  mended" if one.mended else f"\n  to mend it: {one.command}"
        text += f"\n  not mended: {one.reason}" if one.reason else ""
    if result.marked:
        text += "\nchanges may have been missed, so every workspace waits for a refresh now: run `inboxdb drain-dirty`"
    call.answer(asdict(result) | {"healthy": result.healthy}, text)
    return result.healthy


@command(migrate, "suspend")
@WRITERS_WAIT
def migrate_suspend(call: Call, lock_timeout: float) -> bool:
    """Take inboxdb off the host's columns, so that the host's own migration may change or drop them.

    Its triggers are dropped, its views let go of the columns, its policy on "Lead" lets restricted roles see no row;
    trusted roles go on, and readers read the counts as they are, marked stale. Drains find nothing to do until
    `inboxdb migrate resume`. Run it again where it was broken off.
    """
    from inboxdb.install.suspend import suspend

    done = suspend(call.dsn, lock_timeout=lock_timeout)
    call.answer(
        asdict(done),
        f"{describe(call.dsn)}: suspended {'already ' if done.again else ''}since {_instant(done.since)}; "
        "`inboxdb migrate resume` once the host's own migration is through",
    )
    return True


@command(migrate, "resume")
@WRITERS_WAIT
def migrate_resume(call: Call, lock_timeout: float) -> bool:
    """Put back what `inboxdb migrate suspend` took off, and have every workspace refreshed by the next drain.

    Refused where a column that is counted is gone, or an id has another type. Run it again where it was broken off.
    """
    from inboxdb.install.suspend import resume

    resumed = resume(call.dsn, lock_timeout=lock_timeout)
    call.answer(
        {"resumed": resumed},
        f"{describe(call.dsn)}: "
        + (
            "resumed; every workspace waits for a refresh now: run `inboxdb drain-dirty`"
            if resumed
            else "it is not suspended, so nothing was changed"
        ),
    )
    return True


@command(main, "uninstall")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option("--rls-off", is_flag=True, help='Let inboxdb\'s policies on "Lead" go, too: see `inboxdb rls off`.')
@click.option("--drop-roles", is_flag=True, help="Drop inboxdb_drainer and inboxdb_monitor, too.")
@WRITERS_WAIT
def run_uninstall(call: Call, yes: bool, dry_run: bool, rls_off: bool, drop_roles: bool, lock_timeout: float) -> bool:
    """Remove every trace of inboxdb from the database, counts included, and say what went and what remains.

    Works in whatever state it is: half applied, suspended, or broken off. Refused while something that is not inboxdb's
    depends on it, and while "Lead" has its policies, unless --rls-off says that they may go: restricted roles then see
    what the host's own policies let through, or every row if there are none. The host's rows are not touched.
    """
    from inboxdb.install.uninstall import uninstall

    if not (yes or dry_run):
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is there to be asked: give --yes, or --dry-run to see what would go.")
        with session(call.dsn, application_name="inboxdb uninstall") as connection:
            name = connection.info.dbname
        if (
            click.prompt(f"Removes inboxdb and its counts from {describe(call.dsn)}. Type {name} to go on", err=True)
            != name
        ):
            raise InboxdbError("that is not its name. Nothing was changed.")
    done = uninstall(
        call.dsn,
        rls_off=rls_off,
        drop_roles=drop_roles,
        dry_run=dry_run,
        lock_timeout=lock_timeout,
        on_step=_show_step("removing"),
    )
    verb = "would remove" if dry_run else "removed"
    text = [f"{verb} {one}" for one in done.removed] + [f"remains: {one}" for one in done.remains]
    traces = "no trace of inboxdb is left" if not done.remains else "nothing else of inboxdb is left"
    call.answer(
        asdict(done) | {"dry_run": dry_run},
        "\n".join([*text, "nothing was changed" if dry_run else f"{traces} in {describe(call.dsn)}"]),
    )
    return True


@main.group()
def rls() -> None:
    """Row-level security on "Lead": members see their workspaces' leads, setters their own."""


@command(rls, "plan")
@names_roles
def rls_plan(call: Call, named: access.Named) -> bool:
    """List who has rights on "Lead", what they see now, and what they would see. Changes nothing.

    What they would see with the roles named so; without names, where it is on, after `inboxdb rls off`.
    """
    found = access.lead_access(call.dsn)
    then = None if found.protected and named == access.Named() else named
    will_see = {
        right.role_name: _will_see(found, right, then) for right in found.rights if right.rights and not right.bypasses
    }
    call.answer(asdict(found) | {"will_see": will_see}, _lead_access(found, then))
    return True


@command(rls, "on")
@names_roles
def rls_on(call: Call, named: access.Named) -> bool:
    """Turn it on, or name the roles anew.

    Every role with rights on "Lead" that policies bind has to be named. A trusted one goes on as before (but COPY FROM
    and pg_dump need the owner or BYPASSRLS from then on). A restricted one sees what the signed-in user may see, and
    where row-level security was off before, writes that too: an UPDATE or DELETE with a WHERE obeys what may be seen,
    and no row can be moved out of sight.

    Takes ACCESS EXCLUSIVE on "Lead" for milliseconds; waits for it 2 s at a time and lets writers through between.
    """
    before = access.lead_access(call.dsn)
    try:
        access.turn_on(call.dsn, named)
    except DatabaseRefused as error:
        if error.sqlstate == "IB008":
            click.echo(_lead_access(before, named), err=True)
        raise
    call.answer(asdict(access.lead_access(call.dsn)), _lead_access(before, named))
    return True


@command(rls, "off")
def rls_off(call: Call) -> bool:
    """Take inboxdb's policies off "Lead", and its row-level security if it was inboxdb that turned it on.

    Restricted roles then see what the host's own policies let through, or every row if there are none.
    """
    before = access.lead_access(call.dsn)
    access.turn_off(call.dsn)
    call.answer(asdict(access.lead_access(call.dsn)), _lead_access(before, None))
    return True


@command(main, "roles")
@click.option("--create", is_flag=True, help="Make the missing ones, without login.")
def show_roles(call: Call, create: bool) -> bool:
    """Give the roles that inboxdb knows just the rights that they are to have.

    authenticated: a signed-in user, who sees what the policies let through. anon: nothing. inboxdb_drainer: may drain.
    inboxdb_monitor: may read the status. Grant them to the roles that log in. Rights given by hand on inboxdb's schemas
    are taken away.
    """
    listed = access.roles(call.dsn, create=create)
    words = {(False, False): "missing: see --create", (True, False): "there", (True, True): "created"}
    call.answer(
        {"roles": [asdict(one) for one in listed]},
        _table({one.role: words[one.exists, one.created] for one in listed}),
    )
    return True


@main.group()
def publication() -> None:
    """The publication inboxdb_lead: inserted and updated leads, without personal data. Off unless asked for."""


@command(publication, "on")
def publication_on(call: Call) -> bool:
    """Make it: id, workspace, user and update time of "Lead".

    Row-level security does not apply to a stream: whoever reads it, reads every tenant's.
    """
    access.publish(call.dsn)
    call.answer({"published": True}, "made publication inboxdb_lead")
    return True


@command(publication, "off")
def publication_off(call: Call) -> bool:
    """Drop it."""
    dropped = access.unpublish(call.dsn)
    call.answer(
        {"published": False}, "dropped publication inboxdb_lead" if dropped else "there was no publication inboxdb_lead"
    )
    return True


def uses_redis(function: Callable[..., bool]) -> Callable[..., bool]:
    """Add the options that say where versions are published, given to the function as `cache`, None for nowhere."""

    @functools.wraps(function)
    def connect(*args: object, redis_url: str | None, redis_prefix: str, **rest: object) -> bool:
        return function(*args, cache=Cache(redis_url, redis_prefix) if redis_url else None, **rest)

    for option in (
        click.option(
            "--redis-url",
            envvar="INBOXDB_REDIS_URL",
            metavar="URL",
            help="Publish cache versions and job statuses there; prefer INBOXDB_REDIS_URL where it holds a password.",
        ),
        click.option(
            "--redis-prefix",
            envvar="INBOXDB_REDIS_PREFIX",
            default="",
            metavar="TEXT",
            help="Put before every key, as in preview: (or INBOXDB_REDIS_PREFIX).",
        ),
    ):
        connect = option(connect)
    return connect


@command(main, "drain-dirty")
@click.option("--limit", type=click.IntRange(1, 2**31 - 1), metavar="N", help="Refresh N workspaces at most.")
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", default=1, show_default=True, help="Connections side by side."
)
@click.option(
    "--time-limit",
    type=Seconds(min=1, max=86400),
    metavar="SECONDS",
    default=passes.TIME_LIMIT,
    show_default=True,
    help="What every workspace has; one that took longer has twice that the next time, up to 900.",
)
@click.option(
    "--pace",
    type=Seconds(min=0.01, max=1),
    metavar="SHARE",
    default=1.0,
    show_default=True,
    help="Of its time, how much each worker may refresh; it rests in between.",
)
@click.option("--for", "seconds", type=Seconds(min=1, max=86400), metavar="SECONDS", help="Go on draining for so long.")
@click.option("--every", type=Seconds(min=0.1), metavar="SECONDS", help="With --for: a pass so often.  [1]")
@click.option("--watch", is_flag=True, help="Go on draining until SIGTERM or SIGINT.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), metavar="PORT", help="With --watch: serve `metrics`.")
@uses_redis
@click.option(
    "--log-format", type=click.Choice(["plain", "json"]), help="How to log to stderr; a single run only logs with this."
)
def drain_dirty(
    call: Call,
    limit: int | None,
    workers: int,
    time_limit: float,
    pace: float,
    seconds: float | None,
    every: float | None,
    watch: bool,
    metrics_port: int | None,
    cache: Cache | None,
    log_format: str | None,
) -> bool:
    """Bring the counts of all waiting workspaces up to date.

    Any number of drains may run at once. A workspace that fails keeps its changes and is tried again later, less and
    less often, until it is quarantined (see `inboxdb requeue`). SIGTERM lets the workspace at hand be finished. Exit
    status 3 when a workspace failed, unless watching.
    """
    if watch and seconds is not None:
        raise click.UsageError("--watch goes on for ever, --for for a time: give one of them.")
    if limit is not None and (watch or seconds is not None):
        raise click.UsageError("--limit is for a single run, without --watch or --for.")
    if every is not None and seconds is None:
        raise click.UsageError("--every needs --for.")
    if metrics_port is not None and not watch:
        raise click.UsageError("--metrics-port needs --watch.")
    schedule = worker.WATCH if watch else worker.ONCE
    if seconds is not None:
        schedule = worker.Schedule("for", seconds, 1 if every is None else every)

    run_id = worker.new_run_id()
    level = logging.DEBUG if call.debug else logging.INFO
    if log_format or schedule is not worker.ONCE:
        click.get_current_context().meta[LOGS] = True
    else:
        level = logging.ERROR
    logs.configure(log_format or "plain", level=level, run_id=run_id)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT) if watch else (signal.SIGTERM,):
        signal.signal(number, lambda number, _: _stop(stop, number))
    if metrics_port is not None:
        from inboxdb.watch import metrics

        metrics.serve(call.dsn, metrics_port)

    logger.info("draining", action="start", database=describe(call.dsn), kind=schedule.kind, workers=workers)
    with _progress("draining", schedule is worker.ONCE) as on_progress:
        result = worker.drain(
            call.dsn,
            schedule=schedule,
            limit=limit,
            workers=workers,
            time_limit=time_limit,
            pace=pace,
            cache=cache,
            run_id=run_id,
            stop=stop,
            on_progress=on_progress,
        )
    logger.info(
        "ended",
        action="end",
        refreshed=result.refreshed,
        failed=result.failed,
        skipped=result.skipped,
        audited=result.audited,
    )
    remaining = "unknown" if result.remaining is None else f"{result.remaining:,}"
    if result.suspended_since:
        logger.warning("inboxdb is suspended, nothing was drained: `inboxdb migrate resume`", action="suspended")
    text = (
        f"refreshed {result.refreshed:,}, failed {result.failed:,}, skipped {result.skipped:,}, "
        f"remaining {remaining}, in {result.duration_ms / 1000:.1f} s"
    )
    if result.suspended_since:
        text += f"\nsuspended since {_instant(result.suspended_since)}: `inboxdb migrate resume` lets it go on"
    for failure in result.failures:
        text += f"\nworkspace {failure.client_id} failed: {failure.error}"
    call.answer(asdict(result), text)
    return result.failed == 0 or watch


def _stop(stop: Event, number: int) -> None:
    """End the run, and on a second signal the workspace at hand, too."""
    stop.set()
    signal.signal(number, signal.default_int_handler)


@command(main, "publish")
@click.option("--all", "everything", is_flag=True, help="Everything anew: Redis was flushed, or is another one.")
@uses_redis
def publish_cache(call: Call, everything: bool, cache: Cache | None) -> bool:
    """Copy to Redis what is not there yet: cache versions and job statuses.

    Drains with --redis-url do it by themselves; this is for what is left when none runs, and for a new Redis.
    """
    if cache is None:
        raise click.UsageError("Say where to publish: --redis-url or INBOXDB_REDIS_URL.")
    with session(call.dsn, application_name="inboxdb publish") as connection:
        if everything:
            connection.execute("select inboxdb.mark_all_unpublished()")
        keys = publish(connection, cache)
    call.answer({"published": keys}, f"published {_plural(keys, 'key')}")
    return True


@command(main, "counts")
@click.argument("client_id")
@click.option("--setter", metavar="USER_ID", help="The counts of one user, not of the whole workspace.")
def show_counts(call: Call, client_id: str, setter: str | None) -> bool:
    """Show the stored counts of a workspace."""
    with session(call.dsn, application_name="inboxdb counts") as connection:
        row = stored.read(connection, client_id, setter)
    text = {"workspace": row.client_id, "scope": _scope(row.is_global, row.scope_user_id)}
    text |= {name: f"{getattr(row, name):,}" for name in stored.NAMES}
    text |= {
        "computed at": _instant(row.computed_at),
        "version": str(row.version or "none"),
        "dirty": "yes, a refresh is due" if row.dirty else "no",
    }
    call.answer(asdict(row), _table(text))
    return True


@command(main)
@click.argument("client_ids", metavar="[CLIENT_ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Mark every workspace.")
def mark(call: Call, client_ids: tuple[str, ...], everything: bool) -> bool:
    """Ask for a refresh of workspaces by the next drain. If one id is wrong, none is marked."""
    if everything == bool(client_ids):
        raise click.UsageError("Name the workspaces to mark, or give --all.")
    with session(call.dsn, application_name="inboxdb mark") as connection:
        if everything:
            connection.execute("select inboxdb.mark_all_inbox_counts_dirty()")
        else:
            passes.mark(connection, client_ids)
    marked = "every workspace" if everything else _plural(len(client_ids), "workspace")
    call.answer({"all": everything, "client_ids": client_ids}, f"marked {marked} for the next `inboxdb drain-dirty`")
    return True


@command(main)
@click.argument("client_ids", metavar="[CLIENT_ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Put back every quarantined workspace.")
def requeue(call: Call, client_ids: tuple[str, ...], everything: bool) -> bool:
    """Put quarantined workspaces back on the work list, with all their attempts. If one id is wrong, none is.

    A workspace is quarantined when it failed 8 times, or 15 times for a reason that may pass (a timeout, a lock, a lost
    connection); `inboxdb status` lists them with the reason.
    """
    if everything == bool(client_ids):
        raise click.UsageError("Name the workspaces to put back, or give --all.")
    with session(call.dsn, application_name="inboxdb requeue") as connection:
        requeued = passes.requeue(connection, client_ids)
    call.answer({"requeued": requeued}, f"put back {_plural(requeued, 'workspace')} for the next `inboxdb drain-dirty`")
    return True


@command(main)
@click.argument("client_ids", metavar="CLIENT_ID...", nargs=-1, required=True)
def recompute(call: Call, client_ids: tuple[str, ...]) -> bool:
    """Bring workspaces up to date now, dirty or not. If one id is wrong, none is recomputed."""
    with session(call.dsn, application_name="inboxdb recompute") as connection:
        passes.recompute(connection, client_ids)
    call.answer({"client_ids": client_ids}, f"recomputed {_plural(len(client_ids), 'workspace')}")
    return True


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
    held = f"{now.held_snapshot_seconds:.0f} s, by {now.held_snapshot_by}" if now.held_snapshot_by else "none"
    text = _table(
        {
            "database": describe(call.dsn),
            "dirty workspaces": f"{now.dirty_workspaces:,}, of them late {now.late_workspaces:,}",
            "pending changes": f"{now.pending_changes:,}",
            "oldest dirty": f"{now.oldest_dirty_seconds:.1f} s",
            "failing workspaces": f"{now.failing_workspaces:,}",
            "quarantined workspaces": f"{now.quarantined_workspaces:,}",
            "workers seen": f"{now.workers_seen:,}",
            "last drain": _instant(now.last_drain_at) if now.last_drain_at else "never: nobody has drained yet",
            "freshness, last hour": "nothing was refreshed"
            if now.freshness_p50 is None
            else f"p50 {now.freshness_p50:.1f} s, p95 {now.freshness_p95:.1f} s, p99 {now.freshness_p99:.1f} s",
            "change log": f"{now.log_bytes / 2**20:,.1f} MiB",
            "held snapshot": held + ("" if now.snapshots_all_seen else " (of those this role may see)"),
            "unpublished": "Redis is not in use"
            if now.unpublished_keys is None
            else f"{now.unpublished_keys:,} keys, the oldest for {now.unpublished_seconds:.1f} s",
            "audits": f"each workspace within {now.audit_period_seconds / 3600:.0f} h, "
            + (
                "none yet"
                if now.oldest_audit_seconds is None
                else f"the longest ago {now.oldest_audit_seconds / 3600:.1f} h"
            ),
            "drift, last day": f"{now.drifted_workspaces:,} workspaces, "
            f"of them self-healed {now.self_healed_workspaces:,}",
            "inbox_api answers from": f"{now.counts_source} counts",
            "row-level security": LEAD_RLS[now.lead_rls],
        }
    )
    for one in failing:
        state = "is quarantined" if one.quarantined_at else "failed"
        text += f"\nworkspace {one.client_id} {state} (attempt {one.attempts}): {one.last_error}"
    text += "".join(f"\nBROKEN: {promise}" for promise in now.broken_promises)
    call.answer(
        asdict(now) | {"failing": [asdict(one) for one in failing], "broken_promises": now.broken_promises}, text
    )
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
    from inboxdb.watch import doctor

    checks = doctor.examine(call.dsn, prisma_schema=prisma_schema)
    count = {status: sum(check.status == status for check in checks) for status in doctor.STATUSES}
    text = ""
    for check in checks:
        for one in sorted(check.findings, key=lambda finding: doctor.STATUSES.index(finding.severity)):
            text += f"{one.severity.upper()}: {check.check}: {one.evidence}\n  -> {one.remedy}\n"
    text += f"{describe(call.dsn)}: {_plural(len(checks), 'check')}, " + ", ".join(
        f"{number} {status}" for status, number in count.items() if number
    )
    call.answer(
        {
            "checks": [
                {"check": one.check, "status": one.status, "findings": list(map(asdict, one.findings))}
                for one in checks
            ]
        },
        text,
    )
    return count[doctor.PROBLEM] == 0


@command(main, "metrics")
def show_metrics(call: Call) -> bool:
    """Print how the drain is doing in Prometheus' text format. No label names a workspace."""
    from inboxdb.watch import metrics

    text = metrics.text(call.dsn)
    call.answer({"metrics": text}, text.rstrip())
    return True


@command(main)
@click.option("--sample", type=click.IntRange(1, 2**31 - 1), metavar="N", help="Look at N workspaces, taken at random.")
@click.option("--repair", is_flag=True, help="Refresh the workspaces that drifted, and compare them again.")
def verify(call: Call, sample: int | None, repair: bool) -> bool:
    """Compare the stored counts with the live ones.

    A workspace with changes waiting is drained first. Exit status 3 when a scope drifted and was not repaired, or a
    workspace could not be compared.
    """
    from inboxdb.counts.verify import verify as compare

    with _progress("verifying") as on_progress:
        result = compare(call.dsn, sample=sample, repair=repair, on_progress=on_progress)
    text = (
        f"verified {_plural(result.workspaces, 'workspace')}, {_plural(result.scopes, 'scope')}: "
        f"{result.drifted or 'none'} drifted"
        + (f", {result.repaired} repaired" if repair else "")
        + f", {_plural(result.unverified, 'workspace')} unverified"
    )
    for one in result.differences:
        stored, live = ("no row" if number is None else number for number in (one.stored, one.live))
        text += (
            f"\nworkspace {one.client_id}, {_scope(one.is_global, one.scope_user_id)}: {one.count} was stored as "
            f"{stored}, live {live}{', repaired' if one.repaired else ''}"
        )
    for unverified in result.unverified_workspaces:
        text += f"\nworkspace {unverified.client_id} is unverified: {unverified.reason}"
    if result.drifted > result.repaired:
        text += "\n`inboxdb verify --repair` refreshes what drifted"
    figures = {name: getattr(result, name) for name in ("workspaces", "scopes", "drifted", "unverified")}
    call.answer(figures | asdict(result), text)
    return result.healthy


@command(main, database=False)
@click.option("--workspaces", type=click.IntRange(min=1), default=40, show_default=True, help="How many workspaces.")
@click.option("--leads", type=click.IntRange(min=1), default=200_000, show_default=True, help="How many leads.")
@click.option("--seconds", type=Seconds(min=1), default=15, show_default=True, help="How long to write and drain.")
@click.option("--keep", is_flag=True, help="Leave the server up, and print how to connect to it.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the server lives: a new or an empty one; a temporary one if not given.",
)
def demo(call: Call, workspaces: int, leads: int, seconds: float, keep: bool, directory: Path | None) -> bool:
    """Show it all at work on a PostgreSQL server of its own."""
    from inboxdb.demo import show

    def run() -> bool:
        return show.run(workspaces=workspaces, leads=leads, seconds=seconds, keep=keep, directory=directory)

    if not call.as_json:
        return run()
    with redirect_stdout(sys.stderr):
        healthy = run()
    call.answer({"healthy": healthy}, "")
    return healthy
