"""Search in lists: what it finds, what it refuses, and how the texts that it looks in follow the host's rows."""

import json
import random
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row

from inboxdb.install import lists, migrate, repair, suspend
from inboxdb.watch import doctor
from tests.hosts import HOSTS, WIDE_HOSTS
from tests.interleave import Stage, until
from tests.rows import Host, live_counts, new_id, stored_counts
from tests.servers import WRITER, Database
from tests.test_cli import invoke
from tests.test_held_snapshots import visited
from tests.test_lists import ANN, HERE, SAM, SUE, THERE, ask, ids, listed, refusal
from tests.test_lists import prepare as prepare_lists
from tests.test_migrations import NAMES
from tests.test_noted_updates import BEFORE

EXTENSIONS = ("pg_trgm", "btree_gin")

BY_PARTS = "inboxdb.lead_text_trigrams"
INDEXES = [f"lead_text_{name}" for name in ("exact", "trigrams", "first_name", "last_name")]

STALE = """
select count(*)
from (select inboxdb.id_key(s.lead_id) as lead_key, s.* from inboxdb.searched_lead as s) as s
full join inboxdb.lead_text as t on s.lead_key = t.lead_key
where (s.client_id, s.words, s.exact) is distinct from (t.client_id, t.words, t.exact)
"""

# Each searched column, with a value, and what finds a lead by it.
COLUMNS: dict[str, tuple[Any, str]] = {
    "firstName": ("Grace Brewster", "brewst"),
    "lastName": ("Hopper", "HOPP"),
    "email": ("grace@example.org", "race@exam"),
    "phone": ("+1 (555) 010-9999", "5550109999"),
    "companyName": ("Eckert & Mauchly", "mauchly"),
    "alternateEmails": (["g.hopper@example.com"], "G.Hopper@example.com"),
    "currentReplierEmail": ("office@example.net", "office@example.net"),
}


def prepare(database: Database) -> None:
    """As for lists, with the extensions where the server has them; all texts filled."""
    superuser = database.superuser()
    for name in EXTENSIONS:
        if superuser.execute("select from pg_available_extensions where name = %s", [name]).rowcount:
            superuser.execute(f"create extension if not exists {name} schema public".encode())
    prepare_lists(database)
    fold(database.connect())


def fold(owner: Connection[Any]) -> None:
    """Refresh the counts, then the texts, until nothing waits."""
    owner.execute("call inboxdb.drain_dirty()")
    for _ in range(100):
        owner.execute("select inboxdb.refresh_texts()")
        if not waiting(owner) and not walks(owner):
            break
    else:
        raise AssertionError("changes of text are left")
    assert owner.execute("select from inboxdb.maintenance_failure").rowcount == 0


def walks(owner: Connection[Any]) -> bool:
    """Say whether a walk is due, or under way."""
    [(walks,)] = owner.execute(
        "select filled_at is null or walk_began_at is not null from inboxdb.search_state_now"
    ).fetchall()
    return bool(walks)


def look_at_few(owner: Connection[Any]) -> None:
    """Have a search look at two leads, and not at 2,000, before it asks the indexes."""
    [(definition,)] = owner.execute("select pg_get_functiondef('inboxdb.find_page'::regproc)").fetchall()
    looks = "most constant integer := 2000;"
    assert definition.count(looks) == 1
    owner.execute(definition.replace(looks, looks.replace("2000", "2")).encode())


def waiting(owner: Connection[Any]) -> list[str | None]:
    """List the leads whose change of text waits; None is every lead."""
    return [
        lead for (lead,) in owner.execute("select lead_id::text from inboxdb.noted_texts(100000) order by xid, tid")
    ]


def stale(owner: Connection[Any]) -> int:
    """Count the leads whose row in lead_text is another than it would be now, or lacks, or is left over."""
    [(number,)] = owner.execute(STALE).fetchall()
    return int(number)


def found(connection: Connection[Any], search: str, workspace: str = HERE, **arguments: Any) -> set[str]:
    return set(ids(listed(connection, workspace, search=search, **arguments)))


def has_parts(owner: Connection[Any]) -> bool:
    return owner.execute("select from pg_extension where extname = any (%s)", [list(EXTENSIONS)]).rowcount == 2


@pytest.fixture
def ann(database: Database) -> Connection[Any]:
    """The owner of HERE, signed in."""
    return database.signed_in(ANN)


# --- What is found


