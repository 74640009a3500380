create or replace function inboxdb.differing_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, one_by_one boolean
)
returns setof inboxdb.compared_lead
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable rows 100
set search_path = ''
set row_security = off
-- changed_leads looks leads up by key, and keeps its plan in the session
set enable_hashjoin = off
set enable_mergejoin = off
as $$
-- Purpose: the leads of a workspace that differ from counted_lead: by hashes where the leads noted in the log explain
--   every difference, else as compared_leads.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged; one_by_one, to trust no hash.
-- Returns: as compared_leads.
-- Errors: those of compared_leads.
-- Reads: the change log, changed_leads, difference_of_hashes; compared_leads.
-- INVOKER: called by remember_leads and audit_workspace only, which forbid sequential scans.
declare
  -- more are not looked up by key
  most integer := 10000;
  noted inboxdb.lead_id[];
  known inboxdb.compared_lead[] := '{}';
begin
  if not one_by_one and exists (select from public."Client" as c where c.id = target_client_id) then
    noted := array(
      select distinct n.lead_id
      from inboxdb.changes_of(array[target_client_id], null) as n
      where n.lead_id is not null
      limit most + 1
    );
    if pg_catalog.cardinality(noted) between 1 and most then
      known := array(
        select c.lead
        from inboxdb.changed_leads(
            pg_catalog.array_fill(target_client_id, array[pg_catalog.cardinality(noted)]), noted, as_of
          ) as c
      );
    end if;
    if pg_catalog.cardinality(noted) <= most and inboxdb.difference_of_hashes(target_client_id, as_of) = (
      select
        coalesce(
          pg_catalog.sum(
            case when k.is_here then inboxdb.lead_hash(k.new_hash, k.new_counts, k.new_snooze) else 0 end::numeric
            - case when k.tid is not null then inboxdb.lead_hash(k.old_hash, k.old_counts, k.old_snooze) else 0 end
          ),
          0
        )
      from pg_catalog.unnest(known) as k
    ) then
      return query
      select k.*
      from pg_catalog.unnest(known) as k
      where k.tid is null or k.is_here is null
        or (k.old_hash, k.old_user, k.old_counts, k.old_snooze)
        is distinct from (k.new_hash, k.new_user, k.new_counts, k.new_snooze);
      return;
    end if;
  end if;
  return query select c.* from inboxdb.compared_leads(target_client_id, as_of, one_by_one) as c;
end
$$;
