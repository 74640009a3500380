"""Bring the counts up to date, and tell who listens."""