@pytest.mark.host_variants(*HOSTS, *WIDE_HOSTS)
def test_a_lead_is_found_by_each_of_its_texts(host: Host, owner: Connection[Any], ann: Connection[Any]) -> None:
    """At once, before anything is folded, and after; by another workspace's member never."""
    other = host.lead(HERE, firstName="Ada", email="ada@example.org", phone="555 0100")
    for folds in (False, True):
        for column, (value, term) in COLUMNS.items():
            lead = host.lead(HERE)
            host.update("Lead", lead, **{column: value})
            if folds:
                fold(owner)
                assert stale(owner) == 0
            assert found(ann, term) == {lead}, (column, folds)
            assert found(ann, f"  {term});. ") == {lead}, column
            host.delete("Lead", lead)
    campaign = new_id()
    host.connection.execute('insert into "SmsCampaign" (id, name) values (%s, %s)', [campaign, "Spring 2024"])
    host.update("Lead", other, smsCampaignId=campaign)
    fold(owner)
    assert found(ann, "spring") == found(ann, "ada PRING") == found(ann, "2024 ada 0100") == {other}
    host.connection.execute('update "SmsCampaign" set name = %s', ["Autumn"])
    assert waiting(owner) == []
    assert (found(ann, "spring"), found(ann, "autumn")) == (set(), {other})


def test_terms_are_all_to_be_found_and_none_is_a_pattern(host: Host, ann: Connection[Any]) -> None:
    one = host.lead(HERE, firstName="100%", lastName="a_b\\c", phone="+49 (30) 12-34.56", companyName="Anna\nKarl")
    two = host.lead(HERE, firstName="1000", lastName="axbc", phone="49301234", companyName="Anna Karl")
    assert found(ann, "100%") == found(ann, "a_b") == found(ann, "b\\c") == {one}
    assert found(ann, "%%%") == found(ann, "___") == found(ann, "annakarl") == set()
    assert found(ann, "anna karl") == found(ann, "4930123") == found(ann, "(30) 12-34") == {one, two}
    assert found(ann, "12-34.5") == found(ann, "123456") == {one}
    assert found(ann, "anna@karl") == set()


def test_case_counts_beyond_ascii_neither(host: Host, owner: Connection[Any], ann: Connection[Any]) -> None:
    """A part of a word, too, whose last letter folds by the one after it."""
    names = ["ΟΔΥΣΣΕΥΣ", "Анна", "Zoëlle", "Đorđe"]
    leads = {name: host.lead(HERE, firstName=name) for name in names}
    [(knows,)] = owner.execute("select inboxdb.folded('ë') = 'Ë'").fetchall()
    if not knows:
        pytest.skip("this server's collations know ASCII alone")
    for folds in (False, True):
        if folds:
            fold(owner)
        for name, lead in leads.items():
            for term in (name, name.lower(), name.upper(), name[1:].lower(), name[:3].upper()):
                assert found(ann, term) == {lead}, term
        assert found(ann, "οδυσ") == found(ann, "δυσς"[:3]) == {leads["ΟΔΥΣΣΕΥΣ"]}


def test_like_patterns_mean_what_strpos_means(owner: Connection[Any]) -> None:
    """The one is for the index, the other judges: over all short texts of the characters that LIKE knows."""
    texts = ["".join(letters) for size in (1, 2, 3, 4) for letters in product("a%_\\", repeat=size)]
    [(differing,)] = owner.execute(
        """
        select count(*)
        from unnest(%(texts)s::text[]) as a (whole)
        cross join unnest(%(texts)s::text[]) as b (part)
        where (whole like '%%' || inboxdb.like_pattern(part) || '%%') <> (strpos(whole, part) > 0)
        """,
        {"texts": texts},
    ).fetchall()
    assert differing == 0


def test_hostile_searches_are_refused_before_they_cost(ann: Connection[Any], host: Host) -> None:
    host.lead(HERE, firstName="Ada")
    for search in ("", " \t", "ab", "ab cd", "a" * 201, "x" * 65_536, " ".join(["abc"] * 9), ").;:", "\n\n\n"):
        refused = refusal(ann, search=search)
        assert refused["sqlstate"] == "IB021", search[:20]
        assert "search" in refused["message_primary"]
        assert len(search) < 9 or search not in str(refused)
    with pytest.raises(psycopg.Error):
        ask(ann, search="ada\0")
    with pytest.raises(psycopg.Error) as raised:
        ann.execute(
            """select * from inbox_api.conversations(%s, search => '{"a": "\\u0000"}'::jsonb ->> 'a')""", [HERE]
        )
    assert raised.value.sqlstate == "22P05"
    for search in ("'; drop table", "$$ada$$", "((((", "[a-z]+", "a" * 200, "@@@", "a@b", "\\\\\\"):
        assert found(ann, search) == set(), search


