create or replace function inboxdb.current_user_id() returns inboxdb.user_id
language plpgsql stable parallel safe security definer
set search_path = ''
as $$
-- Purpose: who is asking, known here alone: the subject of the JSON web token whose claims PostgREST, Supabase or the
--   application put into the transaction (set local request.jwt.claims).
-- Returns: the user's id; null for nobody: no claims, '' (what a `set local` leaves behind), no subject, or the
--   sentinel.
-- Errors: IB005 for claims that are no JSON object, or a subject that no user can have. The claims are not quoted.
-- Reads: the settings request.jwt.claims and, where absent, request.jwt.claim.sub (PostgREST before 9).
-- DEFINER: policies call this function for restricted roles, which so need no right on the functions called here.
-- No exception block here: it would start a subtransaction, which parallel queries may not (D53).
declare
  claims constant pg_catalog.text := nullif(pg_catalog.current_setting('request.jwt.claims', true), '');
  document pg_catalog.json;
  subject pg_catalog.text;
  problem pg_catalog.text;
begin
  if claims is null then
    subject := pg_catalog.current_setting('request.jwt.claim.sub', true);
  elsif not inboxdb.is_json(claims) then
    problem := 'request.jwt.claims is not JSON';
  else
    document := claims;
    subject := document ->> 'sub';
    problem := case
      when pg_catalog.json_typeof(document) <> 'object' then 'request.jwt.claims is not a JSON object'
      when pg_catalog.json_typeof(document -> 'sub') not in ('string', 'null') then 'the claim "sub" is not a string'
    end;
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
