create or replace function inboxdb.refresh_analytics(
  claimed inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: bring a workspace's aggregates of analytics up to date: first by its changes, then by a walk where one is
--   due; for some 50 ms, so that no other work of the caller is late. What is left is due at once.
-- Parameters: claimed, by next_analytics in an earlier, committed transaction.
-- Returns: the outcome: refreshed, more where there is more to do, failed (recorded; the changes stay), or skipped; the
--   version of family analytics, where it is new; no scopes, since nobody is told.
-- Where sums do not fit, because rows were lost, and where the server has other data of the time zone by now, the
-- aggregates are built anew.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled.
-- Reads, writes: as fold_analytics and walk_analytics; cache_version, job_status.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  -- so many leads at a time: some 20 ms
  most constant integer := 100;
  began_at constant pg_catalog.timestamptz := inboxdb.clock();
  stop_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '50 ms';
  this inboxdb.analytics_workspace;
  taken integer;
  has_taken boolean := false;
  has_differed boolean := false;
  is_walking boolean := false;
  step pg_catalog.record;
  error_code pg_catalog.text;
  said pg_catalog.text;
begin
  perform inboxdb.require_read_committed();
  outcome := 'skipped';
  if inboxdb.suspended_since() is not null or not inboxdb.try_lock_analytics(claimed) then
    return;
  end if;
  select w.* into this from inboxdb.analytics_workspace as w where w.client_id = claimed;
  if not found then
    return;
  end if;

  begin
    if this.time_zone is null then
      update inboxdb.analytics_workspace as w
      set
        time_zone = z.time_zone, zone_data = inboxdb.zone_data(z.time_zone),
        definitions = inboxdb.analytics_definitions()
      from inboxdb.workspace_time_zones(array[claimed]) as z
      where w.number = this.number;
    end if;
    loop
      taken := inboxdb.fold_analytics(this.number, most);
      has_taken := has_taken or taken > 0;
      exit when taken < most or pg_catalog.clock_timestamp() > stop_at;
    end loop;
    if taken < most then
      -- the data of the zone are read once for each walk, because that takes 7 ms
      if inboxdb.begin_walk(this.number) is true and this.zone_data <> inboxdb.zone_data(this.time_zone) then
        perform inboxdb.renew_analytics(this.number);
        outcome := 'more';
        return;
      end if;
      loop
        select w.* into step from inboxdb.walk_analytics(this.number, most) as w;
        has_differed := has_differed or step.has_differed;
        is_walking := step.has_more;
        exit when not is_walking or pg_catalog.clock_timestamp() > stop_at;
      end loop;
    end if;
    -- also of a new number: answers may be of another time zone
    if has_taken or has_differed or this.time_zone is null then
      version := (
        select n.version from inboxdb.new_versions('recompute-analytics-aggregates', array[claimed]) as n
      );
    end if;
    update inboxdb.analytics_workspace as w
    set
      attempts = 0,
      last_error = null,
      noted_since = case when taken < most then null else w.noted_since end,
      refreshed_at = began_at,
      due_at = case
        when taken = most or w.walk_began_at is not null then inboxdb.clock()
        else coalesce(w.walked_at + interval '1 day', inboxdb.clock() + interval '5 seconds')
      end
    where w.number = this.number;
    perform inboxdb.record_job('recompute-analytics-aggregates', claimed, began_at, this.attempts, null);
    outcome := case when taken = most or is_walking then 'more' else 'refreshed' end;
  exception when others then
    get stacked diagnostics error_code = returned_sqlstate;
    if error_code = 'IB014' then
      perform inboxdb.renew_analytics(this.number);
    else
      said := (inboxdb.failure('recompute-analytics-aggregates', error_code)).sentence;
      update inboxdb.analytics_workspace as w set last_error = said where w.number = this.number;
      perform inboxdb.record_job('recompute-analytics-aggregates', claimed, began_at, this.attempts, said);
    end if;
    outcome := 'failed';
  end;
end
$$;
