"""The documents: every command in them runs, in order, as the role named, and all else named in them exists.

A fenced block is `sh` or `sql`, of which every command runs, or in a language shown and not run (SHOWN). It
runs as the owner of the host's tables, or as the role that its first line names: `# as drain`, `-- as a superuser`.
Between backquotes in the table of alarms, inboxdb's commands run as the owner, statements as a superuser. A
command of inboxdb's alone, for which bash has nothing to do, runs in this process.
"""

import os
import re
import shlex
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass, fields
from itertools import groupby, product
from pathlib import Path
from typing import Any, cast

import click
import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from inboxdb.cli import main
from inboxdb.database import sources
from inboxdb.demo import embedded
from inboxdb.watch.facts import FACTS, Status, runbook
from tests import hosts
from tests.interleave import until
from tests.parts import one_in
from tests.redis_server import RedisServer
from tests.rows import Host
from tests.running import own_postgres
from tests.servers import SETTINGS, new_folder
from tests.test_doctor import CHECKS

ROOT = Path(__file__).parents[1]
OPERATIONS = "docs/operations.md"
ALERTS = "docs/deploy/prometheus-alerts.yaml"

# Each is read from its top on a database with the host's tables, and with inboxdb where it takes that for granted.
DOCUMENTS = {
    "README.md": "bare",
    OPERATIONS: "bare",
    "docs/security.md": "installed",
    "docs/contracts.md": "installed",
    "docs/deploy/README.md": "installed",
    "docs/benchmarks/README.md": "bare",
}

# Sections with an alternative to their neighbours: on a database of their own.
APART = {
    "By hand, with psql": "bare",
    "File by file": "bare",
    "With yoyo alone": "bare",
    "Upgrade": "installed",
}

# Commands not run here: why, and the test that runs them. By the command, or the first line of an sql block.
ELSEWHERE = {
    "make demo": ("the demo with its full size takes a minute", "tests/test_demo.py::test_in_plain_lines"),
    "make test": ("it would run this test", ".ci/run"),
    "make bench": ("it takes ten minutes; a tiny one runs", ".ci/run"),
    'make bench ARGS="--size full"': ("it takes hours; a tiny one runs", ".ci/run"),
    'make bench ARGS="--size tiny"': ("it takes minutes", ".ci/run"),
    "inboxdb canary watch inbox_read --auto --out packets/": (
        "it looks for half an hour and longer",
        "tests/test_canary.py::test_a_watcher_that_is_killed_loses_nothing",
    ),
    "inboxdb canary advance inbox_read": (
        "a stage takes half an hour",
        "tests/test_canary.py::test_a_clean_run_to_a_hundred",
    ),
    "pip install .": ("it would change what the tests run", "tests/test_wheel.py::test_it_runs_from_another_folder"),
    "create policy inboxdb_member on realtime.messages": (
        "it needs Supabase's realtime",
        "tests/test_signals.py::test_an_owner_who_may_not_make_the_policy_is_told_so",
    ),
    'revoke select on public."Lead" from anon, authenticated;': (
        "it needs Supabase's publication",
        "tests/test_publication.py::test_column_grants_keep_personal_data_from_browsers",
    ),
}

# Rows to make before a command finds something to do: as a superuser, in SQL.
BEFORE = {
    "inboxdb requeue CLIENT_ID": """
        insert into inboxdb.inbox_counts_dirty
          (client_id, dirty_since, attempts, next_attempt_at, last_error, quarantined_at)
        values ('CLIENT_ID', now(), 8, 'infinity', '23514: as by a test', now())
    """,
    "select pg_catalog.pg_drop_replication_slot('SLOT')": (
        "select pg_catalog.pg_create_physical_replication_slot('SLOT')"
    ),
    "rollback prepared 'GID'": "begin; select pg_catalog.pg_current_xact_id(); prepare transaction 'GID'",
}

