create or replace function inboxdb.search_terms(search text, out terms text[], out address text)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: take a search apart, and refuse what would cost a look at every lead.
-- Parameters: search, as somebody wrote it; null for none.
-- Returns: terms, folded; or the folded address, where the search is a whole e-mail address; both null for no search.
-- Errors: IB021 for more than 200 characters, more than 8 terms, and without a term of 3 characters.
-- INVOKER: called by read_conversations only.
declare
  allowed constant pg_catalog.text := 'null, a whole e-mail address, or 1 to 8 terms between blanks, of which one '
    'has 3 characters; at most 200 characters in all';
  asked pg_catalog.text;
begin
  if search is null then
    return;
  elsif pg_catalog.length(search) > 200 then
    perform inboxdb.refuse_argument('search', allowed);
  end if;
  -- after folding every blank is one of ASCII's
  asked := pg_catalog.ltrim(pg_catalog.rtrim(inboxdb.folded(search), ' ),.;:]}'), ' ');
  if asked ~ '^[^ @]+@[^ @]+[.][^ @.]+$' then
    address := asked;
    return;
  end if;
  terms := pg_catalog.array_remove(pg_catalog.string_to_array(asked, ' '), '');
  if pg_catalog.cardinality(terms) > 8
    or not exists (select from pg_catalog.unnest(terms) as t (term) where pg_catalog.length(t.term) >= 3)
  then
    perform inboxdb.refuse_argument('search', allowed);
  end if;
end
$$;
