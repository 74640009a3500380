-- Counters that the writer's own transaction keeps: `update … set n = n + 1` by trigger.
--
-- The classic. PostgreSQL's manual has it as "A PL/pgSQL Trigger Function for Maintaining a Summary Table" (chapter 41.10:
-- a row trigger that updates the summary row with the difference, and inserts it where there is none), PostgreSQL
-- General Bits had it in 2003 ("Tracking the row count"). Counts are right at commit, and nothing has to be drained.
--
-- In its favour: it keeps seven counts of nine. "ai_sent" and "ai_review" hang on other tables, so would need triggers there, too,
-- and a memory of what each lead counted last; both are left out. So are snoozes: one that ends writes nothing, so no
-- trigger runs; a lead counts as it stood when it was last written.
create schema rival_trigger_counters;
grant usage on schema rival_trigger_counters to public;

create table rival_trigger_counters.inbox_counts (
  client_id text,
  is_global boolean,
  scope_user_id text,
  all_responses integer not null,
  requires_attention integer not null,
  previously_required_attention integer not null,
  total_non_blacklisted integer not null,
  awaiting_reply integer not null,
  needs_repair integer not null,
  total integer not null,
  primary key (client_id, is_global, scope_user_id)
)
with (fillfactor = 50);

-- What one lead counts, in the order of the table's columns.
create function rival_trigger_counters.counts_of(lead public."Lead") returns integer[]
language sql stable
as $$
  select case
    when lead."snoozedUntil" > pg_catalog.now() at time zone 'UTC' then '{0,0,0,0,0,0,0}'
    else array[
      term.open_reply,
      term.open_reply and term.attention and term.workable,
      lead."lastInboundAt" is not null and not term.open_reply and term.attention and term.workable,
      term.workable,
      term.workable and not (term.open_reply and term.attention),
      lead.status = 'needs_repair',
      term.workable or lead.status = 'blacklisted'
    ]::integer[]
  end
  from (
    select
      lead."lastInboundAt" is not null
      and lead."lastInboundAt" > coalesce(lead."lastZrgOutboundAt", lead."lastOutboundAt", '-infinity') as open_reply,
      coalesce(lead."sentimentTag" in (
        'Meeting Booked', 'Meeting Requested', 'Call Requested', 'Information Requested', 'Positive', 'Interested',
        'Follow Up'
      ), false) as attention,
      lead.status not in ('blacklisted', 'unqualified') as workable
  ) as term
$$;

-- Adds to the row of the workspace, and to that of the user where there is one.
create function rival_trigger_counters.add(target_client_id text, target_user_id text, counts integer[]) returns void
language plpgsql volatile
as $$
begin
  insert into rival_trigger_counters.inbox_counts as s
  select
    target_client_id, scope.is_global, scope.user_id, counts[1], counts[2], counts[3], counts[4], counts[5], counts[6],
    counts[7]
  from (values (true, inboxdb.sentinel()::text), (false, target_user_id)) as scope (is_global, user_id)
  where scope.user_id is not null
  on conflict (client_id, is_global, scope_user_id) do update set
    all_responses = s.all_responses + excluded.all_responses,
    requires_attention = s.requires_attention + excluded.requires_attention,
    previously_required_attention = s.previously_required_attention + excluded.previously_required_attention,
    total_non_blacklisted = s.total_non_blacklisted + excluded.total_non_blacklisted,
    awaiting_reply = s.awaiting_reply + excluded.awaiting_reply,
    needs_repair = s.needs_repair + excluded.needs_repair,
    total = s.total + excluded.total;
end
$$;

create function rival_trigger_counters.count_lead() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  before integer[] := case when tg_op <> 'INSERT' then rival_trigger_counters.counts_of(old) end;
  afterwards integer[] := case when tg_op <> 'DELETE' then rival_trigger_counters.counts_of(new) end;
begin
  if tg_op = 'UPDATE' and old."clientId" = new."clientId"
    and old."assignedToUserId" is not distinct from new."assignedToUserId"
  then
    perform rival_trigger_counters.add(
      new."clientId", new."assignedToUserId",
      array(
        select a - b from rows from (pg_catalog.unnest(afterwards), pg_catalog.unnest(before)) as difference (a, b)
      )
    );
    return null;
  end if;
  if tg_op <> 'INSERT' then
    perform rival_trigger_counters.add(
      old."clientId", old."assignedToUserId", array(select - b from pg_catalog.unnest(before) as b)
    );
  end if;
  if tg_op <> 'DELETE' then
    perform rival_trigger_counters.add(new."clientId", new."assignedToUserId", afterwards);
  end if;
  return null;
end
$$;

create trigger rival_trigger_counters_insert_or_delete
after insert or delete on public."Lead"
for each row execute function rival_trigger_counters.count_lead();

create trigger rival_trigger_counters_update
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
execute function rival_trigger_counters.count_lead();

-- What there is when it is installed.
insert into rival_trigger_counters.inbox_counts
select
  l."clientId", grouping(l."assignedToUserId") = 1,
  case when grouping(l."assignedToUserId") = 1 then inboxdb.sentinel()::text else l."assignedToUserId" end,
  sum(n.counts[1]), sum(n.counts[2]), sum(n.counts[3]), sum(n.counts[4]), sum(n.counts[5]), sum(n.counts[6]),
  sum(n.counts[7])
from public."Lead" as l
cross join lateral (select rival_trigger_counters.counts_of(l) as counts offset 0) as n
group by grouping sets ((l."clientId"), (l."clientId", l."assignedToUserId"))
having grouping(l."assignedToUserId") = 1 or l."assignedToUserId" is not null;
