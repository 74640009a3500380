create or replace function inboxdb.read_flags(target_client_id inboxdb.client_id) returns inboxdb.flags_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: which flags are on for a workspace.
-- Parameters: target_client_id.
-- Returns: see inbox_api.flags.
-- Errors: those of require_access, before anything else is read.
-- Reads: flag_definition, flag; flag_override by key.
-- DEFINER: members may read no flag, because percentages and other workspaces' states are not theirs to know.
declare
  answer inboxdb.flags_answer;
begin
  perform inboxdb.require_access(target_client_id, null);
  select
    pg_catalog.jsonb_object_agg(
      d.flag_name, inboxdb.is_on_for(d.flag_name, f.percentage, target_client_id::pg_catalog.text)
    )
  into answer.flags
  from inboxdb.flag_definition as d
  left join inboxdb.flag as f on d.flag_name = f.flag_name;
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array('flags', target_client_id, answer.flags));
  end if;
  return answer;
end
$$;
