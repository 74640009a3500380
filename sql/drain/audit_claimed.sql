create or replace function inboxdb.audit_claimed(
  claimed inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[]
)
language sql volatile
set search_path = ''
as $$
  -- Purpose: audit a workspace chosen by next_audit; a row of view maintenance names this function.
  -- Parameters: claimed.
  -- Returns: the outcome, the version and the changed scopes of drain_next.
  -- Reads, writes: as drain_next.
  -- INVOKER: called by maintain, by its name in view maintenance.
  select d.outcome, d.version, d.changed_scopes from inboxdb.drain_next(claimed, true) as d
$$;
