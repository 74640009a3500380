"""Writes that make a change, and writes without: the rows left by writers in the change log."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier, Literal

from tests.rows import WRITTEN_AT, Host, new_id, set_clock, set_slice
from tests.servers import Database

Changes = Counter[tuple[str | None, str | None]]

HERE = "00000000-0000-4000-8000-00000000c001"
THERE = "00000000-0000-4000-8000-00000000c002"
LEAD = "00000000-0000-4000-8000-00000000e001"
OTHER_LEAD = "00000000-0000-4000-8000-00000000e002"
NEW_ID = "00000000-0000-4000-8000-00000000ffff"
ANN = "00000000-0000-4000-8000-00000000000a"
BOB = "00000000-0000-4000-8000-00000000000b"
CAMPAIGN = "00000000-0000-4000-8000-00000000d001"
OTHER_CAMPAIGN = "00000000-0000-4000-8000-00000000d002"

MONDAY = "2024-06-10 09:00:00+00"
TUESDAY = "2024-06-11 09:00:00+00"

# Every column of "Lead": two values.
LEAD_COLUMNS = {
    "id": (LEAD, NEW_ID),
    "firstName": ("Ann", "Bob"),
    "lastName": ("Ann", "Bob"),
    "email": ("a@example.org", "b@example.org"),
    "alternateEmails": ("{a@example.org}", "{b@example.org}"),
    "currentReplierEmail": ("a@example.org", "b@example.org"),
    "phone": ("1", "2"),
    "jobTitle": ("Buyer", "Seller"),
    "companyName": ("Here", "There"),
    "companyWebsite": ("here.example.org", "there.example.org"),
    "status": ("new", "blacklisted"),
    "sentimentTag": ("Interested", "Not Interested"),
    "overallScore": ("1", "2"),
    "scoreReasoning": ("Synthetic.", "Synthetic too."),
    "scoredAt": (MONDAY, TUESDAY),
    "lastInboundAt": (MONDAY, TUESDAY),
    "lastOutboundAt": (MONDAY, TUESDAY),
    "lastZrgOutboundAt": (MONDAY, TUESDAY),
    "lastMessageAt": (MONDAY, TUESDAY),
    "lastMessageDirection": ("inbound", "outbound"),
    "snoozedUntil": (MONDAY, TUESDAY),
    "assignedToUserId": (ANN, BOB),
    "assignedAt": (MONDAY, TUESDAY),
    "autoReplyEnabled": ("false", "true"),
    "autoFollowUpEnabled": ("false", "true"),
    "clientId": (HERE, THERE),
    "smsCampaignId": (CAMPAIGN, OTHER_CAMPAIGN),
    "createdAt": (MONDAY, TUESDAY),
    "updatedAt": (MONDAY, TUESDAY),
}
# Columns that the counts read: an UPDATE that names one is a change, whether the value changes or not.
COUNTED = {
    "id",
    "clientId",
    "status",
    "sentimentTag",
    "lastInboundAt",
    "lastOutboundAt",
    "lastZrgOutboundAt",
    "snoozedUntil",
    "assignedToUserId",
}
# Columns that are searched: an UPDATE that names one is a change of text, and none for the counts.
SEARCHED = {
    "firstName",
    "lastName",
    "email",
    "phone",
    "companyName",
    "smsCampaignId",
    "alternateEmails",
    "currentReplierEmail",
}
# An UPDATE that names any of these columns announces a message.
ROLLUPS = {"lastInboundAt", "lastOutboundAt", "lastZrgOutboundAt"}

# Every column of "AIDraft", likewise.
DRAFT = "00000000-0000-4000-8000-00000000f001"
DRAFT_COLUMNS = {
    "id": (DRAFT, NEW_ID),
    "leadId": (LEAD, OTHER_LEAD),
    "triggerMessageId": (ANN, BOB),
    "content": ("Synthetic.", "Synthetic too."),
    "channel": ("email", "sms"),
    "status": ("pending", "approved"),
    "autoSendAction": ("needs_review", "send"),
    "autoSendConfidence": ("0.5", "0.6"),
    "createdAt": (MONDAY, TUESDAY),
    "updatedAt": (MONDAY, TUESDAY),
}
DRAFT_COUNTED = {"leadId", "status", "autoSendAction"}

CLIENT_COLUMNS = {
    "id": (HERE, NEW_ID),
    "name": ("Here", "There"),
    "userId": (ANN, BOB),
    "createdAt": (MONDAY, TUESDAY),
    "updatedAt": (MONDAY, TUESDAY),
}


def changes(*expected: tuple[str | None, str | None]) -> Changes:
    """Changes as the log has them, in any order: the workspace, null where the writer names none, and the lead."""
    return Counter(expected)


def to_parameters(columns: Iterable[str]) -> str:
    """Write the SET of an UPDATE of each column to a parameter."""
    return ", ".join(f'"{column}" = %s' for column in columns)


def to_themselves(columns: Iterable[str]) -> str:
    """Write the SET of an UPDATE of each column to itself."""
    return ", ".join(f'"{column}" = "{column}"' for column in columns)


NONE = changes()
ALL = (None, None)


class World:
    """A database with two workspaces, a writing application, and the change log."""

    def __init__(self, database: Database) -> None:
        """Insert the workspaces; the log is empty then."""
        self.database = database
        self.owner = database.connect()
        self.writer = database.writer()
        self.host = Host(self.writer)
        for workspace in (HERE, THERE):
            self.host.workspace(id=workspace)
        for campaign in (CAMPAIGN, OTHER_CAMPAIGN):
            self.writer.execute('insert into "SmsCampaign" (id, name) values (%s, %s)', [campaign, "Synthetic"])
        self.taken()

    def taken(self) -> Changes:
        """Empty the log; return its changes."""
        found: Changes = Counter()
        for number in range(4):
            table = SQL("inboxdb.{}").format(Identifier(f"change_{number}"))
            taken = self.owner.execute(SQL("delete from {} returning client_id::text, lead_id::text").format(table))
            found.update((workspace, lead) for workspace, lead in taken)
        return found

    def noted(self, statement: str, *parameters: Any, rows: int = 1) -> Changes:
        """Let the application run a statement, to affect so many rows; return its changes."""
        cursor = self.writer.execute(statement, parameters or None)
        assert cursor.rowcount == rows, statement
        return self.taken()

    def insert(self, table: str, columns: dict[str, tuple[str, str]]) -> None:
        """Insert a row with the first value of each column."""
        self.writer.execute(
            SQL("insert into {} ({}) values ({})").format(
                Identifier(table),
                SQL(", ").join(map(Identifier, columns)),
                SQL(", ").join(Literal(value) for value, _ in columns.values()),
            )
        )

    def columns(self, table: str) -> dict[str, bool]:
        """Read a host table's columns from the catalog, and whether each may be null."""
        found = self.owner.execute(
            "select attname, not attnotnull from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0 and not attisdropped",
            [f'public."{table}"'],
        )
        return dict(found.fetchall())

    def noted_by_column(self, table: str, columns: dict[str, tuple[str, str]]) -> dict[str, dict[str, Changes]]:
        """Update a row's columns one by one, and back.

        Returns the changes, by kind of update and column: to another value, to the same value, and, where
        the column may be null, to null, from null to null, and from null.
        """
        nullable = self.columns(table)
        assert set(columns) == set(nullable), f'a column of "{table}" is missing here, or gone'
        found: dict[str, dict[str, Changes]] = {
            kind: {} for kind in ("other", "same", "to null", "same null", "from null")
        }
        for column, (value, other) in columns.items():
            key = other if column == "id" else columns["id"][0]
            statement = f'update "{table}" set "{column}" = %s where id = %s'
            found["other"][column] = self.noted(statement, other, columns["id"][0])
            self.noted(statement, value, key)
            found["same"][column] = self.noted(statement, value, columns["id"][0])
            if nullable[column]:
                found["to null"][column] = self.noted(statement, None, key)
                found["same null"][column] = self.noted(statement, None, key)
                found["from null"][column] = self.noted(statement, value, key)
        return found


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


