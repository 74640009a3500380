"""A host with columns and tables that counts do not read: inboxdb installs, counts and notes there as anywhere."""

from datetime import datetime

import pytest

from inboxdb.database import sources
from inboxdb.install import migrate
from tests.hosts import WIDE_HOSTS
from tests.naive import naive_counts
from tests.rows import Host, live_counts, set_clock, stored_counts
from tests.servers import Database
from tests.test_parity import assert_counts_are_what_the_specification_says

NOW = "2024-06-15 12:00:00+00"

# What the generator promises of the leads of a wide host, beside which each of these columns is filled in part.
PROMISED = {
    "absurd instants": """bool_or("lastMessageAt" = 'infinity') and bool_or("lastMessageAt" = '-infinity')""",
    "equal instants": 'count("lastMessageAt") > count(distinct "lastMessageAt") + 20',
    "no message": """bool_or("lastMessageAt" is null
                             and not exists (select from public."Message" as m where m."leadId" = l.id))""",
    "odd names": """bool_or("firstName" is null) and bool_or("firstName" ~ '[^a-zA-Z]')""",
}
IN_PART = (
    "linkedinUrl",
    "ghlContactId",
    "companyState",
    "currentReplierName",
    "smsCampaignId",
    "emailCampaignId",
    "appointmentBookedAt",
    "appointmentCanceledAt",
    "appointmentStatus",
    "overallScore",
    "scoredAt",
)

pytestmark = pytest.mark.host_variants(*WIDE_HOSTS)


def test_counts_are_what_the_specification_says(database: Database) -> None:
    assert_counts_are_what_the_specification_says(database)


def test_generated_rows_are_counted(database: Database) -> None:
    """Written by a role without any right in inboxdb, and counted as by plain Python."""
    owner, writer = database.connect(), database.writer()
    set_clock(owner, NOW)
    writer.execute((sources.HOST / "generate.sql").read_bytes())
    writer.execute("select pg_temp.generate_host(workspaces => 3, leads => 2000, as_of => %s)", [NOW])
    promised = PROMISED | {f"some {name}": f'count("{name}") between 1 and count(*) - 1' for name in IN_PART}
    for what, condition in promised.items():
        [kept] = owner.execute(f'select {condition} from public."Lead" as l'.encode()).fetchone() or [False]
        assert kept, what

    host = Host(writer)
    [(workspace,), *_] = owner.execute('select id::text from public."Client" order by name').fetchall()
    lead = host.lead(workspace, linkedinUrl="https://example.com", lastMessageAt="infinity", lastInboundAt=NOW)
    owner.execute("call inboxdb.drain_dirty()")
    host.update("Lead", lead, appointmentStatus="confirmed", sentimentTag="Interested")
    owner.execute("call inboxdb.drain_dirty()")
    expected = naive_counts(owner, datetime.fromisoformat(NOW))
    assert stored_counts(owner) == expected
    assert {workspace: live_counts(owner, workspace) for workspace in expected} == expected


@pytest.mark.host_variants("wide-text")
def test_nothing_is_missing_to_a_session_that_quotes_all_names(bare_database: Database) -> None:
    """Ids of campaigns are varchar, where leads refer to them as text: the server compares the two, quotes or none."""
    owner = bare_database.connect()
    for table in ("SmsCampaign", "EmailCampaign", "ReactivationCampaign"):
        owner.execute(f'alter table public."{table}" alter column id type varchar'.encode())
    migrate.apply(bare_database.dsn)
    owner.execute("set quote_all_identifiers = on")
    parts = ("figures", "workflows", "email campaigns", "reactivations", "CRM", "time zones")
    asked = [f"inboxdb.missing_for_analytics('{part}')" for part in parts]
    asked += ["inboxdb.missing_for_lists()", "inboxdb.missing_for_search()"]
    for call in asked:
        assert owner.execute(f"select {call}".encode()).fetchone() == (None,), call
