"""Two tenants, everybody who might look at them, and the rows each may see."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from tests.rows import GLOBAL, WRITTEN_AT, Host
from tests.servers import DRAINER, MAINTAINER, MEMBER, MONITOR, OBSERVER, ROUTER, WRITER, Database

ACME, GLOBEX = "Acme", "Globex"

# OWNER is no membership but "Client"."userId"; AUDITOR a role of the host's, unknown to inboxdb;
# memberships in brackets have ended. "all" sees the whole workspace, "own" only leads assigned to them.
TABLE = """
who                    | in Acme                                  | in Globex    | sees of Acme | of Globex
-----------------------|------------------------------------------|--------------|--------------|----------
the owner              | OWNER                                    |              | all          | nothing
an admin               | ADMIN                                    |              | all          | nothing
a manager              | INBOX_MANAGER                            |              | all          | nothing
a client               | CLIENT_PORTAL                            |              | all          | nothing
a setter               | SETTER                                   |              | own          | nothing
a setter and client    | SETTER CLIENT_PORTAL                     |              | own          | nothing
a manager who sets     | INBOX_MANAGER SETTER                     |              | all          | nothing
an admin who sets      | ADMIN SETTER                             |              | all          | nothing
a member in all roles  | ADMIN INBOX_MANAGER SETTER CLIENT_PORTAL |              | all          | nothing
an auditor             | AUDITOR                                  |              | nothing      | nothing
a setter who audits    | AUDITOR SETTER                           |              | own          | nothing
a setter in both       | SETTER                                   | SETTER       | own          | own
a setter here, admin   | SETTER                                   | ADMIN        | own          | all
a setter here, owner   | SETTER                                   | OWNER SETTER | own          | all
a stranger             |                                          | ADMIN        | nothing      | all
a removed admin        | (ADMIN)                                  |              | nothing      | nothing
a member of nothing    |                                          |              | nothing      | nothing
nobody                 |                                          |              | nothing      | nothing
the sentinel           | ADMIN                                    | ADMIN        | nothing      | nothing
"""

# The database's roles, and who logs in to take them. PUBLIC has no right of its own.
LOGINS = {
    "authenticated": MEMBER,
    "anon": MEMBER,
    "PUBLIC": MEMBER,
    "inboxdb_drainer": DRAINER,
    "inboxdb_maintainer": MAINTAINER,
    "inboxdb_monitor": MONITOR,
    "inboxdb_router": ROUTER,
    "inboxdb_observer": OBSERVER,
    WRITER: WRITER,
}


@dataclass(frozen=True)
class Person:
    """Somebody who looks: name, user id, and by workspace the roles held and how much may be seen."""

    name: str
    user: str | None
    roles: dict[str, list[str]]
    sees: dict[str, str]

    def may_see(self, workspace: str, whose: str | None) -> bool:
        """Say whether they may see rows of a user, by name, or of nobody."""
        return self.sees[workspace] == "all" or (self.sees[workspace] == "own" and whose == self.name)

    def belongs_to(self, workspace: str) -> bool:
        """Say whether they may see rows of the workspace as a whole."""
        return self.sees[workspace] != "nothing"


def _people() -> Iterator[Person]:
    ids = {"nobody": None, "the sentinel": GLOBAL}
    for number, line in enumerate(TABLE.strip().splitlines()[2:], start=1):
        name, in_acme, in_globex, of_acme, of_globex = (cell.strip() for cell in line.split("|"))
        yield Person(
            name,
            ids.get(name, f"00000000-0000-4000-8000-{number:012}"),
            {ACME: in_acme.split(), GLOBEX: in_globex.split()},
            {ACME: of_acme, GLOBEX: of_globex},
        )


PEOPLE = tuple(_people())
USERS = {person.name: person.user for person in PEOPLE if person.user}

# Users with leads awaiting a reply, so that counts differ from user to user.
WAITING = list(USERS)[::2]


def move_in(database: Database) -> dict[str, str]:
    """Write and count the tenants' rows: in each workspace a lead of nobody's, and a lead of each user's.

    The leads of Globex are `needs_repair`; all are called Somebody. A third workspace, of Acme's owner, was counted and
    deleted. Returns the ids of the workspaces by name.
    """
    owner, host = database.connect(), Host(database.writer())
    owner.execute("""alter type public."ClientMemberRole" add value 'AUDITOR'""")
    workspaces = {}
    for name, status in ((ACME, "new"), (GLOBEX, "needs_repair")):
        (owned_by,) = (person.user for person in PEOPLE if "OWNER" in person.roles[name])
        workspace = workspaces[name] = host.workspace(userId=owned_by)
        host.lead(workspace, status=status, firstName="Somebody")
        for whose, user in USERS.items():
            replied_at = WRITTEN_AT if whose in WAITING else None
            host.lead(workspace, status=status, firstName="Somebody", assignedToUserId=user, lastInboundAt=replied_at)
        for person in PEOPLE:
            for role in person.roles[name]:
                if person.user and role != "OWNER":
                    member = host.member(workspace, person.user, role.strip("()"))
                    if role.startswith("("):
                        host.delete("ClientMember", member)
    deleted = host.workspace(userId=PEOPLE[0].user)
    owner.execute("call inboxdb.drain_dirty()")
    host.delete("Client", deleted)
    owner.execute("call inboxdb.drain_dirty()")
    return workspaces


def become(connection: Connection[Any], role: str, person: Person) -> None:
    """Go on as a role, with a person's claims, until the transaction ends. `connection` is a superuser's.

    The session becomes the login role's, so that the session user is no superuser either.
    """
    connection.execute(SQL("set local session authorization {}").format(Identifier(LOGINS[role])))
    if role in ("authenticated", "anon"):
        connection.execute(SQL("set local role {}").format(Identifier(role)))
    claims = json.dumps({"sub": person.user, "role": role}) if person.user else ""
    connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
