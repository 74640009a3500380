create or replace function inboxdb.cut_messages(inout gone inboxdb.lead_fact, inout come inboxdb.lead_fact)
language plpgsql immutable
set search_path = ''
as $$
-- Purpose: take out of a lead's facts the messages that add the same before and after: all that come before the first
--   that differs, but for the last of each direction and channel, because pairs and replies go on from them.
-- Parameters: gone and come, the facts of a lead of the same user before and after.
-- Returns: facts whose figures differ by as much as those of the whole facts. The users who sent what is left of the
--   messages before are 0 in both.
-- INVOKER: called by cut_facts only.
declare
  same integer := 0;
  too_many integer := least(pg_catalog.cardinality(gone.info), pg_catalog.cardinality(come.info)) + 1;
  middle integer;
  last_numbers integer[];
  sent_by_users integer;
  last_at pg_catalog.timestamptz[];
  last_info integer[];
  last_senders bigint[];
begin
  while same + 1 < too_many loop
    middle := (same + too_many) / 2;
    if gone.sent_at[same + 1:middle] = come.sent_at[same + 1:middle]
      and gone.info[same + 1:middle] = come.info[same + 1:middle]
    then
      same := middle;
    else
      too_many := middle;
    end if;
  end loop;
  select
    pg_catalog.array_agg(l.number order by l.number),
    coalesce(pg_catalog.sum(l.sent_by_users), 0)
  into last_numbers, sent_by_users
  from (
    select
      pg_catalog.max(m.number) as number,
      -- 0 is the user
      pg_catalog.count(*) filter (where m.info & 12 = 0) as sent_by_users
    from pg_catalog.unnest(gone.info[:same]) with ordinality as m (info, number)
    group by m.info & 3, m.info & -16
  ) as l;
  -- not where a message is now another user's, because the arrays no longer tell from which message on
  if gone.senders[:sent_by_users] = come.senders[:sent_by_users] then
    select
      pg_catalog.array_agg(gone.sent_at[k.number] order by k.number),
      pg_catalog.array_agg(gone.info[k.number] order by k.number),
      pg_catalog.array_agg(0::bigint) filter (where gone.info[k.number] & 12 = 0)
    into last_at, last_info, last_senders
    from pg_catalog.unnest(last_numbers) as k (number);
    gone.sent_at := last_at || gone.sent_at[same + 1:];
    come.sent_at := last_at || come.sent_at[same + 1:];
    gone.info := last_info || gone.info[same + 1:];
    come.info := last_info || come.info[same + 1:];
    gone.senders := last_senders || gone.senders[sent_by_users + 1:];
    come.senders := last_senders || come.senders[sent_by_users + 1:];
  end if;
end
$$;
