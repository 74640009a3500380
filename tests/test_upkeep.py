"""Upkeep of the host's tables: what is due goes, nobody waits, and a sent draft is never taken back."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import drain as run
from tests.hosts import WIDE_HOSTS
from tests.interleave import Stage
from tests.rows import Host, new_id, set_clock
from tests.servers import DRAINER, MAINTAINER, MONITOR, OWNER, Database
from tests.test_cli import answer, invoke
from tests.test_cli import refusal as refused_command
from tests.test_doctor import complaints

NOW = "2024-06-30 12:00:00+00"
FRESH, STALE = "2024-06-30 11:50:00.001+00", "2024-06-30 11:49:59.999+00"
YOUNG, OLD = "2024-05-31 12:00:00.001+00", "2024-05-31 11:59:59.999+00"
AHEAD, EXPIRED = "2024-06-30 12:00:00.001+00", "2024-06-30 11:59:59.999+00"

MEMORY = {"leadId": "L", "clientId": "C"}
PRUNED = {
    "prune-ai-interactions": "AIInteraction",
    "prune-draft-runs": "DraftPipelineRun",
    "prune-lead-memory": "LeadMemoryEntry",
    "prune-workspace-memory": "WorkspaceMemoryEntry",
}
BATCH = {
    "prune-ai-interactions": 1000,
    "prune-draft-runs": 250,
    "prune-lead-memory": 500,
    "prune-workspace-memory": 500,
}
ITEMS = [*PRUNED, "recover-stale-drafts"]
HERE = "11111111-1111-4111-8111-111111111111"

wide = pytest.mark.host_variants(*WIDE_HOSTS)
# for what no kind of ids or times can change
wide_text = pytest.mark.host_variants("wide-text")
pruned = pytest.mark.parametrize("item", PRUNED)


def prepare(database: Database) -> str | None:
    """Stop the clock at NOW, and make a lead; return it."""
    owner = database.connect()
    set_clock(owner, NOW)
    if database.host not in WIDE_HOSTS:
        return None
    host = Host(owner)
    return host.lead(host.workspace(id=HERE))


@pytest.fixture
def host(database: Database) -> Host:
    """As the owner: the application's role has no rights on these tables."""
    return Host(database.connect())


@pytest.fixture
def lead(database: Database) -> str:
    return str(database.prepared)


def columns_of(item: str) -> dict[str, str]:
    """What a row of a pruned table needs besides."""
    return {
        "prune-ai-interactions": {"clientId": HERE},
        "prune-draft-runs": {"leadId": new_id()},
        "prune-lead-memory": {"leadId": new_id(), "source": "INFERENCE"},
        "prune-workspace-memory": {"clientId": HERE, "source": "INFERENCE"},
    }[item]


def add(host: Host, item: str, *, is_due: bool = True, **columns: str | None) -> str:
    """Insert a row of a pruned table."""
    time = {"expiresAt": EXPIRED if is_due else AHEAD} if "memory" in item else {"createdAt": OLD if is_due else YOUNG}
    return host.row(PRUNED[item], **{**columns_of(item), **time, **columns})


def fill(owner: Connection[Any], item: str, rows: int) -> None:
    """Insert many rows that are due, with ids in order."""
    column = "expiresAt" if "memory" in item else "createdAt"
    given = {**columns_of(item), column: EXPIRED}
    if column == "createdAt":
        given[column] = OLD
    names = SQL(", ").join(map(Identifier, given))
    owner.execute(
        SQL("insert into public.{} (id, {}) select lpad(n::text, 36, '0'), {} from generate_series(1, {}) as n").format(
            Identifier(PRUNED[item]), names, SQL(", ").join(map(psycopg.sql.Literal, given.values())), rows
        )
    )


def ids(owner: Connection[Any], table: str) -> set[str]:
    return {row for (row,) in owner.execute(SQL("select id::text from public.{}").format(Identifier(table)))}


def switch(owner: Connection[Any], *items: str, state: str | None = "on") -> None:
    for item in items:
        owner.execute("select inboxdb.set_setting(%s, %s)", [item.replace("-", "_"), state])