def test_a_setter_finds_own_leads_alone(database: Database, host: Host, owner: Connection[Any]) -> None:
    own, others = host.lead(HERE, lastName="Noether", assignedToUserId=SUE), host.lead(HERE, lastName="Noether")
    host.lead(THERE, lastName="Noether")
    for folds in (False, True):
        if folds:
            fold(owner)
        assert found(database.signed_in(ANN), "noether") == {own, others}
        assert found(database.signed_in(SUE), "noether") == {own}
        assert found(database.signed_in(SAM), "noether") == set()
        assert found(database.signed_in(ANN), "noether", filter="attention") == set()


def test_the_command_searches(database: Database, host: Host) -> None:
    lead = host.lead(HERE, firstName="Emmy")
    host.lead(HERE, firstName="Ada")
    result = invoke("conversations", HERE, "--as", ANN, "--search", "emm", "--json", "--dsn", database.dsn)
    assert ids(json.loads(result.stdout)["conversations"]) == [lead]


def test_an_old_lead_is_looked_up(database: Database, host: Host, owner: Connection[Any]) -> None:
    """Behind more leads than a call looks at: in one call by an index, without one over pages that are short."""
    old = host.lead(
        HERE,
        firstName="Emmy",
        lastName="Noether",
        email="emmy@example.org",
        phone="(555) 010-0123",
        createdAt="2001-01-01 00:00:00+00",
    )
    database.writer().execute(
        """
        insert into "Lead" (id, "clientId", "firstName", "updatedAt")
        select gen_random_uuid()::text, %s, 'Ada', now() from generate_series(1, 2500)
        """,
        [HERE],
    )
    fold(owner)
    ann = database.signed_in(ANN)
    searches = ["noether", "emmy@example.org", "emm"]
    if has_parts(owner):
        searches += ["oethe", "010-01", "0100123", "5550-100", "emmy 0100"]
    for search in searches:
        page = ask(ann, search=search)
        assert (ids(page["conversations"]), page["has_more"]) == ([old], False), search
    assert ids(ask(ann, search="ada")["conversations"]) != []
    for index in INDEXES:
        owner.execute(f"drop index if exists inboxdb.{index}".encode())
    for search in searches:
        page = ask(ann, search=search)
        assert (page["conversations"], page["has_more"], page["scanned"]) == ([], True, 2000), search
        assert found(ann, search) == {old}, search


def test_without_extensions_names_are_found_by_their_beginnings(
    database: Database, host: Host, owner: Connection[Any]
) -> None:
    """The doctor says so; with the extensions made later, an index is all that lacks."""
    lists.drop(database.direct_dsn)
    for name in EXTENSIONS:
        database.superuser().execute(f"drop extension if exists {name}".encode())
    names = lists.build(database.direct_dsn)
    assert "inboxdb.lead_text_first_name" in names
    assert BY_PARTS not in names
    said = [one for one in doctor.examine(database.dsn) if one.check == "search"]
    assert [finding.evidence for finding in said[0].findings][:2] == [
        f"searches find names by their beginnings: extension {name} is missing" for name in sorted(EXTENSIONS)
    ]
    leads = {
        host.lead(HERE, firstName="Emmy", lastName="Noether", phone="555 0100", createdAt="2001-01-01 00:00:00+00")
    }
    fold(owner)
    for search in ("emm", "noeth", "5550100"):
        assert candidates(owner, search) == leads, search
    assert candidates(owner, "oether") == set()
    if not database.superuser().execute("select from pg_available_extensions where name = 'pg_trgm'").rowcount:
        pytest.skip("this server has no pg_trgm")
    for name in EXTENSIONS:
        database.superuser().execute(f"create extension {name} schema public".encode())
    assert lists.build(database.direct_dsn) == [BY_PARTS]
    assert candidates(owner, "oether") == leads


def candidates(owner: Connection[Any], term: str) -> set[str]:
    """Return the leads that a term may find, by the indexes alone."""
    [(leads,)] = owner.execute(
        "select inboxdb.search_candidates(%s, array[inboxdb.folded(%s)], null, 100)::text[]", [HERE, term]
    ).fetchall()
    return set(leads)


# --- How texts follow


@pytest.mark.host_variants("text", "wide-uuid", "wide-mixed")
@pytest.mark.parametrize("noted", ["named", "changed", "by a trigger of the host's"])
def test_every_change_of_a_text_is_noted(database: Database, host: Host, owner: Connection[Any], noted: str) -> None:
    """A change of another column is not, and no change of a text is a change for the counts."""
    if noted == "changed":
        owner.execute("select inboxdb.set_noted_updates('changed')")
    elif noted != "named":
        owner.execute(BEFORE.encode())
        owner.execute("select inboxdb.check_host()")
    lead = host.lead(HERE, firstName="Ada")
    fold(owner)
    for column, (value, _) in COLUMNS.items():
        host.update("Lead", lead, **{column: value})
        assert set(waiting(owner)) == {lead}, column
        assert owner.execute("select from inboxdb.change").rowcount == 0, column
        assert stale(owner) == 1
        fold(owner)
        assert stale(owner) == 0
    host.update("Lead", lead, jobTitle="Analyst", status="open")
    assert waiting(owner) == []
    host.update("Lead", lead, firstName="Augusta", status="closed")
    assert set(waiting(owner)) == {lead}


