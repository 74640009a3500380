create or replace function inboxdb.lock_class(what text) returns integer
language sql immutable
set search_path = ''
as $$
  -- Purpose: the class of an advisory lock of ours, as pg_locks.classid shows it.
  -- Parameters: what, workspace (objid: hashtext of its id), analytics (the same), collector, analytics collector,
  --   grants, migration or texts (objid: 0),
  --   maintenance (objid: hashtext of the item), number (objid: the number).
  -- Returns: null for anything else. `inboxdb migrate` has its own number, needed before the installation: a test
  --   holds the two together.
  -- INVOKER: reads nothing.
  select case
    when what = 'workspace' then 1768841848
    when what = 'collector' then 1768841849
    when what = 'migration' then 1768841850
    when what = 'grants' then 1768841851
    when what = 'maintenance' then 1768841852
    when what = 'number' then 1768841853
    when what = 'texts' then 1768841854
    when what = 'analytics' then 1768841855
    when what = 'analytics collector' then 1768841856
  end
$$;