def upkeep(connection: Connection[Any], item: str, *, dry_run: bool = False) -> tuple[int, bool]:
    [done] = connection.execute("select touched, has_more from inboxdb.run_upkeep(%s, %s)", [item, dry_run]).fetchall()
    return done  # type: ignore[no-any-return]


def code(connection: Connection[Any], statement: str, *given: Any) -> str | None:
    """Run a statement; return the SQLSTATE of a refusal."""
    try:
        connection.execute(statement.encode(), given or None)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def status_of(owner: Connection[Any], draft: str) -> tuple[str, str | None]:
    [state] = owner.execute(
        'select status, "autoSendAction" from public."AIDraft" where id::text = %s', [draft]
    ).fetchall()
    return state  # type: ignore[no-any-return]


def sending(host: Host, lead: str, since: str = STALE, **columns: str | None) -> str:
    return host.draft(lead, **{"status": "sending", "autoSendAction": "send_immediate", "updatedAt": since, **columns})


def send(host: Host, lead: str, draft: str, **columns: str | None) -> str:
    return host.message(lead, **{"direction": "outbound", "sentBy": "ai", "aiDraftId": draft, **columns})


# What is due


@wide
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_what_is_due_is_pruned_alone(host: Host, owner: Connection[Any], zone: str) -> None:
    owner.execute(f"set timezone = '{zone}'".encode())
    for item, table in PRUNED.items():
        due, kept = {add(host, item) for _ in range(3)}, {add(host, item, is_due=False)}
        if "memory" in item:
            kept |= {add(host, item, source="MANUAL"), add(host, item, expiresAt=None)}
        assert upkeep(owner, item, dry_run=True) == (3, False)
        assert ids(owner, table) == due | kept
        switch(owner, item)
        assert upkeep(owner, item) == (3, False)
        assert ids(owner, table) == kept
        assert upkeep(owner, item) == upkeep(owner, item, dry_run=True) == (0, False)


@wide
def test_stale_drafts_are_recovered(host: Host, owner: Connection[Any], lead: str) -> None:
    sent, unsent, answered, fresh = (sending(host, lead, FRESH if n == 3 else STALE) for n in range(4))
    waiting, approved = host.draft(lead), host.draft(lead, status="approved", autoSendAction="send_immediate")
    send(host, lead, sent)
    send(host, lead, sent)
    send(host, lead, answered, direction="inbound")
    assert upkeep(owner, "recover-stale-drafts", dry_run=True) == (3, False)
    assert status_of(owner, unsent) == ("sending", "send_immediate")
    switch(owner, "recover-stale-drafts")
    assert upkeep(owner, "recover-stale-drafts") == (3, False)
    assert status_of(owner, sent) == ("approved", "send_immediate")
    assert status_of(owner, unsent) == status_of(owner, answered) == ("pending", "needs_review")
    assert status_of(owner, fresh) == ("sending", "send_immediate")
    assert status_of(owner, waiting) == ("pending", "needs_review")
    assert status_of(owner, approved) == ("approved", "send_immediate")
    query = """select count(*) from public."AIDraft" where inboxdb.utc("updatedAt") = %s"""
    assert owner.execute(query, [NOW]).fetchall() == [(3,)], "the write is dated"
    assert upkeep(owner, "recover-stale-drafts") == (0, False)


@wide_text
def test_counts_notice_a_recovery(database: Database, host: Host, owner: Connection[Any], lead: str) -> None:
    sending(host, lead)
    switch(owner, "recover-stale-drafts")
    counts = "select ai_review from inboxdb.inbox_counts where is_global"
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("call inboxdb.drain_dirty()")
    assert owner.execute(counts).fetchall() == [(1,)]


@wide_text
def test_a_batch_is_bounded(owner: Connection[Any]) -> None:
    switch(owner, *PRUNED)
    for item in PRUNED:
        fill(owner, item, BATCH[item] + 1)
        assert upkeep(owner, item) == (BATCH[item], True), item
        assert upkeep(owner, item) == (1, False), item


