-- name: error_columns
e.id, e.event_id, e.project_id, g.pattern_id, e.timestamp, e.message, e.module, e.error_code, e.severity,
    e.environment, e.release, e.occurrences

-- name: error_filter
e.timestamp >= %(since)s AND e.timestamp < %(until)s
    AND (%(after)s::timestamptz IS NULL
        OR (e.timestamp <= %(after)s AND (e.timestamp, e.id) < (%(after)s, %(after_id)s::uuid)))
    AND (%(severities)s::text[] IS NULL OR e.severity = ANY (%(severities)s))
    AND (%(not_severities)s::text[] IS NULL OR e.severity <> ALL (%(not_severities)s))
    AND (%(modules)s::text[] IS NULL OR e.module = ANY (%(modules)s))
    AND (%(not_modules)s::text[] IS NULL OR e.module <> ALL (%(not_modules)s))
    AND (%(codes)s::text[] IS NULL OR e.error_code = ANY (%(codes)s))
    AND (%(not_codes)s::text[] IS NULL OR e.error_code <> ALL (%(not_codes)s))
    AND (%(environments)s::text[] IS NULL OR e.environment = ANY (%(environments)s))
    AND (%(not_environments)s::text[] IS NULL OR e.environment <> ALL (%(not_environments)s))
    AND (%(releases)s::text[] IS NULL OR e.release = ANY (%(releases)s))
    AND (%(not_releases)s::text[] IS NULL OR e.release <> ALL (%(not_releases)s))

-- name: list_errors
-- One ordered scan per project, so that each can stop after a page.
SELECT {columns}
FROM unnest(coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects))) AS project
CROSS JOIN LATERAL (
    SELECT e.* FROM project_errors e
    WHERE e.project_id = project AND {filter} AND {text}
    ORDER BY e.timestamp DESC, e.id DESC
    LIMIT %(limit)s
) e
JOIN pattern_groups g ON g.project_id = e.project_id AND g.group_id = e.group_id
ORDER BY e.timestamp DESC, e.id DESC
LIMIT %(limit)s

-- name: list_pattern_errors
-- Hour after hour, as in edge_of_group.
SELECT {columns}
FROM pattern_groups g
CROSS JOIN LATERAL (
    SELECT e.*
    FROM (
        SELECT DISTINCT r.bucket FROM rollup_hour r
        WHERE r.project_id = g.project_id AND r.group_id = g.group_id
            AND r.bucket > %(since)s - interval '1 hour' AND r.bucket < %(until)s
            AND (%(after)s::timestamptz IS NULL OR r.bucket <= %(after)s)
        ORDER BY r.bucket DESC
    ) h
    CROSS JOIN LATERAL (
        SELECT e.* FROM project_errors e
        WHERE e.project_id = g.project_id AND e.group_id = g.group_id
            AND e.timestamp >= h.bucket AND e.timestamp < h.bucket + interval '1 hour' AND {filter} AND {text}
        ORDER BY e.timestamp DESC, e.id DESC
        LIMIT %(limit)s
    ) e
    ORDER BY h.bucket DESC, e.timestamp DESC, e.id DESC
    LIMIT %(limit)s
) e
WHERE g.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND g.pattern_id = %(pattern)s
ORDER BY e.timestamp DESC, e.id DESC
LIMIT %(limit)s

-- name: text_filter
to_tsvector('simple', left(e.message, 8192) || ' ' || left(coalesce(e.stack_trace, ''), 32768)) @@ {query}

-- name: read_error
-- Our ids carry their time: only one partition is looked at.
SELECT {columns}, e.created_at, e.fingerprint_version, e.dictionary_id, e.body, encode(g.group_id, 'hex'), g.by, g.since,
    coalesce(who.name, ''),
    coalesce((SELECT t.text
        FROM pattern_groups o JOIN templates t ON t.project_id = o.project_id AND t.id = o.template_id
        WHERE o.project_id = g.project_id AND o.group_id = coalesce(g.template_group_id, g.group_id)
            AND (g.by <> 'person' OR o.pattern_id = g.pattern_id)), '')
FROM project_errors e
JOIN pattern_groups g ON g.project_id = e.project_id AND g.group_id = e.group_id
LEFT JOIN pattern_history c ON c.project_id = g.project_id AND c.id = g.change_id
LEFT JOIN persons who ON who.id = c.person_id
WHERE e.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND e.id = %(id)s AND e.timestamp >= %(since)s AND e.timestamp < %(until)s

-- name: find_event
SELECT error_id, timestamp FROM event_ids
WHERE project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects))) AND event_id = %(id)s
LIMIT 1

