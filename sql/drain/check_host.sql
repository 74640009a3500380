create or replace function inboxdb.check_host() returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: suspend inboxdb, with a WARNING, where the host has changed a column named by a function of ours (D101), or
--   changes cannot be noted, because a right was lost (D116): the counts would be wrong without a sign. See that our
--   triggers are enabled as was chosen (D125), and as the host's own triggers need (D121).
-- Returns: whether all is as it was.
-- Reads: the system catalog. Writes: installation, the change log.
-- INVOKER: called by maintain, by its name in view maintenance, and by collect.
declare
  problem constant pg_catalog.text := coalesce(
    inboxdb.host_problem(),
    case
      when inboxdb.can_note() is not true
        then pg_catalog.format('role %I lost a right that noting changes needs', current_user)
    end
  );
begin
  if problem is null or inboxdb.suspended_since() is not null then
    perform inboxdb.arrange_if_free();
    return problem is null;
  end if;
  insert into inboxdb.installation as i (suspended_since, suspended_because)
  values (pg_catalog.date_trunc('second', pg_catalog.clock_timestamp()), problem)
  on conflict (is_only) do update
  set suspended_since = excluded.suspended_since, suspended_because = excluded.suspended_because
  where i.suspended_since is null;
  raise warning 'inboxdb suspends itself, because the host has changed: %', problem
    using hint = 'Bring that back as it was, then run: inboxdb migrate resume.';
  return false;
end
$$;
