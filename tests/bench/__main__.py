"""Run the benchmarks on an embedded server; write docs/benchmarks/SIZE.md, SIZE.json and their plots.

    python -m tests.bench [--size tiny|quick|full] [--only PART]

All contenders run in turn within each round, so that other load on the machine hits all alike. What
has figures that mean little is printed alone: the tiny size, and one part.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import (
    access,
    analytics,
    bulk,
    drains,
    freshness,
    host,
    lists,
    neighbours,
    plots,
    reads,
    refresh,
    report,
    results,
    space,
    steps,
    targets,
    writers,
)
from tests.bench.sizes import SIZES

# In this order: space wants the database as filled, lists others' writers without its indexes; access changes who may
# see which leads.
PARTS: dict[str, Callable[[host.Host, results.Results], None]] = {
    "memory": space.measure_memory,
    "refresh": refresh.measure,
    "steps": steps.measure,
    "writers": writers.measure,
    "freshness": freshness.measure,
    "reads": reads.measure,
    "drains": drains.measure,
    "bulk": bulk.measure,
    "space": space.measure,
    "lists": lists.measure,
    "access": access.measure,
    "neighbours": neighbours.measure,
    "analytics": analytics.measure,
}


def main() -> None:
    """Run them."""
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--size", choices=SIZES, default="quick", help="how much is measured (quick)")
    options.add_argument("--only", choices=PARTS, help="one part of it")
    given = options.parse_args()
    # programs at work end in order, as by Ctrl-C
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    seen = measure(given.size, [given.only] if given.only else list(PARTS))
    if given.only or given.size == "tiny":
        with TemporaryDirectory(prefix="inboxdb-bench-") as folder:
            write(seen, Path(folder))
            sys.stdout.write((Path(folder) / f"{seen.size}.md").read_text())
    else:
        report.DOCUMENTS.mkdir(exist_ok=True)
        write(seen, report.DOCUMENTS)
        report.quote()
        sys.stdout.write(f"{report.targets(seen.targets)}\n")


def write(seen: results.Results, folder: Path) -> None:
    """Write figures, document and plots into a folder."""
    seen.write(folder / f"{seen.size}.json")
    report.write(folder)
    plots.write(seen, folder)


def measure(name: str, parts: list[str]) -> results.Results:
    """Run some parts.

    Parameters: name, of the size; parts, keys of PARTS.
    """
    size = SIZES[name]
    began = time.monotonic()

    def tell(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.0f} s: {what}\n")

    with host.server() as server:
        tell("making the host's data")
        here = host.Host(server, size)
        seen = results.begin(name, here.settings)
        if "refresh" in parts:
            tell("the application's own queries")
            refresh.measure_application(here, seen)
        tell("installing inboxdb and its rivals")
        here.install()
        for part in parts:
            tell(part)
            PARTS[part](here, seen)
        here.close()
    seen.targets = targets.judge(seen, size)
    seen.took = round(time.monotonic() - began)
    tell("done")
    return seen


if __name__ == "__main__":
    main()
