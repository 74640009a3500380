create or replace function inboxdb.read_analytics_email_campaigns(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a window by e-mail campaign, for a user with access.
-- Parameters: as of inbox_api.analytics_email_campaigns.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_email_campaigns; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'email campaigns', 'nobody'
  );
begin
  return inboxdb.answer_window('analytics_email_campaigns', asked, inboxdb.live_email_campaigns(asked));
end
$$;
