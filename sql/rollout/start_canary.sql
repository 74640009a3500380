create or replace function inboxdb.start_canary(
  -- no defaults of intervals, because the catalog shows them as IntervalStyle has it
  flag text, stages integer[], observe interval, at_most interval, window_length interval
) returns integer
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: begin a canary: the flag is on for the first stage's workspaces, and off for all others, from the commit on.
-- Parameters: flag, of flag_definition; stages, growing percentages; observe and at_most, for how long a stage is
--   observed at least, and at most until undecided; window_length.
-- Returns: its number, from 1.
-- Errors: IB025 for impossible stages or times, and while another canary of the flag is at work; IB017 for an unknown
--   flag. Nothing is changed then.
-- Locks: canary, against another start.
-- Writes: canary, canary_stage; as set_flag.
-- INVOKER: for the owner.
declare
  number integer;
  now pg_catalog.timestamptz;
begin
  perform inboxdb.require_read_committed();
  if stages is null or pg_catalog.cardinality(stages) not between 1 and 20
    or not coalesce(1 <= all (stages) and 100 >= all (stages), false)
    or stages <> array(select distinct s.percentage from pg_catalog.unnest(stages) as s (percentage) order by 1)
  then
    perform inboxdb.refuse_canary(
      'a canary cannot have such stages',
      'Up to 20 percentages from 1 to 100, each greater than the one before: 5,25,100.'
    );
  elsif window_length is null or observe is null or at_most is null
    or window_length not between interval '1 millisecond' and interval '1 hour'
  then
    perform inboxdb.refuse_canary(
      'a canary cannot have such a window', 'A window (--window) has from a millisecond to an hour.'
    );
  elsif observe < 2 * window_length then
    perform inboxdb.refuse_canary(
      pg_catalog.format(
        'a stage cannot be observed for %s s (--observe), which is less than two windows of %s s (--window)',
        pg_catalog.date_part('epoch', observe), pg_catalog.date_part('epoch', window_length)
      ),
      pg_catalog.format(
        'Give windows of %s s or less, or observe for %s s or longer.',
        pg_catalog.date_part('epoch', observe) / 2, 2 * pg_catalog.date_part('epoch', window_length)
      )
    );
  elsif at_most not between observe and interval '30 days' then
    perform inboxdb.refuse_canary(
      pg_catalog.format('a stage cannot be undecided after %s s (--at-most)', pg_catalog.date_part('epoch', at_most)),
      pg_catalog.format(
        'From %s s, for which a stage is observed at least (--observe), up to 30 days.',
        pg_catalog.date_part('epoch', observe)
      )
    );
  end if;

  lock table inboxdb.canary in share row exclusive mode;
  if exists (select from inboxdb.canary as c where c.flag_name = flag collate "C" and c.ended_at is null) then
    perform inboxdb.refuse_canary(
      pg_catalog.format('a canary of flag %s is at work', flag), 'Let it end, or abort it: inboxdb canary status.'
    );
  end if;
  number := coalesce((select pg_catalog.max(c.canary_number) from inboxdb.canary as c), 0) + 1;
  perform inboxdb.set_flag(flag, stages[1] || '%', pg_catalog.format('canary %s, stage 1', number));
  -- after the flag, whose row may have been waited for
  now := inboxdb.clock();
  insert into inboxdb.canary (canary_number, flag_name, percentages, observe, at_most, window_length, started_at)
  values (number, flag, stages, observe, at_most, window_length, now);
  insert into inboxdb.canary_stage (canary_number, stage_number, percentage, began_at)
  values (number, 1, stages[1], now);
  return number;
end
$$;
