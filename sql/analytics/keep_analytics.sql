create or replace function inboxdb.keep_analytics() returns void
language plpgsql volatile
set search_path = ''
-- a policy hiding a workspace would take it for gone: raise instead (D37)
set row_security = off
as $$
-- Purpose: bring analytics_workspace in line with the host: a row for each new workspace; another number where the time
--   zone or the definitions are others by now; the number of a workspace that is gone out of use. Then delete some rows
--   of numbers out of use, 5,000 of each table.
-- Workspaces at work in another session are left for the next time.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Client"; as workspace_time_zones. Writes: analytics_workspace, lead_fact, analytics_count, analytics_reply,
--   analytics_word.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  most constant integer := 5000;
  today constant pg_catalog.text := inboxdb.analytics_definitions();
  found_workspace pg_catalog.record;
  unused integer;
  deleted integer;
  in_all integer := 0;
begin
  if inboxdb.suspended_since() is not null or not inboxdb.has_analytics() then
    return;
  end if;
  insert into inboxdb.analytics_workspace (client_id, due_at)
  select c.id::inboxdb.client_id, inboxdb.clock()
  from public."Client" as c
  where not inboxdb.is_too_long(c.id::inboxdb.client_id)
    and not exists (select from inboxdb.analytics_workspace as w where w.client_id = c.id)
  on conflict do nothing;

  for found_workspace in
    select w.number, w.client_id, c.is_here
    from inboxdb.analytics_workspace as w
    left join lateral (select true as is_here from public."Client" as c where c.id = w.client_id offset 0) as c on true
    left join inboxdb.workspace_time_zones(
        array(
          select k.client_id
          from inboxdb.analytics_workspace as k
          where k.client_id is not null and k.time_zone is not null
        )
      ) as t on w.client_id = t.client_id
    left join lateral (
      select
        (w.time_zone, w.definitions) <> (t.time_zone, today)
        -- once for each walk, because it takes milliseconds; CASE, because null AND evaluates what follows
        or case
          when w.walk_began_at > inboxdb.clock() - interval '1 minute'
            then w.zone_data <> inboxdb.zone_data(w.time_zone)
        end
        as is_another
      where w.time_zone is not null and c.is_here
    ) as z on true
    where w.client_id is not null and (c.is_here is null or z.is_another)
  loop
    if inboxdb.try_lock_analytics(found_workspace.client_id) then
      if found_workspace.is_here then
        perform inboxdb.renew_analytics(found_workspace.number);
      else
        update inboxdb.analytics_workspace as w
        set client_id = null, due_at = 'infinity'
        where w.number = found_workspace.number;
      end if;
    end if;
  end loop;

  -- rows of a number that was lost by hand, or left out of a dump, found by chance
  insert into inboxdb.analytics_workspace (number, due_at)
  select f.workspace, 'infinity'
  from (
    select f.workspace
    from inboxdb.lead_fact as f
    where f.workspace >= (
        select (pg_catalog.random() * coalesce(pg_catalog.max(w.number), 0))::integer
        from inboxdb.analytics_workspace as w
      )
    order by f.workspace
    limit 1
  ) as f
  on conflict do nothing;

  select pg_catalog.min(w.number) into unused from inboxdb.analytics_workspace as w where w.client_id is null;
  if unused is not null then
    delete from inboxdb.lead_fact as t
    where t.ctid = any (array(select o.ctid from inboxdb.lead_fact as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    delete from inboxdb.analytics_count as t
    where t.ctid = any (array(select o.ctid from inboxdb.analytics_count as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    delete from inboxdb.analytics_reply as t
    where t.ctid = any (array(select o.ctid from inboxdb.analytics_reply as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    delete from inboxdb.analytics_word as t
    where t.ctid = any (array(select o.ctid from inboxdb.analytics_word as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    if in_all = 0 then
      delete from inboxdb.analytics_workspace as w where w.number = unused;
    end if;
  end if;
end
$$;
