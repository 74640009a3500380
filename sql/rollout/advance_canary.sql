create or replace function inboxdb.advance_canary(this_canary integer) returns text
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: go on to a canary's next stage, or complete the canary after its last, if a look right now passes the stage.
-- Parameters: this_canary.
-- Returns: observing, in the next stage; complete; or how the canary has ended, now or before.
-- Errors: IB025 for an unknown canary, or a stage not passed; IB004 above READ COMMITTED. Nothing is changed then.
-- Writes: canary_stage; as look_at_canary, end_canary and set_flag.
-- INVOKER: for the owner.
declare
  judged constant pg_catalog.text := inboxdb.look_at_canary(this_canary);
  held inboxdb.canary;
  next integer;
begin
  if judged is null then
    perform inboxdb.refuse_canary('there is no such canary', 'inboxdb canary status: those that there are.');
  elsif judged in ('observing', 'undecided') then
    perform inboxdb.refuse_canary(
      pg_catalog.format('the stage of canary %s is not passed: it is %s', this_canary, judged),
      'Wait until every gate is passed: inboxdb canary status. Or set the flag by hand, which ends the canary.'
    );
  elsif judged <> 'passed' then
    return judged;
  end if;
  select c.* into held from inboxdb.canary as c where c.canary_number = this_canary;
  next := (
    select pg_catalog.max(s.stage_number) + 1 from inboxdb.canary_stage as s where s.canary_number = this_canary
  );
  if next > pg_catalog.cardinality(held.percentages) then
    perform inboxdb.end_canary(this_canary, 'complete', 'every stage was passed');
    return 'complete';
  end if;
  perform inboxdb.set_flag(
    held.flag_name, held.percentages[next] || '%', pg_catalog.format('canary %s, stage %s', this_canary, next)
  );
  perform inboxdb.checkpoint('advance_canary: set');
  insert into inboxdb.canary_stage (canary_number, stage_number, percentage, began_at)
  values (this_canary, next, held.percentages[next], inboxdb.clock());
  perform inboxdb.checkpoint('advance_canary: advanced');
  return 'observing';
end
$$;
