create or replace function inboxdb.require_window(
  target_client_id inboxdb.client_id, from_day date, to_day date, part text, stored_for text
)
returns inboxdb.analytics_window
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
as $$
-- Purpose: refuse callers without access, then what the host lacks, then arguments, and say what is asked.
-- Parameters: target_client_id; from_day, to_day; part, of missing_for_analytics; stored_for, as of choose_source.
-- Returns: the window, with the caller's scope, and from where it is answered.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for days
--   without a window, and for a setter with too many leads.
-- Reads: "Client", "ClientMember", by key; a setter's leads by the host's index.
-- INVOKER: called by our DEFINER functions only.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'analytics_read');
begin
  perform inboxdb.require_analytics(part);
  return inboxdb.choose_source(inboxdb.make_window(target_client_id, scope, from_day, to_day), stored_for);
end
$$;
