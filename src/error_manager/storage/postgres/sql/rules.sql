-- name: read_rules
SELECT id, position, matchers, action, note, is_active, created_at FROM grouping_rules
WHERE project_id = %(project)s ORDER BY position, id

-- name: read_version
SELECT rules_version FROM projects WHERE id = %(project)s

-- name: lock_version
SELECT rules_version FROM projects WHERE id = %(project)s FOR NO KEY UPDATE

-- name: raise_version
UPDATE projects SET rules_version = rules_version + 1 WHERE id = %(project)s

-- name: add_rule
INSERT INTO grouping_rules (project_id, position, matchers, action, note, created_at, person_id)
SELECT %(project)s, coalesce(max(position), 0) + 1, %(matchers)s, %(action)s, %(note)s, %(now)s, %(person)s
FROM grouping_rules WHERE project_id = %(project)s
RETURNING id

-- name: change_rule
UPDATE grouping_rules SET matchers = %(matchers)s, action = %(action)s, note = %(note)s
WHERE project_id = %(project)s AND id = %(id)s

-- name: delete_rule
DELETE FROM grouping_rules WHERE project_id = %(project)s AND id = %(id)s

-- name: order_rules
UPDATE grouping_rules r SET position = o.place
FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS o (id, place)
WHERE r.project_id = %(project)s AND r.id = o.id

-- name: switch_rule
UPDATE grouping_rules SET is_active = %(is_on)s WHERE project_id = %(project)s AND id = %(id)s

-- name: read_homes
SELECT group_id, pattern_id, by = 'person' FROM pattern_groups
WHERE project_id = %(project)s AND group_id = ANY (%(groups)s::bytea[])

-- name: read_newest
-- The newest errors, with nothing but what decides their group.
SELECT group_id, occurrences, dictionary_id, body, template_version IS NOT NULL FROM project_errors
WHERE project_id = %(project)s ORDER BY timestamp DESC, id DESC LIMIT %(limit)s

-- name: count_newest
SELECT count(*) FROM (SELECT FROM project_errors WHERE project_id = %(project)s LIMIT %(limit)s) e

-- name: read_dictionaries
SELECT id, content FROM dictionaries WHERE project_id = %(project)s

-- name: add_to_map
-- Groups that a known pattern takes on before their first error comes; what an error put there meanwhile stays.
INSERT INTO pattern_groups (project_id, group_id, pattern_id, since, by)
SELECT %(project)s, d.group_id, d.pattern_id, %(now)s, 'rule'
FROM unnest(%(groups)s::bytea[], %(patterns)s::int[]) AS d (group_id, pattern_id)
JOIN error_patterns p ON p.project_id = %(project)s AND p.id = d.pattern_id
ON CONFLICT DO NOTHING
RETURNING encode(group_id, 'hex')

-- name: remove_unused
-- Of groups that were taken on: those that no error ever came to.
DELETE FROM pattern_groups g
WHERE g.project_id = %(project)s AND encode(g.group_id, 'hex') = ANY (%(groups)s::text[]) AND g.by = 'rule'
    AND NOT EXISTS (SELECT FROM rollup_day r WHERE r.project_id = g.project_id AND r.group_id = g.group_id)

-- name: emptied
-- Which of these patterns have no group any more that holds errors or that a person put there.
SELECT p.id FROM unnest(%(ids)s::int[]) AS p (id)
WHERE NOT EXISTS (
    SELECT FROM pattern_groups g
    WHERE g.project_id = %(project)s AND g.pattern_id = p.id AND (g.by = 'person' OR EXISTS (
        SELECT FROM rollup_day r WHERE r.project_id = g.project_id AND r.group_id = g.group_id))
)

-- name: add_move
INSERT INTO grouping_moves (project_id, at, rule_id, person_id, before)
VALUES (%(project)s, %(now)s, %(rule)s, %(person)s, %(before)s)

-- name: last_move
-- What switching the rule on moved, if that was not undone yet.
SELECT id, before FROM grouping_moves
WHERE project_id = %(project)s AND rule_id = %(rule)s AND undone_at IS NULL
ORDER BY id DESC LIMIT 1

-- name: end_move
UPDATE grouping_moves SET undone_at = %(now)s WHERE project_id = %(project)s AND id = %(id)s

-- name: add_preview
INSERT INTO rule_previews (project_id, created_at, updated_at, rule_id, total)
VALUES (%(project)s, %(now)s, %(now)s, %(rule)s, %(total)s) RETURNING id

-- name: trim_previews
DELETE FROM rule_previews WHERE project_id = %(project)s AND created_at < %(now)s - interval '7 days'

-- name: note_preview
UPDATE rule_previews SET updated_at = %(now)s, done = %(done)s, failure = %(failure)s, result = %(result)s
WHERE project_id = %(project)s AND id = %(id)s

-- name: read_preview
SELECT id, rule_id, created_at, updated_at, total, done, failure, result FROM rule_previews
WHERE project_id = %(project)s AND id = %(id)s
