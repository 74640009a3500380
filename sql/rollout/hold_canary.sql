create or replace function inboxdb.hold_canary(this_canary integer) returns inboxdb.canary
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: lock a canary and its flag, and end the canary if its flag was set by somebody else meanwhile.
-- Parameters: this_canary.
-- Returns: the canary, as of then; null for an unknown number.
-- Errors: IB004 above READ COMMITTED.
-- Locks: the canary's row, then the flag's: two calls follow each other, and no flag is set in between.
-- Reads: canary_stage. Writes: canary, where the flag was set.
-- INVOKER: called by look_at_canary and abort_canary only.
declare
  held inboxdb.canary;
  is_now integer;
begin
  perform inboxdb.require_read_committed();
  select c.* into held from inboxdb.canary as c where c.canary_number = this_canary for update;
  if held.ended_at is not null or not found then
    return held;
  end if;
  select f.percentage into is_now from inboxdb.flag as f where f.flag_name = held.flag_name for update;
  if is_now is distinct from (
      select s.percentage
      from inboxdb.canary_stage as s
      where s.canary_number = this_canary
      order by s.stage_number desc
      limit 1
    )
  then
    perform inboxdb.end_canary(
      this_canary, 'overtaken', pg_catalog.format('flag %s was set by somebody: see its history', held.flag_name)
    );
    select c.* into held from inboxdb.canary as c where c.canary_number = this_canary;
  end if;
  return held;
end
$$;
