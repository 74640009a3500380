create or replace function inboxdb.look_at_canaries() returns jsonb
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: look at each canary at work without a look for half a minute: drains take flags back, too.
-- Returns: for the drain's log, an array with an object for each flag taken back; null where none was.
-- Reads: canary, canary_look. Writes: as look_at_canary; a canary held by another session is passed over.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  number integer;
  taken_back pg_catalog.jsonb;
begin
  for number in
    select c.canary_number
    from inboxdb.canary as c
    where c.ended_at is null
      and not exists (
        select
        from inboxdb.canary_look as l
        where l.canary_number = c.canary_number and l.looked_at > inboxdb.clock() - interval '30 seconds'
      )
    order by c.canary_number
    for update skip locked
  loop
    if inboxdb.look_at_canary(number) = 'taken_back' then
      taken_back := coalesce(taken_back, '[]') || (
        select
          pg_catalog.jsonb_build_object(
            'event', 'took a flag back', 'action', 'canary', 'flag', c.flag_name, 'canary', number, 'why', c.why
          )
        from inboxdb.canary as c
        where c.canary_number = number
      );
    end if;
  end loop;
  return taken_back;
end
$$;
