create or replace function inboxdb.abort_canary(this_canary integer, why text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: end a canary and take its flag back, from the commit on.
-- Parameters: this_canary; why, in words.
-- Errors: IB025 for an unknown or ended canary, or no reason. Nothing is changed then.
-- Writes: as hold_canary and end_canary.
-- INVOKER: for the owner.
declare
  held constant inboxdb.canary := inboxdb.hold_canary(this_canary);
begin
  if held.canary_number is null or held.ended_at is not null then
    perform inboxdb.refuse_canary(
      coalesce(
        pg_catalog.format('canary %s has ended: %s', held.canary_number, held.ended_as), 'there is no such canary'
      ),
      'inboxdb canary status: those at work.'
    );
  elsif why is null or why !~ '[^[:space:]]' or pg_catalog.char_length(why) > 900 then
    perform inboxdb.refuse_canary('no canary is aborted without a reason', 'Up to 900 characters say why.');
  end if;
  perform inboxdb.end_canary(this_canary, 'aborted', why);
end
$$;
