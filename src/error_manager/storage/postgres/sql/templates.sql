-- name: newer
-- Published templates that a worker does not have, with the texts that a person holds in a pattern of their own.
SELECT s.project_id, s.version, s.content, ARRAY(
    SELECT g.group_id
    FROM pattern_groups g
    JOIN pattern_groups t ON t.project_id = g.project_id AND t.group_id = g.template_group_id
    WHERE g.project_id = s.project_id AND g.by = 'person' AND g.template_group_id IS NOT NULL
        AND t.pattern_id <> g.pattern_id)
FROM template_snapshots s
LEFT JOIN unnest(%(projects)s::int[], %(versions)s::bigint[]) AS k (project_id, version) USING (project_id)
WHERE s.version <> coalesce(k.version, 0)

-- name: waiting
SELECT p.id
FROM projects p LEFT JOIN template_snapshots s ON s.project_id = p.id
WHERE EXISTS (
    SELECT FROM error_patterns e
    WHERE e.project_id = p.id AND e.id > coalesce(s.learned_pattern_id, 0)
        AND ((e.metadata #>> '{parts,0}') LIKE 'message: %%' OR (e.metadata #>> '{parts,0}') LIKE 'template: #%%')
        AND e.metadata -> 'rules' IS NULL
)
ORDER BY p.id

-- name: mining_state
SELECT learned_pattern_id, content FROM template_snapshots WHERE project_id = %(project)s

-- name: unread_groups
-- With the map held alone: a batch that has an id of a pattern has stored it. A pattern that a split has made has no
-- group of its hash; it only moves the reader on.
SELECT p.id, g.group_id, p.message, p.metadata -> 'parts', g.template_id
FROM error_patterns p
LEFT JOIN pattern_groups g ON g.project_id = p.project_id AND g.group_id = decode(left(p.pattern_hash, 32), 'hex')
WHERE p.project_id = %(project)s AND p.id > %(start)s
    AND ((p.metadata #>> '{parts,0}') LIKE 'message: %%' OR (p.metadata #>> '{parts,0}') LIKE 'template: #%%')
    AND p.metadata -> 'rules' IS NULL
ORDER BY p.id
LIMIT %(limit)s

-- name: template_groups
SELECT g.group_id, o.message, o.metadata -> 'parts', g.template_id
FROM pattern_groups g
JOIN error_patterns o ON o.project_id = g.project_id AND o.id = coalesce(g.origin_id, g.pattern_id)
WHERE g.project_id = %(project)s AND g.template_id = ANY (%(templates)s::int[])
ORDER BY g.group_id

-- name: publish
INSERT INTO template_snapshots AS s (project_id, version, content, learned_pattern_id)
SELECT %(project)s, %(changed)s::int, %(content)s, %(end)s
WHERE %(start)s = 0 OR EXISTS (SELECT FROM template_snapshots WHERE project_id = %(project)s)
ON CONFLICT (project_id) DO UPDATE SET version = s.version + excluded.version, content = excluded.content,
    learned_pattern_id = excluded.learned_pattern_id, updated_at = now()
    WHERE s.learned_pattern_id = %(start)s

-- name: keep_texts
INSERT INTO templates (project_id, id, text)
SELECT %(project)s, d.id, d.text FROM unnest(%(ids)s::int[], %(texts)s::text[]) AS d (id, text)
ON CONFLICT (project_id, id) DO UPDATE SET text = excluded.text

-- name: name_patterns
-- A pattern whose first text has a template bears its name; what a person named keeps its own.
UPDATE error_patterns p SET title = left(d.text, %(limit)s), updated_at = now()
FROM unnest(%(ids)s::int[], %(texts)s::text[]) AS d (id, text)
JOIN pattern_groups t ON t.project_id = %(project)s AND t.template_id = d.id
JOIN pattern_groups g ON g.project_id = t.project_id AND g.template_group_id = t.group_id AND g.pattern_id = t.pattern_id
WHERE p.project_id = g.project_id AND p.id = g.pattern_id AND left(p.pattern_hash, 32) = encode(g.group_id, 'hex')
    AND p.title <> left(d.text, %(limit)s)

-- name: places
SELECT group_id, pattern_id, by FROM pattern_groups
WHERE project_id = %(project)s AND group_id = ANY (%(groups)s::bytea[])

-- name: add_template_groups
INSERT INTO pattern_groups (project_id, group_id, pattern_id, since, by, origin_id, template_id)
SELECT %(project)s, d.group_id, d.pattern_id, %(now)s, 'template', d.pattern_id, d.template_id
FROM unnest(%(groups)s::bytea[], %(patterns)s::int[], %(templates)s::int[]) AS d (group_id, pattern_id, template_id)

-- name: lead_texts
-- Texts of a template that was merged into another one belong to that from now on.
UPDATE pattern_groups g SET template_group_id = d.template_group
FROM unnest(%(groups)s::bytea[], %(template_groups)s::bytea[]) AS d (group_id, template_group)
WHERE g.project_id = %(project)s AND g.template_group_id = d.group_id

-- name: link_groups
UPDATE pattern_groups g SET template_group_id = d.template_group,
    template_id = CASE WHEN g.template_id IS NOT NULL THEN d.template_id END
FROM unnest(%(groups)s::bytea[], %(template_groups)s::bytea[], %(templates)s::int[])
    AS d (group_id, template_group, template_id)
WHERE g.project_id = %(project)s AND g.group_id = d.group_id