@wide_text
def test_a_hundred_drafts_the_oldest_first(host: Host, owner: Connection[Any], lead: str) -> None:
    newest = sending(host, lead)
    owner.execute(
        'insert into public."AIDraft" (id, "leadId", content, status, "updatedAt") '
        "select n::text, %s, '', 'sending', '2024-06-01' from generate_series(1, 100) as n",
        [lead],
    )
    switch(owner, "recover-stale-drafts")
    assert upkeep(owner, "recover-stale-drafts") == (100, True)
    assert status_of(owner, newest)[0] == "sending"
    assert upkeep(owner, "recover-stale-drafts") == (1, False)


@wide_text
def test_the_walk_over_runs_comes_by_everywhere(host: Host, owner: Connection[Any]) -> None:
    item = "prune-draft-runs"
    fill(owner, item, 600)
    owner.execute("""update public."DraftPipelineRun" set "createdAt" = %s where id::int %% 3 > 0""", [YOUNG])
    switch(owner, item)
    steps = [upkeep(owner, item) for _ in range(2)]
    behind = add(host, item, id="0")
    steps.append(upkeep(owner, item))
    assert steps == [(83, True), (83, True), (34, False)]
    assert behind in ids(owner, PRUNED[item]), "the walk was past it"
    assert upkeep(owner, item)[0] == 1
    assert behind not in ids(owner, PRUNED[item])


@wide_text
def test_artefacts_go_with_their_run(host: Host, owner: Connection[Any]) -> None:
    old, young = (add(host, "prune-draft-runs", is_due=is_due) for is_due in (True, False))
    _, kept = (host.row("DraftPipelineArtifact", runId=one) for one in (old, young))
    switch(owner, "prune-draft-runs")
    assert upkeep(owner, "prune-draft-runs") == (1, False)
    assert ids(owner, "DraftPipelineArtifact") == {kept}


# Switches


@wide_text
@pytest.mark.parametrize("by", ["the procedure", "a run", "maintenance alone"])
def test_drains_do_what_is_on(database: Database, host: Host, owner: Connection[Any], lead: str, by: str) -> None:
    def drain() -> None:
        if by == "the procedure":
            database.connect(DRAINER).execute("call inboxdb.drain_dirty()")
        else:
            run(database.dsn_of(DRAINER), DrainOptions(refreshes=by == "a run"))

    due = {item: add(host, item) for item in PRUNED}
    draft = sending(host, lead)
    drain()
    assert [due[item] for item in PRUNED if due[item] not in ids(owner, PRUNED[item])] == []
    assert status_of(owner, draft)[0] == "sending"
    switch(owner, *ITEMS)
    drain()
    assert [due[item] for item in PRUNED if due[item] in ids(owner, PRUNED[item])] == []
    assert status_of(owner, draft)[0] == "pending"
    assert owner.execute("select from inboxdb.maintenance_failure").rowcount == 0


@wide_text
def test_what_is_off_or_unknown_is_refused(database: Database, owner: Connection[Any]) -> None:
    maintainer = database.connect(MAINTAINER)
    for item in ITEMS:
        assert code(maintainer, "select inboxdb.run_upkeep(%s)", item) == "IB023"
        assert code(maintainer, "select inboxdb.run_upkeep(%s, true)", item) is None
    assert code(maintainer, "select inboxdb.run_upkeep('prune-leads')") == "IB017"
    switch(owner, *ITEMS)
    answer(database, "migrate", "suspend")
    for item in ITEMS:
        assert code(maintainer, "select inboxdb.run_upkeep(%s, true)", item) == "IB012"
    assert owner.execute("select from inboxdb.maintenance where item = any (%s)", [ITEMS]).rowcount == 0


@wide_text
def test_every_item_has_a_setting_and_a_function(owner: Connection[Any]) -> None:
    query = """
    select u.item, d.default_value, p.pronargs
    from inboxdb.upkeep as u
    left join inboxdb.setting_definition as d using (setting_name)
    left join pg_proc as p on p.oid = to_regproc(u.function_name)
    order by u.item
    """
    assert owner.execute(query).fetchall() == [(item, "off", 1) for item in ITEMS]


