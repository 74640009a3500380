"""The shipped files are the applied ones: checksums of the files, and the text kept in each database."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from inboxdb.database import sources
from inboxdb.database.errors import DamagedFiles, DatabaseNewer, MigrationEdited
from inboxdb.install import migrate, plan
from inboxdb.release import frozen, migration
from tests.catalog import catalog, difference
from tests.servers import Database
from tests.test_cli import answer, invoke, refusal
from tests.test_migrations import INDEXES, LAST, LEADS, NAMES, not_applied, ours_with, run_yoyo

WAYS: list[Callable[[str], object]] = [
    migrate.apply,
    migrate.rollback,
    lambda dsn: migrate.mark(dsn, None),
    migrate.pending,
    plan.script,
]


def texts(database: Database) -> dict[str, tuple[str, str]]:
    """Return a database's checksum and text of each migration."""
    rows = database.connect().execute("select migration_id, checksum, body from inboxdb.migration_text").fetchall()
    return {migration: (checksum, body) for migration, checksum, body in rows}


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def edit(folder: Path, name: str) -> None:
    """Change a shipped migration, its checksum included, without a meaning to the server."""
    file = folder / f"{name}.sql"
    file.write_text(file.read_text().replace("set local lock_timeout = '2s';", "set local lock_timeout = '2000ms';", 1))
    (folder / sources.CHECKSUMS).write_text(sources.checksums())


# The files


def test_the_checksums_are_those_of_the_files() -> None:
    assert not sources.damaged(), "run `make migration`"
    listed = (sources.MIGRATIONS / sources.CHECKSUMS).read_text()
    assert listed.count("\n") == 2 * len(NAMES)
    check = ["sha256sum", "--check", "--strict", "--quiet", sources.CHECKSUMS]
    assert subprocess.run(check, cwd=sources.MIGRATIONS, capture_output=True, text=True).returncode == 0


