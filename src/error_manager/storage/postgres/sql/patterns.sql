-- name: pattern_columns
-- Of p, a pattern, and a, what the analysis has told of it (if it has).
p.id, p.project_id, p.pattern_hash, p.title, p.message, p.culprit, p.module, p.error_code, p.severity, p.status,
    p.users, p.first_seen, p.last_seen, p.platform, p.regressed_at IS NOT NULL, p.ignore_until, p.first_release,
    p.last_release, p.weight, a.state, a.state_since, a.risk

-- name: pattern_filter
-- A NULL parameter means "any"; the planner sees the values and drops those conditions.
p.merged_into IS NULL AND (%(projects)s::int[] IS NULL OR p.project_id = ANY (%(projects)s))
    AND (%(ids)s::int[] IS NULL OR p.id = ANY (%(ids)s))
    AND (%(not_ids)s::int[] IS NULL OR p.id <> ALL (%(not_ids)s))
    AND (%(statuses)s::text[] IS NULL OR p.status = ANY (%(statuses)s))
    AND (%(not_statuses)s::text[] IS NULL OR p.status <> ALL (%(not_statuses)s))
    AND (%(regressed)s::bool IS NULL OR (p.regressed_at IS NOT NULL) = %(regressed)s)
    AND (%(severities)s::text[] IS NULL OR p.severity = ANY (%(severities)s))
    AND (%(not_severities)s::text[] IS NULL OR p.severity <> ALL (%(not_severities)s))
    AND (%(modules)s::text[] IS NULL OR lower(p.module) = ANY (%(modules)s))
    AND (%(not_modules)s::text[] IS NULL OR lower(p.module) <> ALL (%(not_modules)s))
    AND (%(codes)s::text[] IS NULL OR lower(p.error_code) = ANY (%(codes)s))
    AND (%(not_codes)s::text[] IS NULL OR lower(p.error_code) <> ALL (%(not_codes)s))
    AND (%(titles)s::text[] IS NULL OR lower(p.title) = ANY (%(titles)s))
    AND (%(not_titles)s::text[] IS NULL OR lower(p.title) <> ALL (%(not_titles)s))
    AND (%(platforms)s::text[] IS NULL OR lower(p.platform) = ANY (%(platforms)s))
    AND (%(not_platforms)s::text[] IS NULL OR lower(p.platform) <> ALL (%(not_platforms)s))

-- name: release_filter
(%(environments)s::text[] IS NULL OR r.environment = ANY (%(environments)s))
    AND (%(not_environments)s::text[] IS NULL OR r.environment <> ALL (%(not_environments)s))
    AND (%(releases)s::text[] IS NULL OR r.release = ANY (%(releases)s))
    AND (%(not_releases)s::text[] IS NULL OR r.release <> ALL (%(not_releases)s))

-- name: list_patterns
-- Without a range the columns of the pattern say it all.
SELECT {columns}, p.frequency, {position}
FROM error_patterns p LEFT JOIN pattern_analysis a ON a.project_id = p.project_id AND a.pattern_id = p.id
WHERE {filter} AND (%(after)s::text IS NULL OR ({position}, p.id) < ({after}, %(after_id)s))
ORDER BY {position} DESC, p.id DESC
LIMIT %(limit)s

-- name: list_patterns_in_range
-- Counts of a range come from whole days plus the hours at its edges, summed by group before anything is joined.
WITH summed AS (
    SELECT u.project_id, u.group_id, sum(u.count)::bigint AS count
    FROM (
        SELECT r.project_id, r.group_id, r.count FROM rollup_day r
        WHERE r.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
            AND r.bucket >= %(day_from)s AND r.bucket < %(day_to)s AND {releases}
        UNION ALL
        SELECT r.project_id, r.group_id, r.count FROM rollup_hour r
        WHERE r.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
            AND r.bucket >= %(head_from)s AND r.bucket < %(head_to)s AND {releases}
        UNION ALL
        SELECT r.project_id, r.group_id, r.count FROM rollup_hour r
        WHERE r.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
            AND r.bucket >= %(tail_from)s AND r.bucket < %(tail_to)s AND {releases}
    ) u
    GROUP BY u.project_id, u.group_id
), counted AS MATERIALIZED (
    SELECT g.project_id, g.pattern_id AS id, sum(s.count)::bigint AS count
    FROM summed s JOIN pattern_groups g ON g.project_id = s.project_id AND g.group_id = s.group_id
    GROUP BY g.project_id, g.pattern_id
)
SELECT {columns}, c.count, {position}
FROM counted c JOIN error_patterns p ON p.project_id = c.project_id AND p.id = c.id
LEFT JOIN pattern_analysis a ON a.project_id = p.project_id AND a.pattern_id = p.id
WHERE {filter} AND (%(after)s::text IS NULL OR ({position}, p.id) < ({after}, %(after_id)s))
ORDER BY {position} DESC, p.id DESC
LIMIT %(limit)s