def test_a_host_without_the_tables_is_offered_none_of_it(database: Database, owner: Connection[Any]) -> None:
    listed = {item: missing for item, _, _, _, missing in owner.execute("select * from inboxdb.list_upkeep()")}
    for item, table in PRUNED.items():
        assert f'public."{table}".id' in str(listed[item])
    assert listed["recover-stale-drafts"] is None, "these columns are there"
    switch(owner, *ITEMS)
    offered = owner.execute("select item from inboxdb.maintenance where item = any (%s)", [ITEMS]).fetchall()
    assert offered == [("recover-stale-drafts",)]
    for item in PRUNED:
        assert code(owner, "select inboxdb.run_upkeep(%s)", item) == "IB020"
    found = complaints(database, role=MONITOR)["upkeep"]
    assert [(one["severity"], one["evidence"].split()[0]) for one in found] == [("warning", item) for item in PRUNED]


LACKS = {
    'alter table "AIDraft" rename "autoSendAction" to other': 'public."AIDraft"."autoSendAction"',
    'alter table "AIDraft" alter "updatedAt" type text': 'public."AIDraft"."updatedAt"',
    'drop index "AIDraft_status_idx"': 'an index that begins with public."AIDraft".status',
    'drop index "Message_aiDraftId_idx"': 'an index that begins with public."Message"."aiDraftId"',
    'alter table "Message" drop constraint "Message_aiDraftId_fkey"': (
        'a foreign key from public."Message"."aiDraftId" to public."AIDraft"'
    ),
    'revoke update on "AIDraft" from host_owner': 'the right to update public."AIDraft"',
    'drop index "LeadMemoryEntry_expiresAt_idx"': 'an index that begins with public."LeadMemoryEntry"."expiresAt"',
    'alter table "WorkspaceMemoryEntry" drop "source"': 'public."WorkspaceMemoryEntry".source',
    'drop index "AIInteraction_createdAt_idx"': 'an index that begins with public."AIInteraction"."createdAt"',
    'revoke delete on "AIInteraction" from host_owner': 'the right to delete public."AIInteraction"',
    'alter table "DraftPipelineRun" drop constraint "DraftPipelineRun_pkey" cascade': (
        'an index that begins with public."DraftPipelineRun".id'
    ),
}


@wide_text
def test_what_an_item_needs(owner: Connection[Any]) -> None:
    query = "select string_agg(missing, '; ') from inboxdb.list_upkeep()"
    assert owner.execute(query).fetchall() == [(None,)]
    for change, missing in LACKS.items():
        with owner.transaction(force_rollback=True):
            owner.execute(change.encode())
            assert owner.execute(query).fetchall() == [(missing,)], change


# The role


@wide_text
def test_a_maintainer_can_do_nothing_else(database: Database, host: Host, owner: Connection[Any]) -> None:
    maintainer = database.connect(MAINTAINER)
    kept = {item: add(host, item, is_due=False) for item in PRUNED}
    switch(owner, *ITEMS)
    for item in ITEMS:
        assert upkeep(maintainer, item) == (0, False)
    tables = owner.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    ).fetchall()
    assert {*PRUNED.values(), "AIDraft", "Message", "Lead", "DraftPipelineArtifact"} <= {name for (name,) in tables}
    statements = [
        statement.format(f'public."{name}"')
        for (name,) in tables
        for statement in ("select from {}", "delete from {}", "update {} set id = id", "truncate {}", "table {}")
    ] + [
        "select inboxdb.set_setting('prune_draft_runs', 'on')",
        *(f"select inboxdb.{item.replace('-', '_')}()" for item in ITEMS),
        "select from inboxdb.upkeep",
        "select from inboxdb.draft_run_walk",
        "select inboxdb.maintain(null, false)",
        "call inboxdb.drain_dirty()",
    ]
    assert [one for one in statements if code(maintainer, one) != "42501"] == []
    assert [one for item, one in kept.items() if one not in ids(owner, PRUNED[item])] == []
    may = """
    select p.proname from pg_proc as p
    where p.pronamespace in ('inboxdb'::regnamespace, 'inbox_api'::regnamespace)
      and has_function_privilege('inboxdb_maintainer', p.oid, 'execute')
    order by 1
    """
    assert [name for (name,) in owner.execute(may)] == ["list_upkeep", "run_upkeep"]


