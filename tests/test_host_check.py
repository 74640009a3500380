"""An unsuitable host is refused by IB001, with the columns at fault, before anything is changed."""

import subprocess

import pytest

from inboxdb.database import sources
from inboxdb.database.errors import DatabaseRefused
from inboxdb.demo import embedded
from inboxdb.install import migrate
from tests.catalog import catalog, difference
from tests.rows import GLOBAL, Host, new_id, stored_counts
from tests.servers import WRITER, Database

# The columns read by inboxdb, and the kind of type needed.
REQUIRED = {
    ("Client", "id"): "id",
    ("Client", "userId"): "id",
    ("ClientMember", "clientId"): "id",
    ("ClientMember", "userId"): "id",
    ("ClientMember", "role"): "any",
    ("Lead", "id"): "id",
    ("Lead", "clientId"): "id",
    ("Lead", "status"): "text",
    ("Lead", "sentimentTag"): "text",
    ("Lead", "lastInboundAt"): "time",
    ("Lead", "lastOutboundAt"): "time",
    ("Lead", "lastZrgOutboundAt"): "time",
    ("Lead", "snoozedUntil"): "time",
    ("Lead", "assignedToUserId"): "id",
    ("AIDraft", "id"): "id",
    ("AIDraft", "leadId"): "id",
    ("AIDraft", "status"): "text",
    ("AIDraft", "autoSendAction"): "text",
    ("Message", "leadId"): "id",
    ("Message", "channel"): "text",
    ("Message", "source"): "text",
    ("Message", "direction"): "text",
    ("Message", "sentBy"): "text",
    ("Message", "aiDraftId"): "id",
}

# Types that a host may well have instead: one for every column, further ones for some.
UNFIT = {"id": "bigint", "text": '"ClientMemberRole"', "time": "date"}
UNFIT_TOO = [
    (("Lead", "id"), "integer"),
    (("Client", "id"), "character(36)"),
    (("Message", "channel"), "integer"),
    (("Lead", "sentimentTag"), "text[]"),
    (("Lead", "snoozedUntil"), "text"),
    (("Lead", "lastInboundAt"), "bigint"),
]

# Columns that are compared with one another: the first is refused unless it is of the second's type.
COMPARED = [
    (("Client", "userId"), ("Lead", "assignedToUserId")),
    (("ClientMember", "clientId"), ("Client", "id")),
    (("ClientMember", "userId"), ("Lead", "assignedToUserId")),
    (("Lead", "clientId"), ("Client", "id")),
    (("AIDraft", "leadId"), ("Lead", "id")),
    (("Message", "leadId"), ("Lead", "id")),
    (("Message", "aiDraftId"), ("AIDraft", "id")),
]

Column = tuple[str, str]


def name(column: Column) -> str:
    """Write a column as Postgres quotes it."""
    return ".".join(["public", *(part if part.islower() else f'"{part}"' for part in column)])


def retype(database: Database, column: Column, type_name: str) -> None:
    """Put a column of another type in the place of one of the host's."""
    table, column_name = column
    database.connect().execute(
        f'alter table public."{table}" drop column "{column_name}" cascade, add column "{column_name}" {type_name}'
    )


def problems(database: Database) -> list[str]:
    """Apply the migrations, be refused, see that nothing was changed; return the findings of IB001."""
    owner = database.connect()
    before = catalog(owner)
    with pytest.raises(DatabaseRefused) as refused:
        migrate.apply(database.dsn)
    assert not difference(before, catalog(owner))
    message = str(refused.value)
    assert message.endswith("(IB001)")
    found, _, rest = message.removeprefix("the host schema does not fit: ").partition(". ")
    assert rest.startswith("Nothing was changed. ")
    return found.split("; ")


def conflicts_with(column: Column, type_name: str) -> list[str]:
    """Return the findings of IB001 about text columns compared with a column of another type."""
    return [f"column {name(c)} is text where {name(column)} is {type_name}" for c, other in COMPARED if other == column]


@pytest.mark.parametrize("column", REQUIRED, ids=".".join)
def test_missing_column(bare_database: Database, column: Column) -> None:
    table, column_name = column
    bare_database.connect().execute(f'alter table public."{table}" drop column "{column_name}" cascade')
    assert problems(bare_database) == [f"column {name(column)} is missing"]


@pytest.mark.parametrize("table", sorted({table for table, _ in REQUIRED}))
def test_missing_table(bare_database: Database, table: str) -> None:
    bare_database.connect().execute(f'drop table public."{table}" cascade')
    assert problems(bare_database) == [f'table public."{table}" is missing']


