-- Pieces of statements that count the users of patterns "k" (project_id, patterns) with the groups "h" (groups).

-- name: groups_with_users
-- Without an order the planner reads all users until one of the group comes: it may have none.
SELECT array_agg(g.group_id) AS groups FROM pattern_groups g
WHERE g.project_id = k.project_id AND g.pattern_id = ANY (k.patterns)
    AND (
        SELECT true FROM users u WHERE u.project_id = g.project_id AND u.group_id = g.group_id
        ORDER BY u.user_key, u.day LIMIT 1)

-- name: user_count
-- Of few groups the users are merged in the order of their index; of many, those of each group are hashed. DISTINCT ON is
-- never hashed: a million rows take a fifth of a second so, and half a one with a hash.
CASE WHEN cardinality(h.groups) <= {few} THEN (
    SELECT count(*) FROM (SELECT DISTINCT ON (m.user_key) m.user_key FROM ({merged}) m) different
) ELSE (
    SELECT count(*) FROM (
        SELECT DISTINCT u.user_key
        FROM unnest(h.groups) AS g (id)
        CROSS JOIN LATERAL (
            SELECT DISTINCT u.user_key FROM users u WHERE u.project_id = k.project_id AND u.group_id = g.id OFFSET 0
        ) u
    ) different
) END

-- name: users_of_group
(SELECT DISTINCT ON (u.user_key) u.user_key FROM users u
WHERE u.project_id = k.project_id AND u.group_id = h.groups[{place}] ORDER BY u.user_key)

-- name: user_days
-- The same by day.
SELECT d.day, count(*) AS count
FROM (SELECT DISTINCT ON (m.user_key, m.day) m.day FROM ({merged}) m WHERE cardinality(h.groups) <= {few}) d
GROUP BY d.day
UNION ALL
SELECT d.day, count(*)
FROM (
    SELECT DISTINCT u.user_key, u.day
    FROM unnest(h.groups) AS g (id)
    CROSS JOIN LATERAL (
        SELECT u.user_key, u.day FROM users u
        WHERE u.project_id = k.project_id AND u.group_id = g.id AND u.day >= %(since)s::date OFFSET 0
    ) u
    WHERE cardinality(h.groups) > {few}
) d
GROUP BY d.day

-- name: days_of_group
(SELECT u.user_key, u.day FROM users u
WHERE u.project_id = k.project_id AND u.group_id = h.groups[{place}] AND u.day >= %(since)s::date
ORDER BY u.user_key, u.day)
