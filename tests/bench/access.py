"""The cost of row-level security on "Lead" to queries that count leads."""

import psycopg
from psycopg.conninfo import make_conninfo

from tests.bench.host import MEMBER, WRITER, Host, milliseconds
from tests.bench.results import Results

COUNTED = (100_000, 10_000)  # leads of the counted workspace: the first size at hand


def measure(host: Host, results: Results) -> None:
    """Measure; from then on the host has inboxdb's policies."""
    leads = next(one for one in COUNTED if one in host.workspaces)
    workspace = host.workspaces[leads]
    times = results.measure(
        "access",
        f"A member's count of {leads:,} visible leads, with row-level security",
        "ms",
        note='`select count(*)` of a workspace\'s leads; "as the owner" is the same without policies.',
    )
    host.connection.execute("select inboxdb.protect_leads(%s, %s)", ([WRITER], ["authenticated"]))
    host.sign_in(workspace)
    count = f"""select count(*) from public."Lead" where "clientId" = '{workspace}'"""
    with psycopg.connect(make_conninfo(host.dsn, user=MEMBER), autocommit=True) as member:
        for processes in (0, 2):
            for turn in range(-1, host.size.rounds):
                for name, connection in (("through the policy", member), ("as the owner", host.connection)):
                    connection.execute(f"set max_parallel_workers_per_gather = {processes}")
                    took = milliseconds(connection, count)
                    # the first turn makes plans
                    if turn >= 0:
                        times.add(name, {"parallel workers": processes}, took)
