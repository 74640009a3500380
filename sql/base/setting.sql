-- No SET, which would cost a reader 2 microseconds: operators are written out for want of a search_path.
create or replace function inboxdb.setting(name text) returns text
language plpgsql stable
as $$
-- Purpose: what a setting is: as it was set, or its default.
-- Parameters: name, one of setting_definition.
-- Returns: null for no setting of ours.
-- Reads: setting, by key, setting_definition.
-- INVOKER: called by our DEFINER functions only.
begin
  return (
    select coalesce(s.setting_value, d.default_value)
    from inboxdb.setting_definition as d
    left join inboxdb.setting as s on s.setting_name operator(pg_catalog.=) name
    where d.setting_name operator(pg_catalog.=) name
  );
end
$$;
