create or replace function inboxdb.set_setting(name text, value text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: change a setting, from this transaction's commit on.
-- Parameters: name, one of setting_definition; value, null for the default.
-- Errors: IB017 for an unknown name, or a value that it may not have; nothing is changed then.
-- Reads: setting_definition. Writes: setting.
-- INVOKER: for the owner.
declare
  pattern constant pg_catalog.text := (
    select d.allowed from inboxdb.setting_definition as d where d.setting_name = name
  );
begin
  if pattern is null or value !~ ('^(' || pattern || ')$')
    or (name = 'analytics_time_zone' and value is not null and not inboxdb.is_time_zone(value))
  then
    raise exception using
      errcode = 'IB017',
      message = case
        when pattern is null then pg_catalog.format('inboxdb has no setting %L', name)
        else pg_catalog.format('setting %s cannot be %L', name, value)
      end,
      detail = 'Nothing was changed.',
      hint = 'select * from inboxdb.setting_definition: what there is, and what each may be.';
  end if;
  if value is null then
    delete from inboxdb.setting as s where s.setting_name = name;
  else
    insert into inboxdb.setting (setting_name, setting_value) values (name, value)
    on conflict (setting_name) do update set setting_value = excluded.setting_value;
  end if;
end
$$;