WAYS: dict[str, Callable[[Connection[Any]], Any]] = {
    "a refresh by change": lambda owner: refresh_all(owner),
    "a recount": lambda owner: owner.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE]),
    "a collapse": lambda owner: collapse(owner),
}


def refresh_all(owner: Connection[Any]) -> None:
    """Refresh every dirty workspace, as drains do, without their maintenance."""
    while (claimed := owner.execute("select inboxdb.claim_next()").fetchone()) != (None,):
        owner.execute("select inboxdb.drain_next(%s)", claimed)


def collapse(owner: Connection[Any]) -> None:
    """Take the changes of HERE out of the log as of a workspace that fails."""
    owner.execute("select inboxdb.collect()")
    owner.execute("select inboxdb.collapse_changes(%s)", [HERE])


@pytest.mark.parametrize("way", WAYS)
def test_leads_made_gone_and_moved_are_handed_on(host: Host, owner: Connection[Any], way: str) -> None:
    """By whatever takes a change out of the log, and by nothing that is rolled back; in the same transaction."""
    gone, moved, stays = (host.lead(HERE, firstName=name) for name in ("Ada", "Emmy", "Grace"))
    fold(owner)
    host.delete("Lead", gone)
    host.update("Lead", moved, clientId=THERE)
    made = host.lead(HERE, firstName="Sofia")
    host.update("Lead", stays, status="open")
    if way != "a refresh by change":  # of which the claim is committed first
        with owner.transaction(force_rollback=True):
            WAYS[way](owner)
            assert set(waiting(owner)) == {gone, moved, made}
        assert waiting(owner) == []
    WAYS[way](owner)
    assert set(waiting(owner)) == {gone, moved, made}
    fold(owner)
    assert stale(owner) == 0


def test_a_first_fill_and_lost_changes_end_in_a_walk(database: Database, host: Host, owner: Connection[Any]) -> None:
    """TRUNCATE, a mark of everything, and a day; what no trigger noted is found by it."""
    workspace = host.workspace(userId=ANN)
    lead = host.lead(workspace, firstName="Ada")
    fold(owner)
    assert stale(owner) == 0
    superuser = database.superuser()
    superuser.execute("set session_replication_role = replica")
    superuser.execute('update public."Lead" set "firstName" = %s', ["Augusta"])
    left_over = host.lead(workspace, firstName="Emmy")
    fold(owner)
    superuser.execute('delete from public."Lead" where id::text = %s', [left_over])
    assert stale(owner) == 2
    owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    fold(owner)
    assert stale(owner) == 0
    superuser.execute('update public."Lead" set "firstName" = %s', ["Ada"])
    owner.execute("update inboxdb.search_state set filled_at = filled_at - interval '25 hours'")
    owner.execute("select inboxdb.refresh_texts()")
    assert stale(owner) == 0
    assert found(database.signed_in(ANN), "ada", workspace) == {lead}
    owner.execute('truncate public."Lead" cascade')
    fold(owner)
    assert owner.execute("select from inboxdb.lead_text").rowcount == 0


def test_a_change_beside_the_consumer_is_not_lost(stage: Stage) -> None:
    """Noted after its snapshot, while its transaction is open: looked at by the next."""
    writer = Host(stage.session(WRITER))
    lead = writer.lead(HERE, firstName="Ada")
    fold(stage.owner)
    writer.update("Lead", lead, firstName="Emmy")
    consumer = stage.session()
    step = stage.start(consumer, "select inboxdb.refresh_texts()", pause_at="texts taken")
    writer.update("Lead", lead, firstName="Grace")
    late = stage.session(WRITER)
    with late.transaction():
        Host(late).update("Lead", lead, lastName="Hopper")
        stage.owner.execute("select inboxdb.refresh_texts()")  # locked out, and back at once
        assert len(waiting(stage.owner)) == 2
        step.assert_paused()
        step.resume()
        # the lead was looked at as it is by now, and the second change stays to be taken
        assert (waiting(stage.owner), stale(stage.owner)) == ([lead], 0)
        stage.owner.execute("select inboxdb.refresh_texts()")
        assert waiting(stage.owner) == []
    assert (waiting(stage.owner), stale(stage.owner)) == ([lead], 1)
    fold(stage.owner)
    assert stale(stage.owner) == 0


