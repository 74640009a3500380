create or replace function inboxdb.analytics_status(
  out workspaces integer, out unbuilt integer, out late integer, out oldest_seconds double precision,
  out failing integer, out quarantined integer, out oldest_walk_seconds double precision, out last_error text,
  out due integer
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how far behind the aggregates of analytics are.
  -- Returns: workspaces with aggregates; those not yet built, whose reads are answered live; those with a change that
  --   has waited for more than a minute; how long the oldest change has waited, 0 without any; failing ones, to be
  --   tried again, and quarantined ones; how long ago the last walk through all its leads was of the workspace walked
  --   through the longest ago, null without any; an error of a failing or quarantined one, SQLSTATE and our sentence;
  --   those with something to do now: changes, or a walk.
  -- Reads: analytics_workspace.
  -- DEFINER: roles of drains and of monitoring may not read the table.
  select
    pg_catalog.count(*),
    pg_catalog.count(*) filter (where w.walked_at is null),
    pg_catalog.count(*) filter (where w.noted_since < inboxdb.clock() - interval '1 minute'),
    coalesce(
      greatest(pg_catalog.date_part('epoch', inboxdb.clock() - pg_catalog.min(w.noted_since)), 0), 0
    ),
    pg_catalog.count(*) filter (where w.last_error is not null and w.due_at < 'infinity'),
    pg_catalog.count(*) filter (where w.due_at = 'infinity'),
    greatest(pg_catalog.date_part('epoch', inboxdb.clock() - pg_catalog.min(w.walked_at)), 0),
    pg_catalog.min(w.last_error),
    pg_catalog.count(*) filter (where w.due_at <= inboxdb.clock())
  from inboxdb.analytics_workspace as w
  where w.client_id is not null
$$;
