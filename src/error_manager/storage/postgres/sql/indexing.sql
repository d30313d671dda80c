-- name: live_patterns
SELECT project_id, id FROM error_patterns WHERE merged_into IS NULL

-- name: samples
-- The newest error of each pattern. Of a pattern of many groups the newest eight are looked at: a template may have
-- thousands, and any error of it will do. No error is newer than its pattern says, which spares later partitions.
SELECT p.id, p.title, p.message, p.platform, e.dictionary_id, e.body
FROM error_patterns p
LEFT JOIN LATERAL (
    SELECT f.dictionary_id, f.body
    FROM (
        SELECT g.group_id FROM pattern_groups g
        WHERE g.project_id = p.project_id AND g.pattern_id = p.id ORDER BY g.since DESC LIMIT 8
    ) g
    CROSS JOIN LATERAL (
        SELECT r.timestamp, r.dictionary_id, r.body FROM project_errors r
        WHERE r.project_id = p.project_id AND r.group_id = g.group_id AND r.timestamp <= p.last_seen
        ORDER BY r.timestamp DESC, r.id DESC LIMIT 1
    ) f
    ORDER BY f.timestamp DESC LIMIT 1
) e ON true
WHERE p.project_id = %(project)s AND p.id = ANY (%(patterns)s::int[])
ORDER BY p.id
