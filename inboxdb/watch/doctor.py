"""The findings a DBA should know about an installation, on one page: each check is a query of sql/checks/doctor/, or a
part of what `inboxdb migrate verify` compares.
"""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from inboxdb.database import checks
from inboxdb.database.checks import NOT_LOOKED_AT, PROBLEM, SEVERITIES, Finding
from inboxdb.database.connection import Connection, describe, session
from inboxdb.database.errors import InboxdbError
from inboxdb.install.differences import lost_or_changed

HEALTHY = "healthy"
STATUSES = (*SEVERITIES, HEALTHY)  # the worst first

# Checks that compare the objects of a kind with what is shipped.
COMPARED = {
    "functions": "routine",
    "indexes": "index",
    "policies": "policy",
    "tables": "relation",
    "triggers": "trigger",
}

OURS = {"inboxdb", "inbox_api"}


@dataclass(frozen=True)
class Check:
    """A check and its findings."""

    check: str
    findings: list[Finding]

    @property
    def as_json(self) -> dict[str, object]:
        """The check in the answer of `inboxdb doctor --json`."""
        findings = [
            {"severity": finding.severity, "evidence": finding.evidence, "remedy": finding.remedy}
            for finding in self.findings
        ]
        return {"check": self.check, "status": self.status, "findings": findings}

    @property
    def status(self) -> str:
        """The worst severity of its findings, healthy without any."""
        return min((finding.severity for finding in self.findings), key=STATUSES.index, default=HEALTHY)


def examine(dsn: str, *, prisma_schema: Path | None = None) -> list[Check]:
    """Run every check. Changes nothing.

    Parameters: dsn; prisma_schema, the host's schema.prisma, looked at if given.
    Returns the checks, the worst first.
    Raises CannotConnect, ConnectionLost; InboxdbError where inboxdb is not installed.
    """
    with session(dsn, application_name="inboxdb doctor") as connection:
        # by the catalog, readable without rights in the schema
        installed = """
            select from pg_catalog.pg_class as c
            where c.relnamespace = pg_catalog.to_regnamespace('inboxdb') and c.relname in ('drain_state', 'workspace')
        """
        if connection.execute(installed).rowcount == 0:
            raise InboxdbError(f"inboxdb is not installed in {describe(dsn)}: run `inboxdb migrate apply`.")
        found = checks.run(connection, "doctor") | checks.run(connection, "both")
        for name in COMPARED:
            look = partial(_compared, connection, name)
            is_suspended = any(finding.severity == PROBLEM for finding in found["suspended"])
            found[name] = [_not_while_suspended(name)] if is_suspended else checks.attempt(connection, name, look)
        examined = [Check(name, found[name]) for name in sorted(found)]
    if prisma_schema is not None:
        examined.append(
            Check("prisma_schema", prisma_findings(prisma_schema.read_text(encoding="utf-8", errors="replace")))
        )
    return sorted(examined, key=lambda check: STATUSES.index(check.status))


def _not_while_suspended(check: str) -> Finding:
    return Finding(check, NOT_LOOKED_AT, "inboxdb is suspended, so it is not as shipped", "`inboxdb migrate resume`")


def _compared(connection: Connection, check: str) -> list[Finding]:
    return [
        Finding(check, PROBLEM, f"{difference.object}: {difference.installed}", difference.remedy.command)
        for difference in lost_or_changed(connection, COMPARED[check])
    ]


def prisma_findings(text: str) -> list[Finding]:
    """Find schemas of ours among those that a Prisma schema, given as text, has Prisma manage."""
    code = re.sub(r"//.*", "", text)
    listed = set(re.findall(r'"([^"]*)"', " ".join(re.findall(r"\bschemas\s*=\s*\[(.*?)\]", code, re.DOTALL))))
    return [
        Finding(
            "prisma_schema",
            PROBLEM,
            f"schema {name} is among those that Prisma manages, and drops what it does not know from",
            f"take {name} out of the datasource's list of schemas",
        )
        for name in sorted(listed & OURS)
    ]
