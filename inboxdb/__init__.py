"""inboxdb: inbox badge counts kept right inside Postgres."""

__version__ = "0.2.0.dev0"