@pytest.mark.slow
def test_making_the_migrations_writes_the_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = ours_with(tmp_path, monkeypatch)
    (copy / frozen.RELEASED).write_text("")
    assert migration.main(["--check"]) == 0
    append(copy / f"{LAST}.sql", "select 1;\n")
    (copy / f"{LEADS}.rollback.sql").unlink()
    (copy / "9999-new.sql").touch()
    assert sources.damaged() == [f"{LEADS}.rollback.sql", f"{LAST}.sql", "9999-new.sql"]
    assert migration.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert said.count("differs from checksums.txt: run `make migration`\n") == 3
    assert migration.main([]) == 0
    assert migration.main(["--check"]) == 0
    (copy / sources.CHECKSUMS).unlink()
    assert f"{LAST}.sql" in sources.damaged()
    assert migration.main(["--check"]) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_not_as_shipped_stops_everything(
    way: Callable[[str], object], bare_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.apply(bare_database.dsn, batch=3)
    before = catalog(bare_database.connect())
    copy = ours_with(tmp_path, monkeypatch)
    append(copy / f"{LAST}.sql", "drop table inboxdb.inbox_counts;\n")
    with pytest.raises(DamagedFiles, match=f"checksums.txt says: {LAST}.sql"):
        way(bare_database.dsn)
    assert not difference(before, catalog(bare_database.connect()))
    assert not_applied(bare_database) == NAMES[3:]


# The applied text


def test_a_database_keeps_the_text_of_what_is_applied(bare_database: Database) -> None:
    migrate.apply(bare_database.dsn)
    kept = texts(bare_database)
    assert list(kept) == NAMES
    listed = dict(line.split("  ")[::-1] for line in sources.checksums().splitlines())
    for name, (checksum, body) in kept.items():
        assert checksum == listed[f"{name}.sql"]
        assert body == (sources.MIGRATIONS / f"{name}.sql").read_text()
    migrate.rollback(bare_database.dsn, count=2)
    assert list(texts(bare_database)) == NAMES[:-2]


@pytest.mark.parametrize("name", [LEADS, LAST])
def test_an_edited_migration_is_refused_and_named(
    name: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = catalog(database.connect())
    kept = texts(database)
    edit(ours_with(tmp_path, monkeypatch), name)
    for way in WAYS:
        if way is not migrate.rollback:
            with pytest.raises(MigrationEdited, match=name):
                way(database.dsn)
    said = refusal(database, "migrate", "apply")
    assert f"migration {name} is not what was applied here" in said
    assert "| -set local lock_timeout = '2s'; | +set local lock_timeout = '2000ms';." in said
    assert not difference(before, catalog(database.connect()))
    assert texts(database) == kept

    # the edited migration can be listed, undone and applied anew
    listed = {one["id"]: one for one in answer(database, "migrate", "status")["migrations"]}
    assert {one["state"] for one in listed.values()} == {"applied", "edited"}
    assert listed[name]["state"] == "edited"
    assert listed[name]["difference"][1:] == [
        "-set local lock_timeout = '2s';",
        "+set local lock_timeout = '2000ms';",
    ]
    shown = invoke("migrate", "status", "--dsn", database.dsn).stdout
    assert "UTC, edited since (- applied, + shipped):\n  @@ -" in shown
    undone = [one.id for one in migrate.rollback(database.dsn, count=NAMES[::-1].index(name) + 1)]
    assert migrate.apply(database.dsn) == undone[::-1]
    assert not difference(before, catalog(database.connect()))
    assert {one.state for one in migrate.status(database.dsn)} == {"applied"}


def test_ends_of_lines_count(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = ours_with(tmp_path, monkeypatch)
    file = copy / f"{LAST}.sql"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    (copy / sources.CHECKSUMS).write_text(sources.checksums())
    with pytest.raises(MigrationEdited, match="the ends of lines differ"):
        migrate.apply(database.dsn)


def test_a_newer_database_is_refused_and_shown(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        copy = ours_with(tmp_path, newer)
        for name, after in (("9998-later", LAST), ("9999-last", "9998-later")):
            (copy / f"{name}.sql").write_text(f"-- depends: {after}\n\nselect;\n")
            (copy / f"{name}.rollback.sql").write_text(f"-- Undoes {name}: nothing.\n\nselect;\n")
        (copy / sources.CHECKSUMS).write_text(sources.checksums())
        assert migrate.apply(database.dsn) == ["9998-later", "9999-last"]
    before = catalog(database.connect())
    for way in WAYS:
        with pytest.raises(DatabaseNewer, match="does not know 9998-later, 9999-last"):
            way(database.dsn)
    assert "newer than this inboxdb" in refusal(database, "migrate", "rollback", "--all")
    assert not difference(before, catalog(database.connect()))

    listed = answer(database, "migrate", "status")["migrations"]
    assert [(one["id"], one["state"]) for one in listed[-3:]] == [
        (LAST, "applied"),
        ("9998-later", "unknown"),
        ("9999-last", "unknown"),
    ]
    assert invoke("migrate", "status", "--dsn", database.dsn).stdout.count("the database is newer") == 2


# Applied by others


def test_a_database_older_than_the_texts_takes_them_as_shipped(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = texts(database)
    database.connect().execute("drop table inboxdb.migration_text")
    assert {one.state for one in migrate.status(database.dsn)} == {"applied"}
    assert migrate.apply(database.dsn) == []
    assert [record.args for record in caplog.records] == [(name,) for name in NAMES]
    assert texts(database) == kept
    caplog.clear()
    assert migrate.apply(database.dsn) == []
    assert not caplog.records
    edit(ours_with(tmp_path, monkeypatch), LAST)
    with pytest.raises(MigrationEdited):
        migrate.apply(database.dsn)


def test_rollback_needs_no_texts(database: Database) -> None:
    database.connect().execute("drop table inboxdb.migration_text")
    assert len(migrate.rollback(database.dsn, count=None)) == len(NAMES)


@pytest.mark.long
def test_a_text_from_before_yoyo_undid_it_is_no_reason_to_refuse(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    owner = database.connect()
    owner.execute("update inboxdb.migration_text set body = 'other words' where migration_id = %s", (LAST,))
    with pytest.raises(MigrationEdited, match=LAST):
        migrate.apply(database.dsn)
    run_yoyo(database, "rollback", "--revision", LAST)
    run_yoyo(database, "apply", "--revision", LAST)
    assert migrate.apply(database.dsn) == []
    assert [record.args for record in caplog.records] == [(LAST,)]
    assert texts(database)[LAST][1] == (sources.MIGRATIONS / f"{LAST}.sql").read_text()


def test_sums_are_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Path(shutil.copytree(sources.MIGRATIONS, tmp_path / "migrations"))
    monkeypatch.setattr(sources, "MIGRATIONS", copy)
    assert not sources.damaged()
    file = copy / f"{INDEXES}.sql"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert sources.damaged() == [file.name]