# A sender at work


Race = tuple[Stage, Host, str, str]


@pytest.fixture
def race(stage: Stage, database: Database) -> Race:
    """A stage, the sender, its lead and a stale draft of the lead; recovery is on."""
    host = Host(stage.session(OWNER))
    switch(stage.owner, "recover-stale-drafts")
    lead = str(database.prepared)
    return stage, host, lead, sending(host, lead)


RECOVER = "select touched, has_more from inboxdb.run_upkeep('recover-stale-drafts')"


@wide_text
@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("stored", ["a message", "its status"])
def test_a_draft_in_a_senders_hands_is_left(race: Race, committed: bool, stored: str) -> None:
    stage, host, lead, draft = race
    with host.connection.transaction(force_rollback=not committed):
        if stored == "a message":
            send(host, lead, draft)
        else:
            host.update("AIDraft", draft, status="approved", updatedAt=NOW)
        free = sending(Host(stage.owner), lead)
        assert stage.session().execute(RECOVER).fetchall() == [(1, False)], "it neither waits nor takes the draft"
        assert status_of(stage.owner, free)[0] == "pending"
    touched = 1 if stored == "a message" or not committed else 0
    assert stage.session().execute(RECOVER).fetchall() == [(touched, False)]
    assert status_of(stage.owner, draft)[0] == ("approved" if committed else "pending")


@wide_text
@pytest.mark.parametrize("stored", ["a message", "its status", "its time", "nothing"])
def test_what_a_sender_commits_before_the_lock_is_seen(race: Race, stored: str) -> None:
    """Between the snapshot that found the draft, and its lock."""
    stage, host, lead, draft = race
    stage.owner.execute(
        "create function interleave.pauses() returns boolean language plpgsql as "
        "$$ begin perform interleave.pause('found'); return true; end $$"
    )
    stage.edit("recover_stale_drafts", "limit most", "limit most + interleave.pauses()::integer - 1")
    step = stage.start(stage.session(), RECOVER, pause_at="found")
    match stored:
        case "a message":
            send(host, lead, draft)
        case "its status":
            host.update("AIDraft", draft, status="approved")
        case "its time":
            host.update("AIDraft", draft, updatedAt=FRESH)
    touched = 0 if stored in ("its status", "its time") else 1
    assert step.resume() == [(touched, False)]
    after = {"a message": "approved", "its status": "approved", "its time": "sending", "nothing": "pending"}
    assert status_of(stage.owner, draft)[0] == after[stored]


@wide_text
def test_a_sender_that_comes_too_late_finds_the_draft_taken_back(race: Race) -> None:
    """Its claim, by the status, is in vain: so it sends nothing."""
    stage, host, _, draft = race
    recovery = stage.session()
    step = stage.start(recovery, RECOVER, pause_at="stale draft locked")
    claim = """update public."AIDraft" set "updatedAt" = %s where id = %s and status = 'sending' returning id"""
    host.connection.execute("set lock_timeout = 0")
    sender = stage.start(host.connection, claim, [NOW, draft])
    sender.wait_until_it_waits_for(recovery)
    assert step.resume() == [(1, False)]
    assert sender.finish() == []
    assert status_of(stage.owner, draft) == ("pending", "needs_review")


@wide_text
def test_two_recoveries_share_the_work(race: Race) -> None:
    stage, _, lead, draft = race
    step = stage.start(stage.session(), RECOVER, pause_at="stale draft locked")
    other = sending(Host(stage.owner), lead)
    assert stage.session().execute(RECOVER).fetchall() == [(1, False)]
    assert step.resume() == [(1, False)]
    assert [status_of(stage.owner, one)[0] for one in (draft, other)] == ["pending"] * 2


