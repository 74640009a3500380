create index concurrently if not exists inboxdb_message_ai_sent on public."Message" ("leadId", (true))
where channel = 'email' and direction = 'outbound' and source = 'zrg' and "sentBy" = 'ai' and "aiDraftId" is not null;
