-- Functions are executable by everyone unless told otherwise.
revoke execute on all routines in schema inboxdb from public;
