"""`inboxdb uninstall`: from whatever state, it leaves the host as it was, and says what it could not remove."""

import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from inboxdb.cli import main
from inboxdb.database import connection, sources
from inboxdb.database.errors import DatabaseRefused, InboxdbError
from inboxdb.install import access, migrate
from inboxdb.install.access import Named
from inboxdb.install.suspend import suspend
from inboxdb.install.uninstall import uninstall
from tests.catalog import SUPABASE, catalog, difference
from tests.interleave import until
from tests.parts import one_in
from tests.rows import Host
from tests.running import python_ends
from tests.servers import WRITER, Database
from tests.test_migrations import FILES, by_contents, by_hand, host_rows, ours_with, run_psql

READERS = "authenticated"


def run(database: Database, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--dsn", database.dsn, "uninstall", *arguments])
    return result.exit_code, result.output


def with_everything(database: Database) -> None:
    database.connect().execute(f'grant select on public."Lead" to {READERS}')
    migrate.apply(database.dsn)
    access.turn_on(database.dsn, Named([WRITER], [READERS]))
    access.publish(database.dsn)


@pytest.mark.all_hosts
@pytest.mark.parametrize("suspended", [False, True])
def test_host_is_as_it_was(bare_database: Database, suspended: bool) -> None:
    owner, host = bare_database.connect(), Host(bare_database.writer())
    bare_database.superuser().execute(SUPABASE.read_bytes())
    owner.execute(f'grant select on public."Lead" to {READERS}')
    host.lead(host.workspace())
    before, rows = catalog(owner), host_rows(owner)
    with_everything(bare_database)
    owner.execute("select inboxdb.protect_topics()")
    owner.execute("call inboxdb.drain_dirty()")
    if suspended:
        suspend(bare_database.dsn)
    code, said = run(bare_database, "--yes", "--rls-off")
    assert code == 0, said
    assert not difference(before, catalog(owner))
    assert host_rows(owner) == rows
    assert suspended or "removed trigger inboxdb_note_rollup" in said
    assert "removed publication inboxdb_lead" in said
    assert "remains: role inboxdb_drainer" in said
    code, said = run(bare_database, "--yes")
    assert code == 0, "once more there is nothing to do"
    assert migrate.apply(bare_database.dsn)


@pytest.mark.parametrize("migrations", one_in(4, range(len(FILES))))
def test_part_of_the_migrations(bare_database: Database, migrations: int) -> None:
    owner = bare_database.connect()
    before = catalog(owner)
    migrate.apply(bare_database.dsn, batch=migrations) if migrations else None
    # half applied: the next one has run, and is not recorded
    owner.execute("create schema if not exists inboxdb")
    run_psql(bare_database, by_hand(FILES[migrations]))
    uninstall(bare_database.dsn)
    assert not difference(before, catalog(owner))


def test_without_a_ledger(bare_database: Database) -> None:
    before = catalog(bare_database.connect())
    by_contents(bare_database)
    uninstall(bare_database.dsn)
    assert not difference(before, catalog(bare_database.connect()))


def test_dry_run_changes_nothing(database: Database) -> None:
    before = catalog(database.connect())
    code, said = run(database, "--dry-run")
    assert code == 0
    assert "would remove schema inboxdb" in said
    assert not difference(before, catalog(database.connect()))


def test_nobody_to_be_asked(database: Database) -> None:
    code, said = run(database)
    assert code == 2
    assert "--yes" in said
    assert database.connect().execute("select to_regclass('inboxdb.setting') is null").fetchone() == (False,)


def test_protected_leads_are_not_opened_unasked(bare_database: Database) -> None:
    with_everything(bare_database)
    owner = bare_database.connect()
    before = catalog(owner)
    code, said = run(bare_database, "--yes")
    assert code == 1
    assert "--rls-off" in said
    assert not difference(before, catalog(owner))
    access.turn_off(bare_database.dsn)
    assert run(bare_database, "--yes")[0] == 0


def test_policies_of_the_hosts_keep_row_level_security_on(bare_database: Database) -> None:
    with_everything(bare_database)
    owner = bare_database.connect()
    owner.execute('create policy own on public."Lead" for select using (false)')
    code, said = run(bare_database, "--yes", "--rls-off")
    assert code == 0
    assert 'remains: policy inboxdb_trusted on public."Lead"' in said
    assert bare_database.writer().execute('select count(*) from public."Lead"').fetchone() == (0,)
    assert run(bare_database, "--yes")[0] == 0


def test_damaged_installation_says_what_stays_closed(bare_database: Database) -> None:
    with_everything(bare_database)
    owner = bare_database.connect()
    owner.execute("drop function inboxdb.unprotect_leads")
    code, said = run(bare_database, "--yes", "--rls-off")
    assert code == 0
    [remedy] = re.findall(r'remains: row-level security on public."Lead": .*: (.*)', said)
    owner.execute(remedy)


def test_roles_that_may_not_be_dropped_remain(database: Database) -> None:
    code, said = run(database, "--yes", "--drop-roles")
    assert code == 0
    assert "remains: role inboxdb_drainer: this role may not drop it" in said


FOREIGN = {
    "view public.badges": "create view public.badges as select * from inboxdb.inbox_counts",
    "column ofs": "create table public.theirs (ofs inboxdb.client_id)",
    "function public.asks": "create function public.asks(a inboxdb.lead_id) returns int language sql as 'select 1'",
    "policy their": 'create policy their on public."Message" using (inboxdb.has_client_access(null))',
    "trigger their": 'create trigger their after truncate on public."Lead" execute function inboxdb.note_truncate()',
    "relation inboxdb.notes": "create table inboxdb.notes (id int)",
    "routine inboxdb.theirs": "create function inboxdb.theirs() returns int language sql as 'select 1'",
    "constraint their": 'alter table public."Message" add constraint their check (inboxdb.is_json(body)) not valid',
    "operator inboxdb": "create operator inboxdb.### (leftarg = int, rightarg = int, function = int4pl)",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_somebody_elses_is_named(database: Database, name: str) -> None:
    owner = database.connect()
    owner.execute(FOREIGN[name])
    before = catalog(owner)
    with pytest.raises(InboxdbError, match=name):
        uninstall(database.dsn)
    assert not difference(before, catalog(owner))


RETIRED = """
create table inboxdb.retired (id bigint generated always as identity primary key, seen_at timestamptz);
create index retired_seen_at_idx on inboxdb.retired (seen_at);
create or replace function inboxdb.retire(old integer) returns integer language sql as 'select 1';
create or replace trigger inboxdb_note_retirement
after truncate on public."Client"
for each statement execute function inboxdb.note_truncate();
create index concurrently if not exists inboxdb_client_retired on public."Client" (id);
"""


def test_older_installation_has_what_is_gone_since(
    bare_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration makes it, and a later one, which this database lacks, drops it."""
    owner = bare_database.connect()
    before = catalog(owner)
    migrate.apply(bare_database.dsn)
    for statement in RETIRED.split(";\n")[:-1]:
        owner.execute(statement)
    with pytest.raises(InboxdbError, match=r"inboxdb\.retired"):
        uninstall(bare_database.dsn)

    folder = Path(shutil.copytree(sources.MIGRATIONS, tmp_path / "migrations"))
    monkeypatch.setattr(sources, "MIGRATIONS", folder)
    with (folder / FILES[1].name).open("a") as file:
        file.write(RETIRED)
    with pytest.raises(InboxdbError, match=r"inboxdb\.retired"):
        uninstall(bare_database.dsn)
    (folder / "9999-retirement.sql").write_text(f"-- depends: {FILES[-1].stem}\ndrop table inboxdb.retired;\n")
    owner.execute("create table inboxdb.notes (id int)")
    with pytest.raises(InboxdbError, match=r"its objects: relation inboxdb\.notes\. Drop"):
        uninstall(bare_database.dsn)
    owner.execute("drop table inboxdb.notes")
    uninstall(bare_database.dsn)
    assert not difference(before, catalog(owner))


def test_newer_installation_has_what_its_ledger_says(
    bare_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration unknown to this inboxdb made it, and its applied text is kept; without the text it is named."""
    owner = bare_database.connect()
    before = catalog(owner)
    ours_with(tmp_path, monkeypatch, "9999-newer.sql", RETIRED.replace(" concurrently", ""))
    migrate.apply(bare_database.dsn)
    monkeypatch.undo()
    owner.execute("create table inboxdb.notes (id int)")
    with pytest.raises(InboxdbError, match=r"its objects: relation inboxdb\.notes\. .* does not know 9999-newer:"):
        uninstall(bare_database.dsn)
    owner.execute("drop table inboxdb.notes")
    text = owner.execute("delete from inboxdb.migration_text where migration_id = '9999-newer' returning *").fetchone()
    with pytest.raises(InboxdbError, match=r"inboxdb\.retired.* the inboxdb that applied it knows more"):
        uninstall(bare_database.dsn)
    owner.execute("insert into inboxdb.migration_text values (%s, %s, %s, %s)", text)
    uninstall(bare_database.dsn)
    assert not difference(before, catalog(owner))


def test_table_that_is_not_free(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ATTEMPTS", 1)
    owner = database.connect()
    holder = database.writer(autocommit=False)
    Host(holder).workspace()
    with pytest.raises(DatabaseRefused, match="55P03"):
        uninstall(database.dsn, lock_timeout=0.1)
    holder.commit()
    uninstall(database.dsn)
    assert not owner.execute("select from pg_namespace where nspname in ('inboxdb', 'inbox_api')").rowcount


@pytest.mark.parametrize("step", one_in(4, range(8)))
def test_killed_between_steps_and_gone_on(bare_database: Database, step: int) -> None:
    owner: Any = bare_database.connect()
    owner.execute(f'grant select on public."Lead" to {READERS}')
    before = catalog(owner)
    with_everything(bare_database)
    code = (
        "import os, signal, sys; from inboxdb.install.uninstall import uninstall\n"
        "steps = iter(range(99))\n"
        "def kill(what):\n"
        "    if next(steps) == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "uninstall(sys.argv[1], rls_off=True, on_step=kill)"
    )
    assert python_ends(code, bare_database.dsn, str(step)) == -signal.SIGKILL
    until(lambda: not owner.execute("select from pg_stat_activity where application_name = 'inboxdb migrate'").rowcount)
    # writers meet nothing that is gone
    host = Host(bare_database.writer())
    host.draft(host.lead(host.workspace()))
    uninstall(bare_database.dsn, rls_off=True)
    assert not difference(before, catalog(owner))
