select * from rival_materialized_view.inbox_counts
where client_id = :workspace and is_global and scope_user_id = :sentinel;