def test_a_consumer_that_fails_takes_nothing(stage: Stage) -> None:
    writer = Host(stage.session(WRITER))
    lead = writer.lead(HERE, firstName="Ada")
    fold(stage.owner)
    writer.update("Lead", lead, firstName="Emmy")
    with stage.at("texts taken", "raise exception 'lost'"), pytest.raises(psycopg.Error, match="lost"):
        stage.owner.execute("select inboxdb.refresh_texts()")
    assert (waiting(stage.owner), stale(stage.owner)) == ([lead], 1)
    fold(stage.owner)
    assert stale(stage.owner) == 0


def test_a_walk_loses_no_change_behind_it(stage: Stage) -> None:
    writer = Host(stage.session(WRITER))
    leads = [writer.lead(HERE, firstName="Ada") for _ in range(3)]
    fold(stage.owner)
    stage.owner.execute("update inboxdb.search_state set filled_at = null")
    step = stage.start(stage.session(), "select inboxdb.refresh_texts()", pause_at="walking")
    for lead in leads:
        writer.update("Lead", lead, firstName="Emmy")
    step.assert_paused()
    step.resume()
    fold(stage.owner)
    assert stale(stage.owner) == 0


def test_the_counts_do_not_wait_for_the_consumer(stage: Stage) -> None:
    """Nor the consumer for a refresh that has not committed, whose hand-on comes with its commit."""
    writer = Host(stage.session(WRITER))
    lead = writer.lead(HERE, firstName="Ada")
    fold(stage.owner)
    writer.update("Lead", lead, firstName="Emmy")
    step = stage.start(stage.session(), "select inboxdb.refresh_texts()", pause_at="texts taken")
    made = writer.lead(HERE, firstName="Grace")
    writer.update("Lead", lead, status="needs_repair")
    refresh = stage.session()  # fails in place of waiting
    with refresh.transaction():
        assert refresh.execute("select inboxdb.recompute_inbox_counts(%s)", [HERE]).rowcount == 1
        step.assert_paused()
        step.resume()
        assert waiting(stage.owner) == []
        stage.owner.execute("select inboxdb.refresh_texts()")
    assert waiting(stage.owner) == [made]
    assert stored_counts(stage.owner)[HERE] == live_counts(stage.owner, HERE)
    fold(stage.owner)
    assert stale(stage.owner) == 0


def test_an_import_holds_up_no_other_workspace(host: Host, owner: Connection[Any]) -> None:
    """Workspaces take turns within a batch; and the counts have nothing to do with it."""
    here = [host.lead(HERE) for _ in range(30)]
    there = host.lead(THERE)
    fold(owner)
    versions = "select client_id::text, version from inboxdb.cache_version order by 1, 2"
    before = owner.execute(versions).fetchall()
    with host.connection.transaction():
        host.connection.execute('update "Lead" set "firstName" = %s where "clientId" = %s', ["Ada", HERE])
    host.update("Lead", there, firstName="Emmy")
    assert owner.execute("select from inboxdb.waiting").rowcount == 0
    assert owner.execute("select inboxdb.fold_noted(10)").fetchall() == [(10,)]
    assert there not in waiting(owner)
    assert set(waiting(owner)) < set(here)
    fold(owner)
    assert owner.execute(versions).fetchall() == before


def test_the_floor_rises_past_whatever_is_taken(database: Database, host: Host, owner: Connection[Any]) -> None:
    """So that dead rows are not read, which a held snapshot keeps; a writer that is open is an exception below."""
    lead = host.lead(HERE)
    open_writer = database.writer()
    fold(owner)
    with open_writer.transaction():
        Host(open_writer).update("Lead", lead, firstName="Ada")
        [(still_open,)] = open_writer.execute("select pg_current_xact_id()::text").fetchall()
        other = host.lead(HERE)
        for _ in range(300):
            host.update("Lead", other, firstName="Emmy")
        [(last,)] = host.connection.execute("select pg_current_xact_id()::text::bigint").fetchall()
        fold(owner)
        owner.execute("select inboxdb.refresh_texts()")
        [(read_from, also_read)] = owner.execute(
            "select read_from::text::bigint, also_read::text[] from inboxdb.search_state_now"
        ).fetchall()
        assert read_from > last
        assert still_open in also_read
    assert waiting(owner) == [lead]
    fold(owner)
    assert stale(owner) == 0


# --- What goes wrong


LOST = {
    "a right": "revoke insert on inboxdb.text_change from current_user",
    "the log": "drop table inboxdb.text_change cascade",
    "a column": 'alter table public."Lead" rename column "firstName" to "givenName"',
}


