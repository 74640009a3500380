create or replace function inboxdb.list_statement(
  term text, sort_column text, user_condition text, condition text, is_after boolean, most integer
)
returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: the query for leads of a list in order: a statement for each filter, so that each is planned by itself,
  --   and no plan has to fit all of them.
  -- Parameters: term, a filter's condition that an index has; sort_column, of listed_lead; user_condition, on whose
  --   leads; condition, looked at lead by lead; is_after, whether the page begins behind a cursor; most, how many leads
  --   to look at. The texts are ours, and no caller's.
  -- Returns: a query with the parameters workspace, as_of, user, and the cursor's sort_at and id.
  -- INVOKER: reads nothing.
  select pg_catalog.format(
    'select l.lead_id, l.%1$I as sort_at, %2$s as is_match'
    ' from inboxdb.listed_lead as l'
    ' where l.client_id = $1 and coalesce(l.snoozed_until, ''-infinity'') <= $2 and %3$s and %4$s%5$s'
    ' order by l.%1$I desc, l.lead_id desc limit %6$s',
    sort_column, condition, term, user_condition,
    case when is_after then pg_catalog.format(' and (l.%1$I, l.lead_id) < ($4, $5)', sort_column) else '' end,
    most
  )
$$;
