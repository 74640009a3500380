"""The publication inboxdb_lead, and what keeps personal data from whoever else is told of leads."""

import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier

from inboxdb.demo import embedded
from inboxdb.install import migrate
from tests.rows import Host, new_id
from tests.servers import DRAINER, MEMBER, MONITOR, OWNER, WRITER, Database

CONTRACTS = (Path(__file__).parent.parent / "docs" / "contracts.md").read_text()

PUBLISHED = {"id", "clientId", "assignedToUserId", "updatedAt"}

ANN, BEN = ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b")

PERSONAL = "Ada Lovelace"  # in every personal column there is

LATER = "2024-05-06 07:08:09.123"

PUBLISH = "select inboxdb.publish_leads()"

EXISTS = "select from pg_publication"


# What a subscriber sees


@contextmanager
def subscribed(database: Database) -> Iterator[Callable[[], bytes]]:
    """Subscribe to inboxdb_lead; yields what returns the bytes of the stream up to now, each time from the start."""
    superuser = database.superuser()
    slot = f"inboxdb_test_{secrets.token_hex(6)}"
    superuser.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])

    def received() -> bytes:
        [(until,)] = superuser.execute("select pg_current_wal_lsn()").fetchall()
        return subprocess.run(
            [
                *(embedded.binaries(18) / "pg_recvlogical", "--dbname", database.server.dsn_of(database.name)),
                *("--slot", slot, "--start", "--file", "-", "--endpos", until, "--no-loop"),
                *("--option", "proto_version=1", "--option", "publication_names=inboxdb_lead"),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        ).stdout

    try:
        yield received
    finally:
        superuser.execute("select pg_drop_replication_slot(%s)", [slot])


def changes(stream: bytes) -> list[tuple[str, dict[str, str | None]]]:
    """Read a stream of pgoutput's, version 1 of its protocol: inserts and updates of one table, by column.

    Anything else in it fails the test.
    """
    found = []
    columns: list[str] = []
    data = BytesIO(stream)

    def number(size: int) -> int:
        return int.from_bytes(data.read(size))

    def string() -> str:
        return b"".join(iter(lambda: data.read(1), b"\0")).decode()

    def row() -> dict[str, str | None]:
        assert number(2) == len(columns)
        return {name: data.read(number(4)).decode() if data.read(1) == b"t" else None for name in columns}

    while kind := data.read(1).decode():
        match kind:
            case "B":  # begin
                data.read(20)
            case "C":  # commit
                data.read(25)
            case "R":  # what the table looks like
                data.read(4)
                assert (string(), string()) == ("public", "Lead")
                data.read(1)
                columns = []
                for _ in range(number(2)):
                    data.read(1)
                    columns.append(string())
                    data.read(8)
            case "I" | "U":
                data.read(4)
                if data.read(1) == b"K":  # the old key, where it changed
                    row()
                    data.read(1)
                found.append(("insert" if kind == "I" else "update", row()))
            case _:
                raise AssertionError(f"a message of kind {kind}")
        assert data.read(1) == b"\n"  # pg_recvlogical's own
    return found


def assert_nothing_else(stream: bytes) -> None:
    """Fail where a stream says more than it may."""
    assert all(row.keys() == PUBLISHED for _, row in changes(stream))
    assert PERSONAL.encode() not in stream


def write_personal_data(host: Host) -> tuple[str, list[str]]:
    """Write a workspace, leads and what hangs on them, change and delete them; return it and three leads' ids."""
    texts = host.connection.execute(
        """
        select column_name
        from information_schema.columns
        where table_name = 'Lead' and data_type = 'text' and column_name <> all (%s)
        """,
        [[*PUBLISHED, "smsCampaignId", "status"]],
    )
    personal: dict[str, str | None] = {column: PERSONAL for (column,) in texts}
    assert personal.keys() > {"firstName", "lastName", "email", "phone", "companyName", "sentimentTag"}
    personal["alternateEmails"] = f'{{"{PERSONAL}"}}'

    workspace = host.workspace(name=PERSONAL)
    host.member(workspace, ANN, "SETTER")
    plain, moved, deleted = (host.lead(workspace, assignedToUserId=ANN, **personal) for _ in range(3))
    host.message(plain, body=PERSONAL, subject=PERSONAL)
    host.draft(plain, content=PERSONAL)
    host.update("Lead", plain, firstName=f"{PERSONAL}, née Byron", status=PERSONAL)
    host.update("Lead", moved, assignedToUserId=BEN, updatedAt=LATER)
    another = new_id()
    host.update("Lead", moved, id=another, assignedToUserId=None)
    host.delete("Lead", deleted)
    host.connection.execute('truncate "Lead" cascade')
    return workspace, [plain, moved, another, deleted]


@pytest.mark.all_hosts
def test_a_subscriber_sees_whose_and_when_and_nothing_else(
    database: Database, host: Host, owner: Connection[Any]
) -> None:
    owner.execute(PUBLISH)
    with subscribed(database) as received:
        workspace, (plain, moved, another, deleted) = write_personal_data(host)
        stream = received()
    seen = changes(stream)
    assert [(kind, row["id"], row["assignedToUserId"], str(row["updatedAt"])[:10]) for kind, row in seen] == [
        ("insert", plain, ANN, "2024-01-01"),
        ("insert", moved, ANN, "2024-01-01"),
        ("insert", deleted, ANN, "2024-01-01"),
        ("update", plain, ANN, "2024-01-01"),
        ("update", moved, BEN, "2024-05-06"),
        ("update", another, None, "2024-05-06"),
    ]
    assert {row["clientId"] for _, row in seen} == {workspace}
    assert_nothing_else(stream)


@pytest.mark.parametrize(
    "spoil",
    [
        'alter publication inboxdb_lead set table public."Lead"',
        'alter publication inboxdb_lead set table public."Lead" (id, "clientId", email)',
        "alter publication inboxdb_lead set (publish = 'insert, update, delete')",
        "alter publication inboxdb_lead set (publish = 'insert, update, truncate')",
        'alter publication inboxdb_lead add table public."Message"',
    ],
)
def test_a_wider_publication_would_be_noticed(
    database: Database, host: Host, owner: Connection[Any], spoil: str
) -> None:
    owner.execute(PUBLISH)
    owner.execute(spoil)
    with subscribed(database) as received:
        write_personal_data(host)
        stream = received()
    with pytest.raises(AssertionError):
        assert_nothing_else(stream)


def test_streams_can_be_tested_here(owner: Connection[Any]) -> None:
    assert owner.execute("show wal_level").fetchall() == [("logical",)]


@pytest.mark.parametrize("role", [OWNER, WRITER, MEMBER, DRAINER, MONITOR])
def test_no_role_of_the_applications_gets_a_stream(database: Database, owner: Connection[Any], role: str) -> None:
    owner.execute(PUBLISH)
    with subscribed(database):
        superuser = database.superuser()
        [(slot,)] = superuser.execute(
            "select slot_name from pg_replication_slots where database = current_database()"
        ).fetchall()
        connection = database.connect(role)
        for call in (
            f"pg_logical_slot_peek_binary_changes('{slot}', null, null, 'proto_version', '1')",
            f"pg_logical_slot_get_changes('{slot}', null, null)",
            "pg_create_logical_replication_slot('theirs', 'pgoutput')",
            f"pg_drop_replication_slot('{slot}')",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"select {call}")
        dsn = database.server.dsn_of(database.name, role)
        with pytest.raises(psycopg.OperationalError, match=r"to start (WAL sender|walsender)"):
            psycopg.connect(dsn, replication="database")
        # the same door is open to whoever has REPLICATION
        psycopg.connect(superuser.info.dsn, replication="database").close()


# Making it


def test_it_is_off_unless_asked_for(owner: Connection[Any]) -> None:
    assert owner.execute(EXISTS).rowcount == 0


@pytest.mark.all_hosts
def test_it_stops_no_writer(owner: Connection[Any], host: Host) -> None:
    lead = host.lead(host.workspace())
    with owner.transaction():
        owner.execute(PUBLISH)
        host.connection.execute("set lock_timeout = '2s'")
        host.update("Lead", lead, firstName=PERSONAL)
        host.delete("Lead", lead)


REFUSED = {
    "FULL": 'alter table "Lead" replica identity full',
    "NOTHING": 'alter table "Lead" replica identity nothing',
    "an index": """
        create unique index other on "Lead" (id, status);
        alter table "Lead" replica identity using index other
    """,
    "no primary key": 'alter table "Lead" drop constraint "Lead_pkey" cascade',
    "another primary key": """
        alter table "Lead" drop constraint "Lead_pkey" cascade;
        alter table "Lead" add constraint "Lead_pkey" primary key (id, status)
    """,
    "a primary key that cannot be one": """
        alter table "Lead" drop constraint "Lead_pkey" cascade;
        alter table "Lead" add constraint "Lead_pkey" primary key (id) deferrable
    """,
}

REFUSED_IDENTITIES = pytest.mark.parametrize("alter", REFUSED.values(), ids=REFUSED.keys())


@REFUSED_IDENTITIES
def test_a_replica_identity_with_other_columns_is_refused(owner: Connection[Any], host: Host, alter: str) -> None:
    lead = host.lead(host.workspace())
    owner.execute(alter)
    with pytest.raises(psycopg.Error) as raised:
        owner.execute(PUBLISH)
    assert raised.value.sqlstate == "IB009"
    assert raised.value.diag.message_detail
    assert raised.value.diag.message_hint
    assert owner.execute(EXISTS).rowcount == 0
    host.update("Lead", lead, firstName=PERSONAL)


@REFUSED_IDENTITIES
def test_beside_it_every_update_would_fail(owner: Connection[Any], host: Host, alter: str) -> None:
    lead = host.lead(host.workspace())
    owner.execute(alter)
    owner.execute(
        'create publication inboxdb_lead for table "Lead" (id, "clientId", "assignedToUserId", "updatedAt") '
        "with (publish = 'insert, update')"
    )
    with pytest.raises(psycopg.Error) as raised:
        host.update("Lead", lead, firstName=PERSONAL)
    assert raised.value.sqlstate in ("42P10", "55000")


def test_an_identity_of_published_columns_will_do(owner: Connection[Any], host: Host) -> None:
    lead = host.lead(host.workspace())
    owner.execute('create unique index other on "Lead" (id, "clientId")')
    owner.execute('alter table "Lead" replica identity using index other')
    owner.execute(PUBLISH)
    host.update("Lead", lead, firstName=PERSONAL)


def test_it_is_for_the_owner_alone(database: Database, owner: Connection[Any]) -> None:
    for connection in (
        *(database.connect(role) for role in (WRITER, MEMBER, DRAINER, MONITOR)),
        *(database.signed_in(ANN, role) for role in ("authenticated", "anon")),
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(PUBLISH)
    database.superuser().execute(
        SQL("revoke create on database {} from {}").format(*map(Identifier, (database.name, OWNER)))
    )
    with pytest.raises(errors.InsufficientPrivilege):
        owner.execute(PUBLISH)
    assert owner.execute(EXISTS).rowcount == 0


def test_made_dropped_and_made_again(owner: Connection[Any]) -> None:
    owner.execute(PUBLISH)
    with pytest.raises(errors.DuplicateObject):
        owner.execute(PUBLISH)
    owner.execute("drop publication inboxdb_lead")
    owner.execute(PUBLISH)
    assert owner.execute(EXISTS).rowcount == 1


def test_it_goes_with_inboxdb(database: Database, owner: Connection[Any]) -> None:
    owner.execute(PUBLISH)
    migrate.rollback(database.dsn, count=None)
    assert owner.execute(EXISTS).rowcount == 0


# Supabase's own publication


@pytest.mark.all_hosts
def test_column_grants_keep_personal_data_from_browsers(database: Database, host: Host, owner: Connection[Any]) -> None:
    """Realtime leaves out the columns that the client's role may not read; so this role is asked."""
    owner.execute('grant all on "Lead" to anon, authenticated')
    owner.execute('create publication supabase_realtime for table "Message"')
    owner.execute("select inboxdb.protect_leads(%s, %s)", [[WRITER], ["anon", "authenticated"]])
    workspace, elsewhere = host.workspace(userId=ANN), host.workspace(userId=BEN)
    lead = host.lead(workspace, firstName=PERSONAL)
    host.lead(elsewhere, firstName=PERSONAL)
    ann = database.signed_in(ANN)
    assert ann.execute('select "firstName" from "Lead"').fetchall() == [(PERSONAL,)]

    [recipe] = re.findall(r"^```sql\n(revoke .*?)^```", CONTRACTS, re.DOTALL | re.MULTILINE)
    owner.execute(recipe)
    published = ann.execute('select id, "clientId", "assignedToUserId", "updatedAt" from public."Lead"').fetchall()
    assert [str(row[0]) for row in published] == [lead]
    columns = {
        name
        for (name,) in owner.execute(
            "select column_name from information_schema.columns where table_schema = 'public' and table_name = 'Lead'"
        )
    }
    assert len(columns) > len(PUBLISHED)
    for column in (SQL("*"), *map(Identifier, columns - PUBLISHED)):
        with pytest.raises(errors.InsufficientPrivilege):
            ann.execute(SQL('select {} from public."Lead"').format(column))
    anybody = database.signed_in(None, "anon")
    for column in map(Identifier, columns):
        with pytest.raises(errors.InsufficientPrivilege):
            anybody.execute(SQL('select {} from public."Lead"').format(column))
    assert owner.execute(
        "select pubinsert, pubupdate, pubdelete, pubtruncate from pg_publication where pubname = 'supabase_realtime'"
    ).fetchall() == [(True, True, False, False)]
    assert owner.execute(
        "select tablename from pg_publication_tables where pubname = 'supabase_realtime' order by tablename"
    ).fetchall() == [("Lead",), ("Message",)]
