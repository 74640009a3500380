create or replace function inboxdb.require_lists() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse reads of lists where the host lacks columns by which lists sort and filter, or columns of the counts
--   named by reads of lists: views follow a renamed column, the text of a function does not.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by our DEFINER functions only.
declare
  -- asked each time, because the host may have renamed a column since the view was made
  missing pg_catalog.text := inboxdb.missing_for_lists();
begin
  with named (place, host_table, host_column) as (
    values
    (1, 'ClientMember', 'clientId'),
    (2, 'ClientMember', 'userId'),
    (3, 'ClientMember', 'role'),
    (4, 'Lead', 'id'),
    (5, 'Lead', 'status'),
    (6, 'Lead', 'sentimentTag'),
    (7, 'AIDraft', 'leadId'),
    (8, 'AIDraft', 'status'),
    (9, 'Message', 'leadId'),
    (10, 'Message', 'channel'),
    (11, 'Message', 'source'),
    (12, 'Message', 'direction'),
    (13, 'Message', 'sentBy')
  )

  select
    coalesce(
      pg_catalog.string_agg(pg_catalog.format('public.%I.%I', n.host_table, n.host_column), ', ' order by n.place)
      || coalesce(', ' || missing, ''), missing
    )
  into missing
  from named as n
  where not exists (
      select
      from pg_catalog.pg_attribute as a
      where pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
        and a.attname = n.host_column
        and not a.attisdropped
    );
  if missing is not null or pg_catalog.to_regclass('inboxdb.listed_lead') is null then
    raise exception using
      errcode = 'IB020',
      message = 'there are no lists in this database',
      detail = coalesce('Missing: ' || missing, 'View inboxdb.listed_lead is missing') || '.',
      hint = 'Once every column is there, by its name: `inboxdb migrate verify --repair`, then'
        ' `inboxdb lists build`.';
  end if;
end
$$;
