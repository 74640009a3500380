create or replace function inboxdb.has_topic_access(topic text) returns boolean
language plpgsql stable parallel safe security definer
set search_path = ''
-- a policy hiding memberships would narrow what the caller sees: raise instead (D37)
set row_security = off
as $$
-- Purpose: say whether the current user may hear a realtime topic: members who may see the topic's scope.
-- Parameters: topic, as made by signal_topic.
-- Returns: true or false; false without an identity.
-- Errors: those of current_user_id.
-- Reads: member_access, inbox_counts. Topics are compared, not parsed: no id can pretend to be two.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me inboxdb.user_id;
begin
  -- not a topic of ours: left to the project's own policies
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
