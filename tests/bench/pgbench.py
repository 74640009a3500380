"""pgbench: clients run a script for a while; how many transactions they make, and how long each takes."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from inboxdb.demo import embedded

SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Run:
    """The result of a run of pgbench: transactions per second, and each one's latency in ms."""

    tps: float
    latencies: list[float]

    @property
    def p50(self) -> float:
        """The median latency."""
        return median(self.latencies)

    @property
    def p99(self) -> float:
        """The latency at the 99th percentile."""
        return quantiles(self.latencies, n=100, method="inclusive")[98]


def run(dsn: str, script: str, *, clients: int, seconds: int, **variables: object) -> Run:
    """Let clients run a script, each over a connection of its own, and return the result.

    Parameters: dsn; script, a name in SCRIPTS; clients; seconds; variables, the script's.
    """
    with TemporaryDirectory(prefix="inboxdb-bench-") as folder:
        command: list[str | Path] = [
            *(embedded.binaries(18) / "pgbench", "--no-vacuum", "--protocol", "prepared"),
            *("--client", str(clients), "--jobs", str(min(clients, 2)), "--time", str(seconds)),
            *("--file", SCRIPTS / f"{script}.sql", "--log", "--log-prefix", f"{folder}/log"),
        ]
        for name, value in variables.items():
            command += ["--define", f"{name}={value}"]
        done = subprocess.run([*command, dsn], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"pgbench {script}: {done.stderr}")
        # a line per transaction: client, number, microseconds, …
        latencies = [
            int(line.split()[2]) / 1000 for log in Path(folder).iterdir() for line in log.read_text().splitlines()
        ]
    tps = next(line.split()[2] for line in done.stdout.splitlines() if line.startswith("tps"))
    return Run(float(tps), latencies)
