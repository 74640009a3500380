create or replace function inboxdb.lead_replies(facts inboxdb.lead_fact[], time_zone text)
returns table (
  scope_key bigint, detail inboxdb.reply_detail, is_ours boolean, day date, sender_key bigint, wait_class smallint,
  n integer, wait_us bigint, business_us bigint
)
language plpgsql immutable
set search_path = ''
set jit = off
as $$
-- Purpose: what leads add to analytics_reply, defined here alone; the live window_replies is its truth.
-- Parameters: facts, of leads; time_zone, of the days and of business hours.
-- Returns: rows as of analytics_reply, several of a key.
-- INVOKER: called by add_figures only.
begin
  return query
  with
  message as (
    select
      f.place, f.user_key, f.senders, m.sent_at, m.info, m.number, m.info & 3 as direction, m.info & -16 as channel,
      -- 0 is the user
      pg_catalog.sum((m.info & 12 = 0)::integer) over (partition by f.place order by m.number) as sender_number
    from pg_catalog.unnest(facts) with ordinality as f (
      created_at, booked_at, status_key, tag_key, campaign_key, user_key, workspace, is_kept, lead_key, sent_at, info,
      senders, place
    )
    cross join lateral
      rows from (pg_catalog.unnest(f.sent_at), pg_catalog.unnest(f.info)) with ordinality as m (sent_at, info, number)
  ),

  pair as (
    select
      m.*,
      pg_catalog.lag(m.direction) over in_order as direction_before,
      pg_catalog.lag(m.sent_at) over in_order as before_at
    from message as m
    window in_order as (partition by m.place, m.channel order by m.number)
  ),

  reply as materialized (
    select
      p.user_key,
      p.direction = 2 as is_ours,
      inboxdb.local_day(p.sent_at, time_zone) as day,
      case
        when p.direction = 1 then 4
        when p.info & 12 = 0 then p.senders[p.sender_number]
        else (p.info & 12) >> 2
      end as sender_key,
      (pg_catalog.date_part('epoch', p.sent_at - p.before_at) * 1000000)::bigint as wait_us,
      inboxdb.business_us(p.before_at, p.sent_at, time_zone) as business_us
    from pair as p
    where p.direction + p.direction_before = 3 and p.sent_at - p.before_at <= interval '168 hours'
  )

  select
    d.scope_key, d.detail, r.is_ours, d.day, case when d.detail <> 'day' then r.sender_key else 0 end,
    case when d.detail <> 'day' then inboxdb.wait_class(r.wait_us::numeric / 1000) else 0 end::smallint, 1, r.wait_us,
    r.business_us
  from reply as r
  cross join lateral (
    select 0::bigint as scope_key, v.detail, v.day
    from (
      values
      ('day'::inboxdb.reply_detail, r.day),
      ('sender_day', r.day),
      ('sender_month', pg_catalog.date_trunc('month', r.day::pg_catalog.timestamp)::pg_catalog.date)
    ) as v (detail, day)
    union all
    select r.user_key, 'day', r.day where r.user_key <> 0
  ) as d
  where r.day is not null;
end
$$;
