create or replace function inboxdb.recompute_analytics(
  target_client_id inboxdb.client_id, since_day date default null, goes_on boolean default false
)
returns boolean
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: bring a workspace's aggregates of analytics up to date now, by hand: look at all its leads, for 5 seconds
--   at a time, and take it out of quarantine. Each call wants a transaction of its own, because the dead rows of a
--   transaction stay until its end.
-- Parameters: target_client_id; since_day, to look at leads with a message sent since then alone, null for all;
--   goes_on, to go on from where the call before ended.
-- Returns: whether there is more to do.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long; IB003 where it stayed locked for 5 seconds;
--   IB004 above READ COMMITTED; IB012 while suspended; IB020 where the host lacks columns; those of fold_analytics and
--   walk_analytics.
-- Reads: "Message"; as fold_analytics and walk_analytics. Writes: as they; cache_version, job_status.
-- DEFINER: its callers have no rights in inboxdb.
declare
  -- many at a time, because the sums of busy days are written once for all of them
  most constant integer := 4000;
  began_at constant pg_catalog.timestamptz := inboxdb.clock();
  give_up_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '5 seconds';
  stop_at constant pg_catalog.timestamptz := give_up_at;
  this inboxdb.analytics_workspace;
  has_more boolean := true;
  lead_ids inboxdb.lead_id[];
begin
  perform inboxdb.require_read_committed();
  perform inboxdb.require_resumed();
  perform inboxdb.require_workspace(target_client_id);
  perform inboxdb.require_analytics('figures');
  perform inboxdb.keep_analytics();
  while not inboxdb.try_lock_analytics(target_client_id) loop
    if pg_catalog.clock_timestamp() >= give_up_at then
      raise exception using
        errcode = 'IB003',
        message = pg_catalog.format('workspace %L stayed locked for 5 seconds', target_client_id),
        detail = 'A drain or another recompute is at work on its analytics. Nothing was changed.',
        hint = 'Try again; pg_locks shows the holder under classid ' || inboxdb.lock_class('analytics');
    end if;
    perform pg_catalog.pg_sleep(0.05);
  end loop;

  update inboxdb.analytics_workspace as w
  set
    attempts = 0,
    last_error = null,
    due_at = began_at,
    time_zone = z.time_zone,
    zone_data = coalesce(w.zone_data, inboxdb.zone_data(z.time_zone)),
    definitions = coalesce(w.definitions, inboxdb.analytics_definitions()),
    walk_began_at = case
      when goes_on then w.walk_began_at
      when since_day is null or w.walked_at is null then began_at
    end,
    walked_to = case when goes_on then w.walked_to else '' end
  from inboxdb.workspace_time_zones(array[target_client_id]) as z
  where w.client_id = target_client_id
  returning w.* into this;
  while inboxdb.fold_analytics(this.number, most) = most loop
    null;
  end loop;
  if since_day is not null and this.walk_began_at is null then
    -- along the index by time, or the workspace's leads: the planner knows the days
    lead_ids := array(
      select distinct l.id::inboxdb.lead_id
      from public."Message" as m
      inner join public."Lead" as l on m."leadId" = l.id
      where l."clientId" = target_client_id
        and m."sentAt" >= inboxdb.host_time((since_day - 1)::pg_catalog.timestamp at time zone 'UTC', m."sentAt")
    );
    for place in 1 .. pg_catalog.cardinality(lead_ids) by most loop
      perform inboxdb.compare_facts(
        this.number, target_client_id, this.time_zone, s.lead_ids,
        pg_catalog.array_fill(true, array[pg_catalog.cardinality(s.lead_ids)])
      )
      from (select lead_ids[place : place + most - 1]) as s (lead_ids);
    end loop;
    has_more := false;
  end if;
  while has_more and pg_catalog.clock_timestamp() < stop_at loop
    has_more := (inboxdb.walk_analytics(this.number, most)).has_more;
  end loop;
  perform inboxdb.new_versions('recompute-analytics-aggregates', array[target_client_id]);
  update inboxdb.analytics_workspace as w
  set
    noted_since = null,
    refreshed_at = began_at,
    due_at = case when has_more then began_at else w.walked_at + interval '1 day' end
  where w.number = this.number;
  perform inboxdb.record_job('recompute-analytics-aggregates', target_client_id, began_at, 1, null);
  return has_more;
end
$$;
