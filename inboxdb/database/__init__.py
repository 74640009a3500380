"""The ground floor of all rooms: connections, errors, logs, the shipped SQL."""
