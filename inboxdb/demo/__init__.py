"""The demo: inboxdb at work on a server of its own."""
