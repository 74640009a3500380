create or replace function inboxdb.refuse_canary(problem text, remedy text) returns void
language plpgsql immutable
set search_path = ''
as $$
-- Purpose: refuse what cannot be done with a canary.
-- Parameters: problem, in words; remedy, in words.
-- Errors: IB025, always.
-- INVOKER: called by start_canary, advance_canary and abort_canary only.
begin
  raise exception using
    errcode = 'IB025',
    message = problem,
    detail = 'Nothing was changed.',
    hint = remedy;
end
$$;
