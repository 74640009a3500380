"""The stored counts: read, and held to the live ones."""