@pytest.mark.parametrize("noted", ["named", "changed"])
@pytest.mark.parametrize("lost", LOST)
def test_no_write_fails_by_what_is_lost(host: Host, owner: Connection[Any], lost: str, noted: str) -> None:
    lead = host.lead(HERE, firstName="Ada")
    owner.execute("select inboxdb.set_noted_updates(%s)", [noted])
    host.update("Lead", lead, lastName="Lovelace")
    owner.execute(LOST[lost].encode())
    host.update("Lead", lead, lastName="Byron")
    host.update("Lead", lead, phone="555 0100")


def test_whatever_the_host_stores_is_folded(host: Host, owner: Connection[Any], ann: Connection[Any]) -> None:
    """Arrays of any bounds and dimensions, with nulls; long, empty and blank texts; many addresses."""
    strange = host.lead(HERE)
    host.connection.execute(
        """
        update "Lead"
        set "alternateEmails" = '[0:1]={null,Grace@Example.org}', phone = '', "firstName" = %s, "lastName" = %s
        where id::text = %s
        """,
        ["x" * 1_000_000 + "y", "a\tb\nc", strange],
    )
    nested = host.lead(HERE)
    nest = """update "Lead" set "alternateEmails" = '{{a@b.org,c@d.org},{"",e@f.org}}' where id::text = %s"""
    host.connection.execute(nest, [nested])
    many = host.lead(HERE, email="")
    addresses: Any = [f"{number}@example.com" for number in range(500)]
    host.update("Lead", many, alternateEmails=addresses)
    for folds in (False, True):
        if folds:
            fold(owner)
            assert stale(owner) == 0
        assert found(ann, "grace@example.org") == found(ann, "x" * 200) == {strange}
        assert found(ann, "xxxy") == set()
        assert found(ann, "e@f.org") == {nested}
        assert (found(ann, "99@example.com"), found(ann, "100@example.com")) == ({many}, set())


def test_what_no_index_knows_is_looked_for(host: Host, owner: Connection[Any], ann: Connection[Any]) -> None:
    """Terms without three letters or digits in a row have no trigram: pages are short, and the end is the end."""
    look_at_few(owner)
    leads = [host.lead(HERE, firstName=name) for name in ("a-b-c", "!!!", "x.y.z", "Ada", "Emmy", "Grace")]
    fold(owner)
    assert (found(ann, "a-b"), found(ann, "!!!"), found(ann, "x.y.z")) == ({leads[0]}, {leads[1]}, {leads[2]})
    [(candidates,)] = owner.execute("select inboxdb.search_candidates(%s, array['A-B'], null, 100)", [HERE]).fetchall()
    assert candidates is None


def test_what_was_found_by_looking_stays_on_the_page(host: Host, owner: Connection[Any], ann: Connection[Any]) -> None:
    """A text that lead_text does not know, beside an old lead that only lead_text finds."""
    look_at_few(owner)
    names = ("Noether", "Ada", "Grace", "Sofia")
    old, _, _, newest = (
        host.lead(HERE, firstName=name, lastMessageAt=f"2024-01-0{day} 00:00:00+00")
        for day, name in enumerate(names, 1)
    )
    fold(owner)
    owner.execute('alter table public."Lead" disable trigger inboxdb_note_text')
    host.update("Lead", newest, lastName="Noethers")
    assert waiting(owner) == []
    page = ask(ann, search="noether")
    assert (ids(page["conversations"]), page["has_more"]) == ([newest, old], False)


def test_dead_rows_cost_a_pass_nothing(database: Database, host: Host, owner: Connection[Any]) -> None:
    """While a snapshot is held: neither those of text_change nor those of search_state."""
    lead = host.lead(HERE)
    fold(owner)
    query = "select inboxdb.noted_texts(1000)"
    visited(owner, query)  # plans
    before = visited(owner, query).pages
    holder = database.connect()
    with holder.transaction():
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select from inboxdb.text_change")
        for turn in range(20):
            for number in range(100):
                host.update("Lead", lead, firstName=f"{turn} {number}")
            owner.execute("select inboxdb.refresh_texts()")
        assert waiting(owner) == []

        def reads_few() -> bool:
            host.update("Lead", lead, firstName="the last")
            owner.execute("select inboxdb.refresh_texts()")
            return visited(owner, query).pages <= before + 10  # of some 40

        # the dead rows of changes behind a transaction of any database's are read as long as that one runs
        until(reads_few)


def test_the_oldest_and_the_newest_are_found_without_the_rest(host: Host, owner: Connection[Any]) -> None:
    lead = host.lead(HERE)
    fold(owner)
    query = "select inboxdb.noted_texts(10)"
    visited(owner, query)  # plans
    before = visited(owner, query).pages
    note = "insert into inboxdb.text_change (client_id, lead_id) select %s, %s from generate_series(1, 30000)"
    owner.execute(note, [HERE, lead])
    # the least, because a session reads the catalog again when told so by another database's changes
    assert min(visited(owner, query).pages for _ in range(5)) <= before + 20


