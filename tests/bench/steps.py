"""Where the microseconds of a writer go: processor time of one session's UPDATE of one lead, part by part.

Each row is the median of its rounds; all run in turn within a round, over one session, prepared, with
synchronous_commit off. Processor time of the server process alone, because the client's share would blur what is a
microsecond or two.
"""

import random

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database.connection import Connection
from tests.bench.contenders import INBOXDB, NO_TRIGGER
from tests.bench.host import Host, processor_time
from tests.bench.results import Results

ROUNDS = 3  # as many as others have, times this
UPDATES = 1_000  # a round
LEADS = 10_000  # that are updated, at most
UPDATE = 'update "Lead" set "{}" = $1 where id = $2'
COUNTED, OTHER = "a counted column", "another column"
COLUMNS = {COUNTED: "sentimentTag", OTHER: "jobTitle"}

FUNCTION = """
create or replace function inboxdb.note_lead_change() returns trigger language plpgsql {} as $$
declare
  slice pg_catalog.int4;
begin {} return null; end $$
"""
PINNED = "security definer set search_path = ''"
HANDLED = "begin {} exception when others then return null; end;"
ASKED = "slice := inboxdb.current_slice(); if inboxdb.can_note_in(slice) is not true then return null; end if;"

# Each step, and the function with this step and all steps above; the last is the shipped function.
STEPS = {
    "an empty trigger function": FUNCTION.format("security invoker", ""),
    "SECURITY DEFINER, SET search_path": FUNCTION.format(PINNED, ""),
    "the handler round reading": FUNCTION.format(PINNED, HANDLED.format("slice := 0;")),
    "the slice of now, and whether it may be written": FUNCTION.format(PINNED, HANDLED.format(ASKED)),
}
REST = "reading and comparing the lead, and its row in the log: the shipped function"
WITHOUT_INDEX = "(the same without the log's second index)"


class Session:
    """The application's session that is measured."""

    def __init__(self, host: Host) -> None:
        """Prepare its statements."""
        dsn = make_conninfo(host.writer_dsn, options="-c synchronous_commit=off")
        self._connection: Connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        for column in COLUMNS.values():
            self._connection.execute(f'prepare "{column}" (text, text) as {UPDATE.format(column)}'.encode())
        chosen = "select id from bench.lead where place = %s and n <= %s"
        self._leads = [id for (id,) in host.connection.execute(chosen, [host.size.judged, LEADS])]

    def microseconds(self, column: str) -> float:
        """Write, and return the processor time of an UPDATE."""
        chosen = random.choices(self._leads, k=UPDATES)
        for lead in chosen[:100]:  # so that everything is planned again
            self._write(column, lead)
        before = processor_time(self._connection)
        for lead in chosen:
            self._write(column, lead)
        return (processor_time(self._connection) - before) / UPDATES * 1e6

    def _write(self, column: str, lead: str) -> None:
        self._connection.execute(f"execute \"{column}\" ('{random.random()}', '{lead}')".encode())

    def close(self) -> None:
        """Close its connection."""
        self._connection.close()


def measure(host: Host, results: Results) -> None:
    """Measure an UPDATE with inboxdb and with no trigger, and with ever more of the trigger function."""
    update = results.measure(
        "update", "An UPDATE of one lead: processor time", "µs", note="Prepared, and repeated over one session."
    )
    steps = results.measure(
        "steps",
        "Where the microseconds of a writer go",
        "µs",
        note="Of the same UPDATE of a counted column: in each row the trigger function has all that is named so far.",
    )
    [(shipped,)] = host.connection.execute("select pg_get_functiondef('inboxdb.note_lead_change'::regproc)")
    indexes = [
        definition
        for (definition,) in host.connection.execute(
            "select pg_get_indexdef(indexrelid) from pg_index where indexrelid::regclass::text "
            "~ '^inboxdb.change_._client_id_xid_idx'"
        )
    ]
    session = Session(host)

    def microseconds(column: str = COUNTED) -> float:
        host.connection.execute("truncate inboxdb.change_0, inboxdb.change_1, inboxdb.change_2, inboxdb.change_3")
        host.connection.execute('vacuum public."Lead"')
        return session.microseconds(COLUMNS[column])

    for _ in range(ROUNDS * host.size.rounds):
        for contender in (NO_TRIGGER, INBOXDB):
            host.switch_on(contender)
            for column in COLUMNS:
                update.add(contender.name, {"column": column}, microseconds(column))
        for step, function in STEPS.items():
            host.connection.execute(function)
            steps.add(INBOXDB.name, {"with": step}, microseconds())
        host.connection.execute(shipped)
        steps.add(INBOXDB.name, {"with": REST}, microseconds())
        for number in range(4):
            host.connection.execute(f"drop index inboxdb.change_{number}_client_id_xid_idx".encode())
        steps.add(INBOXDB.name, {"with": WITHOUT_INDEX}, microseconds())
        for definition in indexes:
            host.connection.execute(definition)
    session.close()
    host.turn_to(INBOXDB)
