"""Every remedy that a command prints is followed, until the doctor is content: no advice leads in a circle, or nowhere.

Something is lost or taken by hand; then a command is typed, then what it prints between backquotes, and so on.
Diagnoses change nothing: of those that print the same command first one is followed, of which most is to be typed.
"""

import re
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from click.testing import CliRunner

from inboxdb import cli
from inboxdb.counts import verify
from inboxdb.database import sources
from inboxdb.demo import embedded
from inboxdb.drain.run import drain
from inboxdb.install import access
from inboxdb.install.suspend import suspend
from tests.parts import one_in
from tests.rows import Host, new_id
from tests.running import own_postgres
from tests.servers import OWNER, SETTINGS, WRITER, Database, Server, new_folder

NAMED = ("--trust", WRITER, "--restrict", "authenticated")

# Commands asking for names are given names, as by a deployment.
NAMING = {"inboxdb migrate apply": NAMED, "inboxdb rls on": NAMED, "inboxdb uninstall": ("--yes",)}

DIAGNOSES = ("inboxdb doctor", "inboxdb status", "inboxdb migrate plan", "inboxdb migrate verify")

DRAIN = "inboxdb drain-dirty"

CHANGES = (DRAIN, "inboxdb migrate apply")

STATEMENT = re.compile(r"(?:alter|create|drop|grant|revoke|select) ", re.IGNORECASE)

HOST = (sources.HOST / "host.sql").read_text()
OTHERS = "alter table {} owner to somebody"
EACH = "do $$ declare o record; begin for o in {} loop execute {}; end loop; end $$"


def each(query: str, statement: str) -> str:
    """Write a block that runs a statement for each row of a query."""
    return EACH.format(query, statement)


TRIGGERS = "select tgname as n, tgrelid::regclass as t from pg_trigger where tgname like 'inboxdb%'"
OUR_TABLES = "select oid::regclass as t from pg_class where relnamespace = 'inboxdb'::regnamespace and relkind = 'r'"
RIGHTS_OF_HOST = f"""
grant usage on schema public to {WRITER}, authenticated;
grant select, insert, update, delete, truncate on all tables in schema public to {WRITER};
grant select on public."Lead" to authenticated;
"""