def test_suspended_nothing_is_taken_and_resumed_all_is_walked(
    database: Database, host: Host, owner: Connection[Any]
) -> None:
    lead = host.lead(HERE, firstName="Ada")
    fold(owner)
    suspend.suspend(database.direct_dsn)
    host.update("Lead", lead, firstName="Emmy")
    owner.execute("select inboxdb.refresh_texts()")
    assert (waiting(owner), walks(owner)) == ([], False)
    assert suspend.resume(database.direct_dsn).resumed
    assert stale(owner) == 1
    fold(owner)
    assert stale(owner) == 0
    host.update("Lead", lead, firstName="Grace")
    assert waiting(owner) == [lead]


@pytest.mark.parametrize(
    "change",
    [
        'alter table public."Lead" drop column "companyName"',
        'alter table public."Lead" alter column phone type bigint using null',
        'alter table public."Lead" alter column "alternateEmails" drop default, '
        'alter column "alternateEmails" type text using null',
    ],
)
def test_a_host_without_a_searched_column_has_lists_all_the_same(bare_database: Database, change: str) -> None:
    """The plan, the doctor and the refusal name the column; once it is there, so is the search."""
    dsn, owner = bare_database.dsn, bare_database.connect()
    owner.execute(change.encode())
    [column] = set(re.findall(r' column "?(\w+)', change))
    planned = json.loads(invoke("migrate", "plan", "--json", "--dsn", dsn).stdout)["findings"]
    assert [column in one["evidence"] for one in planned if one["check"] == "search"] == [True]
    migrate.apply(dsn)
    assert lists.build(bare_database.direct_dsn)
    assert repair.verify(bare_database.direct_dsn).healthy
    [said] = [one for one in doctor.examine(dsn) if one.check == "search"]
    assert [column in finding.evidence for finding in said.findings] == [True]
    host = Host(bare_database.writer())
    workspace = host.workspace(userId=ANN)
    lead = host.lead(workspace, firstName="Ada")
    host.update("Lead", lead, lastName="Lovelace")
    owner.execute("call inboxdb.drain_dirty()")
    assert (waiting(owner), owner.execute("select from inboxdb.maintenance_failure").rowcount) == ([], 0)
    ann = bare_database.signed_in(ANN)
    assert ids(listed(ann, workspace)) == [lead]
    refused = refusal(ann, workspace, search="lovelace")
    assert (refused["sqlstate"], column in refused["message_detail"]) == ("IB020", True)
    owner.execute(f'alter table public."Lead" drop column if exists "{column}"'.encode())
    of_type = "text[]" if column == "alternateEmails" else "text"
    owner.execute(f'alter table public."Lead" add column "{column}" {of_type}'.encode())
    assert repair.verify(bare_database.direct_dsn, repair=True).healthy
    lists.build(bare_database.direct_dsn)
    fold(owner)
    assert stale(owner) == 0
    assert found(ann, "lovelace", workspace) == {lead}
    host.update("Lead", lead, lastName="Byron")
    assert waiting(owner) == [lead]


def test_lists_of_before_go_on_with_search_and_without(bare_database: Database) -> None:
    """Upgraded from lists without search, with rows, and back, and again."""
    lists_alone = next(name for name in NAMES if name.endswith("-lists"))
    dsn = bare_database.dsn
    migrate.apply(dsn, batch=NAMES.index(lists_alone) + 1)
    owner, host = bare_database.connect(), Host(bare_database.writer())
    workspace = host.workspace(userId=ANN)
    lead = host.lead(workspace, firstName="Ada")
    owner.execute("call inboxdb.drain_dirty()")
    for statement, fingerprint, name in owner.execute(
        "select statement, fingerprint, index_name from inboxdb.list_indexes()"
    ):
        owner.execute(statement.encode())
        owner.execute(f"comment on index {name} is '{fingerprint}'".encode())
    ann = bare_database.signed_in(ANN)
    for _ in range(2):
        assert ids(listed(ann, workspace)) == [lead]
        migrate.apply(dsn)
        fold(owner)
        assert stale(owner) == 0
        assert found(ann, "ada", workspace) == {lead}
        host.update("Lead", lead, lastName="Lovelace")
        assert waiting(owner) == [lead]
        migrate.rollback(dsn, count=len(NAMES) - NAMES.index(lists_alone) - 1)
        host.update("Lead", lead, lastName="Byron")
        owner.execute("call inboxdb.drain_dirty()")


# --- Histories at random


