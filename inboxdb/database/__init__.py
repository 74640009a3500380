"""What all rooms stand on: connections, errors, logs, the SQL that is shipped."""
