"""The cost of reading one's counts: alone, and beside writers and a drain."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

from psycopg.conninfo import make_conninfo

from tests.bench import pgbench
from tests.bench.contenders import INBOXDB, at_work
from tests.bench.host import READER, Host
from tests.bench.results import At, Results
from tests.bench.writers import write

SENTINEL = "00000000-0000-0000-0000-000000000000"

BY_KEY = "floor: bare primary key"
THROUGH_API = "inboxdb, through inbox_api"
# Contenders, and the scripts that read as they do.
SCRIPTS = {
    BY_KEY: "read_by_key",
    THROUGH_API: "read_through_api",
    "materialized view": "read_materialized_view",
    "index-only count(*)": "read_count",
}
COUNTED = 10_000  # leads of the workspace for count(*): the others read rows counted before
ALONE = "nothing"
BESIDE_WRITERS = "16 writers, a drain"


def measure(host: Host, results: Results) -> None:
    """Measure them."""
    note = (
        f"pgbench, prepared statements; the global row of the workspace of {host.size.judged:,}; `count(*)` is one "
        f"of the counts, of {COUNTED:,} leads. inbox_api asks who is signed in, what they may see, and how fresh it "
        "is. The writers write without a pause, and share the processors with everything else. One reader alone may be "
        "the slower one: processors that rest between its reads have to wake up for each."
    )
    throughput = results.measure("reads", "Reading one's counts: reads per second", "reads/s", note=note)
    latency = results.measure("reads_p50", "Reading one's counts: latency, median", "ms")
    tail = results.measure("reads_p99", "Reading one's counts: latency that 99 of 100 reads stay below", "ms")
    host.sign_in(host.judged)
    seconds = host.size.seconds
    for _ in range(host.size.writer_rounds):
        for beside in (ALONE, BESIDE_WRITERS):
            is_alone = beside == ALONE
            with nullcontext() if is_alone else at_work(INBOXDB, host.dsn):
                for readers in (1, 8):
                    for name, script in SCRIPTS.items():
                        with nullcontext() if is_alone else writing(host, seconds + 1):
                            run = read(host, script, readers, seconds)
                        at: At = {"readers": readers, "beside": beside}
                        throughput.add(name, at, run.tps)
                        latency.add(name, at, run.p50)
                        tail.add(name, at, run.p99)


@contextmanager
def writing(host: Host, seconds: int) -> Iterator[None]:
    """Let 16 writers write for some seconds, beside the block."""
    with ThreadPoolExecutor(1) as pool:
        writers = pool.submit(write, host, 16, "one statement", "one", seconds)
        yield
        writers.result()


def read(host: Host, script: str, readers: int, seconds: int) -> pgbench.Run:
    """Let a user who is signed in read their counts, over and over."""
    workspace = host.workspaces[COUNTED] if script == "read_count" else host.judged
    return pgbench.run(
        make_conninfo(host.dsn, user=READER),
        script,
        clients=readers,
        seconds=seconds,
        workspace=workspace,
        sentinel=SENTINEL,
    )
