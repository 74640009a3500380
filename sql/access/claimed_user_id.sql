create or replace function inboxdb.claimed_user_id() returns inboxdb.user_id
language plpgsql stable parallel safe
-- No search_path of its own: its callers pin theirs, and another SET costs each reader of counts 2 microseconds.
as $$
-- Purpose: who is asking, known here alone: the subject of the JSON web token whose claims PostgREST, Supabase or the
--   application put into the transaction (set local request.jwt.claims).
-- Returns: the user's id; null for nobody: no claims, '' (what a `set local` leaves behind), no subject, or the
--   sentinel.
-- Errors: IB005 for claims that are no JSON object, or a subject that no user can have. The claims are not quoted.
-- Reads: the settings request.jwt.claims and, where absent, request.jwt.claim.sub (PostgREST before 9).
-- INVOKER: called by current_user_id and require_access only, with search_path = ''.
-- No exception block here: it would start a subtransaction, which parallel queries may not (D53).
-- The usual case first and in few expressions, each of which is set up anew in every transaction (D124).
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  claim pg_catalog.json;
  subject pg_catalog.text;
  problem pg_catalog.text;
begin
  if inboxdb.is_json(claims) then
    -- once, because each look into a json document parses all of it
    claim := claims::pg_catalog.json -> 'sub';
    -- nothing but an object has a claim
    if pg_catalog.json_typeof(claim) = 'string' and inboxdb.can_be_id(claim #>> '{}', inboxdb.sentinel()) then
      return nullif(nullif(claim #>> '{}', '')::inboxdb.user_id, inboxdb.sentinel())::inboxdb.user_id;
    end if;
    subject := claim #>> '{}';
    problem := case
      when pg_catalog.json_typeof(claims::pg_catalog.json) <> 'object' then 'request.jwt.claims is not a JSON object'
      when pg_catalog.json_typeof(claim) not in ('string', 'null') then 'the claim "sub" is not a string'
    end;
  elsif claims <> '' then
    problem := 'request.jwt.claims is not JSON';
  else
    subject := pg_catalog.current_setting('request.jwt.claim.sub', true);
  end if;
  if problem is null and subject <> '' and not inboxdb.can_be_id(subject, inboxdb.sentinel()) then
    problem := 'the claim "sub" is not a user id of this database';
  end if;

  if problem is not null then
    raise exception using
      errcode = 'IB005',
      message = 'malformed claims: ' || problem,
      detail = 'Nobody is signed in by them, so nothing was shown.',
      hint = 'Set request.jwt.claims to a JSON object whose "sub" is the user''s id, for the transaction only.';
  end if;
  return nullif(nullif(subject, '')::inboxdb.user_id, inboxdb.sentinel());
end
$$;
