create or replace function inboxdb.maintain(
  inout kept jsonb, at_rest boolean, error_code text default null,
  out item text, out time_limit double precision, out client_id inboxdb.client_id, out outcome text,
  out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: the next step of maintenance, to be called in a transaction of its own until item is null. Steps alternate:
--   one chooses a due item, one runs the chosen item; so the choice is committed before the work that may kill its
--   backend, and the runner knows the time limit.
-- Parameters: kept, of the last step; at first null, or {"job": its name} where items of a job alone are meant, with
--   all the time of their caller; at_rest, whether items with a share are meant, while no workspace is due; error_code,
--   why the last step did not come back: its SQLSTATE.
-- Returns: kept, for the next step: clocks and credits of this caller, so that nothing is written and no drain waits
--   for another, and in "told" what the item just done says to the log, an array of objects; the item, null if none
--   is due. After a choice, time_limit in seconds. After the work, its outcome: done, failed, more where the function
--   returned true, or with a workspace the outcome, version and changed_scopes of a refresh, for send_signals. After
--   more at rest the item is due at once, as long as its share of time lasts.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, to be given as error_code.
-- Reads: maintenance. Writes: maintenance_failure; as the function of the item.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now double precision := pg_catalog.date_part('epoch', pg_catalog.clock_timestamp());
  chosen inboxdb.maintenance;
  answer pg_catalog.text;
begin
  perform inboxdb.require_read_committed();
  kept := coalesce(kept, '{}') - 'told';
  if kept ? 'at_hand' then
    item := kept #>> '{at_hand,item}';
    client_id := kept #>> '{at_hand,client_id}';
    select m.* into chosen from inboxdb.maintenance as m where m.item = maintain.item;
    if not found then
      -- the row is gone since: an upgrade
      kept := kept - 'at_hand';
      outcome := 'failed';
      return;
    end if;
    outcome := 'done';
    begin
      if error_code is not null then
        outcome := 'failed';
      elsif chosen.chooser is null then
        execute pg_catalog.format('select %s()', chosen.function_name) into answer;
        if answer in ('true', 't') then
          outcome := 'more';
        elsif answer like '[%' then
          kept := kept || pg_catalog.jsonb_build_object('told', answer::pg_catalog.jsonb);
        end if;
      else
        execute pg_catalog.format(
          'select d.outcome, d.version, d.changed_scopes from %s($1) as d', chosen.function_name
        ) into outcome, version, changed_scopes using client_id;
      end if;
    exception when others then
      get stacked diagnostics error_code = returned_sqlstate;
      outcome := 'failed';
    end;
    if error_code is not null then
      perform inboxdb.record_maintenance_failure(item, pg_catalog.left(error_code, 5));
    end if;
    kept := inboxdb.after_maintenance(
      kept, chosen, outcome, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
    );
    return;
  end if;

  for chosen in
    select m.*
    from inboxdb.maintenance as m
    where (m.time_share is not null) = at_rest
      and case
        when kept ? 'job' then coalesce(m.job_name = kept ->> 'job', false)
        else inboxdb.maintenance_credit(kept, m, now) > 0
      end
      -- not ahead: a clock that went back stops no maintenance
      and coalesce(
        (kept #>> array[m.item, 'more'])::boolean
        or (kept #>> array[m.item, 'at'])::double precision
        not between now - pg_catalog.date_part('epoch', m.run_every) + 0.001 and now,
        true
      )
    order by m.item
  loop
    if chosen.chooser is not null then
      begin
        execute pg_catalog.format('select %s()', chosen.chooser) into client_id;
      exception when others then
        get stacked diagnostics error_code = returned_sqlstate;
        perform inboxdb.record_maintenance_failure(chosen.item, error_code);
      end;
      continue when client_id is null;
    end if;
    item := chosen.item;
    time_limit := greatest(
      pg_catalog.date_part('epoch', chosen.time_limit),
      case when client_id is not null then inboxdb.time_limit(client_id, 0) end
    );
    kept := kept || pg_catalog.jsonb_build_object(
      'at_hand', pg_catalog.jsonb_build_object('item', item, 'client_id', client_id, 'began_at', now::numeric)
    );
    return;
  end loop;
end
$$;
