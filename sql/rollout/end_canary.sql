create or replace function inboxdb.end_canary(this_canary integer, ended_as text, why text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: end a canary; its flag is taken back unless the canary is complete, or somebody set the flag.
-- Parameters: this_canary; ended_as, of canary; why, in words.
-- Writes: canary; as set_flag.
-- INVOKER: called by hold_canary, look_at_canary, advance_canary and abort_canary only.
begin
  if ended_as in ('taken_back', 'aborted') then
    perform inboxdb.set_flag(
      (select c.flag_name from inboxdb.canary as c where c.canary_number = this_canary),
      'off',
      pg_catalog.left(pg_catalog.format('canary %s: %s', this_canary, why), 1000)
    );
  end if;
  update inboxdb.canary as c
  set ended_at = inboxdb.clock(), ended_as = end_canary.ended_as, why = end_canary.why
  where c.canary_number = this_canary;
end
$$;
