"""Roll reads out by stages, and say from evidence whether they are right."""
