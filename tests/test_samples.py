"""Samples of reads: kept whole or refused whole, by whoever may report them alone, and for as long as is set."""

import json
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.rows import new_id, set_clock
from tests.servers import DRAINER, MEMBER, MONITOR, OBSERVER, ROUTER, WRITER, Database
from tests.test_identity import fields_of

NOON = "2024-06-10 12:00:00+00"
AT = 1_718_020_800_000  # in milliseconds

GOOD: dict[str, Any] = {"client_id": "one", "function": "inbox_counts", "ms": 12.5, "outcome": "ok"}

NOTE = "select inbox_api.note_reads(%s)"
KEPT = """
select client_id, function_name, ms, outcome, cache_hit, request_id, extract(epoch from read_at)::float8 * 1000
from inboxdb.read_sample
order by id
"""


@pytest.fixture(autouse=True)
def noon(owner: Connection[Any]) -> None:
    set_clock(owner, NOON)


@pytest.fixture
def observer(database: Database) -> Connection[Any]:
    return database.connect(OBSERVER)


def refused(connection: Connection[Any], samples: Any) -> dict[str, str]:
    with pytest.raises(psycopg.Error) as raised:
        connection.execute(NOTE, [Jsonb(samples) if samples is not None else None])
    return fields_of(raised.value)


def test_samples_are_kept_as_they_were_sent(owner: Connection[Any], observer: Connection[Any]) -> None:
    whole = {
        **{"client_id": "b", "function": "conversations", "ms": 0, "outcome": "IB007", "cache_hit": True},
        **{"request_id": "req_1.A:/+=-", "at": AT - 60_000},
    }
    empty = {**GOOD, "cache_hit": None, "request_id": None, "at": None}
    assert observer.execute(NOTE, [Jsonb([GOOD, whole, empty])]).fetchall() == [(3,)]
    plain = ("one", "inbox_counts", 12.5, "ok", False, None, AT)
    noted = ("b", "conversations", 0, "IB007", True, "req_1.A:/+=-", AT - 60_000)
    assert owner.execute(KEPT).fetchall() == [plain, noted, plain]


BAD: dict[str, list[Any]] = {
    "client_id": ["", "x" * 2001, "é" * 1001, 1, None, ...],
    "function": ["", "inbox_counts ", "note_reads", "clock", "INBOX_COUNTS", None, 1, ...],
    "ms": [-0.1, 3_600_000.1, 1e300, "1", None, ...],
    "outcome": ["", "OK", "ok\n", "IB0077", "ib007", "200", None, 200, ...],
    "cache_hit": ["true", 1, []],
    "request_id": ["", "x" * 129, "a b", "a\nb", "<b>", "é", 1, {}],
    "at": ["now", AT - 900_001, AT + 60_001, AT / 1000, True, "2024-06-10"],
}


@pytest.mark.parametrize("field", BAD)
def test_one_bad_field_refuses_all_and_is_named(owner: Connection[Any], observer: Connection[Any], field: str) -> None:
    for value in BAD[field]:
        row = {name: one for name, one in (GOOD | {field: value}).items() if one is not ...}
        said = refused(observer, [GOOD, row, {}])
        assert said["sqlstate"] == "IB022", value
        assert said["message_primary"].startswith(f"samples are refused: row 2: {field} may be "), value
        assert said["message_detail"] == "None of them was kept."
    assert owner.execute(KEPT).fetchall() == []


def test_what_is_no_batch_is_refused(owner: Connection[Any], observer: Connection[Any]) -> None:
    for no_batch in (None, {}, [], "x", 1, GOOD, [GOOD] * 1001, [GOOD | {"client_id": "x" * 1900}] * 150):
        assert refused(observer, no_batch)["message_primary"].startswith("samples are refused: samples may be ")
    for no_row in (1, "x", None, [], [GOOD]):
        assert "row 1: each row may be an object" in refused(observer, [no_row])["message_primary"]
    said = refused(observer, [GOOD | {"user_id": "secret"}])
    assert "row 1: its fields may be client_id, " in said["message_primary"]
    assert "secret" not in json.dumps(said), "a value may be anything"
    assert owner.execute(KEPT).fetchall() == []
    assert observer.execute(NOTE, [Jsonb([GOOD] * 1000)]).fetchall() == [(1000,)]


def test_only_an_observer_may_report_and_nobody_may_look(database: Database, observer: Connection[Any]) -> None:
    for role in (WRITER, MEMBER, DRAINER, MONITOR, ROUTER):
        assert refused(database.connect(role), [GOOD])["sqlstate"] == "42501", role
    assert refused(database.signed_in(new_id()), [GOOD])["sqlstate"] == "42501"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        observer.execute("select from inboxdb.read_sample")
    for statement in ("select from inbox_api.flags('x')", "select from inbox_api.inbox_counts('x')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            observer.execute(statement.encode())


def test_samples_go_once_they_are_as_old_as_is_set(
    database: Database, owner: Connection[Any], observer: Connection[Any]
) -> None:
    observer.execute(NOTE, [Jsonb([GOOD] * 3)])
    drain = database.connect(DRAINER)
    for days, kept in (("7", 3), ("1", 0)):
        owner.execute("select inboxdb.set_setting('read_sample_days', %s)", [days])
        set_clock(owner, "2024-06-12 12:00:00+00")
        drain.execute("call inboxdb.drain_dirty()")
        assert owner.execute("select from inboxdb.read_sample").rowcount == kept
    assert owner.execute("select from inboxdb.maintenance_failure").rowcount == 0
    set_clock(owner, NOON)
    observer.execute(NOTE, [Jsonb([GOOD | {"at": AT - second} for second in (3000, 2000, 1000)])])
    set_clock(owner, "2024-06-12 12:00:00+00")
    owner.execute("select inboxdb.prune_samples(2)")
    assert owner.execute("select read_at::text from inboxdb.read_sample").rowcount == 1
    for nonsense in ("0", "91", "a week"):
        with pytest.raises(psycopg.Error) as raised:
            owner.execute("select inboxdb.set_setting('read_sample_days', %s)", [nonsense])
        assert raised.value.sqlstate == "IB017"
