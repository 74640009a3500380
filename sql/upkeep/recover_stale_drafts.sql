create or replace function inboxdb.recover_stale_drafts(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: take drafts out of status sending after 10 minutes, 100 at a time, the oldest first: to approved where an
--   outbound message of the draft is stored, else to pending with autoSendAction needs_review: a person decides.
-- Parameters: dry_run: count all of them, and change nothing.
-- Returns: the drafts, and whether there may be more.
-- Reads: "AIDraft", "Message". Writes: "AIDraft", whose triggers note the change.
-- Locks: a draft FOR UPDATE, which a sender's uncommitted message or update of it excludes; such drafts are skipped.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := 100;
  since constant pg_catalog.timestamptz := inboxdb.clock() - interval '10 minutes';
  draft pg_catalog.record;
begin
  touched := 0;
  if dry_run then
    select pg_catalog.count(*) into touched
    from public."AIDraft" as d
    where d.status = 'sending' and d."updatedAt" < inboxdb.host_time(since, d."updatedAt");
    has_more := false;
    return;
  end if;
  for draft in
    select d.id
    from public."AIDraft" as d
    where d.status = 'sending' and d."updatedAt" < inboxdb.host_time(since, d."updatedAt")
    order by d."updatedAt"
    limit most
    for update skip locked
  loop
    perform inboxdb.checkpoint('stale draft locked');
    -- in a statement after the lock, so that its snapshot sees every message committed before the lock was granted
    update public."AIDraft" as d
    set
      status = case when sent.is_sent then 'approved' else 'pending' end,
      "autoSendAction" = case when sent.is_sent then d."autoSendAction" else 'needs_review' end,
      "updatedAt" = inboxdb.host_time(inboxdb.clock(), d."updatedAt")
    from (
      select exists (
        select from public."Message" as m where m."aiDraftId" = draft.id and m.direction = 'outbound'
      ) as is_sent
    ) as sent
    where d.id = draft.id;
    touched := touched + 1;
  end loop;
  has_more := touched = most;
exception when lock_not_available then
  -- the host's own migration holds a table
  touched := 0;
  has_more := false;
end
$$;
