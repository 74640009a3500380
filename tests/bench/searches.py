"""A search in the conversation list: the first page of what is found."""

import json
from collections.abc import Mapping
from time import perf_counter

import psycopg
from psycopg.conninfo import make_conninfo

from tests.bench.contenders import INBOXDB
from tests.bench.host import READER, Host
from tests.bench.results import Results

# What is searched for: of one lead, and a campaign that one lead in thirty has.
TERMS = """
select w.what, w.term
from (
  select *
  from public."Lead" as l
  where l."clientId" = %(workspace)s and l.phone is not null and l."firstName" ~ '^[a-zA-Z]{4}' and l."lastName" <> ''
  order by l."smsCampaignId" is null, md5(l.id)
  limit 1
) as l
cross join lateral (
  values
    ('an address', l.email),
    ('a first name', l."firstName"),
    ('part of a first name', substr(l."firstName", 2, 3)),
    ('both names', l."firstName" || ' ' || l."lastName"),
    ('the end of a phone', right(l.phone, 7)),
    ('a company', l."companyName"),
    ('a campaign', (select c.name from public."SmsCampaign" as c where c.id = l."smsCampaignId")),
    ('what nobody has', 'qzxvkqzx')
) as w (what, term)
"""

FOUND = "select * from inbox_api.conversations(%s, search => %s)"


def measure(host: Host, results: Results, users: Mapping[str, str]) -> None:
    """Measure each kind of search in the judged workspace, while the lists' indexes are there.

    Parameters: host; results; users, who search: as what each is known, and the user's id.
    """
    times = results.measure(
        "searches",
        f"A search in a workspace of {host.size.judged:,}: the first page of 50",
        "ms",
        note="Through inbox_api, over one session, once in each round; with pg_trgm and btree_gin.",
    )
    terms = host.connection.execute(TERMS, {"workspace": host.judged}).fetchall()
    with psycopg.connect(make_conninfo(host.dsn, user=READER), autocommit=True) as reader:
        for whose, user in users.items():
            reader.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": user})])
            # the first turn fills caches
            for turn in range(-1, host.size.rounds):
                for what, term in terms:
                    began = perf_counter()
                    reader.execute(FOUND, [host.judged, term]).fetchall()
                    if turn >= 0:
                        milliseconds = (perf_counter() - began) * 1000
                        times.add(INBOXDB.name, {"search": what, "whose": whose}, milliseconds)
