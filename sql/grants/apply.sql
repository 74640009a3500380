do $apply$
begin
  perform inboxdb.apply_grants();
end
$apply$;