WORKSPACE = "f3a1c0de-0000-4000-8000-000000000001"
USER = "7c0ec0de-0000-4000-8000-000000000002"

# Placeholders for a reader's own values, the longer first; {} stand for the place where the command runs.
PLACEHOLDERS = {
    "postgresql://owner@db.example/app": "postgresql://owner@/{database}?host={socket}",
    "postgresql+psycopg://owner@db.example/app?": "postgresql+psycopg://owner@/{database}?host={socket}&",
    "rediss://user:password@cache.example:6380/0": "{redis}",
    "/var/lib/prometheus/node-exporter/": "{folder}/",
    "CLIENT_ID": WORKSPACE,
    "'f3a1…'": f"'{WORKSPACE}'",
    "'7c0e…'": f"'{USER}'",
    "9c4e…": "9c4e" * 16,
    "password '…'": "password 'secret'",
    "(PID)": "({pid})",
    "'SLOT'": "'forgotten_slot'",
    "'GID'": "'forgotten_transaction'",
    "max_seconds => 55": "max_seconds => 1",
}

SHOWN = {"http", "js", "python", "console", ""}  # not commands run here: the last is for pictures

LONG_RUNNING = re.compile(r"--(?:watch|for)\b")  # until SIGTERM

FENCE = re.compile(r"(\s*)```(\w*)\s*$")
AS_WHOM = re.compile(r"(?:#|--) as (.+)")
STATEMENT = re.compile(r"(?:alter|call|create|drop|grant|revoke|rollback|select|update|vacuum) ")

OWNER, SUPERUSER = "owner", "a superuser"
TIMEOUT = 60.0  # seconds


@dataclass(frozen=True)
class Step:
    """A command of a document, or a block of SQL."""

    document: str
    line: int
    section: str
    role: str
    is_sql: bool
    text: str

    @property
    def key(self) -> str:
        """The key in ELSEWHERE and BEFORE: without the comment, of SQL the first line."""
        first = self.text.strip().splitlines()[0]
        return first if self.is_sql else re.sub(r"\s+#.*", "", self.text).strip()


def commands(text: str) -> Iterator[tuple[int, str]]:
    """Split a shell script into its commands; yield the line that each begins at, from 0, and its text."""
    begun, pending = 0, ""
    for number, line in enumerate(text.splitlines()):
        pending += f"{line}\n"
        # complete? of a here-document without its end bash just warns
        checked = subprocess.run(["bash", "-n", "-c", pending], capture_output=True, text=True)
        if checked.returncode == 0 and not checked.stderr and not pending.endswith("\\\n"):
            if re.search(r"^\s*[^#\s]", pending, re.M):
                yield begun, pending
            begun, pending = number + 1, ""
    assert not pending, f"an incomplete command: {pending}"


