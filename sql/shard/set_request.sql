create or replace function inboxdb.set_request(claims text, headers text, method text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: begin or end a request, as PostgREST does by settings; no response is set yet, or any more.
-- Parameters: claims, of the verified token, a JSON object as text; headers, the same, names in small letters, null
--   outside of HTTP; method, of HTTP. Null for all three ends the request.
-- Writes: the settings request.jwt.claims, request.headers, request.method, until the transaction ends; empties
--   response.headers, response.status, and request.jwt.claim.sub, by which a session's own user would be signed in.
-- INVOKER: called by our DEFINER functions only.
begin
  perform
    pg_catalog.set_config('request.jwt.claims', coalesce(claims, ''), true),
    pg_catalog.set_config('request.jwt.claim.sub', '', true),
    pg_catalog.set_config('request.headers', coalesce(headers, ''), true),
    pg_catalog.set_config('request.method', coalesce(method, ''), true),
    pg_catalog.set_config('response.headers', '', true),
    pg_catalog.set_config('response.status', '', true);
end
$$;
