"""The command line."""

from inboxdb.cli.app import main

__all__ = ["main"]
