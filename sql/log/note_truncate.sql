create or replace function inboxdb.note_truncate() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: statement trigger for TRUNCATE of a host table: append a single change for every workspace (D4).
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
begin
  perform inboxdb.note_change(null, null);
  return null;
end
$$;
