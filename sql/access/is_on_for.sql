create or replace function inboxdb.is_on_for(flag text, percentage integer, client_id text) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
-- Purpose: say whether a flag is on for a workspace: its own state, else the percentage, else on.
-- Parameters: flag; percentage, of the flag's row, null without one; client_id, as text.
-- Returns: true or false.
-- Reads: flag_override, by key.
-- INVOKER: called by our DEFINER functions only.
begin
  return coalesce(
    (
      select o.is_on
      from inboxdb.flag_override as o
      where o.flag_name = flag collate "C" and o.client_id = is_on_for.client_id collate "C"
    ),
    inboxdb.flag_cohort(flag, client_id) < percentage,
    true
  );
end
$$;
