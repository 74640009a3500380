create or replace function inboxdb.note_lead_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note the lead, on both sides of a move between workspaces or to another id. With an
--   argument for an UPDATE that names a rollup column; of what else the UPDATE names another trigger tells.
-- Inserts by itself, unless the lead moves, because a nested call would cost each row (D120).
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  slice pg_catalog.int4;
  -- as in column changed of the log; 0 where the row as it is now cannot be noted by itself
  bits pg_catalog.int2;
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  former_client_id pg_catalog.text;
  former_id pg_catalog.text;
  former_user_id pg_catalog.text;
begin
  -- The handler encloses reading alone, because a write in it would take a transaction id for each row (D101). The ids'
  -- casts are made in it first: num_nulls evaluates each of its arguments.
  begin
    slice := inboxdb.current_slice();
    if inboxdb.can_note_in(slice) is not true then
      return null;
    end if;
    if tg_op = 'UPDATE' then
      bits := case
        when pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 2
          or inboxdb.is_too_long(new."clientId"::inboxdb.client_id) then 0
        when tg_nargs > 0 then 2
        when old."clientId" is distinct from new."clientId" or old.id is distinct from new.id then 0
        when old."assignedToUserId" is not distinct from new."assignedToUserId" then 1
        else 5
      end;
      if bits in (0, 5) then
        if bits = 0 and inboxdb.can_note() is not true then
          return null;
        end if;
        former_client_id := old."clientId"::inboxdb.client_id;
        former_id := old.id::inboxdb.lead_id;
        former_user_id := old."assignedToUserId"::inboxdb.user_id;
      end if;
    else
      if tg_op = 'DELETE' then
        new := old;
        former_user_id := old."assignedToUserId"::inboxdb.user_id;
      end if;
      bits := case
        when pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 2
          or inboxdb.is_too_long(new."clientId"::inboxdb.client_id) then 0
        when tg_op = 'INSERT' then 8
        else 16
      end;
    end if;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return null;
  end;

  if bits = 0 then
    if former_id is not null then
      perform inboxdb.note_change(
        former_client_id::inboxdb.client_id, former_id::inboxdb.lead_id, former_user_id::inboxdb.user_id,
        33::pg_catalog.int2
      );
      perform inboxdb.note_change(
        new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, null, 33::pg_catalog.int2
      );
    end if;
    return null;
  end if;
  if slice < 2 then
    if slice = 0 then
      insert into inboxdb.change_0 (client_id, lead_id, left_user_id, changed)
      values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
    else
      insert into inboxdb.change_1 (client_id, lead_id, left_user_id, changed)
      values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
    end if;
  elsif slice = 2 then
    insert into inboxdb.change_2 (client_id, lead_id, left_user_id, changed)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
  else
    insert into inboxdb.change_3 (client_id, lead_id, left_user_id, changed)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
  end if;
  return null;
end
$$;
