"""Installing: the migrations, the roles, and row-level security on "Lead", in one go."""

from collections.abc import Callable
from dataclasses import dataclass

from inboxdb.database.checks import Finding
from inboxdb.database.connection import LOCK_TIMEOUT, session
from inboxdb.database.errors import InboxdbError
from inboxdb.install import access, lists, migrate, updates
from inboxdb.install.access import Named
from inboxdb.install.plan import unlike_shipped


@dataclass(frozen=True)
class Installed:
    """The ids of the migrations that were applied, and of those that are still pending; without any of these, what is
    not as shipped.
    """

    applied: list[str]
    pending: list[str]
    unlike_shipped: list[Finding]


def install(
    dsn: str,
    named: Named | None,
    *,
    create_roles: bool = False,
    with_lists: bool = True,
    noted_updates: str | None = None,
    to: str | None = None,
    batch: int | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    report: Callable[[str], None] = lambda _: None,
) -> Installed:
    """Apply what is pending; with the last migration decide about row-level security on "Lead", and about the roles.

    Parameters: dsn; named, the roles with rights on "Lead", None to leave its row-level security as it is;
    create_roles, whether to make the missing roles of inboxdb; noted_updates, as of updates.note, None for what was
    chosen before; with_lists, whether to build the indexes of the lists, unless they were left out before; to, batch
    and lock_timeout, as of migrate.apply; report, called with a line for each step.
    Raises what migrate.apply raises; before anything is changed DatabaseRefused (IB008) for roles that are not named,
    and InboxdbError where something else was decided before.
    """
    pending: list[str] = []
    if to is not None or batch is not None:
        pending = migrate.pending(dsn)[len(migrate.pending(dsn, to=to, batch=batch)) :]
    decided = True

    def decide() -> None:
        nonlocal decided
        if pending:
            report('row-level security on "Lead" and roles wait for the last migration')
            if noted_updates:
                report("--noted-updates waits for the last migration")
            return
        decided = _is_decided(dsn, named)
        if create_roles:
            access.roles(dsn, create=True, installed=False)

    applied = migrate.apply(
        dsn,
        to=to,
        batch=batch,
        lock_timeout=lock_timeout,
        on_step=lambda migration: report(f"applying {migration}"),
        on_done=lambda migration, seconds: report(f"applied {migration} in {seconds:.2f} s"),
        before=decide,
    )
    if not decided:
        report(f'{"leaving out" if named is None else "turning on"} row-level security on "Lead"')
        if named is None:
            access.turn_off(dsn, lock_timeout=lock_timeout)
        else:
            access.turn_on(dsn, named, lock_timeout=lock_timeout)
    if create_roles and not pending:
        access.roles(dsn)
    if noted_updates and not pending:
        updates.note(dsn, noted_updates, lock_timeout=lock_timeout)
    if not pending:
        if not with_lists:
            lists.leave_out(dsn)
        elif not lists.left_out(dsn):
            try:
                lists.build(dsn, report=report)
            except lists.LacksColumns as error:
                report(f"leaving out lists: {error}")
    unlike = []
    if not pending:
        with session(dsn, application_name="inboxdb migrate") as connection:
            unlike = unlike_shipped(connection)
    return Installed(applied, pending, unlike)


def _is_decided(dsn: str, named: Named | None) -> bool:
    """Say whether the same was decided before, and is so. Refuse something else, and names with which nothing can be
    decided.
    """
    lead = access.lead_access(dsn)
    if lead.undecided:
        if named is not None:
            access.check(dsn, named)
        return False
    if named == Named() or (named is None and lead.decided == "left_out"):
        return True
    if named is None or lead.contradicts(named) or (lead.state != "drifted" and not lead.names(named)):
        change = "`inboxdb rls off`" if named is None else "`inboxdb rls on`, naming each role,"
        raise InboxdbError(
            f'something else is decided about row-level security on "Lead": {change} decides anew, and `inboxdb rls '
            "plan` says who sees what. Nothing was changed."
        )
    access.check(dsn, lead.with_names(named))
    return lead.stands(named)
