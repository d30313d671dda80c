-- name: read_projects
SELECT id, organization_id FROM projects ORDER BY id

-- name: read_facts
SELECT p.id, p.title, left(p.message, 2000), p.culprit, p.module, p.error_code, p.severity, p.platform, p.status,
    p.first_seen, p.last_seen, p.resolved_at, p.regressed_at, p.first_release, p.users, j.weight, p.weight
FROM error_patterns p JOIN projects j ON j.id = p.project_id
WHERE p.project_id = %(project)s AND p.merged_into IS NULL AND p.last_seen >= %(since)s
ORDER BY p.id

-- name: copy_minutes
COPY (
    SELECT g.pattern_id, extract(epoch FROM r.bucket)::int8, sum(r.count)::float8
    FROM rollup_minute r JOIN pattern_groups g ON g.project_id = r.project_id AND g.group_id = r.group_id
    WHERE r.project_id = %(project)s AND r.bucket >= %(since)s AND r.bucket < %(until)s
    GROUP BY g.pattern_id, r.bucket
) TO STDOUT (FORMAT BINARY)

-- name: copy_hours
COPY (
    SELECT g.pattern_id, extract(epoch FROM r.bucket)::int8, sum(r.count)::float8
    FROM rollup_hour r JOIN pattern_groups g ON g.project_id = r.project_id AND g.group_id = r.group_id
    WHERE r.project_id = %(project)s AND r.bucket >= %(since)s AND r.bucket < %(until)s
    GROUP BY g.pattern_id, r.bucket
) TO STDOUT (FORMAT BINARY)

-- name: read_severities
SELECT severity, extract(epoch FROM bucket)::int8, sum(count)::float8
FROM rollup_minute_severity
WHERE project_id = %(project)s AND bucket >= %(since)s AND bucket < %(until)s
GROUP BY severity, bucket

-- name: read_newest_hours
-- Since which hour the newest errors of each pattern are, and whether it has more before. An hour that the window ends in
-- may hold errors from after it, so it does not count as one that holds some.
WITH hours AS (
    SELECT g.pattern_id, r.bucket,
        coalesce(sum(r.count) FILTER (WHERE r.bucket + interval '1 hour' <= %(until)s), 0) AS count
    FROM rollup_hour r JOIN pattern_groups g ON g.project_id = r.project_id AND g.group_id = r.group_id
    WHERE r.project_id = %(project)s AND r.bucket >= date_trunc('hour', %(since)s::timestamptz) AND r.bucket < %(until)s
    GROUP BY g.pattern_id, r.bucket
), counted AS (
    SELECT pattern_id, bucket, sum(count) OVER (PARTITION BY pattern_id ORDER BY bucket DESC) - count AS later FROM hours
)
SELECT pattern_id, min(bucket) FILTER (WHERE later < %(newest)s), bool_or(later >= %(newest)s)
FROM counted GROUP BY pattern_id

-- name: copy_events
-- One index scan per group that had errors in these hours, without a look at the wide rows.
COPY (
    SELECT d.pattern_id, e.at
    FROM unnest(%(patterns)s::int[], %(starts)s::timestamptz[]) AS d (pattern_id, start)
    CROSS JOIN LATERAL (
        SELECT n.at
        FROM pattern_groups g CROSS JOIN LATERAL (
            SELECT extract(epoch FROM p.timestamp)::float8 AS at
            FROM project_errors p
            WHERE p.project_id = %(project)s AND p.group_id = g.group_id
                AND p.timestamp >= greatest(d.start, %(since)s) AND p.timestamp < %(until)s
            ORDER BY p.timestamp DESC
            LIMIT %(newest)s
        ) n
        WHERE g.project_id = %(project)s AND g.pattern_id = d.pattern_id AND EXISTS (
            SELECT FROM rollup_hour r
            WHERE r.project_id = %(project)s AND r.group_id = g.group_id AND r.bucket >= d.start AND r.bucket < %(until)s
        )
        ORDER BY n.at DESC
        LIMIT %(newest)s
    ) e
) TO STDOUT (FORMAT BINARY)

-- name: read_spans
SELECT started_at, ended_at FROM collection_spans WHERE ended_at >= %(since)s ORDER BY started_at

-- name: read_first_span
SELECT min(started_at) FROM collection_spans

-- name: read_regrouped
SELECT pattern_id FROM pattern_history
WHERE project_id = %(project)s AND at >= %(since)s
    AND action IN ('merged', 'merged_into', 'split', 'split_off', 'undone')
