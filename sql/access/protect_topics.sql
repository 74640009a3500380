create or replace function inboxdb.protect_topics() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: on Supabase, let members hear their topics and nobody else: make our missing policies on realtime.messages.
--   Without Supabase nothing is done.
-- Errors: none without the right to make policies, but a WARNING: everything except Supabase's realtime works without.
-- Locks: ACCESS EXCLUSIVE on realtime.messages, for milliseconds once granted, and only where a policy is missing.
-- Source: docs/contracts.md has the policies for the table's owner.
-- INVOKER: for the owner.
begin
  if pg_catalog.to_regrole('anon') is null or pg_catalog.to_regrole('authenticated') is null then
    return;
  end if;
  -- Looked up by name in the catalog, because to_regclass raises without USAGE on the schema.
  if (
    select pg_catalog.count(ours.polname)
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_proc as p on p.pronamespace = n.oid and p.proname = 'topic' and p.pronargs = 0
    left join pg_catalog.pg_policy as ours
      on ours.polrelid = c.oid and ours.polname in ('inboxdb_member', 'inboxdb_members_only', 'inboxdb_not_anon')
    where n.nspname = 'realtime' and c.relname = 'messages'
    having pg_catalog.count(*) > 0
  ) < 3 then
    begin
      drop policy if exists inboxdb_member on realtime.messages;
      drop policy if exists inboxdb_members_only on realtime.messages;
      drop policy if exists inboxdb_not_anon on realtime.messages;
      -- the row's own topic is checked, too: a reader of the table itself may claim any realtime.topic
      create policy inboxdb_member on realtime.messages
      for select
      to authenticated
      using (
        extension = 'broadcast'
        and topic = (select realtime.topic())
        and (select inboxdb.has_topic_access((select realtime.topic())))
      );
      -- Restrictive, because policies are ORed: a project's own policy blind to topics would open ours (D65).
      create policy inboxdb_members_only on realtime.messages
      as restrictive
      for all
      to authenticated
      using (
        topic not like 'inbox:v1:%'
        or (topic = (select realtime.topic()) and (select inboxdb.has_topic_access((select realtime.topic()))))
      )
      with check (topic not like 'inbox:v1:%');
      -- a policy of its own for anon, who may not call has_topic_access
      create policy inboxdb_not_anon on realtime.messages
      as restrictive
      for all
      to anon
      using (topic not like 'inbox:v1:%');
    exception when insufficient_privilege then
      raise warning 'inboxdb may not make its policies on realtime.messages, so that nobody can join its topics'
        using hint = 'Let the owner of realtime.messages make them, as docs/contracts.md has them.';
    end;
  end if;
end
$$;
