"""Which UPDATEs of "Lead" are noted: those that name a counted column, or those that change one. The rule is in SQL."""

from inboxdb.database.connection import LOCK_TIMEOUT
from inboxdb.install.access import with_lead

NOTED = ("named", "changed")


def note(dsn: str, noted: str, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
    """Choose which UPDATEs of "Lead" are noted, from now on.

    Parameters: dsn; noted, of NOTED; lock_timeout, how many seconds to wait for "Lead" at a time.
    Raises DatabaseRefused (55P03), before anything is changed.
    """
    with_lead(dsn, "select inboxdb.set_noted_updates(%s)", (noted,), lock_timeout)
