-- PostgreSQL grants EXECUTE on each new function to PUBLIC.
revoke execute on all routines in schema inboxdb from public;
