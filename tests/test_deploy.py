"""docs/deploy/: the tools find no fault with the files, and the real programs run them."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.interleave import until
from tests.machine import SOCKETS, UNITS, Machine, machine
from tests.programs import program
from tests.rows import Host, live_counts, stored_counts
from tests.servers import DRAINER, Database

DEPLOY = Path(__file__).parents[1] / "docs/deploy"
SYSTEMD = sorted(DEPLOY.glob("inboxdb-*.*"))
KUBERNETES = sorted(DEPLOY.glob("kubernetes-*.yaml"))

MINUTE = 75.0  # seconds, for what begins with the next minute
PROMISE = 15.0  # seconds from commit to reader

# On a machine: the beginning of a shell command that prints the page at an address.
FETCH = (
    "LD_LIBRARY_PATH=/opt/python/lib /opt/python/bin/python3 -c "
    "'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())'"
)


class Inbox:
    """The host's application, the sidebar that shows its counts, and machines that drain."""

    def __init__(self, database: Database) -> None:
        """Make a workspace with an uncounted lead."""
        self.host = Host(database.writer())
        self.reader = database.connect()
        self.workspace = self.host.workspace()
        self.host.lead(self.workspace)
        dsn = database.server.dsn_of(database.name, DRAINER)
        self.server = str(conninfo_to_dict(dsn)["host"])
        self.dsn = make_conninfo(dsn, host=SOCKETS)
        if not Path(self.server).is_dir():
            pytest.skip("a machine of its own reaches the server by its socket only")

    def wait(self, seconds: float) -> None:
        """Wait until the counts are right, so long at most."""
        give_up_at = time.monotonic() + seconds
        while stored_counts(self.reader) != {self.workspace: live_counts(self.reader, self.workspace)}:
            assert time.monotonic() < give_up_at, f"not counted within {seconds:.0f} s"
            time.sleep(0.1)

    def write_and_wait(self) -> None:
        """Write a lead, and wait as long as is promised."""
        self.host.lead(self.workspace)
        self.wait(PROMISE)

    def machine(self, etc: dict[str, Path], *command: str) -> AbstractContextManager[Machine]:
        """Run a machine that knows this database, and a role there that may drain and nothing else."""
        return machine(etc | {"inboxdb/inboxdb.env": f"INBOXDB_DSN='{self.dsn}'\n"}, self.server, *command)

    def boot(self, *units: Path) -> AbstractContextManager[Machine]:
        """Run such a machine with systemd and our units; the first is started."""
        etc = {f"systemd/system/{unit.name}": unit for unit in units}
        return self.machine(etc, program("systemd", "systemd"), f"--unit={units[0].name}")


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


def check(*command: str | Path) -> str:
    """Run a tool that must find no fault; return its output."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout
    return result.stdout


def show(machine: Machine, unit: Path, what: str) -> str:
    """Ask systemd for a property of a unit."""
    return machine.run("systemctl", "show", "--value", f"--property={what}", unit.name).strip()


def stop(machine: Machine, unit: Path) -> None:
    """Stop a unit, which has to end of its own accord."""
    machine.run("systemctl", "stop", unit.name)
    assert (show(machine, unit, "Result"), show(machine, unit, "ExecMainStatus")) == ("success", "0")
    assert "action=end" in machine.run("journalctl", "--unit", unit.name)


def test_the_crontab_is_well_formed() -> None:
    check(program("crontab", "cron"), "-n", DEPLOY / "inboxdb.cron")


@pytest.mark.slow
def test_cron_runs_the_crontab(inbox: Inbox) -> None:
    with inbox.machine({"cron.d/inboxdb": DEPLOY / "inboxdb.cron"}, program("cron", "cron"), "-f") as machine:
        inbox.wait(MINUTE)
        inbox.write_and_wait()
        while "inboxdb: " not in (message := machine.next_message(PROMISE)):
            pass
        assert "action=start" in message


def test_the_units_are_well_formed(tmp_path: Path) -> None:
    shutil.copytree(UNITS, tmp_path / UNITS.relative_to("/"), symlinks=True)
    shutil.copytree(DEPLOY, tmp_path / "etc/systemd/system")
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    for name in ("inboxdb", "uvicorn"):
        shutil.copy("/bin/true", tmp_path / "usr/local/bin" / name)
    names = [unit.name for unit in SYSTEMD]
    assert check(program("systemd-analyze", "systemd"), f"--root={tmp_path}", "verify", *names) == ""


@pytest.mark.parametrize("unit", [unit for unit in SYSTEMD if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_the_services_are_confined(unit: Path) -> None:
    """On systemd's scale, from 0 to 100, an unconfined service has 96."""
    check(program("systemd-analyze", "systemd"), "--offline=true", "--threshold=14", "security", unit)


