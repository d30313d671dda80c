-- Which groups a user met: what a batch asks of a pattern with many groups, instead of asking each of its groups.
CREATE INDEX users_groups ON users (project_id, user_key, group_id);