UNION
SELECT (p.value -> 'before' ->> 'id')::int
FROM grouping_moves m CROSS JOIN LATERAL jsonb_array_elements(m.before -> 'patterns') p
WHERE m.project_id = %(project)s AND (m.at >= %(since)s OR m.undone_at >= %(since)s)
UNION
SELECT p.value::int
FROM grouping_moves m CROSS JOIN LATERAL jsonb_each_text(m.before -> 'goals') p
WHERE m.project_id = %(project)s AND (m.at >= %(since)s OR m.undone_at >= %(since)s)

-- name: read_users
SELECT g.pattern_id, count(DISTINCT u.user_key)
FROM users u JOIN pattern_groups g ON g.project_id = u.project_id AND g.group_id = u.group_id
WHERE u.project_id = %(project)s AND u.day >= %(since)s::timestamptz::date
GROUP BY g.pattern_id

-- name: count_users
SELECT count(*) FROM (
    SELECT DISTINCT user_key FROM users WHERE project_id = %(project)s AND day >= %(since)s::timestamptz::date
) met

-- name: read_hosts
SELECT g.pattern_id, count(DISTINCT t.value)
FROM rollup_day_tag t JOIN pattern_groups g ON g.project_id = t.project_id AND g.group_id = t.group_id
WHERE t.project_id = %(project)s AND t.bucket >= date_trunc('day', %(since)s::timestamptz) AND t.key = 'server_name'
GROUP BY g.pattern_id

-- name: read_tags
-- The most frequent value of each tag of the patterns, and how frequent it is in the project.
WITH counted AS (
    SELECT g.pattern_id, t.key, t.value, sum(t.count) AS count
    FROM rollup_day_tag t JOIN pattern_groups g ON g.project_id = t.project_id AND g.group_id = t.group_id
    WHERE t.project_id = %(project)s AND t.bucket >= date_trunc('day', %(since)s::timestamptz)
    GROUP BY g.pattern_id, t.key, t.value
), totals AS (
    SELECT key, sum(count) AS count FROM counted GROUP BY key
), by_value AS (
    SELECT key, value, sum(count) AS count FROM counted GROUP BY key, value
), ranked AS (
    SELECT pattern_id, key, value, count, sum(count) OVER (PARTITION BY pattern_id, key) AS total,
        row_number() OVER (PARTITION BY pattern_id, key ORDER BY count DESC, value) AS place
    FROM counted WHERE pattern_id = ANY (%(patterns)s::int[])
)
SELECT r.pattern_id, r.key, r.value, r.count::bigint, r.total::bigint, v.count::bigint, t.count::bigint
FROM ranked r JOIN totals t USING (key) JOIN by_value v USING (key, value)
WHERE r.place = 1
ORDER BY r.pattern_id, r.key

-- name: read_releases
-- Hours and days are kept for good, errors are not: without them a release began with its hour. Where its first error is
-- costs a look at the days of the project, so only releases are looked for that are no change yet, and only the hours of
-- groups that had it on its first day.
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT h.environment, h.release FROM rollup_hour h
    WHERE h.project_id = %(project)s AND h.bucket >= date_trunc('hour', %(since)s::timestamptz)
        AND h.release NOT IN ('', '(other)')
        AND NOT EXISTS (
            SELECT FROM changes c
            WHERE c.project_id = %(project)s AND c.kind = 'release' AND c.environment = h.environment
                AND c.version = h.release
        )
), days AS MATERIALIZED (
    SELECT environment, release, min(d.bucket) AS day
    FROM fresh JOIN rollup_day d USING (environment, release)
    WHERE d.project_id = %(project)s
    GROUP BY environment, release
), hours AS MATERIALIZED (
    SELECT environment, release, min(h.bucket) AS hour
    FROM days
    JOIN rollup_day d USING (environment, release)
    JOIN rollup_hour h USING (project_id, group_id, environment, release)
    WHERE d.project_id = %(project)s AND d.bucket = days.day
        AND h.bucket >= days.day AND h.bucket < days.day + interval '1 day'
    GROUP BY environment, release
)
SELECT r.environment, r.release, coalesce(min(e.timestamp), r.hour)
FROM hours r
LEFT JOIN project_errors e ON e.project_id = %(project)s AND e.timestamp >= r.hour
    AND e.timestamp < r.hour + interval '1 hour' AND e.release = r.release AND e.environment = r.environment
GROUP BY r.environment, r.release, r.hour
ORDER BY 3, 1, 2

-- name: read_cursors
SELECT slot, seq, row FROM inbox_cursors

-- name: read_waiting
SELECT slot, since FROM inbox_waiting WHERE told_at >= %(since)s
