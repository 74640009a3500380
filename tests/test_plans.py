"""The host's indexes and ours are used, on every host variant: no type in between defeats them.

Two witnesses: EXPLAIN of a query as our functions have it; and the server's own statistics of what a call used, which
also tell what happens inside functions and triggers.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from inboxdb.database import sources
from tests.rows import Host, set_slice
from tests.servers import WRITER, Database, Server


class Used(NamedTuple):
    """How often something was scanned or called, and how many entries a scan of it read."""

    times: int
    read: int = 0


@pytest.fixture(scope="module")
def full(server: Server, host_variant: str) -> Iterator[Database]:
    """A database with 100 workspaces and 20,000 leads, drained; the tests of this file share it.

    Each lead of the biggest workspace was sent emails by the AI and has a draft to review: the refresh of another
    workspace had better leave them alone.
    """
    with server.database(host_variant, installed=True) as database:
        owner = database.connect()
        # one slice of the change log takes them all, whatever the clock says
        set_slice(owner, "0")
        owner.execute((sources.HOST / "generate.sql").read_bytes())
        owner.execute("select pg_temp.generate_host(workspaces => 100, leads => 20000)")
        owner.execute(
            """
            with draft as (
              insert into public."AIDraft" (id, "leadId", content, "autoSendAction", "updatedAt")
              select gen_random_uuid(), id, '', 'needs_review', "updatedAt" from public."Lead" where "clientId" = %s
              returning id, "leadId"
            )
            insert into public."Message" (id, channel, direction, source, "sentBy", "aiDraftId", "leadId", body)
            select gen_random_uuid(), 'email', 'outbound', 'zrg', 'ai', id, "leadId", ''
            from draft cross join generate_series(1, 5)
            """,
            [workspace_by_size(owner, 1)],
        )
        owner.execute("call inboxdb.drain_dirty()")
        owner.execute("vacuum analyze")
        yield database


@pytest.mark.all_hosts
def test_a_small_workspace_is_counted_by_index(full: Database) -> None:
    """Beside a big one: its leads by the host's index, their drafts and emails by ours, lead by lead."""
    owner = full.connect()
    small = workspace_by_size(owner, 10)
    [(leads,)] = owner.execute('select count(*) from public."Lead" where "clientId" = %s', [small]).fetchall()

    conditions = index_conditions(owner, counting_query(owner, small))
    assert len(conditions) == 3
    of_lead = next(name for name in conditions if name.startswith("Lead_clientId_"))
    assert re.match(r'\("clientId" = ', conditions[of_lead])
    assert conditions["inboxdb_message_ai_sent"] == '("leadId" = l.id)'
    assert conditions["inboxdb_ai_draft_to_review"] == '("leadId" = l.id)'

    for function in ("live_inbox_counts", "recompute_inbox_counts", "verify_workspace"):
        used = use(owner, f"select inboxdb.{function}(%s)", small)
        assert not used.keys() & {"Lead", "AIDraft", "Message"}, function
        assert [used[name] for name in used if name.startswith("Lead_clientId_")] == [Used(1, leads)]
        assert used["inboxdb_message_ai_sent"].read <= used["inboxdb_message_ai_sent"].times <= leads
        assert used["inboxdb_ai_draft_to_review"].read <= used["inboxdb_ai_draft_to_review"].times <= leads


@pytest.mark.all_hosts
def test_what_changed_is_counted_lead_by_lead(full: Database) -> None:
    """In the largest workspace: only what changed is looked at, of the host's and of what is remembered."""
    owner = full.connect()
    big = workspace_by_size(owner, 1)
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute(
        """
        update "Lead" set status = 'unqualified'
        where id in (select id from "Lead" where "clientId" = %s order by id limit 3)
        """,
        [big],
    )
    # a new session, which plans anew
    used = use(full.connect(), "select inboxdb.drain_next(%s)", big)
    assert not used.keys() & {"Lead", "AIDraft", "Message", "counted_lead"}
    assert used["Lead_pkey"].read <= 6
    assert used["counted_lead_pkey"].read == 3
    assert used["inboxdb_message_ai_sent"].times == used["inboxdb_ai_draft_to_review"].times == 3
    assert not any(name.startswith("Lead_clientId_") for name in used)


