do $apply$
begin
  perform inboxdb.apply_grants();
  perform inboxdb.protect_topics();
end
$apply$;
