"""Who may see what: roles and their rights, row-level security on "Lead", the publication. The rules are in SQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from inboxdb.database import sources
from inboxdb.database.checks import run_one
from inboxdb.database.connection import LOCK_TIMEOUT, Connection, retrying, session, transaction
from inboxdb.database.errors import InboxdbError

ROLES = (
    "anon",
    "authenticated",
    "inboxdb_drainer",
    "inboxdb_maintainer",
    "inboxdb_monitor",
    "inboxdb_router",
    "inboxdb_observer",
)

SET_LOCK_TIMEOUT = "select pg_catalog.set_config('lock_timeout', %s, true)"

# Views and functions listing the rights on "Lead" and judging the names: needed before inboxdb is installed, too.
LISTING = (
    "access/lead_policy.view.sql",
    "access/lead_right.view.sql",
    "access/lead_view.view.sql",
    "access/require_named_roles.sql",
)

LISTED = """
select
  pg_catalog.to_regclass('inboxdb.lead_right') is not null and pg_catalog.to_regclass('inboxdb.lead_view') is not null
  and pg_catalog.to_regproc('inboxdb.require_named_roles') is not null
"""


class Named(NamedTuple):
    """An owner's decision about the roles with rights on "Lead"."""

    trusted: Sequence[str] = ()
    restricted: Sequence[str] = ()
    keep_host_policies: bool = False

    @property
    def arguments(self) -> tuple[list[str], list[str], bool]:
        """The arguments of require_named_roles and protect_leads."""
        return list(self.trusted), list(self.restricted), self.keep_host_policies


@dataclass(frozen=True)
class LeadRight:
    """A role with rights on "Lead": rights bound by policies, and rights bound by none."""

    role_name: str
    rights: str | None
    unbound_rights: str | None
    bypasses: bool
    has_host_policy: bool
    named: str | None


@dataclass(frozen=True)
class LeadPolicy:
    """A policy of the host's on "Lead"."""

    policy_name: str
    command: str
    is_permissive: bool
    roles: list[str]


@dataclass(frozen=True)
class LeadView:
    """A view of the host's through which its readers see "Lead" past any policy."""

    view_name: str
    readers: str | None


@dataclass(frozen=True)
class LeadAccess:
    """The starting state: whether row-level security is on, the decision (None before the installation), its state
    (drifted where the catalog does not agree), the roles named by our policies, the roles with rights on "Lead", and
    the host's policies and views letting rows through.
    """

    enabled: bool
    forced: bool
    decided: str | None
    state: str | None
    trusted: list[str]
    restricted: list[str]
    rights: list[LeadRight]
    policies: list[LeadPolicy]
    views: list[LeadView]

    @property
    def undecided(self) -> bool:
        """Whether the owner has yet to say if "Lead" is to be protected."""
        return self.decided in (None, "undecided")

    @property
    def protected(self) -> bool:
        """Whether "Lead" has our policies."""
        return self.decided in ("enabled", "joined")

    def contradicts(self, asked: Named) -> bool:
        """Whether "Lead" was left out, or a role named otherwise."""
        otherwise = {*asked.trusted} & {*self.restricted} or {*asked.restricted} & {*self.trusted}
        return not self.protected or bool(otherwise)

    def names(self, asked: Named) -> bool:
        """Whether our policies name the roles as asked."""

        def are(asked: Sequence[str], named: list[str]) -> bool:
            return "public" in named or {*asked} <= {*named}  # beside PUBLIC a policy keeps no other role

        # joined: our policy names the restricted roles only
        trusts = self.decided == "joined" or are(asked.trusted, self.trusted)
        return trusts and are(asked.restricted, self.restricted)

    def with_names(self, asked: Named) -> Named:
        """The roles as asked, and those that our policies name; policies of the host's were let be before."""
        trusted, restricted = {*self.trusted, *asked.trusted}, {*self.restricted, *asked.restricted}
        return Named(sorted(trusted), sorted(restricted), asked.keep_host_policies or self.state != "drifted")

    def stands(self, asked: Named) -> bool:
        """Whether "Lead" is protected as asked: in force, and no restricted role past it."""
        unbound = {right.role_name for right in self.rights if right.bypasses}
        is_in_force = self.protected and self.enabled and self.state == self.decided
        return is_in_force and self.names(asked) and not unbound & {*asked.restricted}

    def sees(self, right: LeadRight) -> str:
        """Say which rows of "Lead" a role with rights sees now."""
        if right.bypasses or not self.enabled:
            return "every row"
        seen = [
            "every row" if right.named == "trusted" else "",
            "what the signed-in user may see" if right.named == "restricted" else "",
            "what the host's policies let through" if right.has_host_policy else "",
        ]
        return ", and ".join(filter(None, seen)) or "no row"

    def will_see(self, right: LeadRight, asked: Named | None) -> str:
        """Say which rows it will see with the roles named so; None: once row-level security is off."""
        if asked is None:
            ends = self.decided == "enabled" and not self.policies
            return "every row" if ends else self.sees(replace(right, named=None))
        if right.role_name in asked.restricted:
            return replace(self, enabled=True).sees(replace(right, named="restricted"))
        if right.role_name in asked.trusted:
            return self.sees(replace(right, named=None if self.joins else "trusted"))
        return "? name it with --trust or --restrict"

    @property
    def joins(self) -> bool:
        """Whether row-level security was, or would be, found on rather than turned on by us."""
        return self.decided == "joined" or (self.enabled and self.decided != "enabled")


