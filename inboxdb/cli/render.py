"""How answers and progress look to people."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

import click

from inboxdb import __version__
from inboxdb.counts.analytics import Analytics
from inboxdb.counts.conversations import Conversation
from inboxdb.counts.stored import Counts
from inboxdb.counts.verify import VerifyResult
from inboxdb.database.checks import NOT_LOOKED_AT, OBSTACLE, SEVERITIES
from inboxdb.database.logs import logger, output
from inboxdb.drain.run import DrainResult
from inboxdb.drain.state import Progress
from inboxdb.drain.upkeep import Done, Upkeep
from inboxdb.install.access import LeadAccess, Named, RoleRights
from inboxdb.install.apply import Installed
from inboxdb.install.flags import Entry, Flag
from inboxdb.install.migrate import MigrationStatus, Undone
from inboxdb.install.plan import Lock, Plan, Step
from inboxdb.install.repair import Outcome, Verification
from inboxdb.install.suspend import Resumption, Suspension
from inboxdb.install.uninstall import Uninstalled
from inboxdb.move.fence import READY
from inboxdb.move.steps import Moved
from inboxdb.move.steps import Plan as MovePlan
from inboxdb.rollout.canary import Canary
from inboxdb.rollout.statements import Statements
from inboxdb.watch.doctor import HEALTHY, STATUSES, Check
from inboxdb.watch.facts import Fact, Status, Unit
from inboxdb.watch.status import FailingWorkspace

PROGRESS_EVERY = 10.0  # seconds between lines of progress, where there is no terminal

LONGEST_CELL = 40  # characters

# What a lead comes to, and the figure of the overview that says how many did.
FUNNEL = {
    "created": "leads_created",
    "contacted": "contacted",
    "responded": "responses",
    "booked a meeting": "meetings_booked",
    "kept the meeting": "meetings_kept",
}

LOGS = "inboxdb.logs"  # key of a context's meta: stderr is a log, so every line has the form of a log


# Values


def json_value(value: object) -> str:
    """Write values in JSON for which JSON has no type."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def instant(value: datetime) -> str:
    """Write a point in time."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def table(rows: Mapping[str, object]) -> str:
    """Write names and values in two columns."""
    width = max(map(len, rows)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows.items())


def plural(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def scope(is_global: bool, scope_user_id: str) -> str:
    """Write whose counts they are."""
    return "the whole workspace" if is_global else f"user {scope_user_id}"


# Progress


@contextmanager
def progress(label: str, wanted: bool = True) -> Iterator[Progress | None]:
    """Show progress on stderr, if wanted: a bar on a terminal, elsewhere and in a log a line at times."""
    if not wanted:
        yield None
        return
    if LOGS in click.get_current_context().meta or not sys.stderr.isatty():
        yield _progress_lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    left = TextColumn("{task.fields[left]}")
    columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), left
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, left="")
        yield lambda done, total, seconds: bar.update(task, completed=done, total=total, left=_seconds_left(seconds))


def _progress_lines(label: str) -> Progress:
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
            parts = [f"{label}: {done:,} of {plural(total, 'workspace')}", _seconds_left(seconds_left)]
            output.write(", ".join(filter(None, parts)))

    meta = click.get_current_context().meta
    return show


def _seconds_left(seconds: float | None) -> str:
    return "" if seconds is None else f"about {timedelta(seconds=round(seconds))} left"


# Installing


def installed(result: Installed, database: str) -> str:
    """`migrate apply`."""
    applied, pending = result.applied, result.pending
    state = f"has {plural(len(pending), 'migration')} pending: next {pending[0]}" if pending else "is up to date"
    text = f"applied {plural(len(applied), 'migration')}: {database} {state}"
    for found in result.unlike_shipped:
        text += f"\n{found.severity.upper()}: {found.evidence}\n  -> {found.remedy}"
    if applied and not pending:
        text += "\nevery workspace waits for a refresh now: run `inboxdb drain-dirty`"
    return text


def migrations(listed: Sequence[MigrationStatus]) -> str:
    """`migrate status`."""
    return table({migration.id: _state(migration) for migration in listed})


def _state(migration: MigrationStatus) -> str:
    if migration.state == "unrecorded":
        return "not recorded, though inboxdb's tables are there: `inboxdb migrate apply --dry-run` says what to do"
    if migration.applied_at is None:
        return migration.state
    text = instant(migration.applied_at)
    if migration.state == "unknown":
        text += ", not known to this inboxdb: the database is newer"
    if migration.difference:
        text += ", edited since (- applied, + shipped):" + "".join(f"\n  {line}" for line in migration.difference)
    return text


def plan(planned: Plan, database: str) -> str:
    """`migrate plan`."""
    text = "".join(f"{_step(step)}\n\n" for step in planned.steps)
    for finding in planned.findings:
        concerns = f", from {finding.migration} on" if finding.migration else ""
        text += f"{finding.severity.upper()}: {finding.check}{concerns}: {finding.evidence}\n  -> {finding.remedy}\n"
    text += f"{plural(len(planned.steps), 'migration')} pending" if planned.steps else "nothing is pending"
    obstacles = sum(finding.severity == OBSTACLE for finding in planned.findings)
    if planned.steps or planned.findings:
        text += f" on {database}: {plural(obstacles, 'obstacle') if obstacles else 'no obstacle'}"
    return text


def _step(step: Step) -> str:
    how = "in one transaction" if step.transactional else "NOT in a transaction"
    return f"{step.id}, {how}\n{step.summary}" + "".join(map(_lock, step.locks))


def _lock(lock: Lock) -> str:
    if lock.seconds_at_a_time is None or lock.attempts is None:
        waits = "as long as it takes"
    else:
        waits = f"{lock.seconds_at_a_time:g} s at a time, {lock.attempts} times"
    return f"\n  {lock.mode} on {lock.host_table}: stops {lock.stops}; waited for {waits}; held until {lock.held_until}"


def undone(undone: Sequence[Undone], to: str | None, database: str) -> str:
    """`migrate rollback`."""
    if not undone:
        return f"nothing to undo: {database} has no migration of inboxdb" + (f" after {to}" if to else "")
    return (
        "\n".join(migration.meaning for migration in undone)
        + "\n`inboxdb migrate apply` brings it back, counts included."
    )


def verification(result: Verification, repair: bool, database: str) -> str:
    """`migrate verify`."""
    ships = f"from what inboxdb {__version__} ships"
    text = f"{database}: {plural(len(result.findings), 'difference') if result.findings else 'no difference'} {ships}"
    if result.findings and repair:
        text += f", {sum(outcome.mended for outcome in result.findings)} of them mended"
    text += "".join(map(_outcome, result.findings))
    if result.marked:
        text += "\nchanges may have been missed, so every workspace waits for a refresh now: run `inboxdb drain-dirty`"
    return text


def _outcome(outcome: Outcome) -> str:
    text = f"\n{outcome.object}: shipped {outcome.shipped}; here {outcome.installed}"
    text += f"\n  not mended: {outcome.reason}" if outcome.reason else ""
    return text + ("\n  mended" if outcome.mended else f"\n  to mend it: {outcome.command}")


def suspension(done: Suspension, database: str) -> str:
    """`migrate suspend`."""
    return (
        f"{database}: suspended {'already ' if done.again else ''}since {instant(done.since)}; "
        "`inboxdb migrate resume` once the host's own migration is through"
    )


def resumption(done: Resumption, database: str) -> str:
    """`migrate resume`."""
    if not done.resumed:
        return f"{database}: it is not suspended, so nothing was changed"
    text = f"{database}: resumed; every workspace waits for a refresh now: run `inboxdb drain-dirty`"
    return text + "".join(map(_outcome, done.unmended))


def uninstalled(done: Uninstalled, dry_run: bool, database: str) -> str:
    """`uninstall`."""
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {removed}" for removed in done.removed] + [f"remains: {left}" for left in done.remains]
    traces = "no trace of inboxdb is left" if not done.remains else "nothing else of inboxdb is left"
    return "\n".join([*lines, "nothing was changed" if dry_run else f"{traces} in {database}"])


# Access


def lead_access(lead: LeadAccess, named: Named | None) -> str:
    """Say who sees which rows of "Lead" now, and afterwards: with the roles as named, or without row-level security."""
    state = "on" if lead.enabled else "off"
    if lead.enabled and lead.decided != "enabled":
        state += ", with the host's own policies" if lead.policies else ", without a policy of the host's"
    text = f'row-level security on "Lead": {state}'
    if lead.forced:
        text += "\nFORCE ROW LEVEL SECURITY is on: it binds the owner too, and inboxdb cannot count"
    rows = {
        right.role_name: f"{right.rights}: {lead.sees(right)}"
        + ("" if right.bypasses else f" -> {lead.will_see(right, named)}")
        for right in lead.rights
        if right.rights
    }
    text += f"\nwho has which rights on rows, sees what now -> {'with these names' if named else 'once it is off'}"
    text += f"\n{table(rows)}"
    for right in lead.rights:
        if right.unbound_rights and not right.bypasses:
            text += f"\nno policy binds {right.unbound_rights} by {right.role_name}"
    for policy in lead.policies:
        kind = "permissive" if policy.is_permissive else "restrictive"
        text += f"\npolicy {policy.policy_name} of the host's: {kind}, {policy.command}, to {', '.join(policy.roles)}"
    for view in lead.views:
        text += f"\nview {view.view_name} reads every row for its readers: {view.readers or 'the owner'}"
    return text


def roles(listed: Sequence[RoleRights]) -> str:
    """`roles`."""
    words = {(False, False): "missing: see --create", (True, False): "there", (True, True): "created"}
    return table({role.role: words[role.exists, role.created] for role in listed})


def flags(found: Sequence[Flag]) -> str:
    """`flags list`, and of one flag `flags set`."""
    rows = [("FLAG", "STATE", "ON BY THEMSELVES", "OFF BY THEMSELVES", "HERE", "SET AT", "BY", "WHY")]
    for flag in found:
        percentage = 100 if flag.percentage is None else flag.percentage
        state = {0: "off", 100: "on"}.get(percentage, f"{percentage}%")
        here = {None: "-", True: "on", False: "off"}[flag.is_on]
        since = instant(flag.changed_at) if flag.changed_at else "-"
        numbers = (f"{flag.on_for:,}", f"{flag.off_for:,}")
        rows.append((flag.flag_name, state, *numbers, here, since, _cell(flag.changed_by), _line(flag.why)))
    return _columns(rows)


def flag_history(found: Sequence[Entry]) -> str:
    """`flags history`."""
    rows = [("SET AT", "FLAG", "WORKSPACE", "STATE", "BY", "WHY")]
    for entry in found:
        whose = "all others" if entry.client_id is None else _cell(entry.client_id)
        said = (_cell(entry.state), _cell(entry.changed_by), _line(entry.why))
        rows.append((instant(entry.changed_at), entry.flag_name, whose, *said))
    return _columns(rows)


def upkeep(found: Sequence[Upkeep]) -> str:
    """`upkeep list`."""
    rows = [("ITEM", "STATE", "SETTING", "DOES", "MISSING")]
    for one in found:
        state = "not possible" if one.missing else "on" if one.is_on else "off"
        rows.append((one.item, state, one.setting_name, one.meaning, one.missing or "-"))
    return _columns(rows)


def upkeep_done(done: Done) -> str:
    """`upkeep run`."""
    if done.dry_run:
        return (
            f"{done.item}: {plural(done.touched, 'row')}{' or more' if done.has_more else ''} due; nothing was changed"
        )
    return f"{done.item}: {plural(done.touched, 'row')} done"


# Canaries


def canaries(found: Sequence[Canary]) -> str:
    """`canary status`, and of one canary `start`, `advance`, `abort` and `watch`."""
    text = []
    for canary in found:
        stages = " -> ".join(
            f"[{one}%]" if number == canary.stage_number else f"{one}%"
            for number, one in enumerate(canary.percentages, 1)
        )
        rows = {
            "canary": f"{canary.canary_number} of {canary.flag_name}",
            "stage": f"{stages}, since {instant(canary.began_at)}",
            "state": canary.state.replace("_", " ") + (f": {canary.why}" if canary.why else ""),
            "looked at": instant(canary.looked_at)
            if canary.looked_at
            else "not yet: `inboxdb canary watch`, or a drain",
        }
        gates = [("GATE", "READ", "SAMPLES", "MEASURED", "ALLOWED", "VERDICT")]
        for gate in canary.gates:
            read = " ".join(filter(None, (gate.function_name, gate.read_class))) or "-"
            measured, allowed = ("-" if one is None else f"{one:,.3f}" for one in (gate.measured, gate.allowed))
            gates.append((gate.gate, read, f"{gate.samples:,}", measured, allowed, gate.verdict))
        text.append(table(rows) + ("\n" + _columns(gates) if canary.gates else ""))
    return "\n\n".join(text) or "no canary yet"


def statements(found: Sequence[Statements]) -> str:
    """What `canary status` shows beside canaries: nothing where pg_stat_statements has seen no read."""
    rows = [
        ("READ", "CALLS", "MEAN MS"),
        *((one.function_name, f"{one.calls:,}", f"{one.mean_ms:,.3f}") for one in found),
    ]
    return "\n\nby pg_stat_statements, of all workspaces, since its last reset:\n" + _columns(rows) if found else ""


# Counts


def counts(row: Counts) -> str:
    """`counts`."""
    text = {"workspace": row.client_id, "scope": scope(row.is_global, row.scope_user_id)}
    text |= {name: f"{count:,}" for name, count in row.counts.items()}
    text |= {
        "computed at": instant(row.computed_at),
        "version": str(row.version or "none"),
        "dirty": "yes, a refresh is due" if row.dirty else "no",
    }
    return table(text)


def conversations(found: list[Conversation], has_more: bool) -> str:
    """`conversations`."""
    rows = [("LAST ACTIVITY", "LEAD", "NAME", "STATUS", "TAG", "ASSIGNED TO", "WAITS", "LAST MESSAGE")]
    for one in found:
        waits = "attention" if one["requires_attention"] else "reply" if one["open_reply"] else "-"
        said = (one["lead_id"], one["name"], one["status"], one["sentiment_tag"], one["assigned_to_user_id"])
        rows.append((one["sort_at"][:19], *map(_cell, said), waits, _cell(one["last_message"])))
    return _columns(rows) + ("\nthere may be more: --limit" if has_more else "")


def analytics(found: Analytics) -> str:
    """`analytics`."""
    whole = found.overview["leads_created"] or found.overview["contacted"]
    steps = [("STEP", "LEADS", "")]
    for step, name in FUNNEL.items():
        number = found.overview[name]
        steps.append((step, f"{number:,}", "#" * round(LONGEST_CELL * min(1, number / whole)) if whole else ""))
    replies = [("WHOSE", "WHO", "REPLIES", "MEAN", "HALF WITHIN", "9 OF 10", "IN BUSINESS HOURS")]
    for one in found.response_times:
        waits = (one["mean_ms"], one["p50_ms"], one["p90_ms"], one["business_mean_ms"])
        replies.append((one["side"], _cell(one["user_id"] or one["sender"]), f"{one['replies']:,}", *map(_wait, waits)))
    days = [("DAY", "LEADS", "INBOUND", "OUTBOUND", "MEETINGS")]
    for day in found.days:
        numbers = (day[name] for name in ("leads_created", "inbound", "outbound", "meetings_booked"))
        days.append((day["day"], *(f"{number:,}" for number in numbers)))
    heading = f"{found.from_day} to {found.to_day}, {found.time_zone}"
    return "\n\n".join([heading, _columns(days), _columns(replies), _columns(steps)])


def _wait(milliseconds: float) -> str:
    return str(timedelta(seconds=round(milliseconds / 1000)))


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def _line(value: str | None) -> str:
    """Write a text of others in a line: a terminal would obey control characters."""
    return "".join(character if character.isprintable() else " " for character in value or "-")


def _cell(value: str | None) -> str:
    """Write such a text in a column."""
    text = _line(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def verified(result: VerifyResult, repair: bool) -> str:
    """`verify`."""
    text = (
        f"verified {plural(result.workspaces, 'workspace')}, {plural(result.scopes, 'scope')}: "
        f"{result.drifted or 'none'} drifted"
        + (f", {result.repaired} repaired" if repair else "")
        + f", {plural(result.unverified, 'workspace')} unverified"
    )
    for difference in result.differences:
        stored, live = ("no row" if count is None else count for count in (difference.stored, difference.live))
        text += (
            f"\nworkspace {difference.client_id}, {scope(difference.is_global, difference.scope_user_id)}: "
            f"{difference.count} was stored as {stored}, live {live}{', repaired' if difference.repaired else ''}"
        )
    for unverified in result.unverified_workspaces:
        text += f"\nworkspace {unverified.client_id} is unverified: {unverified.reason}"
    if result.drifted > result.repaired:
        text += "\n`inboxdb verify --repair` refreshes what drifted"
    return text


def drained(result: DrainResult) -> str:
    """`drain-dirty`."""
    remaining = "unknown" if result.remaining is None else f"{result.remaining:,}"
    text = (
        f"refreshed {result.refreshed:,}, failed {result.failed:,}, skipped {result.skipped:,}, "
        f"remaining {remaining}, in {result.duration_ms / 1000:.1f} s"
    )
    if result.suspended_since:
        text += f"\nsuspended since {instant(result.suspended_since)}: {suspended(result.suspended_because)}"
    for failure in result.failures:
        text += f"\nworkspace {failure.client_id} failed: {failure.error}"
    return text


def suspended(because: str | None) -> str:
    """Say that nothing is drained, and what to do."""
    if because is None:
        return "nothing is drained until `inboxdb migrate resume`"
    return (
        f"nothing is drained, because the host has changed: {because}. Bring that back as it was, then run "
        "`inboxdb migrate resume`"
    )


# Watching


def status(now: Status, failing: Sequence[FailingWorkspace], database: str) -> str:
    """`status`."""
    rows = {"database": database} | {fact.label: _value(fact, value) for fact, value in now.told}
    text = table(rows)
    for workspace in failing:
        state = "is quarantined" if workspace.quarantined_at else "failed"
        text += f"\nworkspace {workspace.client_id} {state} (attempt {workspace.attempts}): {workspace.last_error}"
    return text + "".join(f"\nBROKEN: {promise}" for promise in now.broken_promises)


def _value(fact: Fact, value: Any) -> str:
    if value is None:
        return fact.none
    match fact.unit:
        case Unit.NUMBER:
            return f"{value:,}"
        case Unit.SECONDS:
            return f"{value:.1f} s"
        case Unit.HOURS:
            return f"{value / 3600:.1f} h"
        case Unit.BYTES:
            return f"{value / 2**20:,.1f} MiB"
        case Unit.INSTANT:
            return instant(value)
        case Unit.WORDS:
            return fact.words[value] if fact.words else str(value)


def examination(checks: Sequence[Check], database: str) -> str:
    """`doctor`."""
    text = ""
    for check in checks:
        for finding in sorted(check.findings, key=lambda finding: STATUSES.index(finding.severity)):
            text += f"{finding.severity.upper()}: {check.check}: {finding.evidence}\n  -> {finding.remedy}\n"
    number = Counter(finding.severity for check in checks for finding in check.findings)
    found = ", ".join(
        f"{number[one]} {one}" if one == NOT_LOOKED_AT else plural(number[one], one)
        for one in SEVERITIES
        if number[one]
    )
    healthy = sum(check.status == HEALTHY for check in checks)
    return f"{text}{database}: {plural(len(checks), 'check')}, {healthy} healthy" + (f"; {found}" if found else "")


# Moving a workspace


def move_plan(plan: MovePlan) -> str:
    """Write what a move would do."""
    lines = [
        table(
            {called: f"{number:,}" for called, number in plan.rows.items()} | {"rows": f"{sum(plan.rows.values()):,}"}
        )
    ]
    lines.append(f"its writers would be refused for about {plan.stop:.0f} s")
    if plan.step:
        lines.append(f"a move of it is under way: {plan.step}")
    lines += [f"in the way: {one.what}. Remedy: {one.remedy}." for one in plan.obstacles]
    return "\n".join(lines)


def moved(done: Moved) -> str:
    """Write what a move has come to."""
    if done.step == READY:
        return (
            f"workspace {done.client_id} is at the target, and its writers are refused: switch the directory now, then "
            "call this again with --switched"
        )
    if done.step == "undone":
        return f"the move of workspace {done.client_id} is given up: the source has it, as before"
    stop = f", its writers refused for {done.stop:.1f} s" if done.stop is not None else ""
    return f"moved workspace {done.client_id}{stop}"
