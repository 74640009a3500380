create function inboxdb.has_topic_access(topic text) returns boolean
language plpgsql stable parallel safe security definer
set search_path = ''
-- as in member_workspaces
set row_security = off
as $$
-- Purpose: say whether the current user may hear a realtime topic: who may see the scope.
-- Parameters: topic, as signal_topic makes them.
-- Returns: true or false; false without an identity.
-- Errors: those of current_user_id.
-- Reads: member_access, inbox_counts. Topics are compared, not taken apart: no id can pretend to be two.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me inboxdb.user_id;
begin
  -- somebody else's topic, for somebody else's policies to judge
  if topic is null or topic not like 'inbox:v1:%' then
    return false;
  end if;
  me := inboxdb.current_user_id();
  return exists (
    select
    from inboxdb.member_access as a
    where a.user_id = me
      and (
        topic = inboxdb.signal_topic(a.client_id, me)
        or (
          a.sees_whole
          and (
            topic = inboxdb.signal_topic(a.client_id, inboxdb.sentinel())
            or exists (
              select
              from inboxdb.inbox_counts as s
              where s.client_id = a.client_id and topic = inboxdb.signal_topic(a.client_id, s.scope_user_id)
            )
          )
        )
      )
  );
end
$$;