# --- "Lead", UPDATE


@pytest.mark.all_hosts
def test_updates_of_each_lead_column(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()
    nullable = {column for column, may_be_null in world.columns("Lead").items() if may_be_null}

    found = world.noted_by_column("Lead", LEAD_COLUMNS)

    changed = dict.fromkeys(LEAD_COLUMNS, NONE) | dict.fromkeys(COUNTED, changes((HERE, LEAD)))
    assert found["other"] == changed | {
        "id": changes((HERE, LEAD), (HERE, NEW_ID)),
        "clientId": changes((HERE, LEAD), (THERE, LEAD)),
    }
    assert found["to null"] == found["from null"] == {column: changed[column] for column in nullable}
    assert found["same"] == changed
    assert found["same null"] == {column: changed[column] for column in nullable}


@pytest.mark.all_hosts
def test_orm_update_of_all_columns(world: World) -> None:
    """An ORM saving whole rows names every column: a change of each kind, whatever the values."""
    world.insert("Lead", LEAD_COLUMNS)
    bare = world.host.lead(HERE)
    world.taken()
    columns = list(world.columns("Lead"))
    statement = f'update "Lead" set {to_parameters(columns)} where id = %s'
    rows = world.writer.execute('select * from "Lead"').fetchall()

    for row in rows:
        lead = str(row[columns.index("id")])
        assert world.noted(statement, *row, lead) == changes((HERE, lead), (HERE, lead))
        changed = ["blacklisted" if column == "status" else value for column, value in zip(columns, row, strict=True)]
        assert world.noted(statement, *changed, lead) == changes((HERE, lead), (HERE, lead))
    assert len(rows) == 2

    both = changes((HERE, LEAD), (HERE, LEAD), (HERE, bare), (HERE, bare))
    assert world.noted(f'update "Lead" set {to_themselves(columns)}', rows=2) == both


def test_counted_columns_set_to_what_they_were(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    bare = world.host.lead(HERE)
    world.taken()

    for columns in (COUNTED - ROLLUPS, ROLLUPS):
        assert world.noted(f'update "Lead" set {to_themselves(columns)}', rows=2) == changes((HERE, LEAD), (HERE, bare))


@pytest.mark.all_hosts
def test_move_names_both_sides(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()

    assert world.noted('update "Lead" set "clientId" = %s', THERE) == changes((HERE, LEAD), (THERE, LEAD))
    both = 'update "Lead" set id = %s, "clientId" = %s, "assignedToUserId" = %s, "lastInboundAt" = null'
    # the second by the rollup that is named
    assert world.noted(both, NEW_ID, HERE, BOB) == changes((THERE, LEAD), (HERE, NEW_ID), (HERE, NEW_ID))


def test_move_between_users_is_one_change(world: World) -> None:
    """A refresh counts every user of the workspace, so the change need not name the two."""
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()

    assert world.noted('update "Lead" set "assignedToUserId" = %s', BOB) == changes((HERE, LEAD))
    assert world.noted('update "Lead" set "assignedToUserId" = null') == changes((HERE, LEAD))


@pytest.mark.all_hosts
def test_renamed_lead_with_draft_and_message(world: World) -> None:
    """The host's foreign keys carry the new id to its draft, which notes both, and to its message, which does not."""
    world.insert("Lead", LEAD_COLUMNS)
    world.host.ai_sent(LEAD)
    world.taken()

    assert world.noted('update "Lead" set id = %s', NEW_ID) == changes(
        (HERE, LEAD), (HERE, NEW_ID), (None, LEAD), (None, NEW_ID)
    )


# A host's trigger that sets a column.
BEFORE = """
create or replace function public.set_one() returns trigger language plpgsql as
$$ begin new."{0}" := '{1}'; return new; end $$;
create or replace trigger set_one before update on public."Lead" for each row execute function public.set_one();
"""


@pytest.mark.all_hosts
def test_before_trigger_changes_a_column_that_the_update_does_not_name(world: World) -> None:
    """No trigger with a list of columns fires for that: a drain sees the host's, and enables ours that compares."""
    world.insert("Lead", LEAD_COLUMNS)
    here, lead = HERE, LEAD
    for column, (_, other) in LEAD_COLUMNS.items():
        world.owner.execute(BEFORE.format(column, other).encode())
        world.taken()
        assert world.owner.execute("select inboxdb.check_host()").fetchone() == (True,)
        assert world.taken() == (changes(ALL) if column == "id" else NONE), "marked as the trigger is enabled, once"
        before = here, lead
        here, lead = other if column == "clientId" else here, other if column == "id" else lead
        expected = changes(*{before, (here, lead)}) if column in COUNTED else NONE
        assert world.noted('update "Lead" set "companyWebsite" = null') == expected, column
        assert world.noted('update "Lead" set "companyWebsite" = null') == NONE, column


def test_updates_of_other_columns_call_no_trigger_function(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    others = {column: other for column, (_, other) in LEAD_COLUMNS.items() if column not in COUNTED}
    searched = {column: others.pop(column) for column in SEARCHED}

    def called(columns: dict[str, str]) -> set[str]:
        statement = f'explain (analyze, format json) update "Lead" set {to_parameters(columns)}'
        [(report,)] = world.writer.execute(statement, [*columns.values()]).fetchall()
        return {trigger["Trigger Name"] for trigger in report[0]["Triggers"]}

    assert not {name for name in called(others) if name.startswith("inboxdb")}
    assert {name for name in called(searched) if name.startswith("inboxdb")} == {"inboxdb_note_text"}
    assert "inboxdb_note_update" in called({"status": "blacklisted"})


# --- "Lead", other events


@pytest.mark.all_hosts
def test_insert_and_delete(world: World) -> None:
    lead, other = new_id(), new_id()
    insert = 'insert into "Lead" (id, "clientId", "updatedAt") values (%s, %s, now()), (%s, %s, now())'
    assert world.noted(insert, lead, HERE, other, THERE, rows=2) == changes((HERE, lead), (THERE, other))
    assert world.noted('delete from "Lead"', rows=2) == changes((HERE, lead), (THERE, other))


def test_delete_cascades_to_drafts(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.host.draft(LEAD)
    world.host.ai_sent(LEAD)
    world.taken()

    assert world.noted('delete from "Lead"') == changes((HERE, LEAD), (None, LEAD), (None, LEAD))


@pytest.mark.all_hosts
def test_insert_on_conflict(world: World) -> None:
    upsert = (
        'insert into "Lead" (id, "clientId", "firstName", "updatedAt") values (%s, %s, \'Ann\', now()) '
        "on conflict (id) do "
    )
    rename, block = 'update set "firstName" = excluded."firstName"', "update set status = 'blacklisted'"
    assert world.noted(upsert + rename, LEAD, HERE) == changes((HERE, LEAD))
    assert world.noted(upsert + rename, LEAD, HERE) == NONE
    assert world.noted(upsert + block, LEAD, HERE) == changes((HERE, LEAD))
    assert world.noted(upsert + block, LEAD, HERE) == changes((HERE, LEAD)), "named again"
    announce = 'update set "lastInboundAt" = "Lead"."lastInboundAt"'
    assert world.noted(upsert + announce, LEAD, HERE) == changes((HERE, LEAD))
    assert world.noted(upsert + "nothing", LEAD, HERE, rows=0) == NONE


@pytest.mark.all_hosts
def test_merge(world: World) -> None:
    """A MERGE that inserts a lead, updates two (one to the same values), deletes a lead, and leaves another alone."""
    added, moved, same, gone, left = [world.host.lead(HERE, firstName=name) for name in "amsgl"]
    world.writer.execute('delete from "Lead" where id = %s', [added])
    world.taken()

    statement = """
        merge into "Lead" as l
        using (values (%s, 'a'), (%s, 'm'), (%s, 's'), (%s, 'g'), (%s, 'l')) as s (id, what) on l.id::text = s.id
        when not matched then insert (id, "clientId", "updatedAt") values (%s, %s, now())
        when matched and s.what = 'm' then update set "clientId" = %s
        when matched and s.what = 's' then update set status = l.status
        when matched and s.what = 'g' then delete
        when matched then do nothing
    """
    found = world.noted(statement, added, moved, same, gone, left, added, HERE, THERE, rows=4)
    named = (HERE, moved), (THERE, moved), (HERE, same)
    assert found == changes((HERE, added), *named, (HERE, gone))


@pytest.mark.all_hosts
def test_copy(world: World) -> None:
    lead, other = new_id(), new_id()
    with world.writer.cursor().copy('copy "Lead" (id, "clientId", "updatedAt") from stdin') as copy:
        copy.write_row((lead, HERE, WRITTEN_AT))
        copy.write_row((other, THERE, WRITTEN_AT))
    assert world.taken() == changes((HERE, lead), (THERE, other))


# --- "AIDraft"


@pytest.mark.all_hosts
def test_updates_of_each_draft_column(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.host.lead(HERE, id=OTHER_LEAD)
    world.insert("AIDraft", DRAFT_COLUMNS)
    world.taken()
    nullable = {column for column, may_be_null in world.columns("AIDraft").items() if may_be_null}

    found = world.noted_by_column("AIDraft", DRAFT_COLUMNS)

    changed = dict.fromkeys(DRAFT_COLUMNS, NONE) | dict.fromkeys(DRAFT_COUNTED, changes((None, LEAD)))
    assert found["other"] == changed | {"leadId": changes((None, LEAD), (None, OTHER_LEAD))}
    assert found["to null"] == found["from null"] == {column: changed[column] for column in nullable}
    assert found["same"] == dict.fromkeys(DRAFT_COLUMNS, NONE)
    assert found["same null"] == dict.fromkeys(nullable, NONE)


@pytest.mark.all_hosts
def test_draft_insert_and_delete(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()
    insert = 'insert into "AIDraft" (id, "leadId", content, "updatedAt") values (%s, %s, \'Synthetic.\', now())'

    assert world.noted(insert, DRAFT, LEAD) == changes((None, LEAD))
    assert world.noted(insert + " on conflict (id) do nothing", DRAFT, LEAD, rows=0) == NONE
    approve = insert + " on conflict (id) do update set status = 'approved'"
    assert world.noted(approve, DRAFT, LEAD) == changes((None, LEAD))
    assert world.noted(approve, DRAFT, LEAD) == NONE
    assert world.noted('delete from "AIDraft"') == changes((None, LEAD))


@pytest.mark.all_hosts
def test_draft_delete_notes_the_leads_of_messages_sent_from_it(world: World) -> None:
    """The host's foreign key nulls "aiDraftId" then, so the draft's messages count as sent by the AI no more."""
    lead, sent_twice, untouched = (world.host.lead(HERE) for _ in range(3))
    draft, other_draft = world.host.draft(lead), world.host.draft(lead)
    for recipient in (lead, sent_twice, sent_twice):
        world.host.message(recipient, aiDraftId=draft)
    world.host.message(untouched, aiDraftId=other_draft)
    world.taken()

    # how often does not matter
    assert set(world.noted('delete from "AIDraft" where id = %s', draft)) == {(None, lead), (None, sent_twice)}
    # by cascade, too
    assert world.noted('delete from "Lead" where id = %s', lead) == changes(
        (HERE, lead), (None, lead), (None, untouched)
    )


# --- "Client", and uncounted columns


@pytest.mark.all_hosts
def test_updates_of_each_workspace_column(world: World) -> None:
    world.writer.execute('delete from "Client" where id = %s', [HERE])
    world.insert("Client", CLIENT_COLUMNS)
    world.taken()

    found = world.noted_by_column("Client", CLIENT_COLUMNS)

    assert found["other"] == dict.fromkeys(CLIENT_COLUMNS, NONE) | {"id": changes((HERE, None), (NEW_ID, None))}
    assert found["same"] == dict.fromkeys(CLIENT_COLUMNS, NONE)


@pytest.mark.all_hosts
def test_workspace_insert_rename_and_delete(world: World) -> None:
    """Cascades of the host's foreign keys to its leads and drafts are noted beside the write."""
    insert = 'insert into "Client" (id, name, "userId", "updatedAt") values (%s, %s, %s, now())'
    workspace = new_id()
    assert world.noted(insert, workspace, "Synthetic", ANN) == changes((workspace, None))

    lead = world.host.lead(workspace)
    world.host.draft(lead)
    world.taken()
    assert world.noted('update "Client" set id = %s where id = %s', NEW_ID, workspace) == changes(
        (workspace, None), (NEW_ID, None), (workspace, lead), (NEW_ID, lead)
    )
    assert world.noted('delete from "Client" where id = %s', NEW_ID) == changes(
        (NEW_ID, None), (NEW_ID, lead), (None, lead)
    )


def test_members_and_messages_make_no_change(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    other = world.host.lead(HERE)
    draft = world.host.draft(LEAD)
    world.taken()

    world.host.member(HERE, ANN, "SETTER")
    message = world.host.message(LEAD)
    sent = world.host.message(LEAD, aiDraftId=draft)
    assert world.taken() == NONE
    assert world.noted('update "ClientMember" set role = %s', "ADMIN") == NONE
    assert world.noted('update "Message" set direction = %s, "leadId" = %s', "outbound", other, rows=2) == NONE
    assert world.noted('update "Message" set "aiDraftId" = null where id = %s', sent) == NONE
    assert world.noted('delete from "Message" where id = %s', message) == NONE
    assert world.noted('delete from "ClientMember"') == NONE


def test_message_is_announced_by_its_leads_rollup_columns(world: World) -> None:
    """As the application stores a message: the INSERT, then a bump of the lead, perhaps bumped already."""
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()

    with world.writer.transaction():
        world.host.message(LEAD, sentAt=MONDAY)
        world.host.update("Lead", LEAD, lastInboundAt=MONDAY, lastMessageAt=MONDAY)
    assert world.taken() == changes((HERE, LEAD))


@pytest.mark.all_hosts
def test_truncate(world: World) -> None:
    """One change per counted table, standing for every workspace; "Message" alone is not counted."""
    for table, expected in {
        "Message": NONE,
        "ClientMember": NONE,
        "AIDraft": changes(ALL),
        "Lead": changes(ALL, ALL),  # and by cascade "AIDraft"
        "SmsCampaign": changes(ALL, ALL),
        "Client": changes(ALL, ALL, ALL),
    }.items():
        assert world.noted(f'truncate "{table}" cascade', rows=-1) == expected, table


# --- Transactions


def test_writes_undone_leave_nothing(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()

    with world.writer.transaction(force_rollback=True):
        world.host.update("Lead", LEAD, status="blacklisted")
        world.host.draft(LEAD)
    assert world.taken() == NONE

    # by a savepoint
    with world.writer.transaction():
        kept = world.host.lead(HERE)
        with world.writer.transaction(force_rollback=True):
            world.host.update("Lead", LEAD, status="blacklisted")
            world.host.draft(LEAD)
        world.host.update("Lead", LEAD, status="unqualified")
    assert world.taken() == changes((HERE, kept), (HERE, LEAD))


def test_writes_of_no_row_leave_nothing(world: World) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()

    for statement in (
        'update "Lead" set status = default where id = %s',
        'update "Lead" set "lastInboundAt" = now() where id = %s',
        'delete from "Lead" where id = %s',
        'update "AIDraft" set status = default where id = %s',
        'delete from "AIDraft" where id = %s',
        'delete from "Client" where id = %s',
    ):
        assert world.noted(statement, NEW_ID, rows=0) == NONE
    assert world.noted('insert into "Lead" select * from "Lead" where id = %s', NEW_ID, rows=0) == NONE


def test_replica_role_notes_nothing(world: World) -> None:
    """Logical replication and restores write like this; mark all workspaces afterwards."""
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()

    superuser = world.database.superuser()
    superuser.execute("set session_replication_role = replica")
    Host(superuser).lead(HERE)
    assert superuser.execute('update "Lead" set status = %s', ["blacklisted"]).rowcount == 2
    assert world.taken() == NONE

    superuser.execute("reset session_replication_role")
    superuser.execute('update "Lead" set status = %s where id = %s', ["new", LEAD])
    assert world.taken() == changes((HERE, LEAD))


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_writers_above_read_committed(world: World, isolation: str) -> None:
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()

    world.writer.execute(f"begin isolation level {isolation}")
    added = world.host.lead(HERE)
    world.host.update("Lead", LEAD, clientId=THERE)
    draft = world.host.draft(added)
    world.host.update("AIDraft", draft, status="approved")
    world.host.delete("AIDraft", draft)
    world.writer.execute("commit")
    assert world.taken() == changes((HERE, added), (HERE, LEAD), (THERE, LEAD), *3 * [(None, added)])

    world.writer.execute(f"begin isolation level {isolation}")
    world.writer.execute('truncate "AIDraft" cascade')
    world.host.delete("Lead", LEAD)
    world.writer.execute("commit")
    assert world.taken() == changes(ALL, (THERE, LEAD))


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_draft_for_a_lead_that_moves_beneath_its_writer(world: World, isolation: str) -> None:
    """Its writer sees the lead in the old workspace until the end of the transaction: the change must not."""
    lead = world.host.lead(HERE)
    world.writer.execute(f"begin isolation level {isolation}")
    world.writer.execute('select from "Lead"')
    mover = world.database.writer()
    mover.execute("begin")
    Host(mover).update("Lead", lead, clientId=THERE)
    world.host.draft(lead)
    mover.execute("commit")
    world.taken()

    seen = world.writer.execute('select "clientId"::text from "Lead"').fetchall()
    world.writer.execute("commit")
    assert seen == [(HERE,)]
    assert world.taken() == changes((None, lead))


# --- Columns of a change


@pytest.mark.parametrize("number", range(4))
def test_change_carries_transaction_time_and_slice(world: World, number: int) -> None:
    """xid is the outermost transaction's, also under a savepoint, because a snapshot's xmin is compared with xid."""
    world.insert("Lead", LEAD_COLUMNS)
    world.taken()
    set_clock(world.owner, MONDAY)
    set_slice(world.owner, f"{number}")

    with world.writer.transaction():
        with world.writer.transaction():
            world.host.update("Lead", LEAD, status="blacklisted")
        found = world.writer.execute("select pg_current_xact_id()::text").fetchone()

    said = world.owner.execute(
        f"select xid::text, noted_at = %s, client_id::text, lead_id::text from inboxdb.change_{number}", [MONDAY]
    )
    assert found
    assert said.fetchall() == [(found[0], True, HERE, LEAD)]
    assert world.taken() == changes((HERE, LEAD))


COUNTED_BIT, ROLLUP, USER, MADE, GONE, MOVED = 1, 2, 4, 8, 16, 32


@pytest.mark.all_hosts
@pytest.mark.parametrize("compared", [False, True], ids=["named", "compared"])
def test_change_says_what_was_written(world: World, compared: bool) -> None:
    """As bits, and the user left; a trigger that compares sees what changed, where the other two see what is named."""
    if compared:
        world.owner.execute("select inboxdb.set_noted_updates('changed')")

    def noted(statement: str, *parameters: str) -> list[tuple[str | None, str | None, str | None, int]]:
        world.writer.execute(statement, parameters or None)
        found = world.owner.execute(
            " union all ".join(
                f"select client_id::text, lead_id::text, left_user_id::text, changed, id from inboxdb.change_{number}"
                for number in range(4)
            )
            + " order by id"
        ).fetchall()
        world.taken()
        return [row[:-1] for row in found]

    insert = 'insert into "Lead" (id, "clientId", "assignedToUserId", "updatedAt") values (%s, %s, %s, now())'
    assert noted(insert, LEAD, HERE, ANN) == [(HERE, LEAD, None, MADE)]
    for column in COUNTED - ROLLUPS - {"id", "clientId", "assignedToUserId"}:
        to = LEAD_COLUMNS[column][1]
        assert noted(f'update "Lead" set "{column}" = %s', to) == [(HERE, LEAD, None, COUNTED_BIT)]
    for column in ROLLUPS:
        to = LEAD_COLUMNS[column][1]
        assert noted(f'update "Lead" set "{column}" = %s', to) == [(HERE, LEAD, None, ROLLUP)]
    assert noted('update "Lead" set "assignedToUserId" = %s', BOB) == [(HERE, LEAD, ANN, COUNTED_BIT + USER)]
    assert noted('update "Lead" set "assignedToUserId" = null') == [(HERE, LEAD, BOB, COUNTED_BIT + USER)]
    assert noted('update "Lead" set "assignedToUserId" = %s', ANN) == [(HERE, LEAD, None, COUNTED_BIT + USER)]
    moved = COUNTED_BIT + MOVED
    assert noted('update "Lead" set "clientId" = %s', THERE) == [(HERE, LEAD, ANN, moved), (THERE, LEAD, None, moved)]
    assert noted('update "Lead" set id = %s', NEW_ID) == [(THERE, LEAD, ANN, moved), (THERE, NEW_ID, None, moved)]
    both = noted('update "Lead" set status = %s, "lastInboundAt" = %s', "new", MONDAY)
    if compared:
        assert both == [(THERE, NEW_ID, None, COUNTED_BIT + ROLLUP)]
    else:
        assert sorted(both) == [(THERE, NEW_ID, None, COUNTED_BIT), (THERE, NEW_ID, None, ROLLUP)]
    same = noted('update "Lead" set "lastInboundAt" = "lastInboundAt", status = status')
    assert same == ([] if compared else both)
    assert noted('delete from "Lead"') == [(THERE, NEW_ID, ANN, GONE)]
    assert noted('truncate "Lead" cascade')[0] == (None, None, None, 0)


def test_writer_has_no_rights_in_inboxdb(world: World) -> None:
    """The writes noted in every test here are this role's."""
    relations = world.owner.execute(
        "select relname from pg_class where relnamespace = 'inboxdb'::regnamespace and relkind in ('r', 'v')"
    ).fetchall()
    assert ("inbox_counts",) in relations
    for (relation,) in relations:
        with pytest.raises(errors.InsufficientPrivilege):
            world.writer.execute(f"select from inboxdb.{relation}")
    with pytest.raises(errors.InsufficientPrivilege):
        world.writer.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [HERE])
    assert world.writer.execute("select current_user").fetchone() == ("app_writer",)