@pytest.mark.all_hosts
def test_changes_are_taken_by_workspace(full: Database) -> None:
    """Beside those of a big workspace, which are not read: also where ANALYZE has only seen changes drained since."""
    owner, writer = full.connect(), full.writer()
    big, small = workspace_by_size(owner, 1), workspace_by_size(owner, 10)
    owner.execute(
        """
        select inboxdb.mark_inbox_counts_dirty(id)
        from (select id from public."Client" cross join generate_series(1, 20) as turn order by turn, id) as mixed
        """
    )
    owner.execute("analyze inboxdb.change_0")
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("vacuum inboxdb.change_0")
    # where to read from is noted once a second: now
    owner.execute("update inboxdb.drain_state set collected_at = null")
    owner.execute("select inboxdb.collect()")

    writer.execute("""update public."Lead" set status = status || '.' where "clientId" in (%s, %s)""", [big, small])
    # a new session, which plans anew
    used = use(full.connect(), "select inboxdb.recompute_inbox_counts(%s)", small)
    [(leads,)] = owner.execute('select count(*) from public."Lead" where "clientId" = %s', [small]).fetchall()
    # to take them, and to explain what differs
    assert sum(used[name].read for name in used if name.startswith("change_")) == 2 * leads
    owner.execute("call inboxdb.drain_dirty()")


@pytest.mark.all_hosts
def test_a_drafts_change_finds_its_leads_by_index(full: Database) -> None:
    """In the trigger, which looks for the emails sent from a deleted draft, and in the collector."""
    owner, writer = full.connect(), full.writer()
    host = Host(writer)
    workspace = workspace_by_size(owner, 10)
    lead, other = host.lead(workspace), host.lead(workspace)
    draft = host.draft(lead)
    host.ai_sent(other, aiDraftId=draft)
    owner.execute("call inboxdb.drain_dirty()")

    used = use(writer, 'delete from public."AIDraft" where id = %s', draft)
    assert not used.keys() & {"Lead", "AIDraft", "Message"}
    assert used["Message_aiDraftId_idx"].read >= 1
    used = use(owner, "select inboxdb.collect()")
    assert not used.keys() & {"Lead", "AIDraft", "Message"}
    assert used["Lead_pkey"] == Used(2, 2)


@pytest.mark.all_hosts
def test_counts_are_read_by_one_look_at_the_primary_key(full: Database) -> None:
    owner = full.connect()
    workspace = workspace_by_size(owner, 10)
    scopes = owner.execute(
        "select is_global, scope_user_id::text from inboxdb.inbox_counts where client_id = %s", [workspace]
    ).fetchall()
    assert len(scopes) > 1
    for is_global, scope in scopes:
        read = (
            "select * from inboxdb.inbox_counts "
            f"where client_id = '{workspace}' and is_global = {is_global} and scope_user_id = '{scope}'"
        )
        [(index, condition)] = index_conditions(owner, read).items()
        assert index == "inbox_counts_pkey"
        assert all(part in condition for part in (f"'{workspace}'", "is_global", f"'{scope}'"))
        used = use(owner, read)
        assert used.keys() == {"inbox_counts_pkey"}
        assert used["inbox_counts_pkey"].times == 1


@pytest.mark.all_hosts
def test_a_workspace_is_known_by_key(full: Database) -> None:
    owner = full.connect()
    # tables of a page or two are scanned whatever keys they have; that the keys can be used is what is shown
    owner.execute("set enable_seqscan = off")
    workspace = workspace_by_size(owner, 10)
    conditions = index_conditions(owner, f"select from inboxdb.known_workspace where client_id = '{workspace}'")
    assert conditions.keys() == {"Client_pkey", "workspace_pkey", "inbox_counts_pkey"}
    assert all(f" = '{workspace}'" in condition for condition in conditions.values())


@pytest.mark.all_hosts
def test_what_a_workspace_waits_for_is_looked_up_in_each_source(full: Database) -> None:
    """And not picked out of what all workspaces wait for."""
    owner = full.connect()
    query = f"select from inboxdb.waiting where client_id = '{workspace_by_size(owner, 10)}'"
    assert [node for node in plan(owner, query) if "waiting.client_id" in node.get("Filter", "")] == []


def test_an_update_of_other_columns_calls_no_function(full: Database) -> None:
    count_calls = SQL("alter role {} in database {} set track_functions = 'all'")
    full.superuser().execute(count_calls.format(Identifier(WRITER), Identifier(full.name)))
    writer = full.writer()
    workspace = workspace_by_size(writer, 10)
    used = use(
        writer,
        """
        update public."Lead" set
          "overallScore" = 3, "scoredAt" = now(), "lastMessageAt" = now(), "lastMessageDirection" = 'inbound',
          "assignedAt" = now(), "autoReplyEnabled" = not "autoReplyEnabled", "updatedAt" = now()
        where "clientId" = %s
        """,
        workspace,
    )
    assert [name for name in used if name.endswith("()")] == []
    # of a searched column one, which the counts have nothing of
    used = use(writer, """update public."Lead" set email = 'a@example.com' where "clientId" = %s""", workspace)
    assert [name for name in used if name.endswith("()")] == ["note_text_change()"]
    used = use(writer, """update public."Lead" set status = status || '.' where "clientId" = %s""", workspace)
    [(leads,)] = writer.execute('select count(*) from public."Lead" where "clientId" = %s', [workspace]).fetchall()
    assert used["note_lead_change()"].times == leads > 0