def steps(document: str) -> list[Step]:
    """List the commands of a document, as they come."""
    found: list[Step] = []
    section, block, language, begun = "", None, "", 0
    for number, line in enumerate((ROOT / document).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if block is None:
            if heading := re.match(r"#+ (.*)", line):
                section = heading[1]
            elif fence:
                block, language, begun = "", fence[2], number + 1
            elif document == OPERATIONS and section == "Alarms" and line.startswith("|"):
                for text in re.findall("`([^`]+)`", line):
                    if text.startswith("inboxdb ") or STATEMENT.match(text):
                        role = OWNER if text.startswith("inboxdb ") else SUPERUSER
                        found.append(Step(document, number, section, role, role == SUPERUSER, text))
        elif not fence:
            block += f"{line}\n"
        else:
            named = AS_WHOM.match(block)
            role = named[1] if named else OWNER
            if language == "sh":
                found += [Step(document, begun + at, section, role, False, text) for at, text in commands(block)]
            elif language == "sql":
                found.append(Step(document, begun, section, role, True, block))
            else:
                assert language in SHOWN, f"{document}:{begun - 1}: a block of {language}; say sh, or sql"
            block = None
    assert block is None, f"{document}:{begun - 1}: a block without an end"
    return found


def arguments_alone(text: str) -> list[str]:
    """Return the arguments that a command gives to inboxdb; none for another program, or a command for a shell."""
    line = re.sub(r"\s#.*", "", text.replace("\\\n", " ")).strip()
    program, *arguments = shlex.split(line) if not re.search(r"[$`|&;<>()*?~{}\n]", line) else [""]
    return arguments if program == "inboxdb" else []


class Place:
    """Where a document is read: a server and a shell, with the files at a reader's hand."""

    def __init__(self, superuser: str, programs: Path, folder: Path, redis: str) -> None:
        """Make the roles that the host has, and put migrations and a Prisma schema at hand.

        Parameters: superuser, its connection string; programs, PostgreSQL's; folder, to work in; redis, a URL.
        """
        self.superuser = superuser
        self.folder = folder
        self.exported: dict[str, str] = {}
        self.values = {"socket": str(psycopg.conninfo.conninfo_to_dict(superuser)["host"]), "redis": redis}
        self.values |= {"folder": str(folder), "database": ""}
        scripts = sysconfig.get_path("scripts")
        self.environment = {
            "PATH": f"{scripts}:{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
        }
        (folder / "migrations").symlink_to(sources.MIGRATIONS)
        (folder / "prisma").mkdir()
        (folder / "prisma/schema.prisma").symlink_to(sources.HOST / "schema.prisma")
        with psycopg.connect(superuser) as connection:
            connection.execute("create role owner login; create role authenticated")
            connection.execute("create role app login in role authenticated; create role gateway login")

    def dsn(self, role: str) -> str:
        """Return a role's connection string."""
        user = "postgres" if role == SUPERUSER else role
        return make_conninfo(self.superuser, dbname=self.values["database"], user=user)

    @contextmanager
    def database(self, name: str, state: str) -> Iterator[None]:
        """Work in a new database with the host's tables, and with inboxdb where `state` is "installed"."""
        before, self.values["database"] = self.values["database"], name
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            connection.execute(f"create database {name} owner owner")
        with psycopg.connect(self.dsn(OWNER), autocommit=True) as owner:
            owner.execute(hosts.tables("wide-text"))
            owner.execute("grant select, insert, update, delete on all tables in schema public to app, authenticated")
            host = Host(owner)
            host.lead(host.workspace(id=WORKSPACE, userId=USER), assignedToUserId=USER)
        with psycopg.connect(self.dsn(SUPERUSER)) as forgotten:
            self.values["pid"] = str(forgotten.info.backend_pid)
            if state == "installed":
                for role, text in (
                    (OWNER, "inboxdb migrate apply --trust app --restrict authenticated"),
                    (SUPERUSER, "inboxdb roles --create"),
                    (SUPERUSER, "psql -c 'grant inboxdb_router to gateway' \"$INBOXDB_DSN\""),
                    (OWNER, "inboxdb drain-dirty"),
                ):
                    self.run(Step("beforehand", 0, "", role, False, text))
            yield
        self.values["database"] = before

    def run(self, step: Step) -> None:
        """Run a step, which has to exit with 0."""
        if step.key in BEFORE:
            with psycopg.connect(self.dsn(SUPERUSER), autocommit=True) as superuser:
                for statement in self.put_in(BEFORE[step.key]).split(";"):
                    superuser.execute(statement)
        if export := re.match(r"export (\w+)=(\S+)", step.text):
            self.exported[export[1]] = export[2]
            return
        text = self.put_in(step.text)
        exported = {name: self.put_in(value) for name, value in self.exported.items()}
        own = {} if step.role == OWNER else {"INBOXDB_DSN": self.dsn(step.role)}
        environment = self.environment | {"INBOXDB_DSN": self.dsn(OWNER)} | exported | own
        where = f"{step.document}:{step.line}: {text}"
        stops = not step.is_sql and LONG_RUNNING.search(text) is not None
        if (words := arguments_alone(text)) and not (step.is_sql or stops):
            with chdir(self.folder):
                result = CliRunner().invoke(main, words, env={**dict.fromkeys(os.environ), **environment})
            assert result.exit_code == 0, f"{where}\n{result.output}\n{result.exception!r}"
            return
        if step.is_sql:
            arguments = ["psql", environment["INBOXDB_DSN"], "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        else:
            arguments = ["bash", "-euo", "pipefail", "-c", f"exec {text}" if stops else text]
        script, log = self.folder / "script", self.folder / "log"
        script.write_text(text if step.is_sql else "")
        with script.open() as stdin, log.open("w") as out:
            process = subprocess.Popen(
                arguments, cwd=self.folder, env=environment, stdin=stdin, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            if stops:
                until(lambda: "action=start" in log.read_text() or process.poll() is not None)
                process.send_signal(signal.SIGTERM)
            status = process.wait(TIMEOUT)
        finally:
            process.kill()
            process.wait()
        assert status == 0, f"{where}\nexit status {status}\n{log.read_text()}"

    def put_in(self, text: str) -> str:
        """Replace the placeholders."""
        for placeholder, value in PLACEHOLDERS.items():
            text = text.replace(placeholder, value.format_map(self.values))
        return text


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, redis: RedisServer) -> Iterator[Place]:
    postgres = own_postgres(request.config)
    programs = embedded.binaries(postgres) if isinstance(postgres, int) else postgres
    with embedded.server(new_folder(), postgres, settings=SETTINGS) as dsn:
        yield Place(dsn, programs, tmp_path, redis.url)


@pytest.mark.parametrize("document", one_in(3, DOCUMENTS))
def test_every_command_runs(document: str, place: Place) -> None:
    with place.database("app", DOCUMENTS[document]):
        here = [step for step in steps(document) if step.key not in ELSEWHERE]
        for number, (section, group) in enumerate(groupby(here, lambda step: step.section)):
            with ExitStack() as stack:
                if section in APART:
                    stack.enter_context(place.database(f"apart_{number}", APART[section]))
                for step in group:
                    place.run(step)


def test_what_is_declared_here_is_there() -> None:
    every = [step for document in DOCUMENTS for step in steps(document)]
    assert ELSEWHERE.keys() | BEFORE.keys() <= {step.key for step in every}
    assert APART.keys() <= {step.section for step in every}
    for placeholder in PLACEHOLDERS:
        assert any(placeholder in step.text for step in every), placeholder
    for _, test in ELSEWHERE.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text() or not name, test


GLOBS = (
    "*.md",
    "docs/*.md",
    "docs/benchmarks/*.md",
    "docs/deploy/*",
    "docs/deploy/router/*",
    "sql/checks/doctor/*.sql",
    "sql/checks/both/*.sql",
)
SPEAKING = [file for glob in GLOBS for file in ROOT.glob(glob) if file.is_file()]


def options(command: click.Command) -> set[str]:
    """List the options of a command and of those below it."""
    below = command.commands.values() if isinstance(command, click.Group) else []
    return {"-h", "--help"}.union(*(one.opts for one in command.params), *(options(one) for one in below))


@pytest.mark.parametrize("file", SPEAKING, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_commands_it_speaks_of_exist(file: Path) -> None:
    """Between backquotes, `[--option]` may be left out and `this|that` is either; so are options alone."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(), flags=re.M | re.S)
    for said in re.findall(r"`inboxdb ([^`]+)`", text):
        for words in product(*(word.strip("[]").split("|") for word in shlex.split(said))):
            command, rest = cast(click.Command, main), list(words)
            while isinstance(command, click.Group) and rest and rest[0] in command.commands:
                command = command.commands[rest.pop(0)]
            if rest == ["-h"]:
                continue
            if isinstance(command, click.Group):
                assert not rest, said
            else:
                # an argument or a value may be left out, or be of another place
                with suppress(click.BadParameter, click.BadOptionUsage):
                    command.make_context("inboxdb", rest)
    for said in re.findall("`(--[a-z][^`]*)`", text):
        assert said.split()[0] in options(main), said


# Decisions

DECISIONS = "docs/decisions.md"
CITED = re.compile(r"(?<![\w/])D[1-9]\d{0,2}(?!\w)")


def test_decisions_are_numbered_without_gap() -> None:
    """In any order, for a new one takes the next number, in its section; each with a rule, and since when it holds."""
    entries = re.findall(r"^### D(\d+)\n(.*?)(?=^#|\Z)", (ROOT / DECISIONS).read_text(), re.M | re.S)
    assert sorted(int(number) for number, _ in entries) == list(range(1, len(entries) + 1))
    for number, text in entries:
        assert re.fullmatch(r"\*\*.+?\*\*.*\(\d{4}-\d\d-\d\d\)\s*", text, re.S), f"D{number}"


def test_decisions_that_are_cited_exist() -> None:
    there = set(re.findall(r"^### (D\d+)$", (ROOT / DECISIONS).read_text(), re.M))
    files = [
        file
        for room in ("sql", "inboxdb", "tests")
        for kind in ("sql", "py")
        for file in ROOT.glob(f"{room}/**/*.{kind}")
    ]
    cited = {
        (str(file.relative_to(ROOT)), said) for file in [*files, *SPEAKING] for said in CITED.findall(file.read_text())
    }
    assert {(file, said) for file, said in cited if said not in there} == set()


def test_names_of_how_it_works_exist() -> None:
    """In code spans and pictures, whatever has an underscore."""
    text = (ROOT / "docs/how-it-works.md").read_text()
    code = " ".join(re.findall(r"```.*?```|`[^`]+`", text, re.S))
    there = " ".join(file.read_text() for file in sources.SQL.rglob("*.sql"))
    named = set(re.findall(r"(?<![\w%])[a-z]\w*_\w*[a-z0-9]\b", code))
    assert {name for name in named if not re.search(rf"\b{name}\b", there)} == set()


# The runbook


def alarms() -> list[str]:
    """Return the first cells of the table of alarms."""
    [section] = re.findall(r"^## Alarms\n(.*?)^## ", (ROOT / OPERATIONS).read_text(), re.M | re.S)
    return re.findall(r"^\| ([^|]*) \|", section, re.M)[1:]


def alerts() -> dict[str, str]:
    """Return Prometheus' alarms, and where each sends its reader."""
    [group] = yaml.safe_load((ROOT / ALERTS).read_text())["groups"]
    return {rule["alert"]: rule["annotations"]["runbook_url"] for rule in group["rules"]}


def promises() -> list[str]:
    """Break every promise of `inboxdb status`; return the line about each."""
    worst: dict[str, Any] = {field.name: 1 for field in fields(Status)}
    return Status(
        **worst
        | {"unpublished_seconds": 1e9, "oldest_audit_seconds": 1e9, "lead_rls": "drifted"}
        | {"unwatched_canary_seconds": 1e9}
    ).broken_promises


def test_every_alarm_has_a_row() -> None:
    checks = CHECKS | {"prisma_schema"}
    names = [*(f"`{name}`" for name in alerts().keys() | checks), *(f'"{promise}"' for promise in promises())]
    rows = ", ".join(alarms())
    assert {name: rows.count(name) for name in names} == dict.fromkeys(names, 1)
    assert set(re.findall("`([^`]+)`", rows)) == alerts().keys() | checks


def test_every_promise_is_broken_here() -> None:
    """Or a new one could be missed above."""
    assert promises() == [fact.broken for fact in FACTS.values() if fact.broken]


def test_the_runbook_has_every_fact() -> None:
    assert runbook() in (ROOT / OPERATIONS).read_text(), "`make migration` writes the table anew"


def test_every_alert_leads_to_the_table() -> None:
    assert set(alerts().values()) == {f"{OPERATIONS}#alarms"}
