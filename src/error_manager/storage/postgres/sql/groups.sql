-- name: change_map
-- Waits for the batches that are being stored in this project, keeps new ones waiting, and so changes the map between
-- two batches (see hold_map in store.sql, and ADR 0009).
SELECT pg_advisory_xact_lock(7305488, %(project)s)

-- name: allow_longer
-- Users of a pattern of many million errors take longer to count than a page may wait for.
SET LOCAL statement_timeout = '60s'

-- name: find_pattern
SELECT p.project_id, coalesce(p.merged_into, p.id)
FROM error_patterns p
WHERE p.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects))) AND p.id = %(id)s

-- name: find_patterns
SELECT p.id, coalesce(p.merged_into, p.id)
FROM error_patterns p
WHERE p.project_id = %(project)s AND p.id = ANY (%(ids)s::int[])

-- name: lock_members
SELECT p.id, p.title, p.pattern_hash, p.merged_into, p.status, p.resolved_at, p.ignore_until, p.regressed_at,
    p.first_seen, p.last_seen, p.first_release, p.last_release, p.severity, p.frequency, p.users
FROM error_patterns p
WHERE p.project_id = %(project)s AND (p.id = ANY (%(ids)s::int[]) OR p.merged_into = ANY (%(into)s::int[]))
ORDER BY p.id
FOR UPDATE

-- name: read_placed
SELECT encode(g.group_id, 'hex'), g.pattern_id, g.since, g.by, g.origin_id, g.change_id
FROM pattern_groups g
WHERE g.project_id = %(project)s
    AND (g.pattern_id = ANY (%(patterns)s::int[]) OR encode(g.group_id, 'hex') = ANY (%(groups)s::text[]))
ORDER BY g.group_id

-- name: rank_groups
-- The largest first.
SELECT encode(g.group_id, 'hex'), coalesce(g.origin_id, g.pattern_id), o.merged_into IS NOT NULL
FROM pattern_groups g
JOIN error_patterns o ON o.project_id = g.project_id AND o.id = coalesce(g.origin_id, g.pattern_id)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.count), 0) AS count FROM rollup_day r
    WHERE r.project_id = g.project_id AND r.group_id = g.group_id
) d
WHERE g.project_id = %(project)s AND g.pattern_id = %(id)s
ORDER BY d.count DESC, g.group_id

-- name: keep_spans
-- What a pattern says of its only group is exact; it is kept before the group gets company.
UPDATE pattern_groups g SET first_seen = p.first_seen, last_seen = p.last_seen, severity_rank = p.severity_rank,
    first_release = p.first_release
FROM error_patterns p
WHERE g.project_id = %(project)s AND g.pattern_id = ANY (%(patterns)s::int[])
    AND p.project_id = g.project_id AND p.id = g.pattern_id
    AND NOT EXISTS (
        SELECT FROM pattern_groups o
        WHERE o.project_id = g.project_id AND o.pattern_id = g.pattern_id AND o.group_id <> g.group_id
    )

-- name: place_groups
UPDATE pattern_groups g SET pattern_id = d.pattern, since = d.since, by = d.by, origin_id = d.origin, change_id = d.change
FROM jsonb_to_recordset(%(groups)s)
    AS d (id text, pattern int, since timestamptz, by text, origin int, change bigint)
WHERE g.project_id = %(project)s AND g.group_id = decode(d.id, 'hex')

-- name: set_patterns
UPDATE error_patterns p SET merged_into = d.merged_into, status = d.status, resolved_at = d.resolved_at,
    ignore_until = d.ignore_until, regressed_at = d.regressed_at, first_release = d.first_release, updated_at = %(now)s
FROM jsonb_to_recordset(%(patterns)s)
    AS d (id int, merged_into int, status text, resolved_at timestamptz, ignore_until timestamptz,
        regressed_at timestamptz, first_release text)
WHERE p.project_id = %(project)s AND p.id = d.id

-- name: set_sums
UPDATE error_patterns p SET first_seen = d.first_seen, last_seen = d.last_seen, last_release = d.last_release,
    severity = d.severity, severity_rank = d.severity_rank, frequency = d.frequency, users = d.users
FROM jsonb_to_recordset(%(sums)s)
    AS d (id int, first_seen timestamptz, last_seen timestamptz, last_release text, severity text, severity_rank smallint,
        frequency bigint, users bigint)
WHERE p.project_id = %(project)s AND p.id = d.id

-- name: empty_patterns
UPDATE error_patterns SET frequency = 0, users = 0 WHERE project_id = %(project)s AND id = ANY (%(ids)s::int[])

-- name: joined_users
-- How many users each base gains from the patterns that join it, asked before their groups move. Only the users of those
-- are read, never the base's: mining adds a new text to a pattern of millions of users each second.
WITH came AS MATERIALIZED (
    SELECT DISTINCT u.project_id, d.base AS pattern_id, u.user_key
    FROM unnest(%(bases)s::int[], %(joining)s::int[]) AS d (base, joining)
    JOIN pattern_groups g ON g.project_id = %(project)s AND g.pattern_id = d.joining
    JOIN users u ON u.project_id = g.project_id AND u.group_id = g.group_id
), {count_new_users}

