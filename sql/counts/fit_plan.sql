create or replace function inboxdb.fit_plan(target_client_id inboxdb.client_id) returns void
-- No search_path of its own, because settings made in a function with SET end with the function. Every name is
-- qualified here.
language plpgsql volatile
as $$
-- Purpose: have the calling function plan its scan of a workspace by the workspace's size. AI-sent messages and drafts
--   of every tenant may be hashed only where the hash is no larger than the workspace itself (D16). Up to 5,000 leads a
--   generic plan is kept in the session, because planning takes as long as counting 1,000 leads (D17).
-- Parameters: target_client_id. The caller sets plan_cache_mode, work_mem and enable_* at its own head, so that these
--   settings end with it.
-- Reads: workspace; "Lead" where the workspace was never counted.
-- INVOKER: called by our DEFINER functions only.
declare
  lead_estimate bigint;
begin
  lead_estimate := coalesce(
    (select w.leads from inboxdb.workspace as w where w.client_id = target_client_id),
    (select pg_catalog.count(*) from public."Lead" as l where l."clientId" = target_client_id)
  );
  if lead_estimate > 5000 then
    perform pg_catalog.set_config('work_mem', least(lead_estimate / 10, 262144)::pg_catalog.text || 'kB', true);
  else
    perform pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),
      pg_catalog.set_config('work_mem', '64kB', true),
      pg_catalog.set_config('enable_seqscan', 'off', true),
      pg_catalog.set_config('enable_hashjoin', 'off', true),
      pg_catalog.set_config('enable_mergejoin', 'off', true);
  end if;
end
$$;
