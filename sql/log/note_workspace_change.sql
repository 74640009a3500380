create or replace function inboxdb.note_workspace_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Client": note the whole workspace, both of them when its id changes.
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
begin
  if tg_op <> 'INSERT' then
    perform inboxdb.note_change(old.id, null);
  end if;
  if tg_op <> 'DELETE' then
    perform inboxdb.note_change(new.id, null);
  end if;
  return null;
end
$$;