# By a superuser, unless it begins with another role.
PLANTED = {
    "nothing": "select",
    "triggers dropped": each(TRIGGERS, "format('drop trigger %I on %s', o.n, o.t)"),
    "triggers disabled": 'alter table "Lead" disable trigger user; alter table "Client" disable trigger user',
    "a trigger of another function": (
        'create or replace trigger inboxdb_note_update after update on "Client" for each row when (false) '
        "execute function inboxdb.note_workspace_change()"
    ),
    "a function of the triggers dropped": "drop function inboxdb.note_change",
    "the slice's function dropped": "drop function inboxdb.current_slice",
    "a function of the drain dropped": "drop function inboxdb.drain_next, inboxdb.claim_next, inboxdb.heartbeat",
    "a function of the policies dropped": "drop function inboxdb.lead_rls, inboxdb.lead_rls_state",
    "status dropped": "drop function inboxdb.drain_status",
    "views dropped": "drop view inboxdb.known_workspace, inboxdb.classified_lead, inboxdb.member_access cascade",
    "the views of rights dropped": "drop view inboxdb.lead_policy cascade",
    "indexes dropped": "drop index public.inboxdb_message_ai_sent, inboxdb.workspace_next_snooze_at_idx",
    "policies dropped": 'drop policy inboxdb_member on "Lead"; drop policy inboxdb_trusted on "Lead"',
    "the restricting policy dropped": 'drop policy inboxdb_member on "Lead"',
    "a policy that lets everything through": 'alter policy inboxdb_member on "Lead" using (true)',
    "row-level security off": 'alter table "Lead" disable row level security',
    "our own off": "alter table inboxdb.inbox_counts disable row level security",
    "our own policies dropped": "drop policy inboxdb_member on inboxdb.inbox_counts",
    "recorded as left out": "update inboxdb.installation set lead_rls = 'left_out'",
    "the record of the decision lost": "delete from inboxdb.installation",
    "the state of the drain lost": "truncate inboxdb.drain_state",
    "the counts' table dropped": "drop table inboxdb.inbox_counts cascade",
    "a slice dropped": "drop table inboxdb.change_1 cascade",
    "a type dropped": "drop domain inboxdb.lead_id cascade",
    "the type of workspaces dropped": "drop domain inboxdb.client_id cascade",
    "all tables dropped": each(f"{OUR_TABLES} and relname !~ '^_?yoyo|_text'", "format('drop table %s cascade', o.t)"),
    "a table of the state dropped": "drop table inboxdb.installation cascade",
    "schema inbox_api dropped": "drop schema inbox_api cascade",
    "schema inboxdb dropped": "drop schema inboxdb cascade",
    "the ledger emptied": "truncate inboxdb._yoyo_migration, inboxdb.migration_text",
    "the ledger dropped": "drop table inboxdb._yoyo_migration, inboxdb._yoyo_log, inboxdb._yoyo_version",
    "the last record lost": "delete from inboxdb._yoyo_migration "
    "where migration_id = (select max(migration_id) from inboxdb._yoyo_migration)",
    "prisma migrate reset": f"drop schema public cascade; create schema public authorization {OWNER}; "
    f"set role {OWNER}; {HOST}; {RIGHTS_OF_HOST}; reset role",
    "a host table made anew": (
        'create table kept (like "Message" including all); drop table "Message" cascade; '
        f'alter table kept rename to "Message"; alter table "Message" owner to {OWNER}; {RIGHTS_OF_HOST}'
    ),
    "rights revoked": "drop owned by inboxdb_drainer, authenticated; "
    f"grant usage on schema public to authenticated; {RIGHTS_OF_HOST}",
    "rights given": f"grant all on all tables in schema inboxdb to {WRITER}",
    "another owner of leads": OTHERS.format('"Lead"') + f'; grant all on "Lead" to {WRITER}',
    "another owner of the log": "; ".join(OTHERS.format(f"inboxdb.change_{number}") for number in range(4)),
    "another owner of our tables": each(OUR_TABLES, "format('alter table %s owner to somebody', o.t)"),
    "another owner of a view": OTHERS.format("inboxdb.classified_lead"),
    "another owner of a function": "alter function inboxdb.note_lead_change() owner to somebody",
    "another owner of the schema": "alter schema inboxdb owner to somebody",
    "no right on the schema": f"revoke all on schema inboxdb from {OWNER}",
    "no language": "revoke usage on language plpgsql from public",
    "forced row-level security": 'alter table "Client" enable row level security; '
    'alter table "Client" force row level security; create policy writes on "Client" using (true)',
    "read only": "alter database {database} set default_transaction_read_only = on",
    "suspended": "select",
    "suspended, and the counts dropped": "drop table inboxdb.inbox_counts, inboxdb.workspace cascade",
    "suspended by itself": """
        alter table "Lead" rename "clientId" to was;
        insert into "Client" (id, name, "userId", "updatedAt") values ('w', 'n', 'u', now());
        select inboxdb.collect();
        alter table "Lead" rename was to "clientId"
    """,
    "leads are not in the publication": f'set role {OWNER}; create publication inboxdb_lead for table "Client"',
}


@pytest.fixture(scope="module")
def own_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with embedded.server(new_folder(), own_postgres(request.config), settings=SETTINGS) as dsn:
        server = Server(dsn, secrets.token_hex(16))
        with server.database("text", installed=False) as database:
            database.superuser().execute("create role somebody")
        yield server
        server.close()


def prepare(database: Database) -> list[str]:
    """Two workspaces, the owner of one of them."""
    host = Host(database.writer())
    owners = [new_id(), new_id()]
    for owner in owners:
        host.draft(host.lead(host.workspace(userId=owner)))
    database.connect().execute('grant select on public."Lead" to authenticated')
    access.turn_on(database.dsn, access.Named(trusted=[WRITER], restricted=["authenticated"]))
    drain(database.dsn)
    # The doctor misses a drain after a minute, so the first fault to be tried would take fewer orders than the last.
    long_ago = "now() - interval '1 hour'"
    database.connect().execute(f"update inboxdb.run set seen_at = {long_ago}, ended_at = {long_ago}")
    database.connect().execute(f"update inboxdb.drain_state set collected_at = {long_ago}")
    return owners


