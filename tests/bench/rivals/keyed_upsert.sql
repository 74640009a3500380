-- A dirty flag per workspace, upserted by trigger; a job recounts what is flagged and takes the flag away afterwards.
--
-- Recommended wherever one asks how to keep an expensive aggregate fresh without computing it in the writer's
-- transaction: as the dirty-flag or debounce pattern, with pg_cron for the job ("PostgreSQL Async Views: A Trigger-based
-- Dirty Flag Pattern with pg_cron", devtechtools.org). The upsert is what INSERT's page in PostgreSQL's manual offers
-- for "one row per key". Row triggers with a WHEN, so that updates of other columns cost nothing.
--
-- In its favour: it recounts by inboxdb's own live counts, with inboxdb's two partial indexes, in one scan; and it deletes
-- a flag only if nobody flagged the workspace again meanwhile, so that no change is lost.
create schema rival_keyed_upsert;
grant usage on schema rival_keyed_upsert to public;

create table rival_keyed_upsert.dirty (client_id text primary key, marked_at timestamptz not null);

create table rival_keyed_upsert.inbox_counts (
  client_id text,
  is_global boolean,
  scope_user_id text,
  all_responses integer not null,
  requires_attention integer not null,
  previously_required_attention integer not null,
  total_non_blacklisted integer not null,
  awaiting_reply integer not null,
  needs_repair integer not null,
  ai_sent integer not null,
  ai_review integer not null,
  total integer not null,
  primary key (client_id, is_global, scope_user_id)
)
with (fillfactor = 50);

create function rival_keyed_upsert.mark(target_client_id text) returns void
language sql volatile
as $$
  insert into rival_keyed_upsert.dirty (client_id, marked_at)
  values (target_client_id, pg_catalog.clock_timestamp())
  on conflict (client_id) do update set marked_at = excluded.marked_at
$$;

create function rival_keyed_upsert.mark_lead() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  if tg_op <> 'DELETE' then
    perform rival_keyed_upsert.mark(new."clientId");
  end if;
  if tg_op = 'DELETE' or tg_op = 'UPDATE' and old."clientId" <> new."clientId" then
    perform rival_keyed_upsert.mark(old."clientId");
  end if;
  return null;
end
$$;

create function rival_keyed_upsert.mark_draft() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  perform rival_keyed_upsert.mark(l."clientId")
  from public."Lead" as l
  where l.id = case when tg_op = 'DELETE' then old."leadId" else new."leadId" end;
  return null;
end
$$;

create trigger rival_keyed_upsert_insert_or_delete
after insert or delete on public."Lead"
for each row execute function rival_keyed_upsert.mark_lead();

create trigger rival_keyed_upsert_update
after update on public."Lead"
for each row when (
  (
    old."clientId", old.status, old."sentimentTag", old."lastInboundAt", old."lastOutboundAt",
    old."lastZrgOutboundAt", old."snoozedUntil", old."assignedToUserId"
  ) is distinct from (
    new."clientId", new.status, new."sentimentTag", new."lastInboundAt", new."lastOutboundAt",
    new."lastZrgOutboundAt", new."snoozedUntil", new."assignedToUserId"
  )
)
execute function rival_keyed_upsert.mark_lead();

create trigger rival_keyed_upsert_draft
after insert or delete or update of status, "autoSendAction", "leadId" on public."AIDraft"
for each row execute function rival_keyed_upsert.mark_draft();

create procedure rival_keyed_upsert.recount(target_client_id text)
language sql
as $$
  with live as materialized (select * from inboxdb.live_inbox_counts(target_client_id)),
  vanished as (
    delete from rival_keyed_upsert.inbox_counts as s
    where s.client_id = target_client_id
      and not exists (
        select from live as l where l.is_global = s.is_global and l.scope_user_id = s.scope_user_id
      )
  )
  insert into rival_keyed_upsert.inbox_counts as s (
    client_id, is_global, scope_user_id, all_responses, requires_attention, previously_required_attention,
    total_non_blacklisted, awaiting_reply, needs_repair, ai_sent, ai_review, total
  )
  select
    target_client_id, l.is_global, l.scope_user_id, l.all_responses, l.requires_attention, l.previously_required_attention,
    l.total_non_blacklisted, l.awaiting_reply, l.needs_repair, l.ai_sent, l.ai_review, l.total
  from live as l
  on conflict (client_id, is_global, scope_user_id) do update set
    all_responses = excluded.all_responses,
    requires_attention = excluded.requires_attention,
    previously_required_attention = excluded.previously_required_attention,
    total_non_blacklisted = excluded.total_non_blacklisted,
    awaiting_reply = excluded.awaiting_reply,
    needs_repair = excluded.needs_repair,
    ai_sent = excluded.ai_sent,
    ai_review = excluded.ai_review,
    total = excluded.total
$$;

-- The job. The flag is read without a lock, so that no writer waits for the count, only for the end of it.
create procedure rival_keyed_upsert.drain()
language plpgsql
as $$
declare
  flag record;
begin
  for flag in select d.client_id, d.marked_at from rival_keyed_upsert.dirty as d order by d.marked_at loop
    call rival_keyed_upsert.recount(flag.client_id);
    delete from rival_keyed_upsert.dirty as d
    where d.client_id = flag.client_id and d.marked_at = flag.marked_at;
    commit;
  end loop;
end
$$;
