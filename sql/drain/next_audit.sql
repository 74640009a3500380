create or replace function inboxdb.next_audit() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: choose the workspace whose audit is due longest, for audit_claimed. To be committed before the audit: then
--   the workspace is chosen again after five minutes, and an audit killing its backend does not hold up other
--   workspaces. Quarantined workspaces are left out.
-- Returns: the workspace, null when none is due, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads: work_list. Writes: workspace.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  retried_after pg_catalog.interval := '5 minutes';
  candidate inboxdb.client_id;
  busy inboxdb.client_id[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return null;
  end if;
  -- ten locked candidates: other drains are at work on them
  while pg_catalog.cardinality(busy) < 10 loop
    select due.client_id into candidate
    from (
      (
        select w.client_id, w.audited_at
        from inboxdb.workspace as w
        where w.audited_at <= now - inboxdb.audit_period()
          and (w.audit_not_before is null or w.audit_not_before not between now and now + retried_after)
          and w.client_id <> all (busy)
          and not exists (
            select from inboxdb.work_list as d where d.client_id = w.client_id and d.quarantined_at is not null
          )
        order by w.audited_at
        limit 1
      )
      union all
      -- audited in the future, by a clock that was ahead
      (
        select w.client_id, w.audited_at
        from inboxdb.workspace as w
        where w.audited_at > now + interval '1 minute'
          and (w.audit_not_before is null or w.audit_not_before not between now and now + retried_after)
          and w.client_id <> all (busy)
        order by w.audited_at desc
        limit 1
      )
    ) as due
    order by due.audited_at
    limit 1;
    exit when candidate is null;
    -- a refresh holds the lock while changing the row of table workspace, so neither waits for the other's row lock
    if inboxdb.try_lock_workspace(candidate) then
      update inboxdb.workspace as w
      set audit_not_before = now + retried_after
      where w.client_id = candidate
        and (w.audited_at <= now - inboxdb.audit_period() or w.audited_at > now + interval '1 minute')
        and (w.audit_not_before is null or w.audit_not_before not between now and now + retried_after);
      if found then
        return candidate;
      end if;
    end if;
    busy := busy || candidate;
  end loop;
  return null;
end
$$;
