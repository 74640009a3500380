create type inboxdb.reply_detail as enum ('day', 'sender_day', 'sender_month');

comment on type inboxdb.reply_detail is
'What a row of analytics_reply adds up: the replies of a day; of a day by sender and class; of a month likewise.';
