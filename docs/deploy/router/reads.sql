-- Written by `make migration`, from sql/api/: part of router.sql.
drop schema if exists inbox_api cascade;
create schema inbox_api;

drop type if exists inbox_router.shard_answer cascade;
create type inbox_router.shard_answer as (
  answer json,
  response_headers text,
  response_status text,
  sqlstate text,
  message text,
  detail text,
  hint text
);

drop type if exists inbox_router.analytics_answer cascade;
create type inbox_router.analytics_answer as (
  figures jsonb,
  from_day date,
  to_day date,
  time_zone text,
  computed_at timestamptz,
  version bigint,
  is_stale boolean
);

drop type if exists inbox_router.conversation_answer cascade;
create type inbox_router.conversation_answer as (
  conversation jsonb,
  viewer_role text,
  version bigint
);

drop type if exists inbox_router.conversation_filters_answer cascade;
create type inbox_router.conversation_filters_answer as (
  sms_campaigns jsonb,
  unattributed integer,
  version bigint
);

drop type if exists inbox_router.conversation_messages_answer cascade;
create type inbox_router.conversation_messages_answer as (
  messages jsonb,
  cursor text,
  has_more boolean
);

drop type if exists inbox_router.conversations_answer cascade;
create type inbox_router.conversations_answer as (
  conversations jsonb,
  cursor text,
  has_more boolean,
  version bigint,
  scanned integer
);

drop type if exists inbox_router.counts_answer cascade;
create type inbox_router.counts_answer as (
  scope_user_id text,
  computed_at timestamptz,
  version bigint,
  dirty_since timestamptz,
  is_stale boolean,
  source text,
  all_responses integer,
  requires_attention integer,
  previously_required_attention integer,
  total_non_blacklisted integer,
  awaiting_reply integer,
  needs_repair integer,
  ai_sent integer,
  ai_review integer,
  total integer
);

drop type if exists inbox_router.crm_rows_answer cascade;
create type inbox_router.crm_rows_answer as (
  crm_rows jsonb,
  cursor text,
  has_more boolean,
  version bigint
);

drop type if exists inbox_router.flags_answer cascade;
create type inbox_router.flags_answer as (
  flags jsonb
);

create or replace function inbox_router.ask_workspaces(shard integer) returns setof text
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select w from inboxdb.shard_workspaces() as w;
$$;

