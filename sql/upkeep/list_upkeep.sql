create or replace function inboxdb.list_upkeep()
returns table (item text, meaning text, setting_name text, is_on boolean, missing text)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: list the items of upkeep, for `inboxdb upkeep list` and inboxdb doctor.
  -- Returns: the item, what it does, its setting and whether that is on, and what the host lacks for the item.
  -- Reads: upkeep, setting, the system catalog.
  -- DEFINER: its callers have no rights in inboxdb.
  select
    u.item, u.meaning, u.setting_name, inboxdb.setting(u.setting_name) = 'on', inboxdb.missing_for_upkeep(u.item)
  from inboxdb.upkeep as u
$$;
