create or replace function inboxdb.arrange_triggers() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: enable and disable the triggers noting UPDATEs of "Lead" as view update_trigger says, and mark every
--   workspace where changes may have been missed before.
-- Errors: 42501 for a caller who does not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: SHARE ROW EXCLUSIVE on "Lead", so that every write before had the former triggers, and has ended, and every
--   write after has the new ones: none falls between (D125).
-- Writes: the change log.
-- INVOKER: called by arrange_if_free, and by set_noted_updates, for the owner.
declare
  commands pg_catalog.text;
  may_have_missed pg_catalog.bool;
begin
  lock table public."Lead" in share row exclusive mode;
  select
    pg_catalog.string_agg(
      pg_catalog.format(
        '%s trigger %I',
        case when not t.is_to_be_enabled then 'disable' when f.fires_always then 'enable always' else 'enable' end,
        t.trigger_name
      ),
      ', '
    ) filter (where t.is_enabled <> t.is_to_be_enabled),
    -- nothing was missed while every named column was noted, and the host had no trigger of its own; of texts and
    -- analytics a walk finds what was
    pg_catalog.bool_or(t.is_to_be_enabled and not t.is_enabled) filter (where t.of_what = 'counts')
    and (
      inboxdb.must_compare()
      or not pg_catalog.bool_and(t.is_enabled or t.is_comparing) filter (where t.of_what = 'counts')
    )
  into commands, may_have_missed
  from inboxdb.update_trigger as t
  -- as where a subscription writes "Lead"
  cross join (
    select exists (
      select
      from pg_catalog.pg_trigger as i
      where i.tgrelid = pg_catalog.to_regclass('public."Lead"') and i.tgname = 'inboxdb_note_insert'
        and i.tgenabled = 'A'
    ) as fires_always
  ) as f;
  if commands is null then
    return;
  end if;
  execute 'alter table public."Lead" ' || commands;
  if may_have_missed then
    perform inboxdb.note_change(null, null);
  end if;
end
$$;