create or replace function inbox_router.ask_analytics_days(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_days(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_days(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_days(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_email_campaigns(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_email_campaigns(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_email_campaigns(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_email_campaigns(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_overview(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_overview(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_overview(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_overview(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_reactivations(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_reactivations(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_reactivations(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_reactivations(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_response_times(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_response_times(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_response_times(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_response_times(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_sentiments(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_sentiments(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_sentiments(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_sentiments(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_sms_campaigns(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_sms_campaigns(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_sms_campaigns(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_sms_campaigns(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_statuses(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_statuses(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_statuses(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_statuses(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_analytics_workflows(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_analytics_workflows(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.analytics_workflows(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_analytics_workflows(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_conversation(
  shard integer, claims text, headers text, method text, lead_id text
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_conversation(
    claims, headers, method, lead_id
  );
$$;

create function inbox_api.conversation(
  lead_id text
)
returns setof inbox_router.conversation_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_lead_id(lead_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_conversation(
          shard, claims, headers, method, lead_id
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.conversation_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_conversation_filters(
  shard integer, claims text, headers text, method text, client_id text
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_conversation_filters(
    claims, headers, method, client_id
  );
$$;

create function inbox_api.conversation_filters(
  client_id text
)
returns setof inbox_router.conversation_filters_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_conversation_filters(
          shard, claims, headers, method, client_id
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.conversation_filters_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_conversation_messages(
  shard integer, claims text, headers text, method text, lead_id text, channel text default null,
  before text default null, page_size integer default 100
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_conversation_messages(
    claims, headers, method, lead_id, channel, before, page_size
  );
$$;

create function inbox_api.conversation_messages(
  lead_id text, channel text default null, before text default null, page_size integer default 100
)
returns setof inbox_router.conversation_messages_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_lead_id(lead_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_conversation_messages(
          shard, claims, headers, method, lead_id, channel, before, page_size
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.conversation_messages_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_conversations(
  shard integer, claims text, headers text, method text, client_id text, filter text default 'all',
  channels text[] default null, sentiment_tags text[] default null, sms_campaign_id text default null,
  sms_campaign_unattributed boolean default false, score text default 'all', assigned_to text default null,
  search text default null, sort text default 'activity', after text default null, page_size integer default 50
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_conversations(
    claims, headers, method, client_id, filter, channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed,
    score, assigned_to, search, sort, after, page_size
  );
$$;

create function inbox_api.conversations(
  client_id text, filter text default 'all', channels text[] default null, sentiment_tags text[] default null,
  sms_campaign_id text default null, sms_campaign_unattributed boolean default false, score text default 'all',
  assigned_to text default null, search text default null, sort text default 'activity', after text default null,
  page_size integer default 50
)
returns setof inbox_router.conversations_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_conversations(
          shard, claims, headers, method, client_id, filter, channels, sentiment_tags, sms_campaign_id,
          sms_campaign_unattributed, score, assigned_to, search, sort, after, page_size
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.conversations_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_crm_rows(
  shard integer, claims text, headers text, method text, client_id text, campaign text default null,
  category text default null, status text default null, mode text default null, from_day date default null,
  to_day date default null, after text default null, page_size integer default 50
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_crm_rows(
    claims, headers, method, client_id, campaign, category, status, mode, from_day, to_day, after, page_size
  );
$$;

create function inbox_api.crm_rows(
  client_id text, campaign text default null, category text default null, status text default null,
  mode text default null, from_day date default null, to_day date default null, after text default null,
  page_size integer default 50
)
returns setof inbox_router.crm_rows_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_crm_rows(
          shard, claims, headers, method, client_id, campaign, category, status, mode, from_day, to_day, after,
          page_size
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.crm_rows_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_crm_summary(
  shard integer, claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_crm_summary(
    claims, headers, method, client_id, from_day, to_day
  );
$$;

create function inbox_api.crm_summary(
  client_id text, from_day date, to_day date
)
returns setof inbox_router.analytics_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_crm_summary(
          shard, claims, headers, method, client_id, from_day, to_day
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.analytics_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_flags(
  shard integer, claims text, headers text, method text, client_id text
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_flags(
    claims, headers, method, client_id
  );
$$;

create function inbox_api.flags(
  client_id text
)
returns setof inbox_router.flags_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_flags(
          shard, claims, headers, method, client_id
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.flags_answer, inbox_router.deliver(kept));
end
$$;

create or replace function inbox_router.ask_inbox_counts(
  shard integer, claims text, headers text, method text, client_id text
)
returns inbox_router.shard_answer
language plproxy
as $$
  cluster 'inbox_shards';
  run on shard;
  select * from inboxdb.shard_inbox_counts(
    claims, headers, method, client_id
  );
$$;

create function inbox_api.inbox_counts(
  client_id text
)
returns setof inbox_router.counts_answer
language plpgsql stable security definer
rows 1
set search_path = ''
-- a caller who asks for more would see the log's words, and PL/Proxy's
set client_min_messages = error
as $$
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers', true);
  method constant pg_catalog.text := pg_catalog.current_setting('request.method', true);
  shard integer;
  answer inbox_router.shard_answer;
  kept inbox_router.shard_answer;
begin
  foreach shard in array inbox_router.shards_by_client_id(client_id) loop
    -- again, because a connection from before a restart of the shard's fails once
    for attempt in 1..2 loop
      begin
        answer := inbox_router.ask_inbox_counts(
          shard, claims, headers, method, client_id
        );
        exit;
      exception
        when query_canceled then
          perform inbox_router.refuse_late(sqlerrm);
        when others then
          answer := inbox_router.away(shard, sqlstate, sqlerrm);
      end;
    end loop;
    -- a shard that is away may have what the others have not
    if kept.sqlstate is distinct from '08001' or answer.sqlstate is distinct from 'IB007' then
      kept := answer;
    end if;
    exit when answer.sqlstate is null or answer.sqlstate not in ('08001', 'IB007');
  end loop;
  return query
  select *
  from pg_catalog.json_populate_record(null::inbox_router.counts_answer, inbox_router.deliver(kept));
end
$$;
