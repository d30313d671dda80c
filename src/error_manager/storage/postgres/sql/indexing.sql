-- name: live_patterns
SELECT project_id, id FROM error_patterns WHERE merged_into IS NULL

-- name: samples
-- The newest error of each pattern. Of a pattern of many groups the newest eight are looked at: a template may have
-- thousands, and any error of it will do.
SELECT p.id, p.title, p.message, p.platform, e.dictionary_id, e.body
FROM error_patterns p
LEFT JOIN LATERAL (
    SELECT e.dictionary_id, e.body
    FROM (
        SELECT g.project_id, g.group_id FROM pattern_groups g
        WHERE g.project_id = p.project_id AND g.pattern_id = p.id ORDER BY g.since DESC LIMIT 8
    ) g
    CROSS JOIN LATERAL ({newest}) e
    ORDER BY e.timestamp DESC LIMIT 1
) e ON true
WHERE p.project_id = %(project)s AND p.id = ANY (%(patterns)s::int[])
ORDER BY p.id
