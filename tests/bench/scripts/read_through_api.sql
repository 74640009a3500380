select * from inbox_api.inbox_counts(:workspace);