-- name: read_trends
SELECT g.pattern_id, r.bucket, sum(r.count)::bigint
FROM pattern_groups g
JOIN {rollup} r ON r.project_id = g.project_id AND r.group_id = g.group_id
WHERE (g.project_id, g.pattern_id) IN (SELECT * FROM unnest(%(row_projects)s::int[], %(row_ids)s::int[]))
    AND r.bucket >= %(trend_since)s AND r.bucket < %(trend_until)s AND {releases}
GROUP BY g.pattern_id, r.bucket

-- name: search_patterns
-- What was merged away is found by its own text, too, and leads on; not what an undone split left without a group.
-- Words through the index; parts of words in the short texts (thousands of rows, not millions).
SELECT coalesce(p.merged_into, p.id) FROM error_patterns p
WHERE (%(projects)s::int[] IS NULL OR p.project_id = ANY (%(projects)s))
    AND (p.merged_into IS NULL OR EXISTS (SELECT FROM pattern_groups g WHERE g.project_id = p.project_id AND g.origin_id = p.id))
    AND to_tsvector('simple', title || ' ' || left(message, 8192) || ' ' || culprit || ' ' || module || ' ' || error_code)
        @@ websearch_to_tsquery('simple', %(query)s)
UNION
SELECT coalesce(p.merged_into, p.id) FROM error_patterns p,
    lower(p.title || ' ' || left(p.message, 500) || ' ' || p.culprit || ' ' || p.module || ' ' || p.error_code) AS haystack
WHERE (%(projects)s::int[] IS NULL OR p.project_id = ANY (%(projects)s))
    AND (p.merged_into IS NULL OR EXISTS (SELECT FROM pattern_groups g WHERE g.project_id = p.project_id AND g.origin_id = p.id))
    AND (SELECT CASE WHEN %(any_of)s THEN bool_or(strpos(haystack, lower(needle)) > 0)
            ELSE bool_and(strpos(haystack, lower(needle)) > 0) END
        FROM unnest(%(needles)s::text[]) AS needle)
LIMIT 10000

-- name: search_inside_errors
-- Patterns that only the text of single errors (values, traces) tells; those found already are left out.
SELECT DISTINCT g.pattern_id
FROM (
    SELECT e.project_id, e.group_id FROM project_errors e
    WHERE (%(projects)s::int[] IS NULL OR e.project_id = ANY (%(projects)s))
        AND e.timestamp >= %(since)s AND e.timestamp < %(until)s
        AND to_tsvector('simple', left(e.message, 8192) || ' ' || left(coalesce(e.stack_trace, ''), 32768))
            @@ {query}
        AND NOT EXISTS (
            SELECT FROM pattern_groups k
            WHERE k.project_id = e.project_id AND k.group_id = e.group_id AND k.pattern_id = ANY (%(found)s::int[])
        )
    LIMIT 5000
) f
JOIN pattern_groups g ON g.project_id = f.project_id AND g.group_id = f.group_id

-- name: find_tag
SELECT DISTINCT g.pattern_id
FROM rollup_day_tag t
JOIN pattern_groups g ON g.project_id = t.project_id AND g.group_id = t.group_id
WHERE (%(projects)s::int[] IS NULL OR t.project_id = ANY (%(projects)s))
    AND lower(t.key) = lower(%(key)s) AND lower(t.value) = lower(%(value)s)
    AND t.bucket >= %(since)s AND t.bucket < %(until)s

-- name: read_patterns
-- Each pattern, or the one it was merged into; last the id that was asked for.
SELECT {columns}, p.frequency, asked.id
FROM error_patterns asked
JOIN error_patterns p ON p.project_id = asked.project_id AND p.id = coalesce(asked.merged_into, asked.id)
LEFT JOIN pattern_analysis a ON a.project_id = p.project_id AND a.pattern_id = p.id
WHERE asked.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND asked.id = ANY (%(ids)s::int[])

-- name: read_history
SELECT r.bucket, sum(r.count)::bigint
FROM pattern_groups g
JOIN {rollup} r ON r.project_id = g.project_id AND r.group_id = g.group_id
WHERE g.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND (%(id)s::int IS NULL OR g.pattern_id = %(id)s)
    AND r.bucket >= %(since)s AND r.bucket < %(until)s AND {releases}
GROUP BY r.bucket

-- name: read_collection
-- One row at least: the first span of all, and each span that ended since, if any.
SELECT f.first, s.started_at, s.ended_at
FROM (SELECT min(started_at) AS first FROM collection_spans) f
LEFT JOIN collection_spans s ON s.ended_at >= %(since)s
ORDER BY s.started_at

-- name: read_project_hours
-- All patterns together, by hour: the minute table is keyed by time first.
SELECT date_trunc('hour', r.bucket, 'UTC'), sum(r.count)::bigint
FROM rollup_minute_severity r
WHERE r.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND r.bucket >= %(since)s AND r.bucket < %(until)s
GROUP BY 1

