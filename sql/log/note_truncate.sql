create or replace function inboxdb.note_truncate() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: statement trigger for TRUNCATE of a host table: append a single change for every workspace (D4).
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := false;
begin
  begin
    may_note := inboxdb.can_note();
  exception when others then
    null; -- what notes is lost (D116)
  end;
  if may_note then
    perform inboxdb.note_change(null, null);
  end if;
  return null;
end
$$;
