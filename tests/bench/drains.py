"""How much a drain gets done: small workspaces and changes per second, by the number of its workers."""

import json
import os
import subprocess
import sys

from tests.bench.contenders import INBOXDB
from tests.bench.host import ANYWHERE, Host
from tests.bench.results import Results

WORKERS = (1, 2, 4)
LEADS_PER_CHANGE = 50  # a lead in so many changes: few enough for a refresh by change
ONE_LEAD_EACH = """
update public."Lead" as l
set "sentimentTag" = case l."sentimentTag" when 'Interested' then 'Neutral' else 'Interested' end
from (select min(id) as id from public."Lead" where "clientId" = any (%s) group by "clientId") as chosen
where l.id = chosen.id
"""


def measure(host: Host, results: Results) -> None:
    """Measure them."""
    size = host.size
    note = (
        f"`inboxdb drain-dirty --workers N` over {len(host.small_workspaces)} small workspaces with "
        f"{size.anywhere_leads:,} leads in all, from the start of its first refresh to the end of its last."
    )
    refreshes = results.measure(
        "drain_workspaces", "Drain: workspaces of which one lead changed", "workspaces/s", x="workers", note=note
    )
    changes = results.measure(
        "drain_changes",
        f"Drain: changes, where one lead of {LEADS_PER_CHANGE} changed",
        "changes/s",
        x="workers",
        note="In the same workspaces. A refresh takes all changes of its workspace.",
    )
    count = size.anywhere_leads // LEADS_PER_CHANGE
    host.drain()
    for turn in range(size.rounds):
        for workers in WORKERS:
            host.writer.execute(ONE_LEAD_EACH, [host.small_workspaces])
            refreshed, seconds = drain(host, workers)
            refreshes.add(INBOXDB.name, {"workers": workers}, refreshed / seconds)
            host.change(ANYWHERE, count, turn)
            _, seconds = drain(host, workers)
            changes.add(INBOXDB.name, {"workers": workers}, count / seconds)


def drain(host: Host, workers: int) -> tuple[int, float]:
    """Run a drain to its end; return the number of workspaces refreshed, and the seconds from the first to the last."""
    since = host.value("select inboxdb.clock()")
    done = subprocess.run(
        [sys.executable, "-m", "inboxdb", "drain-dirty", "--workers", str(workers), "--json"],
        env={**os.environ, "INBOXDB_DSN": host.dsn},
        check=True,
        stdout=subprocess.PIPE,
    )
    said = json.loads(done.stdout)
    seconds = host.number(
        "select extract(epoch from max(last_finished_at) - min(last_started_at)) from inboxdb.job_status "
        f"where job_name = 'recompute-inbox-counts' and last_started_at >= '{since}'"
    )
    return int(said["refreshed"]), seconds