-- name: compared_users
-- The same where many users join: what all have together, less what the base has.
SELECT %(project)s::int, c.base, sum(c.users)::bigint
FROM (
    SELECT k.base, k.sign * ({count}) AS users
    FROM (
        SELECT %(project)s::int AS project_id, j.base, array_agg(j.joining) || j.base AS patterns, 1 AS sign
        FROM unnest(%(bases)s::int[], %(joining)s::int[]) AS j (base, joining)
        GROUP BY j.base
        UNION ALL
        SELECT DISTINCT %(project)s::int, base, ARRAY[base], -1 FROM unnest(%(bases)s::int[]) AS base
    ) k
    CROSS JOIN LATERAL ({groups}) h
) c
GROUP BY c.base

-- name: touch_templates
-- Workers read the templates again, with the texts that a person holds apart.
UPDATE template_snapshots SET version = version + 1 WHERE project_id = %(project)s

-- name: recount
-- Days are kept for good, so their sum is what was ever stored. Users are counted as long as their days are kept.
UPDATE error_patterns p SET frequency = c.frequency, users = c.users, updated_at = %(now)s
FROM (
    SELECT k.id,
        (SELECT coalesce(sum(r.count), 0)::bigint
         FROM pattern_groups g JOIN rollup_day r ON r.project_id = g.project_id AND r.group_id = g.group_id
         WHERE g.project_id = %(project)s AND g.pattern_id = k.id) AS frequency,
        {count} AS users
    FROM (SELECT %(project)s::int AS project_id, id, ARRAY[id] AS patterns FROM unnest(%(ids)s::int[]) AS id) k
    CROSS JOIN LATERAL ({groups}) h
) c
WHERE p.project_id = %(project)s AND p.id = c.id

-- name: respan
-- First, last and worst error of patterns whose groups changed: what was kept of each group while it was alone, and the
-- errors that are still here. Where retention has removed those, hours say when.
WITH spans AS (
    SELECT g.pattern_id AS id, g.first_release, n.timestamp AS newest,
        n.release AS newest_release, h.first_hour, h.last_hour, greatest(coalesce(g.severity_rank, 0), s.rank) AS rank,
        least(g.first_seen, o.timestamp) AS first_known, greatest(g.last_seen, n.timestamp) AS last_known
    FROM pattern_groups g
    LEFT JOIN LATERAL ({oldest}) o ON true
    LEFT JOIN LATERAL ({newest}) n ON true
    CROSS JOIN LATERAL (
        SELECT min(r.bucket) AS first_hour, max(r.bucket) AS last_hour FROM rollup_hour r
        WHERE r.project_id = g.project_id AND r.group_id = g.group_id
    ) h
    CROSS JOIN LATERAL (
        SELECT coalesce(max(w.rank), 0) AS rank
        FROM unnest(%(severities)s::text[], %(ranks)s::int[]) AS w (severity, rank)
        WHERE w.rank > coalesce(g.severity_rank, 0) AND EXISTS (
            SELECT FROM project_errors e
            WHERE e.project_id = g.project_id AND e.group_id = g.group_id AND e.severity = w.severity)
    ) s
    WHERE g.project_id = %(project)s AND g.pattern_id = ANY (%(ids)s::int[])
), summed AS (
    SELECT id,
        min(CASE WHEN first_hour IS NULL OR first_known < first_hour + interval '1 hour' THEN first_known
            ELSE first_hour END) AS first_seen,
        max(CASE WHEN last_hour IS NULL OR last_known >= last_hour THEN last_known ELSE last_hour END) AS last_seen,
        max(rank) AS rank,
        (array_agg(first_release ORDER BY first_known) FILTER (WHERE first_release IS NOT NULL))[1] AS first_release,
        (array_agg(newest_release ORDER BY newest DESC) FILTER (WHERE newest_release <> ''))[1] AS newest_release
    FROM spans GROUP BY id
)
UPDATE error_patterns p SET
    first_seen = s.first_seen, last_seen = s.last_seen, severity_rank = s.rank,
    severity = (%(names)s::text[])[s.rank + 1],
    first_release = coalesce(s.first_release, p.first_release),
    last_release = coalesce(s.newest_release, p.last_release)
FROM summed s
WHERE p.project_id = %(project)s AND p.id = s.id AND s.first_seen IS NOT NULL
RETURNING p.id, p.last_seen

-- name: lead_on
-- Old links of a pattern lead to where its first group is.
SELECT p.id
FROM error_patterns p JOIN pattern_groups g ON g.project_id = p.project_id AND g.origin_id = p.id
WHERE p.project_id = %(project)s AND p.merged_into IS NOT NULL AND encode(g.group_id, 'hex') = ANY (%(groups)s::text[])
    AND left(p.pattern_hash, 32) = encode(g.group_id, 'hex')

