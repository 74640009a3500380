"""The writers' throughput beside each way to keep counts, with its job at work."""

from contextlib import nullcontext

from tests.bench import pgbench
from tests.bench.contenders import CONTENDERS, INBOXDB, NO_TRIGGER, Contender, at_work
from tests.bench.host import ANYWHERE, Host
from tests.bench.results import At, Results

# Whether the transaction stays open for 5 ms after its UPDATE, and the script for it.
TRANSACTIONS = {"one statement": "update_at_once", "open 5 ms": "update_and_wait"}
PLACES = {"one": None, "many": ANYWHERE}  # of the leads written; null for the judged workspace
WAYS = [("one", "one statement"), ("one", "open 5 ms"), ("many", "open 5 ms")]

# The circumstances of the promises: how many writers, and whether a drain is at work beside them.
AT_WORK = "at work"
UNDRAINED: At = {"writers": 16, "drain": "none"}
DRAINED: At = {"writers": 16, "drain": AT_WORK}
CROWDED: At = {"writers": 64, "drain": AT_WORK}


def write(host: Host, clients: int, transaction: str, workspaces: str, seconds: int) -> pgbench.Run:
    """Let the application write leads, a lead per transaction.

    Parameters: clients, how many write side by side; transaction, a key of TRANSACTIONS; workspaces, of PLACES.
    """
    place = host.size.judged if PLACES[workspaces] is None else ANYWHERE
    return pgbench.run(
        host.writer_dsn,
        TRANSACTIONS[transaction],
        clients=clients,
        seconds=seconds,
        place=place,
        leads=host.leads_at(place),
    )


def measure(host: Host, results: Results) -> None:
    """Measure all ways, and then the promises, for longer."""
    measure_all(host, results)
    measure_promises(host, results)
    host.turn_to(INBOXDB)


def measure_all(host: Host, results: Results) -> None:
    """Measure every contender with few and many writers, in a single workspace and in many."""
    note = (
        "Each transaction updates one lead, as a role that owns nothing: anywhere in the workspace of "
        f"{host.size.judged:,}, or in {host.size.anywhere} small ones. Beside them runs each one's job, without a rest "
        "between two passes but 0.1 s: `inboxdb drain-dirty --watch`; the recount of what is flagged; the refresh of "
        "the view."
    )
    throughput = results.measure("writers", "Writers: transactions per second", "tps", x="writers", note=note)
    latency = results.measure(
        "writers_p99",
        "Writers: latency that 99 of 100 transactions stay below",
        "ms",
        x="writers",
        note="Of the same runs; the 5 ms are part of it.",
    )
    for _ in range(host.size.writer_rounds):
        for contender in CONTENDERS:
            host.turn_to(contender)
            with at_work(contender, host.dsn):
                for workspaces, transaction in WAYS:
                    for clients in host.size.writers:
                        run = write(host, clients, transaction, workspaces, host.size.seconds)
                        at: At = {"workspaces": workspaces, "transaction": transaction, "writers": clients}
                        throughput.add(contender.name, at, run.tps)
                        latency.add(contender.name, at, run.p99)


def measure_promises(host: Host, results: Results) -> None:
    """Measure the promised circumstances, with inboxdb and without, in turn."""
    throughput = results.measure(
        "writers_promised",
        "Writers in one workspace whose transactions stay open 5 ms, with `drain-dirty --watch` at work or without",
        "tps",
        note="The two side by side in each round, each first in every other one.",
    )

    def measure_one(contender: Contender) -> None:
        host.turn_to(contender)
        for at in (DRAINED, CROWDED, UNDRAINED):  # the last leaves changes behind
            with at_work(contender, host.dsn) if at["drain"] == AT_WORK else nullcontext():
                run = write(host, int(at["writers"]), "open 5 ms", "one", host.size.promise_seconds)
            throughput.add(contender.name, at, run.tps)

    for turn in range(host.size.rounds):
        for contender in (NO_TRIGGER, INBOXDB)[:: 1 if turn % 2 else -1]:
            measure_one(contender)