-- name: edge_of_group
-- The newest (DESC) or oldest (ASC) error of the group "g" that meets a condition. Rollups say in which hours there may be
-- any, so it is looked for there, hour after hour, until one is found. Asked of all time at once, the planner takes it that
-- a group has errors everywhere, and reads all errors of a project in search of one of a group that has few or none.
SELECT e.*
FROM (
    SELECT DISTINCT r.bucket FROM rollup_hour r
    WHERE r.project_id = g.project_id AND r.group_id = g.group_id AND {hours}
    ORDER BY r.bucket {order}
) h
CROSS JOIN LATERAL (
    SELECT e.* FROM project_errors e
    WHERE e.project_id = g.project_id AND e.group_id = g.group_id
        AND e.timestamp >= h.bucket AND e.timestamp < h.bucket + interval '1 hour' AND {errors}
    ORDER BY e.timestamp {order}, e.id {order} LIMIT 1
) e
ORDER BY h.bucket {order} LIMIT 1

-- name: hours_before
r.bucket <= %(timestamp)s

-- name: errors_before
(e.timestamp, e.id) < (%(timestamp)s, %(id)s::uuid)

-- name: hours_after
r.bucket > %(timestamp)s - interval '1 hour'

-- name: errors_after
(e.timestamp, e.id) > (%(timestamp)s, %(id)s::uuid)

-- name: read_neighbors
(SELECT 'previous', e.id
FROM pattern_groups g CROSS JOIN LATERAL ({previous}) e
WHERE g.project_id = %(project)s AND g.pattern_id = %(pattern)s
ORDER BY e.timestamp DESC, e.id DESC LIMIT 1)
UNION ALL
(SELECT 'next', e.id
FROM pattern_groups g CROSS JOIN LATERAL ({next}) e
WHERE g.project_id = %(project)s AND g.pattern_id = %(pattern)s
ORDER BY e.timestamp, e.id LIMIT 1)

-- name: latest_error
SELECT e.id
FROM pattern_groups g CROSS JOIN LATERAL ({newest}) e
WHERE g.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND g.pattern_id = %(pattern)s
ORDER BY e.timestamp DESC, e.id DESC LIMIT 1

-- name: read_dictionary
SELECT content FROM dictionaries WHERE project_id = %(project)s AND id = %(id)s

-- name: read_books
-- One statement, so one snapshot: cursors, finished received and outcomes belong together.
SELECT 'cursor', slot, '', '', '', NULL::timestamptz, seq, row FROM inbox_cursors
UNION ALL
SELECT 'received', 0, '', '', '', NULL, coalesce(sum(quantity), 0)::bigint, 0
FROM received
WHERE (%(projects)s::int[] IS NULL OR project_id = ANY (%(projects)s))
    AND (%(category)s::text IS NULL OR category = %(category)s)
    AND (%(since)s::timestamptz IS NULL OR hour >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR hour < %(until)s)
UNION ALL
SELECT 'outcome', project_id, category, outcome, reason, min(hour), sum(quantity)::bigint, 0
FROM outcomes
WHERE (%(projects)s::int[] IS NULL OR project_id = ANY (%(projects)s))
    AND (%(category)s::text IS NULL OR category = %(category)s)
    AND (%(since)s::timestamptz IS NULL OR hour >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR hour < %(until)s)
GROUP BY project_id, category, outcome, reason

-- name: list_reports
SELECT id, project_id, report_type, generated_at, total_errors, unique_patterns, status, file_path,
    coalesce(metadata -> 'formats', '["json", "html", "csv"]')
FROM analysis_reports
WHERE (%(projects)s::int[] IS NULL OR project_id = ANY (%(projects)s) OR project_id IS NULL)
    AND (%(after_id)s::int IS NULL OR id < %(after_id)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: read_report
SELECT id, project_id, report_type, generated_at, total_errors, unique_patterns, status, file_path,
    coalesce(metadata -> 'formats', '["json", "html", "csv"]')
FROM analysis_reports WHERE id = %(id)s

-- name: read_facts
SELECT current_setting('server_version'), pg_database_size(current_database()),
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
    (SELECT count(*) FROM dead_letters),
    (SELECT count(*) FROM error_patterns WHERE merged_into IS NULL)

-- name: read_cursors
SELECT slot, seq, row FROM inbox_cursors

-- name: read_sizes
-- Rows are PostgreSQL's own estimate; partitions count for their table.
SELECT root.relname, coalesce(sum(pg_stat_get_live_tuples(part.relid)), 0)::bigint,
    coalesce(sum(pg_total_relation_size(part.relid)), 0)::bigint
FROM pg_class root
CROSS JOIN LATERAL (SELECT root.oid AS relid UNION SELECT relid FROM pg_partition_tree(root.oid)) part
WHERE root.relnamespace = current_schema()::regnamespace AND root.relkind IN ('r', 'p') AND NOT root.relispartition
GROUP BY root.relname
ORDER BY 3 DESC
