"""The host's tables in each variant of their types, all made of host.sql."""

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


def tables(host: str) -> bytes:
    """Return the statements to make the tables of a host, a key of HOSTS."""
    text = (sources.HOST / "host.sql").read_text()
    for columns, kind in zip(HOSTS[host], ("UUID", "TIMESTAMPTZ(6)"), strict=False):
        text = columns.sub(rf"\1 {kind}", text)
    return text.encode()
