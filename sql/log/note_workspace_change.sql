create or replace function inboxdb.note_workspace_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Client": note the whole workspace, both of them when its id changes.
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  old_client_id pg_catalog.text;
  new_client_id pg_catalog.text;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    if inboxdb.can_note() is not true then
      return null;
    end if;
    if tg_op <> 'INSERT' then
      old_client_id := old.id::inboxdb.client_id;
    end if;
    if tg_op <> 'DELETE' then
      new_client_id := new.id::inboxdb.client_id;
    end if;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return null;
  end;

  if tg_op <> 'INSERT' then
    perform inboxdb.note_change(old_client_id::inboxdb.client_id, null);
  end if;
  if tg_op <> 'DELETE' then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, null);
  end if;
  return null;
end
$$;
