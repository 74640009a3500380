create table inboxdb.analytics_word (
  word_key bigint not null,
  workspace integer not null,
  word text not null,
  primary key (workspace, word_key)
);

comment on table inboxdb.analytics_word is
'What the keys in aggregates stand for, of each workspace apart, so that no workspace sees another''s words.';
comment on column inboxdb.analytics_word.word_key is 'Function word_key of the word.';
comment on column inboxdb.analytics_word.workspace is 'analytics_workspace.number.';
comment on column inboxdb.analytics_word.word is 'A status, a tag, or the id of a campaign or a user.';
