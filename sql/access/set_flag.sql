create or replace function inboxdb.set_flag(
  name text, state text, why text, target_client_id inboxdb.client_id default null
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: switch reads on or off, from this transaction's commit on, and keep who did, when and why.
-- Parameters: name, one of flag_definition; state: on, off or default, or, without a workspace, a percentage of all
--   workspaces, as in 25%; why, in words; target_client_id, the workspace, null for all without a state of their own.
-- Errors: IB017 for an unknown name, a state that it may not have, or no reason; those of require_workspace. Nothing is
--   changed then.
-- Locks: the flag's row, so that another call for the flag waits, and the history has the order of the states.
-- Reads: flag_definition. Writes: flag, flag_override, flag_history.
-- INVOKER: for the owner.
declare
  problem constant pg_catalog.text := case
    when name is null or not exists (select from inboxdb.flag_definition as d where d.flag_name = name)
      then pg_catalog.format('inboxdb has no flag %L', name)
    when state is null or state !~ case
        when target_client_id is null then '^(on|off|default|(100|[1-9]?[0-9])%)$' else '^(on|off|default)$'
      end
      then pg_catalog.format(
        'flag %s cannot be %L%s', name, state, case when target_client_id is not null then ' for a workspace' end
      )
    when why is null or why !~ '[^[:space:]]' or pg_catalog.char_length(why) > 1000
      then pg_catalog.format('flag %s is not set without a reason', name)
  end;
begin
  if problem is not null then
    raise exception using
      errcode = 'IB017',
      message = problem,
      detail = 'Nothing was changed.',
      hint = 'select * from inboxdb.flag_definition: what there is. A flag is on, off, default or a percentage, as in '
        '25%; for a workspace on, off or default. The reason has up to 1,000 characters.';
  end if;
  if target_client_id is not null and state <> 'default' then
    perform inboxdb.require_workspace(target_client_id);
  end if;

  -- first of all writes, because this row is the lock
  insert into inboxdb.flag as f (flag_name, percentage)
  values (
    name,
    case
      when target_client_id is not null or state = 'default' then null
      when state = 'on' then 100
      when state = 'off' then 0
      else pg_catalog.rtrim(state, '%')::integer
    end
  )
  on conflict (flag_name) do update
  set percentage = case when target_client_id is null then excluded.percentage else f.percentage end;

  if target_client_id is not null then
    if state = 'default' then
      delete from inboxdb.flag_override as o
      where o.flag_name = name collate "C" and o.client_id = target_client_id::pg_catalog.text collate "C";
    else
      insert into inboxdb.flag_override (flag_name, client_id, is_on)
      values (name, target_client_id::pg_catalog.text, state = 'on')
      on conflict (flag_name, client_id) do update set is_on = excluded.is_on;
    end if;
  end if;

  insert into inboxdb.flag_history (flag_name, number, client_id, state, why)
  values (
    name,
    (
      select coalesce(pg_catalog.max(h.number), 0) + 1
      from inboxdb.flag_history as h
      where h.flag_name = name collate "C"
    ),
    target_client_id::pg_catalog.text, state, why
  );
  -- without a row again, because reads then ask no further (D147)
  delete from inboxdb.flag as f
  where f.flag_name = name collate "C"
    and f.percentage is null
    and not exists (select from inboxdb.flag_override as o where o.flag_name = f.flag_name);
end
$$;
