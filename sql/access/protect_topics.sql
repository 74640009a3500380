create function inboxdb.protect_topics() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: on Supabase, let members hear their topics and nobody else: make our policies on realtime.messages, where
--   they are not there yet. Elsewhere there is nothing to do.
-- Errors: none where it may not: a WARNING, since everything but Supabase's realtime works without.
-- Locks: ACCESS EXCLUSIVE on realtime.messages, for milliseconds once it is had, and only where a policy is missing.
-- Source: docs/contracts.md, which has the policies for whoever owns that table.
-- INVOKER: for the owner.
begin
  if pg_catalog.to_regrole('anon') is null or pg_catalog.to_regrole('authenticated') is null then
    return;
  end if;
  -- Looked up by name in the catalog: where the schema is not ours to use, to_regclass would be an error.
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
      -- the row's own topic too: who reads the table itself, whatever realtime.topic they claim, sees what they may
      -- hear
      create policy inboxdb_member on realtime.messages
      for select
      to authenticated
      using (
        extension = 'broadcast'
        and topic = (select realtime.topic())
        and (select inboxdb.has_topic_access((select realtime.topic())))
      );
      -- Policies are ORed: one of the project's own that does not look at the topic would open ours to everybody.
      create policy inboxdb_members_only on realtime.messages
      as restrictive
      for all
      to authenticated
      using (
        topic not like 'inbox:v1:%'
        or (topic = (select realtime.topic()) and (select inboxdb.has_topic_access((select realtime.topic()))))
      )
      with check (topic not like 'inbox:v1:%');
      -- one of its own: anon may not call what the other one calls
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
