"""The command line, the servers and the databases of the tests: see tests/servers.py."""

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from inboxdb.database.connection import Connection
from tests import pooler, programs, running
from tests.containers import container
from tests.hosts import HOSTS
from tests.interleave import Stage
from tests.redis_server import RedisServer, redis_server
from tests.rows import Host
from tests.servers import SERVERS, Database, Server, Servers, find, version_of

# Tests of these files take a minute and more, and are begun before all others, or the last to end would run alone.
LONGEST = (
    "test_settings",
    "test_workspace_move",
    "test_pg_cron",
    "test_deploy",
    "test_remedies",
    "test_migrate_verify",
    "test_life",
    "test_documents",
    "test_noted_updates",
)

WANTING = "inboxdb/wanting"  # in pytest's cache: the tests last skipped for want of a program


def versions(text: str) -> list[int]:
    return [int(version) for version in text.split(",")]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("inboxdb")
    group.addoption("--pg", type=versions, help="PostgreSQL versions to test on, as 18,16,15 (default: 18)")
    group.addoption("--pg-dsn", help="a running server to test on, as its superuser; alone, or beside --pg")
    group.addoption(
        "--pooler", action="store_true", help="let the code under test connect through PgBouncer in transaction mode"
    )
    group.addoption(
        "--upgraded-from",
        metavar="RELEASE",
        help="test on installations of this commit, or folder, upgraded with data",
    )
    group.addoption("--slowest", type=int, metavar="N", help="draw a chart of the N slowest tests, at the end")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "all_hosts: run on every variant of the host's tables, not only text")
    config.addinivalue_line("markers", "host_variants(*names): run on these variants of the host's tables")
    if cache := getattr(config, "cache", None):
        os.environ["MPLCONFIGDIR"] = str(cache.mkdir("matplotlib"))  # else matplotlib makes ~/.config/matplotlib
    given = getattr(config, "workerinput", None)
    release = config.getoption("--upgraded-from")
    if given:
        servers = Servers(given["servers"], given["password"], poolers=given["poolers"], release=release)
    else:
        dsn = config.getoption("--pg-dsn")
        chosen = config.getoption("--pg") or ([] if dsn else [18])
        sources = {f"pg{version}": find(version) for version in chosen} | ({"dsn": dsn} if dsn else {})
        servers = Servers(sources, secrets.token_hex(16), pooled=config.getoption("--pooler"), release=release)
        if servers.pooled and not programs.find(pooler.PROGRAM):
            raise pytest.UsageError(f"no PgBouncer: install it, or name the program in {pooler.VARIABLE}.")
        config.add_cleanup(servers.close)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops the servers as Ctrl-C does
        # Ignored where a shell started us in the background, and then by every program that a test starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[SERVERS] = servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let xdist's workers share the servers of the starting process."""
    servers = node.config.stash[SERVERS]
    node.workerinput["servers"] = {name: servers[name].dsn for name in servers.sources}
    node.workerinput["poolers"] = {name: servers[name].pooler for name in servers.sources}
    node.workerinput["password"] = servers.password


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker drop its templates before reporting its end: xdist then kills workers after 10 s."""
    if hasattr(session.config, "workerinput"):
        session.config.stash[SERVERS].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in a line for each reason which tests were skipped, and remember tests in want of a program.

    With --slowest also draw a chart of the slowest tests, a test's setup and teardown included.
    """
    skipped = {report.nodeid: str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ())}
    reasons = Counter(reason.removeprefix("Skipped: ") for reason in skipped.values())
    if reasons:
        terminalreporter.section("skipped")
        for reason, tests in sorted(reasons.items()):
            terminalreporter.line(f"{tests:5}  {reason}")
        if any(reason.startswith(programs.WANTS) for reason in reasons):
            terminalreporter.line(f"On Debian 12 `{programs.INSTALL}` brings all that tests want.")
    if cache := getattr(config, "cache", None):
        seen = {report.nodeid for reports in terminalreporter.stats.values() for report in reports if report.nodeid}
        wanting = {test for test, reason in skipped.items() if reason.startswith(f"Skipped: {programs.WANTS}")}
        cache.set(WANTING, sorted(set(cache.get(WANTING, [])) - seen | wanting))

    if number := config.getoption("--slowest"):
        terminalreporter.section("slowest")
        reports = [report for reports in terminalreporter.stats.values() for report in reports]
        took: Counter[str] = Counter()
        for report in reports:
            took[report.nodeid] += getattr(report, "duration", 0)
        for test, seconds in took.most_common(number):
            bar = "█" * round(40 * seconds / max(took.values()))
            terminalreporter.line(f"{seconds:5.1f} s {bar:40} {test.removeprefix('tests/test_')}")