def test_view_is_no_table(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute('alter table public."Lead" rename to lead_kept')
    owner.execute('create view public."Lead" as select * from public.lead_kept')
    assert problems(bare_database) == ['table public."Lead" is missing']


# ATTACH, DETACH and TRUNCATE of a partition fire no trigger of its parent; no index on a parent is built concurrently.
@pytest.mark.parametrize("table", ["AIDraft", "Client", "Lead", "Message"])
def test_partitioned_table(bare_database: Database, table: str) -> None:
    owner = bare_database.connect()
    owner.execute(f'alter table public."{table}" rename to kept')
    owner.execute(f'create table public."{table}" (like public.kept) partition by hash (id)')
    [problem] = problems(bare_database)
    assert problem.startswith(f'table public."{table}" is partitioned')


@pytest.mark.parametrize(
    ("column", "unfit"),
    [*((column, UNFIT[kind]) for column, kind in REQUIRED.items() if kind != "any"), *UNFIT_TOO],
    ids=lambda part: part if isinstance(part, str) else ".".join(part),
)
def test_type_that_does_not_fit(bare_database: Database, column: Column, unfit: str) -> None:
    retype(bare_database, column, unfit)
    found = problems(bare_database)
    type_name = unfit.partition("(")[0]
    [own] = [problem for problem in found if problem.startswith(f"column {name(column)} is {type_name}, not ")]
    assert sorted(found) == sorted([own, *conflicts_with(column, type_name)])


@pytest.mark.parametrize(("column", "other"), COMPARED, ids=".".join)
def test_conflicting_types(bare_database: Database, column: Column, other: Column) -> None:
    retype(bare_database, column, "uuid")
    own = f"column {name(column)} is uuid where {name(other)} is text"
    assert sorted(problems(bare_database)) == sorted([own, *conflicts_with(column, "uuid")])


def test_all_problems_at_once(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute('drop table public."ClientMember"')
    owner.execute('alter table public."Message" drop column "sentBy"')
    retype(bare_database, ("Lead", "snoozedUntil"), "date")
    retype(bare_database, ("AIDraft", "leadId"), "uuid")
    assert problems(bare_database) == [
        'table public."ClientMember" is missing',
        'column public."Lead"."snoozedUntil" is date, not a timestamp',
        'column public."AIDraft"."leadId" is uuid where public."Lead".id is text',
        'column public."Message"."sentBy" is missing',
    ]


def test_wrong_database(bare_database: Database) -> None:
    bare_database.superuser().execute("drop schema public cascade")
    assert problems(bare_database) == [
        f'table public."{table}" is missing' for table in ("Client", "ClientMember", "Lead", "AIDraft", "Message")
    ]


def test_by_hand_the_first_migration_refuses_too(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute('drop table public."Message"')
    before = catalog(owner)
    first = min(sources.MIGRATIONS.glob("0001-*[!k].sql"))
    psql = [
        str(embedded.binaries(18) / "psql"),
        "--no-psqlrc",
        "-1",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        "VERBOSITY=verbose",
    ]
    result = subprocess.run([*psql, "-d", bare_database.dsn, "-f", first], capture_output=True, text=True)
    assert result.returncode == 3
    assert 'IB001: the host schema does not fit: table public."Message" is missing' in result.stderr
    assert not difference(before, catalog(owner))


@pytest.mark.all_hosts
def test_varchar_counts_as_text(bare_database: Database) -> None:
    owner = bare_database.connect()
    texts = owner.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and data_type = 'text'"
    ).fetchall()
    for table, column in texts:
        owner.execute(f'alter table public."{table}" alter column "{column}" type varchar(100)')

    migrate.apply(bare_database.dsn)
    host = Host(bare_database.writer())
    workspace, setter = host.workspace(), new_id()
    host.ai_sent(host.lead(workspace, assignedToUserId=setter))
    owner.execute("call inboxdb.drain_dirty()")
    counts = stored_counts(owner)[workspace]
    assert counts[GLOBAL] == counts[setter]
    assert counts[GLOBAL].ai_sent == counts[GLOBAL].total == 1


@pytest.mark.parametrize("schema", ["inboxdb", "inbox_api"])
def test_schema_of_somebody_elses_is_refused(bare_database: Database, schema: str) -> None:
    """Its owner could put functions of their own in the place of ours."""
    superuser = bare_database.superuser()
    superuser.execute(f"create schema {schema} authorization {WRITER}")
    superuser.execute(f"grant all on schema {schema} to public")
    with pytest.raises(DatabaseRefused, match=f"schema {schema} belongs to {WRITER}"):
        migrate.apply(bare_database.dsn)


def test_schema_of_the_hosts_own_is_not_taken_over(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute("create schema inbox_api")
    before = catalog(owner)
    with pytest.raises(DatabaseRefused, match="schema inbox_api is there already, and not inboxdb's"):
        migrate.apply(bare_database.dsn)
    assert not difference(before, catalog(owner))
