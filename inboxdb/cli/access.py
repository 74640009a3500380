"""Who sees what: row-level security on "Lead", roles, the publication."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from inboxdb.cli import render
from inboxdb.cli.app import Call, command, main, options, report
from inboxdb.database.errors import DatabaseRefused
from inboxdb.install import access
from inboxdb.install.access import Named


def names_roles(function: Callable[..., bool]) -> Callable[..., bool]:
    """Add the options that name the roles with rights on "Lead", given to the function as `named`."""

    @options(
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
    )
    @functools.wraps(function)
    def gather(
        *args: object, trusted: tuple[str, ...], restricted: tuple[str, ...], keep_host_policies: bool, **rest: object
    ) -> bool:
        return function(*args, named=Named(trusted, restricted, keep_host_policies), **rest)

    gathered: Callable[..., bool] = gather
    return gathered


@contextmanager
def showing_lead_access(dsn: str, named: Named) -> Iterator[None]:
    """Where the block is refused because of the roles' names, say who sees what of "Lead", and would."""
    try:
        yield
    except DatabaseRefused as error:
        if error.sqlstate == "IB008":
            report(render.lead_access(access.lead_access(dsn), named))
        raise


@main.group()
def rls() -> None:
    """Row-level security on "Lead": members see their workspaces' leads, setters their own."""


@command(rls, "plan")
@names_roles
def rls_plan(call: Call, named: Named) -> bool:
    """List the roles with rights on "Lead", what they see now, and what they would see. Changes nothing.

    `will_see` holds for the roles as named; without names, and with row-level security on, after `inboxdb rls off`.
    """
    lead = access.lead_access(call.dsn)
    then = None if lead.protected and named == Named() else named
    bound = (right for right in lead.rights if right.rights and not right.bypasses)
    will_see = {right.role_name: lead.will_see(right, then) for right in bound}
    call.answer(asdict(lead) | {"will_see": will_see}, render.lead_access(lead, then))
    return True


@command(rls, "on")
@names_roles
def rls_on(call: Call, named: Named) -> bool:
    """Turn row-level security on "Lead" on, or name the roles anew.

    Every role with rights on "Lead" that policies bind has to be named. A trusted role goes on as before (but COPY FROM
    and pg_dump need the owner or BYPASSRLS from then on). A restricted role sees the rows that the signed-in user may
    see, and where row-level security was off before, writes them too: an UPDATE or DELETE with a WHERE finds visible
    rows only, and no row can be moved out of sight.

    Takes ACCESS EXCLUSIVE on "Lead" for milliseconds; waits for the lock 2 s at a time, letting writers through.
    """
    before = access.lead_access(call.dsn)
    with showing_lead_access(call.dsn, named):
        access.turn_on(call.dsn, named)
    call.answer(asdict(access.lead_access(call.dsn)), render.lead_access(before, named))
    return True


@command(rls, "off")
def rls_off(call: Call) -> bool:
    """Take inboxdb's policies off "Lead", and turn row-level security off if inboxdb turned it on.

    Restricted roles then see what the host's own policies let through, or every row if there are none.
    """
    before = access.lead_access(call.dsn)
    access.turn_off(call.dsn)
    call.answer(asdict(access.lead_access(call.dsn)), render.lead_access(before, None))
    return True


@command(main, "roles")
@click.option("--create", is_flag=True, help="Make the missing ones, without login.")
def show_roles(call: Call, create: bool) -> bool:
    """Give inboxdb's roles exactly the rights of the matrix.

    authenticated: a signed-in user, who sees what the policies let through. anon: nothing. inboxdb_drainer: may drain.
    inboxdb_maintainer: may run upkeep. inboxdb_monitor: may read the status. inboxdb_router: may read for any user, for
    a router or a gateway alone. inboxdb_observer: may report reads. Grant them to the roles that log in. Rights given
    by hand on inboxdb's schemas are taken away.
    """
    listed = access.roles(call.dsn, create=create)
    call.answer({"roles": list(map(asdict, listed))}, render.roles(listed))
    return True


@main.group()
def publication() -> None:
    """The publication inboxdb_lead: inserted and updated leads, without personal data. Off unless asked for."""


@command(publication, "on")
def publication_on(call: Call) -> bool:
    """Make the publication: id, workspace, user and update time of "Lead".

    Row-level security does not apply to a stream: its readers see the leads of every tenant.
    """
    access.publish(call.dsn)
    call.answer({"published": True}, "made publication inboxdb_lead")
    return True


@command(publication, "off")
def publication_off(call: Call) -> bool:
    """Drop the publication."""
    dropped = access.unpublish(call.dsn)
    text = "dropped publication inboxdb_lead" if dropped else "there was no publication inboxdb_lead"
    call.answer({"published": False}, text)
    return True