def pytest_report_header(config: pytest.Config) -> list[str]:
    servers = config.stash[SERVERS]
    lines = ["postgres: " + ", ".join(f"{name} ({version_of(source)})" for name, source in servers.sources.items())]
    if release := config.getoption("--upgraded-from"):
        lines.append(f"inboxdb: upgraded from {release}")
    if servers.pooled:
        lines.append(f"pooler: PgBouncer {pooler.version()}, in transaction mode, {pooler.POOL_SIZE} backends a role")
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        names = list(metafunc.config.stash[SERVERS].sources)
        metafunc.parametrize("server", names, indirect=True, scope="session")
    if "host_variant" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("host_variants")
        everywhere = metafunc.definition.get_closest_marker("all_hosts")
        first, *others = list(HOSTS) if everywhere else marked.args if marked else ("text",)
        variants = [first, *(pytest.param(variant, marks=pytest.mark.other_ids) for variant in others)]
        metafunc.parametrize("host_variant", variants, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """A running server, in each version of --pg."""
    return request.config.stash[SERVERS][request.param]


@pytest.fixture(scope="session")
def host_variant(request: pytest.FixtureRequest) -> str:
    """Which host's tables: a key of HOSTS or of WIDE_HOSTS; text alone unless the test is marked."""
    name: str = request.param
    return name


@pytest.fixture
def bare_database(server: Server, host_variant: str) -> Iterator[Database]:
    """A new database with the host's tables."""
    with server.database(host_variant, installed=False) as database:
        yield database


@pytest.fixture
def database(server: Server, host_variant: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A new database with the host's tables and inboxdb, and with the rows of the file's `prepare`, if any."""
    prepare = getattr(request.module, "prepare", None)
    with server.database(host_variant, installed=True, prepare=prepare) as database:
        yield database


@pytest.fixture
def host(database: Database) -> Host:
    """The application, writing into the test's database."""
    return Host(database.writer())


@pytest.fixture
def owner(database: Database) -> Connection:
    """The owner of the test's database, connected to it."""
    return database.connect()


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    """The test's database, prepared for pauses."""
    with closing(Stage(database)) as made:
        yield made


@pytest.fixture
def start(database: Database) -> Iterator[running.Start]:
    """A starter of `inboxdb` on the test's database."""
    with running.programs(database.dsn) as start:
        yield start


@pytest.fixture(scope="session")
def container_server() -> Iterator[Server]:
    """A server in a container; skipped where no Docker engine answers, but failed in CI."""
    with container() as dsn:
        server = Server(dsn, secrets.token_hex(16))
        yield server
        server.close()


@pytest.fixture
def container_database(container_server: Server, host_variant: str) -> Iterator[Database]:
    """A new database with the host's tables and inboxdb, in a container."""
    with container_server.database(host_variant, installed=True) as database:
        yield database


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of the test's own, empty; skipped where there is none, but failed in CI."""
    with redis_server() as server:
        yield server


def pytest_itemcollected(item: pytest.Item) -> None:
    if "container_server" in getattr(item, "fixturenames", ()):
        item.add_marker("containers")
