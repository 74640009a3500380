"""Ids of any length: no write of the host's fails by an index of ours, and what none can hold is named."""

import secrets
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from inboxdb.counts.verify import verify
from inboxdb.drain.run import drain
from inboxdb.watch import doctor
from tests.parts import one_in
from tests.rows import Host, new_id, stored_counts
from tests.servers import Database
from tests.test_cli import invoke

LONGEST = 2000


def long_id(length: int) -> str:
    """Make an id that no index compresses."""
    return secrets.token_urlsafe(length)[:length]


def drop_the_hosts_indexes(owner: Connection[Any]) -> None:
    """Leave the host's tables with our indexes alone, which then are the only ones to refuse an id."""
    for table, constraint in owner.execute(
        "select conrelid::regclass::text, conname from pg_constraint "
        "where connamespace = 'public'::regnamespace and contype in ('p', 'u') order by 2"
    ).fetchall():
        owner.execute(SQL("alter table {} drop constraint {} cascade").format(SQL(table), Identifier(constraint)))
    for (index,) in owner.execute(
        "select indexname from pg_indexes where schemaname = 'public' and indexname !~ '^inboxdb_'"
    ).fetchall():
        owner.execute(SQL("drop index public.{}").format(Identifier(index)))


def findings(database: Database, check: str) -> list[str]:
    [found] = [one for one in doctor.examine(database.dsn) if one.check == check]
    return [finding.evidence for finding in found.findings]


@pytest.mark.parametrize("length", one_in(3, [LONGEST, LONGEST + 1, 3000]))
def test_workspaces(length: int, database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    drop_the_hosts_indexes(owner)
    fits = length == LONGEST
    workspace, other = host.workspace(id=long_id(length)), host.workspace()
    user = new_id()
    leads = [host.lead(workspace, assignedToUserId=user) for _ in range(3)]
    draft = host.draft(leads[0])
    host.update("Lead", leads[0], status="needs_repair")
    host.update("AIDraft", draft, status="approved")
    drain(database.dsn)
    # to another workspace and back, and gone
    host.update("Lead", leads[1], clientId=other)
    host.delete("Lead", leads[2])
    host.delete("AIDraft", draft)
    drain(database.dsn)
    assert verify(database.dsn).healthy
    assert sorted(stored_counts(owner)) == sorted([other, *([workspace] if fits else [])])
    assert owner.execute("select from inboxdb.change").rowcount == 0
    host.update("Lead", leads[1], clientId=workspace)
    host.connection.execute('truncate "AIDraft"')
    drain(database.dsn)
    assert verify(database.dsn).healthy
    if fits:
        assert findings(database, "ids") == []
        return

    [said] = findings(database, "ids")
    assert f"workspace {workspace[:40]}... is not counted: its id has {length} bytes" in said
    assert findings(database, "missed") == []
    for command in ("mark", "recompute"):
        refused = invoke(command, workspace, "--dsn", database.dsn)
        assert refused.exit_code == 1
        assert f"has {length} bytes" in refused.output
    with pytest.raises(psycopg.Error) as raised:
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert raised.value.sqlstate == "IB019"

    host.update("Client", workspace, id="short")
    owner.execute('update "Lead" set "clientId" = %s where "clientId" = %s', ["short", workspace])
    drain(database.dsn)
    assert findings(database, "ids") == []
    assert stored_counts(owner)["short"]
    assert verify(database.dsn).healthy


@pytest.mark.parametrize("of", ["lead", "user"])
def test_leads_and_users(of: str, database: Database) -> None:
    """The workspace is quarantined, with the reason; others are counted."""
    owner, host = database.connect(), Host(database.writer())
    drop_the_hosts_indexes(owner)
    workspace, other = host.workspace(), host.workspace()
    too_long = long_id(3000)
    host.lead(workspace)
    lead = host.lead(workspace, **({"id": too_long} if of == "lead" else {"assignedToUserId": too_long}))
    host.lead(other)
    drain(database.dsn)
    host.update("Lead", lead, status="needs_repair")
    host.lead(other)
    drain(database.dsn)
    assert list(stored_counts(owner)) == [other]
    assert "the id of a lead or a user is longer than an index can hold" in findings(database, "quarantine")[0]
    for _ in range(8):
        owner.execute(
            "update inboxdb.inbox_counts_dirty set next_attempt_at = now() where quarantined_at is null; "
            "update inboxdb.drain_state set claim_from = '-infinity'"
        )
        drain(database.dsn)
    assert f"workspace {workspace} is quarantined" in findings(database, "quarantine")[0]

    host.update("Lead", lead, **({"id": "short"} if of == "lead" else {"assignedToUserId": "short"}))
    assert invoke("requeue", workspace, "--dsn", database.dsn).exit_code == 0
    drain(database.dsn)
    assert findings(database, "quarantine") == []
    assert sorted(stored_counts(owner)) == sorted([workspace, other])
    assert verify(database.dsn).healthy


def test_the_plan_names_them(bare_database: Database) -> None:
    host = Host(bare_database.writer())
    workspace = host.workspace(id=long_id(LONGEST + 1))
    lead = host.lead(host.workspace(), id=long_id(2650))
    said = invoke("migrate", "plan", "--dsn", bare_database.dsn).output
    for id, bytes in ((workspace, 2001), (lead, 2650)):
        assert f"has an id of {bytes} bytes, starting with '{id[:40]}'" in " ".join(said.split())
    assert invoke("migrate", "apply", "--without-rls", "--dsn", bare_database.dsn).exit_code == 0
    host.lead(workspace)
    drain(bare_database.dsn)
    assert workspace not in stored_counts(bare_database.connect())