-- name: new_pattern
-- Described by the first error of a group, counted afterwards, as important as the pattern it was in. No fingerprint has its hash: it is random.
INSERT INTO error_patterns (project_id, pattern_hash, module, error_code, first_seen, last_seen, severity, severity_rank,
    metadata, title, message, culprit, template, platform, first_release, last_release, merged_into,
    weight)
SELECT o.project_id, encode(sha256(uuid_send(gen_random_uuid())), 'hex'), o.module, o.error_code, o.first_seen, o.last_seen, o.severity, o.severity_rank, o.metadata,
    coalesce(nullif(%(title)s, ''), o.title), o.message, o.culprit, o.template, o.platform, o.first_release,
    o.last_release, h.id, h.weight
FROM error_patterns o JOIN error_patterns h ON h.project_id = o.project_id AND h.id = %(id)s
WHERE o.project_id = %(project)s AND o.id = %(origin)s
RETURNING id

-- name: add_changes
INSERT INTO pattern_history (project_id, pattern_id, at, action, person_id, before)
SELECT %(project)s, d.id, %(now)s, d.action, %(person)s, d.before
FROM jsonb_to_recordset(%(lines)s) AS d (id int, action text, before jsonb)
RETURNING id, pattern_id

-- name: read_change
SELECT h.pattern_id, h.before FROM pattern_history h WHERE h.project_id = %(project)s AND h.id = %(change)s

-- name: linked_changes
SELECT h.id, h.pattern_id FROM pattern_history h
WHERE h.project_id = %(project)s AND h.pattern_id = ANY (%(patterns)s::int[])
    AND h.action IN ('merged_into', 'split_off') AND (h.before ->> 'change')::bigint = %(change)s

-- name: last_regrouping
-- The newest merge or split that was not taken back.
SELECT h.id, h.action, h.before
FROM pattern_history h
WHERE h.project_id = %(project)s AND h.pattern_id = %(id)s AND h.action IN ('merged', 'split', 'split_off')
    AND NOT EXISTS (
        SELECT FROM pattern_history u
        WHERE u.project_id = h.project_id AND u.pattern_id = h.pattern_id AND u.action = 'undone'
            AND (u.before ->> 'undone')::bigint = h.id
    )
ORDER BY h.id DESC
LIMIT 1

-- name: read_groups
SELECT encode(g.group_id, 'hex'), g.by, g.since, coalesce(who.name, ''), o.title, o.message, o.culprit,
    coalesce(o.metadata -> 'parts', '[]'), coalesce((o.metadata ->> 'version')::int, 0), d.count,
    coalesce(n.timestamp, g.last_seen, p.last_seen), left(p.pattern_hash, 32) = encode(g.group_id, 'hex'),
    coalesce((SELECT t.text
        FROM pattern_groups o JOIN templates t ON t.project_id = o.project_id AND t.id = o.template_id
        WHERE o.project_id = g.project_id AND o.group_id = coalesce(g.template_group_id, g.group_id)
            AND (g.by <> 'person' OR o.pattern_id = g.pattern_id)), '')
FROM pattern_groups g
JOIN error_patterns p ON p.project_id = g.project_id AND p.id = g.pattern_id
JOIN error_patterns o ON o.project_id = g.project_id AND o.id = coalesce(g.origin_id, g.pattern_id)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.count), 0)::bigint AS count FROM rollup_day r
    WHERE r.project_id = g.project_id AND r.group_id = g.group_id
) d
LEFT JOIN LATERAL ({newest}) n ON true
LEFT JOIN pattern_history c ON c.project_id = g.project_id AND c.id = g.change_id
LEFT JOIN persons who ON who.id = c.person_id
WHERE g.project_id = ANY (ARRAY(SELECT id FROM projects)) AND g.pattern_id = %(id)s
ORDER BY d.count DESC, g.group_id
LIMIT %(limit)s

-- name: read_comparable
SELECT p.id, p.title, p.message, p.culprit, coalesce(p.metadata -> 'parts', '[]'), p.frequency, s.shared,
    coalesce((SELECT t.text
        FROM pattern_groups g
        JOIN pattern_groups o ON o.project_id = g.project_id AND o.group_id = coalesce(g.template_group_id, g.group_id)
        JOIN templates t ON t.project_id = o.project_id AND t.id = o.template_id
        WHERE g.project_id = p.project_id AND g.group_id = decode(left(p.pattern_hash, 32), 'hex')
            AND (g.by <> 'person' OR o.pattern_id = g.pattern_id)), '')
FROM error_patterns me
JOIN error_patterns p ON p.project_id = me.project_id AND p.id <> me.id AND p.merged_into IS NULL
CROSS JOIN LATERAL (
    SELECT (p.title = me.title)::int + (p.module = me.module)::int + (p.error_code = me.error_code)::int AS shared
) s
WHERE me.project_id = ANY (ARRAY(SELECT id FROM projects)) AND me.id = %(id)s
ORDER BY s.shared DESC, p.last_seen DESC, p.id DESC
LIMIT %(limit)s