class Operator:
    """Whoever types what is printed."""

    def __init__(self, database: Database) -> None:
        """Begin."""
        self.database = database
        self.typed: list[str] = []
        self.told: set[tuple[str, str]] = set()
        self.told_again: set[tuple[str, str]] = set()  # since an answer that was new
        self.was_open = self.is_open()

    def is_open(self) -> bool:
        """Whether a stranger, of a restricted role, sees leads."""
        with suppress(psycopg.Error):
            return self.database.signed_in(new_id()).execute('select from public."Lead"').rowcount > 0
        return False

    def type(self, order: str) -> tuple[int, str]:
        """Run a command as the owner, or a statement as a superuser; return its exit status and what it says."""
        self.typed.append(order)
        if not order.startswith("inboxdb "):
            self.database.superuser(options="-c default_transaction_read_only=off").execute(order.encode())
            return 0, ""
        arguments = shlex.split(order)[1:]
        result = CliRunner().invoke(cli.main, [*arguments, *NAMING.get(order, ()), "--dsn", self.database.direct_dsn])
        assert result.exception is None or isinstance(result.exception, SystemExit), (self.typed, result.exc_info)
        return result.exit_code, result.output

    def follow(self, *orders: str, to: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Type commands, and what is printed, until the doctor is content or the next is none of `to`.

        Returns what would be typed next.
        """
        while orders and (not to or orders[0] in to):
            orders = self.next_orders(*orders)
        return orders

    def hear(self, status: int, told: tuple[str, str]) -> None:
        """Hold that the answer leads on: no refusal is heard twice, nothing else twice without news in between."""
        if told not in self.told:
            self.told.add(told)
            self.told_again.clear()
            return
        leads_on = status == 0 and told not in self.told_again
        assert leads_on, f"in a circle: {self.typed}\n{told}"
        self.told_again.add(told)

    def next_orders(self, order: str, *later: str) -> tuple[str, ...]:
        """Type a command; return what is to be typed next: nothing where the doctor is content."""
        status, said = self.type(order)
        assert self.was_open or not self.is_open(), f"opened: {self.typed}"
        if order == "inboxdb doctor" and status == 0:
            return ()
        printed = [one for one, other in re.findall(r"`([^`]+)`(, or (?=`inboxdb))?", said) if is_order(one, other)]
        self.hear(status, (order, re.sub(r"\d+", "", said)))
        if status:
            assert printed or order == "inboxdb status", f"and now? {self.typed}\n{said}"
            if not order.startswith(DIAGNOSES):
                printed.append(order)
        return tuple(dict.fromkeys([*printed, *later])) or ("inboxdb doctor",)


def is_order(text: str, instead: str) -> bool:
    """Tell a command or a statement, complete, from other words, and from what a command of ours stands for."""
    is_one = text.startswith("inboxdb ") and text not in ("inboxdb migrate mark", "inboxdb migrate", "inboxdb rls")
    return not instead and "…" not in text and (is_one or STATEMENT.match(text) is not None)


@contextmanager
def harmed(server: Server, planted: str) -> Iterator[Database]:
    """Give an installation on which something is planted."""
    with server.database("text", installed=True, prepare=prepare) as database:
        if planted.startswith("suspended") and planted != "suspended by itself":
            suspend(database.dsn)
        database.superuser().execute(PLANTED[planted].format(database=database.name).encode())
        yield database


@pytest.mark.parametrize("planted", one_in(18, PLANTED))
def test_remedies_lead_to_health(own_server: Server, planted: str) -> None:
    with harmed(own_server, planted) as database:
        found = {diagnosis: Operator(database).follow(diagnosis, to=DIAGNOSES) for diagnosis in DIAGNOSES}
    starts: dict[tuple[str, ...], str] = {(change,): change for change in CHANGES}
    starts |= {orders[:1]: diagnosis for diagnosis, orders in sorted(found.items(), key=lambda one: len(one[1]))}
    for start in starts.values():
        with harmed(own_server, planted) as database:
            operator = Operator(database)
            orders = operator.follow(start, to=(DRAIN, *DIAGNOSES))
            if DRAIN in operator.typed and orders[:1] in starts:
                continue  # the drain left to be done what it found, which is followed from there
            operator.follow(*orders)

            host = Host(database.writer())
            mine, other = new_id(), new_id()
            leads = [host.lead(host.workspace(userId=owner)) for owner in (mine, other)]
            host.update("Lead", leads[0], status="needs_repair")
            assert drain(database.dsn).failed == 0
            assert verify.verify(database.dsn).drifted == 0
            seen = database.signed_in(mine).execute('select id from public."Lead"').fetchall()
            assert seen == [(leads[0],)], operator.typed
