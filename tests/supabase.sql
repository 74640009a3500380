-- What inboxdb touches of Supabase's schemas realtime and auth, rebuilt from what it does for tests on an ordinary
-- PostgreSQL; loaded by a superuser before inboxdb is installed. It stands for
--   supabase_realtime_admin  the owner of realtime.messages. host_owner, which plays Supabase's role postgres, is a
--                            member, as that role is on some projects; on others an extension and BYPASSRLS let it make
--                            policies and insert rows all the same.
--   realtime.messages        what waits to be broadcast. Partitioned by day there, in one partition here. Row-level
--                            security on, no policy: nobody may join a private topic before a project adds one.
--   realtime.topic()         the topic that a client asks to join. Realtime inserts a row for it, asks as the client's
--                            role whether it can be read, and rolls back.
--   realtime.send()          INVOKER, so its caller must be able to insert; any error becomes a WARNING. The payload gets
--                            an id, as in newer versions.
--   auth.uid()               the current user in policies of the project's own.

do $roles$
begin
  -- in one statement: databases that are set up side by side share their roles
  create role supabase_realtime_admin nologin role host_owner;
exception when duplicate_object or unique_violation then
  null;
end
$roles$;

create schema realtime;
grant usage on schema realtime to supabase_realtime_admin, anon, authenticated;

create table realtime.messages (
  id uuid not null default gen_random_uuid(),
  topic text not null,
  extension text not null,
  event text,
  payload jsonb,
  private boolean default false,
  inserted_at timestamp not null default now(),
  updated_at timestamp not null default now(),
  primary key (id, inserted_at)
) partition by range (inserted_at);
create table realtime.messages_every_day partition of realtime.messages for values from (minvalue) to (maxvalue);
alter table realtime.messages enable row level security;
alter table realtime.messages owner to supabase_realtime_admin;
grant select, insert on realtime.messages to anon, authenticated;

create function realtime.topic() returns text
language sql stable
as $$ select nullif(current_setting('realtime.topic', true), '') $$;

create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
language plpgsql
as $$
declare
  new_id uuid := gen_random_uuid();
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (id, topic, extension, event, payload, private)
  values (new_id, topic, 'broadcast', event, jsonb_build_object('id', new_id) || payload, private);
exception when others then
  raise warning 'the message was not sent: %', sqlerrm;
end
$$;

create schema auth;
grant usage on schema auth to anon, authenticated;

create function auth.uid() returns uuid
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;
