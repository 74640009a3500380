-- Written by `make migration`, from sql/api/crm_rows.sql.
create or replace function inboxdb.shard_crm_rows(
  claims text, headers text, method text, client_id text, campaign text default null, category text default null,
  status text default null, mode text default null, from_day date default null, to_day date default null,
  after text default null, page_size integer default 50
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.crm_rows in a single call, for a router or a gateway: the request as arguments, a refusal as data,
--   because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.crm_rows, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_crm_rows. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_crm_rows(
        client_id::inboxdb.client_id, campaign, category, status, mode, from_day, to_day, after, page_size
      ) as r
    );
    answer.response_headers := nullif(pg_catalog.current_setting('response.headers'), '');
    answer.response_status := nullif(pg_catalog.current_setting('response.status'), '');
  exception
    when query_canceled or others then
      get stacked diagnostics
        answer.sqlstate = returned_sqlstate,
        answer.message = message_text,
        answer.detail = pg_exception_detail,
        answer.hint = pg_exception_hint;
  end;
  perform inboxdb.set_request(null, null, null);
  return answer;
end
$$;