-- name: read_tags
SELECT key, total, different, value, count
FROM (
    SELECT t.key, t.value, sum(t.count)::bigint AS count,
        (sum(sum(t.count)) OVER (PARTITION BY t.key))::bigint AS total,
        count(*) OVER (PARTITION BY t.key) AS different,
        row_number() OVER (PARTITION BY t.key ORDER BY sum(t.count) DESC, t.value) AS position
    FROM pattern_groups g
    JOIN rollup_day_tag t ON t.project_id = g.project_id AND t.group_id = g.group_id
    WHERE g.project_id = ANY (ARRAY(SELECT id FROM projects)) AND g.pattern_id = %(id)s
        AND t.bucket >= %(since)s AND t.bucket < %(until)s
    GROUP BY t.key, t.value
) ranked
WHERE position <= %(values)s
ORDER BY total DESC, key, position

-- name: read_users
-- In all as the pattern counts them, and by day.
SELECT NULL::date, p.users
FROM error_patterns p
WHERE p.project_id = ANY (ARRAY(SELECT id FROM projects)) AND p.id = %(id)s
UNION ALL
SELECT d.day, d.count
FROM (
    SELECT p.project_id, ARRAY[p.id] AS patterns FROM error_patterns p
    WHERE p.project_id = ANY (ARRAY(SELECT id FROM projects)) AND p.id = %(id)s
) k
CROSS JOIN LATERAL ({groups}) h
CROSS JOIN LATERAL ({days}) d
ORDER BY 1 NULLS FIRST

-- name: read_values
-- The releases or environments of a pattern.
SELECT r.{column}, sum(r.count)::bigint, min(r.bucket), max(r.bucket)
FROM pattern_groups g JOIN rollup_day r ON r.project_id = g.project_id AND r.group_id = g.group_id
WHERE g.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects))) AND g.pattern_id = %(id)s
    AND r.{column} <> ''
GROUP BY r.{column}
ORDER BY {position} DESC, r.{column}
LIMIT %(limit)s

-- name: read_project_values
SELECT r.{column}, sum(r.count)::bigint, min(r.bucket), max(r.bucket)
FROM rollup_day r
WHERE r.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND r.bucket >= %(since)s AND r.{column} <> ''
GROUP BY r.{column}
ORDER BY {position} DESC, r.{column}
LIMIT %(limit)s

-- name: read_changes
SELECT h.id, h.at, h.action, coalesce(who.name, ''), coalesce(h.before -> 'others', '[]'), coalesce(u.action, ''),
    coalesce(h.before ->> 'by' = 'template', false), h.note, h.release,
    (h.before ->> 'to')::float8
FROM pattern_history h
LEFT JOIN persons who ON who.id = h.person_id
LEFT JOIN pattern_history u ON u.project_id = h.project_id AND u.id = (h.before ->> 'undone')::bigint
WHERE h.project_id = ANY (ARRAY(SELECT id FROM projects)) AND h.pattern_id = %(id)s
ORDER BY h.id DESC
LIMIT %(limit)s

-- name: lock_pattern
-- The pattern that this one leads to, alone. What led to it is read without a lock, so it may lead on by now.
SELECT p.id, p.project_id, p.merged_into, p.status, p.resolved_at, p.ignore_until, p.regressed_at, p.weight
FROM error_patterns a JOIN error_patterns p ON p.project_id = a.project_id AND p.id = coalesce(a.merged_into, a.id)
WHERE a.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects))) AND a.id = %(id)s
FOR UPDATE OF p

-- name: set_status
UPDATE error_patterns SET status = %(status)s, resolved_at = %(resolved_at)s, ignore_until = %(ignore_until)s,
    regressed_at = %(regressed_at)s, updated_at = %(now)s
WHERE project_id = %(project)s AND id = %(id)s

-- name: set_weight
UPDATE error_patterns SET weight = %(weight)s, updated_at = %(now)s WHERE project_id = %(project)s AND id = %(id)s

-- name: add_change
INSERT INTO pattern_history (project_id, pattern_id, at, action, person_id, before, note, release)
VALUES (%(project)s, %(id)s, %(now)s, %(action)s, %(person)s, %(before)s, %(note)s, %(release)s)

-- name: last_change
-- The newest change that was not taken back.
SELECT h.id, h.action, h.before
FROM pattern_history h
WHERE h.project_id = %(project)s AND h.pattern_id = %(id)s AND h.action <> 'undone'
    AND NOT EXISTS (
        SELECT FROM pattern_history u
        WHERE u.project_id = h.project_id AND u.pattern_id = h.pattern_id AND u.action = 'undone'
            AND (u.before ->> 'undone')::bigint = h.id
    )
ORDER BY h.id DESC
LIMIT 1
