"""inboxdb: inbox badge counts kept right inside Postgres."""

__version__ = "0.1.0"
