"""The host's tables in each variant of their types, made of host.sql and host_wide.sql."""

import re

from inboxdb.database import sources

TEXT_ID = re.compile(r'("(?:id|\w+Id)") TEXT')
TEXT_ID_OF_NO_USER = re.compile(r'("(?!userId|\w+UserId)(?:id|\w+Id)") TEXT')
TIME = re.compile(r'("\w+") TIMESTAMP\(3\)')
SOME_TIMES = re.compile(r'("(?:lastInboundAt|lastZrgOutboundAt|snoozedUntil|sentAt|updatedAt)") TIMESTAMP\(3\)')

# Which columns are uuid and which have a time zone. The last mixes both, within "Lead" too.
HOSTS: dict[str, tuple[re.Pattern[str], ...]] = {
    "text": (),
    "uuid": (TEXT_ID, TIME),
    "mixed": (TEXT_ID_OF_NO_USER, SOME_TIMES),
}

# Ids of other systems stay text.
OWN_ID = re.compile(r'("(?!bisonCampaignId|ghlContactId)(?:id|\w+Id)") TEXT')
USER_ID = re.compile(r'("(?:userId|\w+UserId)") TEXT')
OTHER_TIMES = re.compile(r'("(?:lastMessageAt|lastOutboundAt|assignedAt)") TIMESTAMP\(3\)')

# The same of the host with the columns that lists read. The last mixes both the other way: "lastMessageAt" has a time
# zone, "createdAt" has none.
WIDE_HOSTS: dict[str, tuple[re.Pattern[str], ...]] = {
    "wide-text": (),
    "wide-uuid": (OWN_ID, TIME),
    "wide-mixed": (USER_ID, OTHER_TIMES),
}


def tables(host: str) -> bytes:
    """Return the statements to make the tables of a host, a key of HOSTS or of WIDE_HOSTS."""
    text = (sources.HOST / ("host_wide.sql" if host in WIDE_HOSTS else "host.sql")).read_text()
    for columns, kind in zip((HOSTS | WIDE_HOSTS)[host], ("UUID", "TIMESTAMPTZ(6)"), strict=False):
        text = columns.sub(rf"\1 {kind}", text)
    return text.encode()


# What Citus does to a table of its own, as far as an installation is concerned, by its source: no package of Citus is
# to be had for the servers at hand. For a superuser.
CITUS = """
set allow_system_table_mods = on;
create function pg_catalog.citus_truncate_trigger() returns trigger language plpgsql as 'begin return null; end';
create function pg_catalog.undistribute_table(table_name regclass, cascade_via_foreign_keys boolean) returns void
language plpgsql as $$ begin execute format('drop trigger truncate_trigger on %s', table_name); end $$;
"""
OF_CITUS = """
create trigger truncate_trigger after truncate on public."{}"
for each statement execute function pg_catalog.citus_truncate_trigger()
"""
