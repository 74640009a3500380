create or replace function inboxdb.require_resumed() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse to work while suspended, because changes are not noted then and counts cannot be trusted.
-- Errors: IB012 while inboxdb is suspended.
-- Reads: suspended_since.
-- INVOKER: called by our functions only.
declare
  since constant pg_catalog.timestamptz := inboxdb.suspended_since();
begin
  if since is not null then
    raise exception using
      errcode = 'IB012',
      message = pg_catalog.format('inboxdb is suspended since %s', since),
      detail = 'Changes of the host''s tables are not noted meanwhile. Nothing was changed.',
      hint = '`inboxdb migrate resume` once the host''s own migration is through.';
  end if;
end
$$;