def test_no_recovery_in_an_old_snapshot(stage: Stage) -> None:
    switch(stage.owner, "recover-stale-drafts")
    session = stage.session()
    session.execute("set default_transaction_isolation = 'repeatable read'")
    assert code(session, RECOVER) == "IB004"


# Writers beside prunes


@wide_text
@pruned
def test_prunes_neither_wait_nor_block(stage: Stage, item: str) -> None:
    writer, pruner, other = Host(stage.session(OWNER)), stage.session(), stage.session()
    switch(stage.owner, item)
    held, free, young = add(writer, item), add(writer, item), add(writer, item, is_due=False)
    table = PRUNED[item]
    column = "expiresAt" if "memory" in item else "createdAt"
    with writer.connection.transaction():
        writer.update(table, held, **{column: NOW if column == "createdAt" else AHEAD})
        with pruner.transaction():
            assert upkeep(pruner, item)[0] == 1, "passes the row by that is held"
            assert ids(stage.owner, table) == {held, free, young}
            assert upkeep(other, item) == (0, False), "nor waits for another prune"
            added = add(writer, item)
            writer.update(table, young, **{column: AHEAD})
    assert ids(stage.owner, table) == {held, young, added}
    assert upkeep(pruner, item)[0] == 1, "judges a row as it is under the lock"
    assert ids(stage.owner, table) == {held, young}


@wide_text
def test_a_run_whose_artefact_is_held_is_left_for_the_next_walk(stage: Stage) -> None:
    writer, pruner = Host(stage.session(OWNER)), stage.session()
    switch(stage.owner, "prune-draft-runs")
    old = add(writer, "prune-draft-runs")
    artefact = writer.row("DraftPipelineArtifact", runId=old)
    with writer.connection.transaction():
        writer.connection.execute('select from public."DraftPipelineArtifact" for update')
        assert upkeep(pruner, "prune-draft-runs") == (0, False)
    assert ids(stage.owner, "DraftPipelineArtifact") == {artefact}
    assert upkeep(pruner, "prune-draft-runs") == (1, False)
    assert ids(stage.owner, "DraftPipelineArtifact") == set()


@wide_text
def test_a_table_that_a_migration_holds_is_left(stage: Stage) -> None:
    switch(stage.owner, *ITEMS)
    session = stage.session()
    session.execute("set lock_timeout = 0")
    session.execute("set statement_timeout = '20s'")
    for item in ITEMS:
        table = Identifier(PRUNED.get(item, "AIDraft"))
        with stage.owner.transaction():
            stage.owner.execute(SQL("lock table public.{} in access exclusive mode").format(table))
            assert code(session, "select inboxdb.run_upkeep(%s)", item) in (None, "55P03"), item


# Commands


@wide_text
def test_commands(database: Database, host: Host, owner: Connection[Any]) -> None:
    fill(owner, "prune-draft-runs", 600)
    listed = answer(database, "upkeep", "list")["upkeep"]
    assert [one["item"] for one in listed] == ITEMS
    assert not any(one["is_on"] or one["missing"] for one in listed)
    due = answer(database, "upkeep", "run", "prune-draft-runs", "--dry-run")
    assert due == {"item": "prune-draft-runs", "dry_run": True, "touched": 600, "has_more": False}
    assert "prune-draft-runs is off" in refused_command(database, "upkeep", "run", "prune-draft-runs")
    assert "no upkeep 'leads'" in refused_command(database, "upkeep", "run", "leads", "--dry-run")
    switch(owner, "prune-draft-runs")
    done = invoke("upkeep", "run", "prune-draft-runs", "--dsn", database.dsn_of(MAINTAINER))
    assert (done.exit_code, done.stdout) == (0, "prune-draft-runs: 600 rows done\n")
    assert done.stderr == "250 rows so far\n500 rows so far\n"
    assert ids(owner, "DraftPipelineRun") == set()
    shown = invoke("upkeep", "list", "--dsn", database.dsn_of(MAINTAINER)).stdout
    assert "prune-draft-runs        on" in shown