@dataclass(frozen=True)
class RoleRights:
    """A role of the grants matrix: whether it is there, and whether it was made just now."""

    role: str
    exists: bool
    created: bool


def lead_access(dsn: str) -> LeadAccess:
    """List who has rights on "Lead", and the state of its row-level security. Changes nothing."""
    with session(dsn, application_name="inboxdb rls") as connection, _listing(connection):
        return _read(connection)


def check(dsn: str, named: Named) -> None:
    """Refuse what turn_on would refuse. Changes nothing.

    Raises DatabaseRefused (IB008).
    """
    with session(dsn, application_name="inboxdb rls") as connection, _listing(connection):
        connection.execute("select inboxdb.require_named_roles(%s, %s, %s)", named.arguments)


def turn_on(dsn: str, named: Named, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
    """Turn row-level security on "Lead" on, or name its roles anew.

    Parameters: dsn; named; lock_timeout, how many seconds to wait for "Lead" at a time.
    Raises DatabaseRefused (IB008, 55P03), before anything is changed.
    """
    with_lead(dsn, "select inboxdb.protect_leads(%s, %s, %s)", named.arguments, lock_timeout)
    if not lead_access(dsn).stands(named):
        raise InboxdbError(
            'row-level security on "Lead" was turned on, and is not in force: something else, as an event trigger, '
            "changes it. `inboxdb rls plan` says who sees what."
        )


def turn_off(dsn: str, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
    """Take our policies off "Lead", and turn row-level security off if inboxdb turned it on. Also: leave it out.

    Parameters: dsn; lock_timeout, as of turn_on.
    Raises DatabaseRefused (55P03), before anything is changed.
    """
    with_lead(dsn, "select inboxdb.unprotect_leads()", (), lock_timeout)


def roles(dsn: str, *, create: bool = False, installed: bool = True) -> list[RoleRights]:
    """List the roles of the grants matrix, and make the rights of existing ones equal to the matrix.

    Parameters: dsn; create, whether to make the missing ones, without login; installed, False to leave the rights to
    the migration that is about to give them.
    Raises InboxdbError where it may not create roles.
    """
    with session(dsn, application_name="inboxdb roles") as connection, transaction(connection):
        connection.execute(SET_LOCK_TIMEOUT, (f"{LOCK_TIMEOUT:g}s",))
        known = {
            name
            for (name,) in connection.execute(
                "select r.rolname from pg_catalog.pg_roles as r where r.rolname = any (%s)", (list(ROLES),)
            )
        }
        missing = [role for role in ROLES if role not in known] if create else []
        if missing and not _may_create_roles(connection):
            raise InboxdbError(
                f"this role may not create roles: let an administrator run `create role … nologin` for "
                f"{', '.join(missing)}, then run `inboxdb roles`. Nothing was changed."
            )
        for role in missing:
            connection.execute(SQL("create role {} nologin").format(Identifier(role)))
        if installed:
            connection.execute("select inboxdb.apply_grants(), inboxdb.protect_topics()")
            # GRANT by a role that does not own an object is a warning of the server's
            if found := run_one(connection, "doctor/grants.sql"):
                raise InboxdbError(
                    f"the rights are not as they are to be: {found[0].evidence}. Nothing was changed. Run it as the "
                    "role that owns inboxdb's schemas and all that is in them: `inboxdb migrate verify` compares."
                )
        return [RoleRights(role, role in known or role in missing, role in missing) for role in ROLES]


def publish(dsn: str) -> None:
    """Make the publication inboxdb_lead.

    Raises DatabaseRefused (IB009); InboxdbError where the publication exists already.
    """
    with session(dsn, application_name="inboxdb publication") as connection:
        if _published(connection):
            raise InboxdbError(
                "there is a publication inboxdb_lead already. Nothing was changed. `inboxdb migrate verify` says "
                "whether it is as it is to be; if not: `inboxdb publication off`, then `inboxdb publication on`."
            )
    with_lead(dsn, "select inboxdb.publish_leads()", ())


def unpublish(dsn: str) -> bool:
    """Drop the publication inboxdb_lead, and say whether there was one."""
    with session(dsn, application_name="inboxdb publication") as connection:
        there_was_one = _published(connection)
        connection.execute("drop publication if exists inboxdb_lead")
        return there_was_one


def _published(connection: Connection) -> bool:
    query = "select from pg_catalog.pg_publication as p where p.pubname = 'inboxdb_lead'"
    return connection.execute(query).fetchone() is not None


def _may_create_roles(connection: Connection) -> bool:
    row = connection.execute(
        "select r.rolsuper or r.rolcreaterole from pg_catalog.pg_roles as r where r.rolname = current_user"
    ).fetchone()
    return row == (True,)


def with_lead(dsn: str, statement: str, parameters: Sequence[object], lock_timeout: float = LOCK_TIMEOUT) -> None:
    """Run a statement that locks "Lead", again and again while the lock is not free in time.

    Parameters: dsn; statement; parameters, of it; lock_timeout, how many seconds to wait at a time.
    Raises DatabaseRefused (55P03 and the statement's own), before anything is changed.
    """
    with session(dsn, application_name="inboxdb rls") as connection:

        def once() -> None:
            with transaction(connection):
                connection.execute(SET_LOCK_TIMEOUT, (f"{lock_timeout:g}s",))
                connection.execute(statement.encode(), parameters)

        retrying(once)


@contextmanager
def _listing(connection: Connection) -> Iterator[None]:
    """Provide the views listing rights for as long as the `with` block lasts: the installed ones, or, before the
    installation, ones made in a transaction that is rolled back.
    """
    if connection.execute(LISTED).fetchone() == (True,):
        yield
        return
    with connection.transaction(force_rollback=True):
        connection.execute("create schema if not exists inboxdb")
        for file in LISTING:
            connection.execute((sources.SQL / file).read_bytes())
        yield


def _read(connection: Connection) -> LeadAccess:
    lead = connection.execute(
        """
        select c.relrowsecurity, c.relforcerowsecurity,
          pg_catalog.to_regprocedure('inboxdb.lead_rls()') is not null
          and pg_catalog.to_regprocedure('inboxdb.lead_rls_state()') is not null
        from pg_catalog.pg_class as c
        where c.oid = pg_catalog.to_regclass('public."Lead"')
        """
    ).fetchone()
    if lead is None:
        raise InboxdbError('there is no table public."Lead" here: connect to the application\'s database.')
    enabled, forced, installed = lead
    decided = state = None
    if installed:
        ((decided, state),) = connection.execute("select inboxdb.lead_rls(), inboxdb.lead_rls_state()").fetchall()
    named = connection.execute(
        """
        select
          p.polname::text,
          case bound.role_oid when 0 then 'public' else pg_catalog.pg_get_userbyid(bound.role_oid)::text end
        from pg_catalog.pg_policy as p
        cross join lateral pg_catalog.unnest(p.polroles) as bound (role_oid)
        where p.polrelid = pg_catalog.to_regclass('public."Lead"') and p.polname like 'inboxdb\\_%'
        """
    ).fetchall()
    trusted, restricted = (
        sorted(role for policy, role in named if policy == of) for of in ("inboxdb_trusted", "inboxdb_member")
    )
    rights = connection.cursor(row_factory=class_row(LeadRight)).execute(
        """
        select l.role_name, l.rights, l.unbound_rights, l.bypasses, l.has_host_policy, l.named
        from inboxdb.lead_right as l
        order by l.bypasses desc, l.role_name
        """
    )
    policies = connection.cursor(row_factory=class_row(LeadPolicy)).execute(
        """
        select
          p.policy_name, p.command, p.is_permissive,
          array(
            select case b.role_oid when 0 then 'public' else pg_catalog.pg_get_userbyid(b.role_oid)::text end
            from pg_catalog.unnest(p.bound_roles) as b (role_oid)
          ) as roles
        from inboxdb.lead_policy as p
        order by p.policy_name
        """
    )
    views = connection.cursor(row_factory=class_row(LeadView)).execute(
        "select v.view_name, v.readers from inboxdb.lead_view as v order by v.view_name"
    )
    return LeadAccess(
        enabled, forced, decided, state, trusted, restricted, rights.fetchall(), policies.fetchall(), views.fetchall()
    )
