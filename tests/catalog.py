"""A database's catalog as text, the same on every supported PostgreSQL, to be compared and committed.

tests/catalog.txt holds what installing inboxdb adds to a host, inboxdb/install/catalog.json the objects that
``inboxdb migrate verify`` looks for. ``python -m tests.catalog --write`` writes both anew, on an embedded server
of its own; ``--check`` only says whether they are up to date.
"""

import json
import secrets
import sys
from pathlib import Path
from typing import Any

from psycopg import Connection

from inboxdb.install.catalog import BOOKKEEPING, SNAPSHOT, Facts, Object, as_snapshot, installed, read
from tests.servers import WRITER, Database, Servers, find

COMMITTED = Path(__file__).with_suffix(".txt")
SUPABASE = Path(__file__).with_name("supabase.sql")
HOW_TO_WRITE = "run `python -m tests.catalog --write` and read the difference"

# Objects older than this are the server's own: made by initdb.
FIRST_USER_OID = 16384

COMMENTS = f"""
select format('comment %s %s %L', o.type, o.identity, d.description)
from pg_description as d
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) as o
where d.objoid >= {FIRST_USER_OID}
"""


def catalog(connection: Connection[Any]) -> list[str]:
    """Describe whatever a database holds besides rows, in sorted lines; the migration runners' own tables are left out.

    Parameters: connection, in autocommit mode.
    """
    objects = read(connection, f"n.oid >= {FIRST_USER_OID} or n.nspname = 'public'")
    with connection.transaction():
        connection.execute("set local search_path = ''")
        comments = [line for (line,) in connection.execute(COMMENTS.encode())]
    lines = [_line(about, facts) for about, facts in objects.items()]
    return sorted(line for line in lines + comments if not BOOKKEEPING.search(line))


def difference(before: list[str], after: list[str]) -> str:
    """Return a text of the lines gone (-) and new (+)."""
    changed = [(line, "-") for line in set(before) - set(after)] + [(line, "+") for line in set(after) - set(before)]
    return "".join(f"{sign} {line}\n" for line, sign in sorted(changed))


def snapshot(database: Database) -> str:
    """Write the content of catalog.json. On the way "Lead" gets our policies, realtime.messages is made with them, and
    the publication is.

    Parameters: database, with inboxdb installed.
    """
    owner = database.connect()
    objects = installed(owner)
    database.superuser().execute(SUPABASE.read_bytes())
    owner.execute("select inboxdb.protect_leads('{}', array[%s]), inboxdb.publish_leads()", [WRITER])
    owner.execute("select inboxdb.protect_topics()")
    everything = installed(owner)
    on_lead = Object("policy", 'inboxdb_member on public."Lead"')
    for chosen_by_the_owner in ("roles", "command"):
        del everything[on_lead][chosen_by_the_owner]
    for about, facts in everything.items():
        if about == on_lead or about.kind == "publication" or about.table == "realtime.messages":
            objects[about] = facts
    return as_snapshot(objects)


def _line(about: Object, facts: Facts) -> str:
    return " ".join([str(about), *(f"{name}={_text(fact)}" for name, fact in facts.items())])


def _text(fact: object) -> str:
    return fact if isinstance(fact, str) else json.dumps(fact)


def main(arguments: list[str]) -> int:
    """Write the two files anew, or with ``--check`` report files not up to date."""
    if arguments not in (["--write"], ["--check"]):
        sys.exit("usage: python -m tests.catalog --write | --check")
    servers = Servers({"pg18": find(18)}, secrets.token_hex(16))
    try:
        server = servers["pg18"]
        with (
            server.database("text", installed=False) as bare,
            server.database("text", installed=True) as database,
            # the host with every column that an object of ours needs
            server.database("wide-text", installed=True) as wide,
        ):
            added = difference(catalog(bare.connect()), catalog(database.connect()))
            now = {COMMITTED: added, SNAPSHOT: snapshot(wide)}
    finally:
        servers.close()
    stale = [file for file, text in now.items() if not file.exists() or file.read_text() != text]
    for file in stale:
        if arguments == ["--check"]:
            sys.stderr.write(f"{file.name} differs from sql/: {HOW_TO_WRITE}\n")
        else:
            file.write_text(now[file])
    return 1 if stale and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
