-- A text by whose collation searched texts are folded: PostgreSQL's own of Unicode where the server has it (17 on, in
-- UTF8), else the database's. A domain, because a function's text cannot name a collation that a server may lack. None
-- of ICU's, because a server built without ICU could not restore the domain (D136).
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.folding as text collate pg_catalog.%I', (
    select c.collname
    from (values (1, 'pg_c_utf8'), (2, 'default')) as w (place, name)
    inner join pg_catalog.pg_collation as c on w.name = c.collname
    where c.collnamespace = 'pg_catalog'::pg_catalog.regnamespace
      and (c.collname = 'default' or pg_catalog.current_setting('server_encoding') = 'UTF8')
    order by w.place
    limit 1
  ));
end
$type$;
comment on domain inboxdb.folding is 'A text under the collation by which searched texts are folded.';
