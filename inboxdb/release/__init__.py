"""What makes migrations and releases: for those who work on inboxdb, and no part of the package."""
