"""The command line: what DBAs, cron and CI call."""

from inboxdb.cli import access, canary, counts, demo, drain, flags, install, upkeep, watch, workspace
from inboxdb.cli.app import main

__all__ = ["access", "canary", "counts", "demo", "drain", "flags", "install", "main", "upkeep", "watch", "workspace"]
