"""Maintenance of its own, registered on an installed database: a function and a row, run by both drains."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from inboxdb.drain import run as drain_run
from inboxdb.drain.options import DrainOptions, Schedule
from inboxdb.drain.run import drain as run
from tests.interleave import until
from tests.rows import Host
from tests.running import watching
from tests.servers import DRAINER, Database

DRAINS = ["the procedure", "a run"]


@pytest.fixture
def register(database: Database) -> Callable[..., None]:
    """Make a function, and the row that names it."""
    owner = database.connect()
    owner.execute("create table inboxdb.swept (by text)")

    def registers(
        body: str,
        *,
        every: str = "5 s",
        limit: str = "1 s",
        share: str = "null",
        burst: str = "1 s",
        returns: str = "void",
    ) -> None:
        owner.execute(
            f"create or replace function inboxdb.sweep() returns {returns} language plpgsql security definer "
            f"set search_path = '' as $$ begin {body} end $$"
        )
        [(shipped,)] = owner.execute("select pg_get_viewdef('inboxdb.maintenance'::regclass)").fetchall()
        burst = "null" if share == "null" else f"'{burst}'"
        owner.execute(
            f"create or replace view inboxdb.maintenance as {shipped.rstrip(';')} union all select "
            f"'a-sweep', interval '{every}', interval '{limit}', {share}::float8, {burst}::interval, null, "
            "'inboxdb.sweep', null"
        )

    return registers


def drain(database: Database, by: str) -> None:
    if by == "a run":
        run(database.dsn)
    else:
        database.connect(DRAINER).execute("call inboxdb.drain_dirty()")


@pytest.mark.parametrize("share", ["null", "0.1"], ids=["beside refreshes", "at rest"])
@pytest.mark.parametrize("by", DRAINS)
def test_both_drains_run_a_new_item(database: Database, register: Callable[..., None], by: str, share: str) -> None:
    register("insert into inboxdb.swept values (current_setting('application_name'));", share=share)
    drain(database, by)
    owner = database.connect()
    assert owner.execute("select from inboxdb.swept").rowcount == 1, "due again five seconds later"
    assert owner.execute("select from inboxdb.maintenance_failure").rowcount == 0


@pytest.mark.parametrize("share", ["null", "0.1"], ids=["beside refreshes", "at rest"])
@pytest.mark.parametrize("by", DRAINS)
def test_an_item_that_fails_stops_nothing(
    database: Database, host: Host, register: Callable[..., None], by: str, share: str
) -> None:
    owner = database.connect()
    workspace = host.workspace()
    owner.execute("insert into inboxdb.freshness (sampled_at, seconds) values ('2020-01-01', '{1}')")
    register("raise division_by_zero;", share=share)
    drain(database, by)
    assert owner.execute("select item, last_error from inboxdb.maintenance_failure").fetchall() == [
        ("a-sweep", "22012")
    ]
    assert owner.execute("select client_id::text from inboxdb.workspace").fetchall() == [(workspace,)]
    assert owner.execute("select from inboxdb.freshness where sampled_at = '2020-01-01'").rowcount == 0, "prune ran"


def test_an_item_that_hangs_is_cancelled(
    database: Database, host: Host, register: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    register("perform pg_catalog.pg_sleep(60);", limit="100 ms")
    monkeypatch.setattr(drain_run, "HEARTBEAT_LIMIT", 10.0)
    workspace = host.workspace()
    run(database.dsn)
    owner = database.connect()
    assert owner.execute("select item, last_error from inboxdb.maintenance_failure").fetchall() == [
        ("a-sweep", "57014")
    ]
    assert owner.execute("select client_id::text from inboxdb.workspace").fetchall() == [(workspace,)]


def steps(connection: Connection[Any], kept: Any = None, error: str | None = None) -> Any:
    [(kept, item)] = connection.execute(
        "select kept, item from inboxdb.maintain(%s, false, %s)", [Jsonb(kept) if kept else None, error]
    ).fetchall()
    return kept, item


def test_what_was_lost_with_its_connection_is_recorded_and_not_run_again(
    database: Database, register: Callable[..., None]
) -> None:
    register("insert into inboxdb.swept values ('');")
    owner = database.connect()
    kept, item = steps(owner)
    assert item == "a-sweep"
    kept, item = steps(owner, kept, "08006")
    assert item == "a-sweep"
    assert steps(owner, kept)[1] == "arrive"
    assert owner.execute("select from inboxdb.swept").rowcount == 0
    assert owner.execute("select last_error from inboxdb.maintenance_failure").fetchall() == [("08006",)]


def credit(connection: Connection[Any], now: float, kept: dict[str, Any]) -> float:
    [(seconds,)] = connection.execute(
        "select inboxdb.maintenance_credit(%s, m, %s) from inboxdb.maintenance as m where m.item = 'audit'",
        [Jsonb(kept), now],
    ).fetchall()
    return float(seconds)


def test_audits_get_a_tenth_of_the_time_saved_up_to_a_second(database: Database) -> None:
    owner = database.connect()
    assert credit(owner, 100, {}) == 1, "a single run may audit for a second"
    [(kept,)] = owner.execute(
        "select inboxdb.after_maintenance(%s, m, 'done', 200) from inboxdb.maintenance as m where m.item = 'audit'",
        [Jsonb({"at_hand": {"item": "audit", "began_at": 198.5}})],
    ).fetchall()
    assert credit(owner, 200, kept) == -0.5, "an audit is not broken off"
    assert credit(owner, 204, kept) == pytest.approx(-0.1)
    assert credit(owner, 206, kept) == pytest.approx(0.1)
    assert credit(owner, 190, kept) == -0.5, "a clock that went back pays nothing"
    assert credit(owner, 300, kept) == 1


@pytest.mark.parametrize("share", ["null", "0.1"])
def test_no_drain_waits_for_anothers_failure(database: Database, register: Callable[..., None], share: str) -> None:
    register("raise division_by_zero;", share=share)
    one, other = database.connect(autocommit=False), database.connect()
    record = "select inboxdb.record_maintenance_failure('a-sweep', '22012')"
    one.execute(record)
    other.execute("set statement_timeout = '5s'")
    other.execute(record)
    one.commit()
    assert other.execute("select from inboxdb.maintenance_failure").rowcount == 1


@pytest.mark.parametrize(("share", "turns"), [("null", 1), ("0.9", 3)], ids=["beside refreshes", "at rest"])
@pytest.mark.parametrize("by", DRAINS)
def test_more_to_do_at_rest_is_due_at_once(
    database: Database, register: Callable[..., None], by: str, share: str, turns: int
) -> None:
    body = "insert into inboxdb.swept values (null); return (select pg_catalog.count(*) < 3 from inboxdb.swept);"
    register(body, share=share, returns="boolean")
    drain(database, by)
    assert database.connect().execute("select from inboxdb.swept").rowcount == turns


@pytest.mark.parametrize("schedule", [Schedule("for", 60, 0.1), Schedule("for", 60)], ids=["by pace", "steady"])
def test_maintenance_alone_goes_on_while_there_is_more(
    database: Database, register: Callable[..., None], schedule: Schedule
) -> None:
    """A turn uses up the item's share of time: a run for a time waits for more, and ends where nothing is left."""
    body = "insert into inboxdb.swept values (null); return (select pg_catalog.count(*) < 3 from inboxdb.swept);"
    register(body, share="0.9", burst="1 microsecond", returns="boolean")
    run(database.dsn, DrainOptions(schedule, refreshes=False))
    assert database.connect().execute("select from inboxdb.swept").rowcount == 3


def test_a_watching_run_refreshes_between_turns_of_what_has_more_to_do(
    database: Database, host: Host, register: Callable[..., None]
) -> None:
    """Each turn notes how many workspaces wait, and makes one wait."""
    owner = database.connect()
    workspace = host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    register(
        "insert into inboxdb.swept select pg_catalog.count(*) from inboxdb.waiting;"
        f"perform inboxdb.mark_inbox_counts_dirty('{workspace}');"
        "return (select pg_catalog.count(*) < 10 from inboxdb.swept);",
        share="0.9",
        returns="boolean",
    )
    with watching(database.dsn):
        until(lambda: owner.execute("select from inboxdb.swept").rowcount >= 10)
    waited = owner.execute("select by from inboxdb.swept").fetchall()
    assert waited[:10] == [("0",)] * 10
