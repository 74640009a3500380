"""Moving a workspace, whole, from one database to another."""
