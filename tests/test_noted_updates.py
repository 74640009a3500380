"""The choice of which UPDATEs of "Lead" are noted: how it is made and kept, and that no change is lost by it."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection, DatabaseError, errors

from inboxdb.database import connection as connections
from inboxdb.database.errors import DatabaseRefused
from inboxdb.drain.run import drain
from inboxdb.install import repair, suspend, updates
from inboxdb.install.differences import lost_or_changed
from tests.interleave import Stage
from tests.rows import BY_AI, Host, live_counts, new_id, stored_counts
from tests.servers import MONITOR, WRITER, Database
from tests.test_cli import invoke
from tests.test_restore import as_owner, complaints, dump, empty_database, restore, run
from tests.test_signals import ANN, BEN, Ear

MONDAY, TUESDAY = "2024-06-10 09:00:00+00", "2024-06-11 09:00:00+00"

NAMED = {"update": "O", "rollup": "O", "compared": "D"}
CHANGED = {"update": "D", "rollup": "D", "compared": "O"}
BOTH = {"update": "O", "rollup": "O", "compared": "O"}

BEFORE = """
create function public.same() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger same before update on public."Lead" for each row execute function public.same();
"""


def enabled(owner: Connection[Any]) -> dict[str, str]:
    """Read whether each trigger for UPDATEs of "Lead" is enabled."""
    rows = owner.execute(
        "select replace(tgname, 'inboxdb_note_', ''), tgenabled::text from pg_trigger "
        "where tgrelid = 'public.\"Lead\"'::regclass and tgname ~ '^inboxdb_note_(update|rollup|compared)$'"
    )
    return dict(rows.fetchall())


def noted(owner: Connection[Any]) -> int:
    """Count the changes of the log."""
    slices = (f"select 1 from inboxdb.change_{number}" for number in range(4))
    return owner.execute(" union all ".join(slices)).rowcount


def is_marked(owner: Connection[Any]) -> bool:
    """Whether a change of every workspace waits; the log is empty then."""
    taken = "delete from inboxdb.change_{} returning client_id is null and lead_id is null"
    return any([(True,) in owner.execute(taken.format(number).encode()).fetchall() for number in range(4)])


def save(writer: Connection[Any], lead: str, **columns: str | None) -> None:
    """Save a lead as an ORM does: the UPDATE names every column, whether it has another value or not."""
    [names] = writer.execute(
        "select array_agg(attname order by attnum) from pg_attribute "
        "where attrelid = 'public.\"Lead\"'::regclass and attnum > 0 and not attisdropped"
    ).fetchall()
    assignments = ", ".join(f'"{name}" = ' + ("%s" if name in columns else f'"{name}"') for name in names[0])
    values = [columns[name] for name in names[0] if name in columns]
    assert writer.execute(f'update "Lead" set {assignments} where id = %s'.encode(), [*values, lead]).rowcount == 1


def is_right(database: Database) -> bool:
    """Say whether every stored count is the live one, after a drain."""
    drain(database.dsn)
    owner = database.connect()
    stored = stored_counts(owner)
    return stored == {workspace: live_counts(owner, workspace) for workspace in stored}


# --- What is noted


@pytest.mark.all_hosts
def test_an_orm_is_counted_alike_in_both_choices(database: Database) -> None:
    """Counts, and whom signals tell, by writes that name every column; nothing changed is no change in one of them."""
    writer, owner, ear = database.writer(), database.connect(), Ear(database)
    host = Host(writer)
    here, there = host.workspace(), host.workspace()
    lead = host.lead(here, assignedToUserId=ANN)
    moved = new_id()
    writes: list[tuple[str, dict[str, str | None]]] = [
        (lead, {"status": "blacklisted"}),
        (lead, {"status": "new", "sentimentTag": "Interested"}),
        (lead, {"lastInboundAt": MONDAY}),
        (lead, {"lastOutboundAt": TUESDAY, "firstName": "Ann"}),
        (lead, {"lastZrgOutboundAt": MONDAY, "snoozedUntil": "2999-01-01 00:00:00+00"}),
        (lead, {"assignedToUserId": BEN}),
        (lead, {"assignedToUserId": None, "status": "needs_repair"}),
        (lead, {"clientId": there, "assignedToUserId": BEN}),
        (lead, {"id": moved}),
        (moved, {"id": lead, "clientId": here}),
        (
            lead,
            {
                "status": "new",
                "sentimentTag": None,
                "lastInboundAt": None,
                "lastOutboundAt": None,
                "lastZrgOutboundAt": None,
                "snoozedUntil": None,
                "assignedToUserId": ANN,
            },
        ),
    ]
    assert is_right(database)
    heard = []
    for choice in ("named", "changed", "named"):
        owner.execute("select inboxdb.set_noted_updates(%s)", [choice])
        assert is_right(database)
        ear.heard()
        told = []
        for row, columns in writes:
            save(writer, row, **columns)
            assert is_right(database), (choice, columns)
            told.append([(signal["workspace"], signal["scope"]) for signal in ear.heard()])
        heard.append(told)
        assert all(told)
        for uncounted in ("jobTitle", "firstName"):
            save(writer, lead, **{uncounted: "Ann"})
            assert noted(owner) == (2 if choice == "named" else 0)
            assert is_right(database)
            assert bool(ear.heard()) == (choice == "named")
    assert heard == heard[:1] * 3


def test_a_message_whose_lead_keeps_its_times(database: Database, host: Host, owner: Connection[Any]) -> None:
    """Only the name of a column announces it: `changed` leaves it to an audit, and back at `named` all is recounted."""
    lead = host.lead(host.workspace(), lastOutboundAt=MONDAY)
    draft = host.draft(lead, status="approved")
    updates.note(database.dsn, "changed")
    assert is_right(database)
    host.message(lead, **BY_AI, aiDraftId=draft)
    save(host.connection, lead, lastOutboundAt=MONDAY)
    assert noted(owner) == 0
    assert not is_right(database)
    updates.note(database.dsn, "named")
    assert is_right(database)


# --- Switching


@pytest.mark.parametrize("choice", updates.NOTED)
def test_no_change_is_lost_beside_open_writers(stage: Stage, choice: str) -> None:
    """A switch waits for writers at work, and writers that come wait for the switch: before or after, none between."""
    database = stage.database
    other = "named" if choice == "changed" else "changed"
    stage.owner.execute("select inboxdb.set_noted_updates(%s)", [other])
    host = Host(database.writer())
    workspace = host.workspace()
    leads = [host.lead(workspace, assignedToUserId=ANN) for _ in range(4)]
    assert is_right(database)

    first, second = database.writer(autocommit=False), database.writer()
    switching = database.connect(direct=True)
    save(first, leads[0], status="blacklisted")
    switch = stage.start(switching, "select inboxdb.set_noted_updates(%s)", [choice])
    switch.wait_until_it_waits_for(first)
    save(first, leads[1], lastInboundAt=MONDAY)
    late = stage.start(
        second, "update \"Lead\" set \"sentimentTag\" = 'Positive', status = 'new' where id = %s", leads[2:3]
    )
    late.wait_until_it_waits_for(switching)
    # nothing is arranged by a drain meanwhile
    assert stage.owner.execute("select inboxdb.check_host()").fetchone() == (True,)
    assert enabled(stage.owner) == (NAMED if other == "named" else CHANGED)
    first.commit()
    switch.finish()
    late.finish()
    assert enabled(stage.owner) == (NAMED if choice == "named" else CHANGED)
    save(first, leads[3], status="unqualified")
    first.commit()
    slices = (f"select lead_id::text from inboxdb.change_{number}" for number in range(4))
    found = {lead for (lead,) in stage.owner.execute(" union all ".join(slices).encode())}
    # marked where what was only named was not noted before
    assert found == {*leads} | ({None} if choice == "named" else set())
    assert is_right(database)


@pytest.mark.parametrize("second", updates.NOTED)
def test_of_two_switches_the_later_holds(stage: Stage, second: str) -> None:
    """Triggers and setting agree, whoever waits for whom; so they do where a drain looks in between."""
    first = "named" if second == "changed" else "changed"
    stage.owner.execute("select inboxdb.set_noted_updates(%s)", [second])
    one, two = stage.database.connect(direct=True, autocommit=False), stage.database.connect(direct=True)
    one.execute("select inboxdb.set_noted_updates(%s)", [first])
    step = stage.start(two, "select inboxdb.set_noted_updates(%s)", [second])
    step.wait_until_it_waits_for(one)
    stage.owner.execute("select inboxdb.check_host()")
    one.commit()
    step.finish()
    assert enabled(stage.owner) == (NAMED if second == "named" else CHANGED)
    assert lost_or_changed(stage.owner, "trigger") == []


def test_a_switch_that_gets_no_lock_changes_nothing(
    database: Database, owner: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PAUSE", (0.0, 0.0))
    Host(database.writer()).workspace()
    drain(database.dsn)
    writer = database.writer(autocommit=False)
    writer.execute('update "Lead" set status = status')
    writer.execute('lock table "Lead" in row exclusive mode')
    with pytest.raises(DatabaseRefused) as refusal:
        updates.note(database.dsn, "changed", lock_timeout=0.01)
    assert refusal.value.sqlstate == "55P03"
    writer.rollback()
    assert enabled(owner) == NAMED
    assert owner.execute("select inboxdb.setting('noted_updates')").fetchone() == ("named",)
    with pytest.raises(DatabaseError, match="noted_updates cannot be"):
        owner.execute("select inboxdb.set_noted_updates('all')")
    with pytest.raises(errors.InsufficientPrivilege):
        database.connect(WRITER).execute("select inboxdb.set_noted_updates('changed')")


# --- The choice is kept


@pytest.mark.long
def test_the_choice_from_installing_on(bare_database: Database) -> None:
    """Chosen at install; kept by every command that puts triggers right, and put right where something differs."""
    database = bare_database
    dsn, owner = database.dsn, database.connect()
    run(dsn, "migrate apply --without-rls --noted-updates changed --batch 3")
    assert owner.execute("select inboxdb.setting('noted_updates')").fetchone() == ("named",), "with the last migration"
    run(dsn, "migrate apply --without-rls --noted-updates changed")
    Host(database.writer()).workspace()

    def assert_kept() -> None:
        assert enabled(owner) == CHANGED
        assert owner.execute("select inboxdb.check_host()").fetchone() == (True,)
        assert enabled(owner) == CHANGED
        assert repair.verify(dsn).findings == []
        assert lost_or_changed(database.connect(MONITOR), "trigger") == [], "by a role that cannot read the setting"
        assert is_right(database)
        assert "triggers" not in complaints(dsn)

    assert_kept()
    run(dsn, "migrate apply --without-rls")
    run(dsn, "migrate verify --repair")
    assert_kept()
    suspend.suspend(dsn)
    assert "suspended" in run(dsn, "noted-updates named", status=1)
    assert enabled(owner) == {}
    assert suspend.resume(dsn).resumed
    assert_kept()
    run(dsn, "migrate rollback --to 0005-ai-draft-triggers")
    run(dsn, "migrate apply --without-rls")
    assert_kept()

    # a host's trigger comes and goes
    owner.execute(BEFORE)
    assert_kept()
    run(dsn, "noted-updates named")
    assert enabled(owner) == BOTH
    owner.execute('drop trigger same on "Lead"')
    owner.execute("select inboxdb.check_host()")
    assert enabled(owner) == BOTH, "it stays, unless it is asked for"
    run(dsn, "noted-updates named")
    assert enabled(owner) == NAMED
    assert run(dsn, "noted-updates changed") == 'an UPDATE of "Lead" is noted where it changes a counted column\n'
    assert_kept()

    # by hand
    differ = {
        "enable trigger inboxdb_note_update": ("update", "disabled", "disable trigger inboxdb_note_update", False),
        "disable trigger inboxdb_note_compared": ("compared", "enabled", "enable trigger inboxdb_note_compared", True),
    }
    for damage, (name, shipped, remedy, missed) in differ.items():
        for mended_by in ("repair", "drain"):
            owner.execute(f'alter table "Lead" {damage}'.encode())
            [found] = repair.verify(dsn).findings
            assert (found.object, found.shipped) == (f'trigger inboxdb_note_{name} on public."Lead"', shipped)
            assert f'`alter table public."Lead" {remedy}`' in found.command
            assert "triggers" in complaints(dsn)
            is_marked(owner)
            if mended_by == "repair":
                assert repair.verify(dsn, repair=True).healthy
            else:
                owner.execute("select inboxdb.check_host()")
                assert is_marked(owner) == missed
            assert_kept()
    owner.execute('drop trigger inboxdb_note_update on "Lead"')
    assert repair.verify(dsn, repair=True).healthy
    assert_kept()

    # the setting alone: a drain follows
    owner.execute("select inboxdb.set_setting('noted_updates', null)")
    assert {one.object.name.split()[0] for one in lost_or_changed(owner, "trigger")} == {
        "inboxdb_note_update",
        "inboxdb_note_rollup",
        "inboxdb_note_text",
    }
    is_marked(owner)
    owner.execute("select inboxdb.check_host()")
    assert is_marked(owner)
    assert enabled(owner) == NAMED
    assert repair.verify(dsn).findings == []


def test_triggers_that_fire_for_a_subscription_go_on_doing_so(database: Database, owner: Connection[Any]) -> None:
    for name in ("insert", "update", "rollup", "delete", "truncate"):
        owner.execute(f'alter table "Lead" enable always trigger inboxdb_note_{name}'.encode())
    updates.note(database.dsn, "changed")
    assert enabled(owner) == {"update": "D", "rollup": "D", "compared": "A"}
    assert repair.verify(database.dsn).findings == []
    updates.note(database.dsn, "named")
    assert enabled(owner) == {"update": "A", "rollup": "A", "compared": "D"}
    assert repair.verify(database.dsn).findings == []


def test_restored(database: Database, tmp_path: Path) -> None:
    """A whole dump carries the choice along; one of the schema alone lacks the setting, and so has the default."""
    Host(database.writer()).workspace()
    updates.note(database.dsn, "changed")
    whole, schema = dump(database, tmp_path), dump(database, tmp_path, "--schema-only")
    with empty_database(database.server) as restored:
        assert restore(restored, whole) == []
        owner = as_owner(restored, database)
        run(owner, "migrate verify\ndrain-dirty\nmigrate verify")
        with Connection.connect(restored) as connection:
            assert enabled(connection) == CHANGED
    with empty_database(database.server) as restored:
        assert restore(restored, schema) == []
        owner = as_owner(restored, database)
        run(owner, "migrate mark --all")
        assert "inboxdb_note_update" in run(owner, "migrate verify", status=3)
        run(owner, "migrate verify --repair\ndrain-dirty\nmigrate verify")
        with Connection.connect(restored) as connection:
            assert enabled(connection) == BOTH


def test_from_the_command_line(database: Database) -> None:
    said = invoke("noted-updates", "changed", "--json", "--dsn", database.dsn)
    assert (said.exit_code, said.stdout) == (0, '{"noted_updates": "changed"}\n')
    assert invoke("noted-updates", "all", "--dsn", database.dsn).exit_code == 2
    assert invoke("noted-updates", "--dsn", database.dsn).exit_code == 2