def test_what_forbids_sequential_scans_forbids_jit(database: Database) -> None:
    """Up to PostgreSQL 17 a scan that is forbidden costs 10^10, for which jit compiles for seconds each time."""
    assert [name for name, settings in without_sequential_scans(database).items() if "jit=off" not in settings] == []


def test_what_forbids_sequential_scans_says_which_plans_are_kept(database: Database) -> None:
    """Left to itself the server plans each pass anew, once the log is larger than it was: 3 ms more for a pass of 1."""
    undecided = [
        name
        for name, settings in without_sequential_scans(database).items()
        if not any(setting.startswith("plan_cache_mode=") for setting in settings)
    ]
    # upkeep comes up once in minutes, and is planned anew
    upkeep = {name for name in undecided if name.startswith(("prune_", "recover_"))}
    assert set(undecided) - upkeep == {"confirm_published", "assign_changes", "collapse_changes", "raise_floor"}
    # the last three go by what collect and claim_next say, which call them
    assert {"collect", "claim_next", "refresh_workspace"} < without_sequential_scans(database).keys()


def without_sequential_scans(database: Database) -> dict[str, list[str]]:
    """Return the settings of each function that forbids them."""
    rows = database.connect().execute(
        """
        select proname, proconfig from pg_proc
        where pronamespace = 'inboxdb'::regnamespace and 'enable_seqscan=off' = any (proconfig)
        """
    )
    return dict(rows.fetchall())


def workspace_by_size(connection: Connection[Any], place: int) -> str:
    """Return the id of the workspace that has the most leads (1), the next (2), and so on."""
    query = 'select "clientId" from public."Lead" group by 1 order by count(*) desc, 1 offset %s limit 1'
    [(workspace,)] = connection.execute(query, [place - 1]).fetchall()
    return str(workspace)


def counting_query(connection: Connection[Any], workspace: str) -> str:
    """Return live_inbox_counts' query for a small workspace; the session plans as it does from here on."""
    [(body, settings)] = connection.execute(
        "select prosrc, proconfig from pg_proc where oid = to_regproc('inboxdb.live_inbox_counts')"
    ).fetchall()
    for setting in settings:
        name, value = setting.split("=", 1)
        connection.execute("select set_config(%s, %s, false)", [name, value])
    [(fitted,)] = connection.execute("select prosrc from pg_proc where oid = to_regproc('inboxdb.fit_plan')").fetchall()
    of_small_ones = fitted[fitted.rindex("  else\n") :]
    changed = re.findall(r"set_config\('(\w+)', '(\w+)', true\)", of_small_ones)
    assert ("plan_cache_mode", "force_generic_plan") in changed
    for name, value in changed:
        connection.execute("select set_config(%s, %s, false)", [name, value])
    found = re.search(r"return query\n(.*?);\n", body, re.DOTALL)
    assert found
    query = found[1].replace("target_client_id", "$1").replace("as_of", "$2")
    connection.execute(f"prepare counting (inboxdb.client_id, timestamptz) as {query}".encode())
    return f"execute counting ('{workspace}', 'now')"


def plan(connection: Connection[Any], query: str) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a query's plan, in no particular order."""
    [([explained],)] = connection.execute(f"explain (format json) {query}".encode()).fetchall()
    nodes = [explained["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        yield node


def index_conditions(connection: Connection[Any], query: str) -> dict[str, str]:
    """Plan a query that is to scan nothing but indexes; return the condition by which it looks into each."""
    conditions = {}
    for node in plan(connection, query):
        assert node["Node Type"] != "Seq Scan", node
        if "Index Name" in node:
            conditions[node["Index Name"]] = node.get("Index Cond", "")
    return conditions


def use(connection: Connection[Any], statement: str, *parameters: str) -> dict[str, Used]:
    """Run a statement; return which indexes it used, which tables it read from end to end, which functions it called.

    A function's name ends in ``()``.
    """
    statistics = """
        select relname, pg_stat_get_xact_numscans(oid), pg_stat_get_xact_tuples_returned(oid)
        from pg_class
        where relnamespace in ('public'::regnamespace, 'inboxdb'::regnamespace)
        union all
        select funcname || '()', calls, 0 from pg_stat_xact_user_functions
    """
    with connection.transaction():
        before = {name: (times, read) for name, times, read in connection.execute(statistics)}
        connection.execute(statement.encode(), parameters)
        after = {name: (times, read) for name, times, read in connection.execute(statistics)}
    used = {}
    for name, (times, read) in after.items():
        times_before, read_before = before.get(name, (0, 0))
        if times > times_before:
            used[name] = Used(times - times_before, read - read_before)
    return used
