"""A machine of its own for Debian's programs of which a machine has one.

The machine is namespaces over this one's files: a test's changes to files are seen by the machine alone.
"""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import inboxdb
from tests.interleave import until
from tests.programs import lacking

# The user in docs/deploy/inboxdb.cron; here root, because only root gets at the tests' servers.
USER = "inboxdb"

# Where the machine has the server's socket.
SOCKETS = "/run/postgresql"

UNITS = Path("/usr/lib/systemd/system")

# In a mount namespace of its own: joins a new control group, then the other namespaces.
OUTSIDE = """
mount -t cgroup2 cgroup2 cgroup
mkdir cgroup/$GROUP
echo $$ > cgroup/$GROUP/cgroup.procs
exec unshare --fork --kill-child --mount-proc $NAMESPACES sh -euc "$INSIDE" sh "$@"
"""

INSIDE = """
umount -R /sys/fs/cgroup || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# what is not the namespaces' own, but the kernel's
mount --rbind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys

for path in etc usr/local/bin; do
    mkdir -p work/$path
    mount -t overlay overlay -o lowerdir=/$path,upperdir=$PWD/$path,workdir=$PWD/work/$path /$path
done
for path in opt/code opt/packages opt/python; do mkdir -p $path; done
mount --bind code opt/code
mount --bind $PACKAGES opt/packages
mount --bind $PYTHON opt/python
mount --rbind opt /opt
for device in full null ptmx random tty urandom zero; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
for path in pts shm; do
    mkdir dev/$path
    mount --bind /dev/$path dev/$path
done
mkdir dev/mqueue
mount -t mqueue mqueue dev/mqueue
mount --rbind dev /dev
mount -t tmpfs -o mode=755 tmpfs /run

mkdir /run/postgresql
touch /run/postgresql/.s.PGSQL.5432
mount --bind $SERVER/.s.PGSQL.5432 /run/postgresql/.s.PGSQL.5432
touch ready
# From here on nothing can be left behind.
for path in /tmp /var/tmp /var/spool; do mount -t tmpfs -o mode=1777 tmpfs $path; done
mkdir -p /var/spool/cron/crontabs
mount -o remount,bind,ro /
exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""

# --kill-child does not work for a first process with a changed user. Processes are gone a moment later.
CLEAN_UP = """
mount -t cgroup2 cgroup2 cgroup
echo 1 > cgroup/$GROUP/cgroup.kill
for _ in $(seq 500); do
    find cgroup/$GROUP -depth -type d -exec rmdir {} + 2> /dev/null && exit
    sleep 0.02
done
echo "processes are left in control group $GROUP" >&2
exit 1
"""


NAMESPACES = ("--mount", "--pid", "--cgroup", "--ipc", "--net", "--uts")


class Machine:
    """A running machine; `process` ends with its first process, and with the same status."""

    def __init__(self, process: subprocess.Popen[bytes], syslog: socket.socket) -> None:
        """Keep the facts of a machine; `machine` makes one."""
        self.process = process
        self.syslog = syslog

    @property
    def first(self) -> int:
        """The number of its first process, as seen from outside."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    def run(self, *command: str) -> str:
        """Run a program inside, as root; return its output."""
        enter = ["nsenter", "--target", str(self.first), *NAMESPACES]
        result = subprocess.run([*enter, *command], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def next_message(self, timeout: float) -> str:
        """Return the next message to /dev/log.

        Raises TimeoutError after `timeout` seconds.
        """
        self.syslog.settimeout(timeout)
        return self.syslog.recv(65536).decode()


@contextmanager
def machine(etc: Mapping[str, Path | str], server: str, *command: str) -> Iterator[Machine]:
    """Run a machine for as long as the `with` block lasts: this one's files and programs, but its own processes, users,
    cron jobs, units and /dev/log. inboxdb is in /usr/local/bin, for every user. It needs root.

    Parameters: etc, more files in /etc, by their path there: files to copy, or their content. server, the folder of
    the socket of the PostgreSQL that the machine has in SOCKETS. command, its first process.
    """
    if os.geteuid() != 0:
        lacking("root, who alone can set up namespaces")
    folder = Path(tempfile.mkdtemp(prefix="inboxdb-machine-"))
    folder.chmod(0o755)
    environment = {
        "PATH": f"{os.defpath}:/usr/sbin:/sbin",
        "GROUP": f"inboxdb-{uuid.uuid4().hex}",
        "INSIDE": INSIDE,
        "NAMESPACES": " ".join(NAMESPACES),
        "PACKAGES": sysconfig.get_path("purelib"),
        "PYTHON": sys.base_prefix,
        "SERVER": server,
    }
    try:
        _fill(folder, etc)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
            syslog.bind(str(folder / "dev/log"))
            (folder / "dev/log").chmod(0o666)
            process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-euc", OUTSIDE, "sh", *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
            )
            try:
                until(lambda: (folder / "ready").exists() or process.poll() is not None)
                yield Machine(process, syslog)
            finally:
                process.kill()
                process.wait()
                clean_up = ["unshare", "--mount", "sh", "-euc", CLEAN_UP]
                subprocess.run(clean_up, cwd=folder, env=environment, check=True)
    finally:
        shutil.rmtree(folder)


def _fill(folder: Path, etc: Mapping[str, Path | str]) -> None:
    """Write the machine's additional files."""
    for made in ("cgroup", "code", "dev", "etc/cron.d", "etc/systemd/system", "usr/local/bin"):
        (folder / made).mkdir(parents=True)
    for shadow in ("etc/cron.d", "etc/systemd/system"):
        os.setxattr(folder / shadow, "trusted.overlay.opaque", b"y")  # nothing of this machine's jobs and services
    # Units for the boot of a real machine have no business here.
    wanted = {path.name for path in UNITS.glob("*.target.wants/*")} | {"systemd-remount-fs.service"}
    for unit in wanted - {"systemd-journald.service", "systemd-journald.socket"}:
        (folder / "etc/systemd/system" / unit).symlink_to("/dev/null")
    files: dict[str, Path | str] = {
        "crontab": "",
        "fstab": "",
        "machine-id": uuid.uuid4().hex + "\n",
        "passwd": Path("/etc/passwd").read_text() + f"{USER}:*:0:0::/nonexistent:/bin/sh\n",
        "systemd/journald.conf": "[Journal]\nStorage=volatile\n",
    }
    for name, content in (files | dict(etc)).items():
        path = folder / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else content.read_text())
    here = Path(inboxdb.__file__).parent
    shutil.copytree(here, folder / "code/inboxdb", ignore=shutil.ignore_patterns("__pycache__"))
    wrapper = folder / "usr/local/bin/inboxdb"
    wrapper.write_text(
        "#!/bin/sh\n"
        "export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/code:/opt/packages\n"
        'exec /opt/python/bin/python3 -W error -m inboxdb "$@"\n'
    )
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == wrapper else 0o644)
