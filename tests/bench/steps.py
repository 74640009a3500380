"""Where the microseconds of a writer go: processor time of one session's UPDATE of one lead, part by part.

    python -m tests.bench.steps [ROUNDS]

Prints a table, for docs/benchmarks/README.md. Each row is the median of its rounds; all run in turn within a round,
over one session, prepared, with synchronous_commit off. Processor time of the backend alone, from Linux's /proc,
because the client's share would blur what is a microsecond or two.
"""

import random
import sys
from pathlib import Path
from statistics import median

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.database.connection import Connection
from tests.bench.contenders import INBOXDB, NO_TRIGGER
from tests.bench.host import Host, server
from tests.bench.sizes import SIZES

UPDATES = 3_000  # a round
UPDATE = 'update "Lead" set "{}" = $1 where id = $2'
COUNTED, OTHER = "sentimentTag", "jobTitle"

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
REST = "reading and comparing the lead, and its row in the log"
WITHOUT_INDEX = "(the same without the log's second index)"


class Session:
    """The application's session that is measured."""

    def __init__(self, host: Host) -> None:
        """Prepare its statements."""
        dsn = make_conninfo(host.writer_dsn, options="-c synchronous_commit=off")
        self._connection: Connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        for column in (COUNTED, OTHER):
            self._connection.execute(f'prepare "{column}" (text, text) as {UPDATE.format(column)}'.encode())
        ids = host.connection.execute("select id from bench.lead where place = %s", [host.size.judged]).fetchall()
        self._leads = [id for (id,) in ids]

    def microseconds(self, column: str) -> float:
        """Write, and return the processor time of an UPDATE."""
        chosen = random.choices(self._leads, k=UPDATES)
        for lead in chosen[:100]:  # so that everything is planned again
            self._write(column, lead)
        before = self._spent()
        for lead in chosen:
            self._write(column, lead)
        return (self._spent() - before) / UPDATES

    def _write(self, column: str, lead: str) -> None:
        self._connection.execute(f"execute \"{column}\" ('{random.random()}', '{lead}')".encode())

    def _spent(self) -> float:
        return int(Path(f"/proc/{self._connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1000


def main() -> None:
    """Measure, and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    figures: dict[str, list[float]] = {}
    with server() as dsn:
        host = Host(dsn, SIZES["tiny"])
        host.install()
        [(shipped,)] = host.connection.execute("select pg_get_functiondef('inboxdb.note_lead_change'::regproc)")
        indexes = [
            definition
            for (definition,) in host.connection.execute(
                "select pg_get_indexdef(indexrelid) from pg_index where indexrelid::regclass::text "
                "~ '^inboxdb.change_._client_id_xid_idx'"
            )
        ]
        session = Session(host)

        def measure(step: str, column: str = COUNTED) -> None:
            host.connection.execute("truncate inboxdb.change_0, inboxdb.change_1, inboxdb.change_2, inboxdb.change_3")
            host.connection.execute('vacuum public."Lead"')
            figures.setdefault(step, []).append(session.microseconds(column))

        for _ in range(rounds):
            host.switch_on(NO_TRIGGER)
            measure("no trigger")
            measure("another column, no trigger", OTHER)
            host.switch_on(INBOXDB)
            for step, function in STEPS.items():
                host.connection.execute(function)
                measure(step)
            host.connection.execute(shipped)
            measure(REST)
            measure("another column", OTHER)
            for number in range(4):
                host.connection.execute(f"drop index inboxdb.change_{number}_client_id_xid_idx".encode())
            measure(WITHOUT_INDEX)
            for definition in indexes:
                host.connection.execute(definition)
        host.close()
    base = median(figures["no trigger"])
    before = base
    sys.stdout.write("| | µs | more | of no trigger |\n|---|---|---|---|\n")
    for step in ("no trigger", *STEPS, REST, WITHOUT_INDEX, "another column, no trigger", "another column"):
        took = median(figures[step])
        if step.startswith("another"):
            before = base = median(figures["another column, no trigger"])
        sys.stdout.write(f"| {step} | {took:.1f} | {took - before:+.1f} | {took / base:.2f} |\n")
        before = took


if __name__ == "__main__":
    main()