def test_systemd_runs_the_worker(inbox: Inbox) -> None:
    unit = DEPLOY / "inboxdb-worker.service"
    with inbox.boot(unit) as machine:
        inbox.wait(PROMISE)
        [port] = re.findall(r"^ExecStart=.* --metrics-port (\d+)$", unit.read_text(), re.M)
        assert "\ninboxdb_workers_seen 1.0\n" in machine.run("sh", "-c", f"{FETCH} http://localhost:{port}/metrics")

        machine.run("systemctl", "kill", "--signal=KILL", unit.name)
        until(lambda: show(machine, unit, "NRestarts") == "1")
        inbox.write_and_wait()
        stop(machine, unit)


def test_systemd_runs_the_trigger(inbox: Inbox) -> None:
    unit = DEPLOY / "inboxdb-trigger.service"
    secret = "synthetic-secret-0123456789-abcdef"
    [port] = re.findall(r"^ExecStart=.* --port (\d+) ", unit.read_text(), re.M)
    etc: dict[str, Path | str] = {
        f"systemd/system/{unit.name}": unit,
        "inboxdb/inboxdb.env": f"INBOXDB_DSN='{inbox.dsn}'\nINBOXDB_TRIGGER_SECRET='{secret}'\n",
    }
    with machine(etc, inbox.server, program("systemd", "systemd"), f"--unit={unit.name}") as one:
        until(lambda: "serving" in one.run("journalctl", "--unit", unit.name))
        ask = (
            "LD_LIBRARY_PATH=/opt/python/lib /opt/python/bin/python3 -c 'import sys, urllib.request as u; "
            'u.urlopen(u.Request(sys.argv[1], b"", {"Authorization": "Bearer " + sys.argv[2]}))\''
        )
        asking = f"{ask} http://127.0.0.1:{port}/drain {secret}"
        one.run("sh", "-c", f"({asking}) > /dev/null 2>&1 &")
        inbox.wait(PROMISE)
        inbox.write_and_wait()
        stop(one, unit)


@pytest.mark.slow
def test_systemd_runs_the_timer(inbox: Inbox) -> None:
    timer, unit = DEPLOY / "inboxdb-drain.timer", DEPLOY / "inboxdb-drain.service"
    with inbox.boot(timer, unit) as machine:
        inbox.wait(MINUTE)
        inbox.write_and_wait()
        stop(machine, unit)


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
def test_kubernetes_would_take_it(file: Path) -> None:
    check(sys.executable, "-m", "kubernetes_validate", "--strict", file)


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
def test_a_container_runs_it(inbox: Inbox, file: Path) -> None:
    """As its user and with its environment alone; as process 1, which SIGTERM ends only through a handler."""
    [said] = yaml.safe_load_all(file.read_text())
    pod = said["spec"].get("jobTemplate", said)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    variables = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"]}
    secret = {"dsn": inbox.dsn}
    env = [f"{name}={secret[one['key']]}" for name, one in variables.items() if not one.get("optional")]
    context = pod["securityContext"]
    user = [f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}", "--clear-groups"]
    confine = [program("setpriv", "util-linux"), *user, "--bounding-set=-all", "--no-new-privs"]
    with inbox.machine({}, *confine, "env", *env, *container["command"]) as machine:
        inbox.wait(PROMISE)
        for port in container.get("ports", []):
            listening = machine.run("cat", "/proc/net/tcp", "/proc/net/tcp6")
            assert f":{port['containerPort']:04X} " in listening
        inbox.write_and_wait()
        os.kill(machine.first, signal.SIGTERM)
        assert machine.process.wait(PROMISE) == 0


def test_the_alerts_fire_when_they_should() -> None:
    promtool = program("promtool", "prometheus")
    check(promtool, "check", "rules", DEPLOY / "prometheus-alerts.yaml")
    check(promtool, "test", "rules", Path(__file__).parent / "prometheus-alerts.test.yaml")


def test_the_alerts_ask_for_metrics_that_there_are(database: Database) -> None:
    printed = check(sys.executable, "-m", "inboxdb", "--dsn", database.dsn, "metrics")
    [group] = yaml.safe_load((DEPLOY / "prometheus-alerts.yaml").read_text())["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"inboxdb_\w+", rule["expr"])}
    assert asked <= set(re.findall(r"^# TYPE (\w+) (?:gauge|summary)$", printed, re.M))
