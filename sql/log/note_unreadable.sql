create or replace function inboxdb.note_unreadable() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: for a trigger unable to read the row written, because the host changed its own schema: note a change of
--   every workspace, in place of an error in the host's write. The collector finds out what has changed (D101).
-- Writes: the current slice; nothing where the newest change of this transaction says the same, so that a statement of
--   many rows appends one.
-- INVOKER: called by our trigger functions only.
declare
  this_slice constant pg_catalog.int4 := inboxdb.current_slice();
  newest pg_catalog.record;
begin
  -- newest first, by the primary key: a transaction may have noted many leads before
  for newest in
    select c.client_id, c.lead_id
    from (
      select 0 as slice, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_0 as c
      union all
      select 1, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_1 as c
      union all
      select 2, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_2 as c
      union all
      select 3, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_3 as c
    ) as c
    where c.slice = this_slice and c.xid = pg_catalog.pg_current_xact_id()
    order by c.id desc
    limit 1
  loop
    if newest.client_id is null and newest.lead_id is null then
      return;
    end if;
  end loop;
  perform inboxdb.note_change(null, null);
end
$$;
