create or replace function inboxdb.run_upkeep(
  item text, dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: do a batch of an item of upkeep by hand, or count what is due.
-- Parameters: item, of view upkeep; dry_run: only count, also while the item is off.
-- Returns: the rows touched, or due, and whether there may be more.
-- Errors: IB017 for an unknown item, IB020 where the host lacks what the item needs, IB023 while the item is off, IB012
--   while inboxdb is suspended, IB004 above READ COMMITTED.
-- Reads: upkeep; as the item's function. Writes: as the item's function.
-- DEFINER: inboxdb_maintainer has no right on the host's tables but this.
declare
  chosen inboxdb.upkeep;
  missing pg_catalog.text;
begin
  perform inboxdb.require_read_committed();
  perform inboxdb.require_resumed();
  select u.* into chosen from inboxdb.upkeep as u where u.item = run_upkeep.item;
  if not found then
    raise exception using
      errcode = 'IB017',
      message = pg_catalog.format('inboxdb has no upkeep %L', item),
      detail = 'Nothing was changed.',
      hint = pg_catalog.format(
        'There are %s.', (select pg_catalog.string_agg(u.item, ', ' order by u.item) from inboxdb.upkeep as u)
      );
  end if;
  missing := inboxdb.missing_for_upkeep(item);
  if missing is not null then
    raise exception using
      errcode = 'IB020',
      message = pg_catalog.format('%s is not possible in this database', item),
      detail = 'Missing: ' || missing || '. Nothing was changed.',
      hint = 'Once all of it is there, the item is offered.';
  end if;
  if not dry_run and inboxdb.setting(chosen.setting_name) <> 'on' then
    raise exception using
      errcode = 'IB023',
      message = pg_catalog.format('%s is off', item),
      detail = 'Nothing was changed.',
      hint = pg_catalog.format(
        'As the owner: select inboxdb.set_setting(%L, ''on''). A dry run counts what is due.', chosen.setting_name
      );
  end if;
  execute pg_catalog.format('select d.touched, d.has_more from %s($1) as d', chosen.function_name)
  into touched, has_more using dry_run;
end
$$;