NAMES_AT_RANDOM = ["Ada", "Åsa", "Emmy", "emmy", "O'Neill", "50%", "a_b", "x\\y", "Müller", "de la Cruz", ""]
TERMS = [
    "ada", "emm", "neil", "50%", "a_b", "x\\y", "cruz de", "example.org", "555", "5550-1", "(555)", "ÅSA", "ül emm",
    "spring", "ring emm", "a@example.org", "B@Example.org",
]  # fmt: skip
SEARCHED = ["firstName", "lastName", "email", "companyName", "phone", "smsCampaignId", "alternateEmails"]


def naive(lead: dict[str, Any], search: str) -> bool:
    """Say whether a search finds a lead, as people would."""
    if "@" in search:
        return search.upper() in [one.upper() for one in (lead["email"], *(lead["alternateEmails"] or [])) if one]
    fields = [lead[name] or "" for name in ("firstName", "lastName", "email", "companyName", "phone", "campaign")]
    phone = "".join(filter(str.isdigit, lead["phone"] or ""))

    def has(term: str) -> bool:
        digits = "".join(filter(str.isdigit, term)) if set(term) <= set("0123456789+()./-") else ""
        return any(term.upper() in field.upper() for field in fields) or (bool(digits) and digits in phone)

    return all(map(has, search.split()))


@pytest.mark.host_variants("text", "wide-uuid", "wide-mixed")
@pytest.mark.parametrize("seed", range(3))
def test_a_search_is_right_after_any_history(
    database: Database, host: Host, owner: Connection[Any], ann: Connection[Any], seed: int
) -> None:
    """At quiet points, by the indexes and by looking; and at any other a lead that is found has the terms."""
    [(knows,)] = owner.execute("select inboxdb.folded('ü') = 'Ü'").fetchall()
    chance = random.Random(seed)
    terms = [term for term in TERMS if knows or term.isascii()]
    campaigns = [new_id(), new_id()]
    host.connection.cursor().executemany(
        'insert into "SmsCampaign" (id, name) values (%s, %s)', zip(campaigns, ("Spring 24", "Autumn"), strict=True)
    )
    leads: list[str] = []
    done = dict.fromkeys(("made", "renamed", "gone", "moved", "undone", "folded", "drained", "a campaign"), 0)
    writers = [host, Host(database.writer())]

    def value(column: str) -> Any:
        match column:
            case "email":
                return chance.choice(["a@example.org", "b@example.org", None])
            case "alternateEmails":
                return chance.choice([["b@EXAMPLE.org", "c@example.org"], [], None])
            case "phone":
                return chance.choice(["+1 (555) 01-00", "5550100", None])
            case "smsCampaignId":
                return chance.choice([*campaigns, None])
        return chance.choice(NAMES_AT_RANDOM)

    def expected(search: str) -> set[str]:
        cursor = owner.cursor(row_factory=dict_row)
        query = """
            select l.id::text, l."firstName", l."lastName", l.email, l."companyName", l.phone, l."alternateEmails",
              c.name as campaign
            from "Lead" as l left join "SmsCampaign" as c on c.id = l."smsCampaignId"
            where l."clientId"::text = %s
        """
        return {row["id"] for row in cursor.execute(query, [HERE]) if naive(row, search)}

    if has_parts(owner):
        look_at_few(owner)
    for _ in range(4):
        for _ in range(30):
            step = chance.choice(["made"] * 3 + ["renamed"] * 4 + list(done)) if leads else "made"
            done[step] += 1
            column, by = chance.choice(SEARCHED), chance.choice(writers)
            if step == "made":
                leads.append(by.lead(chance.choice([HERE, THERE]), **{column: value(column)}))
            elif step == "renamed":
                by.update("Lead", chance.choice(leads), **{column: value(column)})
            elif step == "moved":
                by.update("Lead", chance.choice(leads), clientId=chance.choice([HERE, THERE]))
            elif step == "gone":
                by.delete("Lead", leads.pop(chance.randrange(len(leads))))
            elif step == "undone":
                with by.connection.transaction(force_rollback=True):
                    by.update("Lead", chance.choice(leads), **{column: value(column)})
                    owner.execute("select inboxdb.refresh_texts()")
            elif step == "a campaign":
                name = chance.choice(["Spring 24", "Autumn", "emm"])
                by.update("SmsCampaign", chance.choice(campaigns), name=name)
            else:
                owner.execute("select inboxdb.refresh_texts()" if step == "folded" else "call inboxdb.drain_dirty()")
            search = chance.choice(terms)
            assert found(ann, search) <= expected(search), search
        fold(owner)
        assert stale(owner) == 0
        for search in terms:
            assert found(ann, search, page_size=2) == expected(search), search
    assert all(done.values()), done
