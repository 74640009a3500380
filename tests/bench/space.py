"""The cost of a change on the disk and in the WAL; the sizes of log and memory after an hour's changes."""

from contextlib import nullcontext

from tests.bench.contenders import CONTENDERS, INBOXDB, NO_TRIGGER, watching
from tests.bench.host import Host
from tests.bench.results import Measure, Results
from tests.holders import idle_reader

TRANSACTIONS = 1_000  # whose WAL is measured
STEP = 100  # changes per transaction of the hour's changes

# One lead per transaction: the same leads in every pass, on pages written since the last checkpoint.
ONE_BY_ONE = f"""
do $$
begin
  for i in 1..{TRANSACTIONS} loop
    -- its WAL is the same
    set local synchronous_commit = off;
    update public."Lead"
    set "sentimentTag" = case "sentimentTag" when 'Interested' then 'Neutral' else 'Interested' end
    where id = (select id from bench.lead where place = {{place}} and n = i);
    commit;
  end loop;
end
$$
"""
WAL = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
LOG = "select sum(pg_total_relation_size(format('inboxdb.change_%s', n)::regclass)) from generate_series(0, 3) as n"
MEMORY = "select pg_total_relation_size('inboxdb.counted_lead')"
MEMORY_ROWS = "select count(*) from inboxdb.counted_lead"
ALL = """
select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'inboxdb'::regnamespace and relkind = 'r'
"""


def measure_memory(host: Host, results: Results) -> None:
    """Measure the bytes kept per lead; to be called first, right after the first fill."""
    results.measure(
        "memory",
        "Memory of what each lead counted last",
        "bytes per lead",
        note="Table inboxdb.counted_lead with its indexes; ids are uuids in text columns. After the first fill.",
    ).add(INBOXDB.name, {"when": "filled"}, host.number(MEMORY) / host.number(MEMORY_ROWS))


def measure(host: Host, results: Results) -> None:
    """Measure everything else."""
    measure_wal(host, results)
    measure_hour(host, results)


def measure_wal(host: Host, results: Results) -> None:
    """Measure the WAL of transactions with a changed lead, by contender, and of inboxdb's refreshes afterwards."""
    wal = results.measure(
        "wal",
        "WAL of a transaction that changes one lead",
        "bytes",
        note=(
            f"Means of {TRANSACTIONS:,} transactions in one workspace. The last row is what inboxdb's refreshes add "
            f"per change where each takes {STEP}: what they write per refresh is spread over these."
        ),
    )
    disk = results.measure(
        "log", "The change log before it is drained", "bytes per change", note="Tables and indexes of all four slices."
    )
    one_by_one = ONE_BY_ONE.format(place=host.size.judged)
    for _ in range(host.size.rounds):
        for contender in CONTENDERS:
            if contender.has_triggers or contender is NO_TRIGGER:
                host.turn_to(contender)
                # page images after a checkpoint come with this pass, before the measured pass
                host.writer.execute(one_by_one.encode())
                host.drain()
                # the log is drained, and no other session is here
                host.connection.execute(
                    "truncate inboxdb.change_0, inboxdb.change_1, inboxdb.change_2, inboxdb.change_3"
                )
                before, log_before = host.number(WAL), host.number(LOG)
                host.writer.execute(one_by_one.encode())
                wal.add(contender.name, {"written by": "the writer"}, (host.number(WAL) - before) / TRANSACTIONS)
                if contender is INBOXDB:
                    disk.add(INBOXDB.name, {"when": "not drained yet"}, (host.number(LOG) - log_before) / TRANSACTIONS)
        host.drain()
        spent = 0.0
        for turn in range(10):
            host.change(host.size.judged, STEP, turn)
            before = host.number(WAL)
            host.drain()
            spent += host.number(WAL) - before
        wal.add(INBOXDB.name, {"written by": f"refreshes of {STEP} changes"}, spent / (10 * STEP))


def measure_hour(host: Host, results: Results) -> None:
    """Measure sizes after an hour's changes, with a snapshot held all the time and without."""
    sizes = results.measure(
        "hour",
        f"Sizes after an hour's {host.size.hour:,} changes",
        "MB",
        note=(
            f"Simulated: driven in as fast as they go, {STEP} to a transaction, all over one workspace, with "
            "`drain-dirty --watch` at work; so autovacuum had seconds where an hour has 3,600, and slices of the log "
            "were not truncated yet. A session that is idle in a transaction held the snapshot, from before the "
            "changes until the sizes were taken."
        ),
    )
    host.drain()
    record(host, sizes, "before")
    for when, holding in (
        ("afterwards", nullcontext()),
        ("after another, with a snapshot held", idle_reader(host.dsn)),
    ):
        with holding:
            with watching(host.dsn):
                for turn in range(host.size.hour // STEP):
                    host.change(host.size.judged, STEP, turn)
            host.drain()
            record(host, sizes, when)


def record(host: Host, sizes: Measure, when: str) -> None:
    """Record the sizes of log, memory and the whole of inboxdb."""
    for what, query in (("change log", LOG), ("memory", MEMORY), ("all tables of inboxdb", ALL)):
        sizes.add(what, {"when": when}, host.number(query) / 1e6)
