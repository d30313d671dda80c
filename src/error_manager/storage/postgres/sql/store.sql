-- name: read_cursor
-- Where processing stands in a slot.
SELECT seq, row FROM inbox_cursors WHERE slot = %(slot)s;

-- name: open_cursor
-- Make the row that the first commit of a slot moves.
INSERT INTO inbox_cursors (slot, seq, row) VALUES (%(slot)s, 0, 0) ON CONFLICT DO NOTHING;

-- name: move_cursor
-- Move the cursor, but only from where this worker read it: two workers can never both commit the same records.
UPDATE inbox_cursors SET seq = %(end_seq)s, row = %(end_row)s, updated_at = now()
WHERE slot = %(slot)s AND seq = %(start_seq)s AND row = %(start_row)s;

-- name: claim_event_ids
-- The dedup: of each id only the first is kept; the rows returned are the new ones.
INSERT INTO event_ids (project_id, event_id, error_id, timestamp)
SELECT * FROM unnest(%(projects)s::int[], %(events)s::uuid[], %(errors)s::uuid[], %(timestamps)s::timestamptz[])
ON CONFLICT DO NOTHING
RETURNING error_id;

-- name: hold_map
-- The first lock of a batch: until its end nobody changes which pattern a group is in (ADR 0009).
SELECT pg_advisory_xact_lock_shared(7305488, project) FROM unnest(%(projects)s::int[]) AS project;

-- name: known_groups
SELECT g.project_id, g.group_id, g.pattern_id
FROM unnest(%(projects)s::int[], %(groups)s::bytea[]) AS k (project_id, group_id)
JOIN pattern_groups g USING (project_id, group_id);

-- name: add_pattern
INSERT INTO error_patterns (project_id, pattern_hash, module, error_code, first_seen, last_seen, severity,
    severity_rank, metadata, title, message, culprit, template, platform, first_release, last_release)
VALUES (%(project_id)s, %(pattern_hash)s, %(module)s, %(error_code)s, %(timestamp)s, %(timestamp)s, %(severity)s,
    %(severity_rank)s, %(metadata)s, %(title)s, %(message)s, %(culprit)s, %(template)s, %(platform)s,
    %(release)s, %(release)s)
ON CONFLICT (project_id, pattern_hash) DO NOTHING;

-- name: add_group
-- Another worker may have made the pattern a moment ago: take whichever is there.
INSERT INTO pattern_groups (project_id, group_id, pattern_id, template_id)
SELECT project_id, %(group_id)s, id, %(template_id)s FROM error_patterns
WHERE project_id = %(project_id)s AND pattern_hash = %(pattern_hash)s
ON CONFLICT DO NOTHING;

-- name: inherit_groups
-- During a transition between two versions of the fingerprint: the same error, so the same pattern.
INSERT INTO pattern_groups (project_id, group_id, pattern_id, by)
SELECT d.*, 'version'
FROM unnest(%(projects)s::int[], %(groups)s::bytea[], %(patterns)s::int[]) AS d (project_id, group_id, pattern_id)
ON CONFLICT DO NOTHING;

-- name: lock_patterns
-- Always in the same order, so that workers wait for one another and never deadlock.
SELECT project_id, id, status, resolved_at, ignore_until FROM error_patterns
WHERE (project_id, id) IN (SELECT * FROM unnest(%(projects)s::int[], %(patterns)s::int[]))
ORDER BY project_id, id
FOR UPDATE;

-- name: count_patterns
UPDATE error_patterns p SET
    frequency = p.frequency + d.count,
    users = p.users + d.users,
    first_seen = least(p.first_seen, d.first_seen),
    last_seen = greatest(p.last_seen, d.last_seen),
    severity = CASE WHEN d.severity_rank > p.severity_rank THEN d.severity ELSE p.severity END,
    severity_rank = greatest(p.severity_rank, d.severity_rank),
    last_release = CASE WHEN d.release <> '' AND d.last_seen >= p.last_seen THEN d.release ELSE p.last_release END,
    updated_at = now()
FROM unnest(%(projects)s::int[], %(patterns)s::int[], %(counts)s::bigint[], %(users)s::bigint[],
    %(first_seen)s::timestamptz[], %(last_seen)s::timestamptz[], %(severities)s::text[], %(ranks)s::int[],
    %(releases)s::text[])
    AS d (project_id, id, count, users, first_seen, last_seen, severity, severity_rank, release)
WHERE p.project_id = d.project_id AND p.id = d.id;

-- name: reopen_patterns
-- An error later than the resolution (or than the end of "ignore until") reopens its pattern; history keeps it.
WITH reopened AS (
    UPDATE error_patterns p SET
        status = 'unresolved',
        regressed_at = CASE WHEN p.status = 'resolved' THEN d.last_seen ELSE p.regressed_at END,
        resolved_at = NULL, ignore_until = NULL
    FROM unnest(%(projects)s::int[], %(patterns)s::int[], %(last_seen)s::timestamptz[]) AS d (project_id, id, last_seen),
        error_patterns old
    WHERE p.project_id = d.project_id AND p.id = d.id AND old.project_id = p.project_id AND old.id = p.id
      AND ((p.status = 'resolved' AND d.last_seen > p.resolved_at)
        OR (p.status = 'ignored' AND p.ignore_until IS NOT NULL AND p.ignore_until <= d.last_seen))
    RETURNING p.project_id, p.id, old.status, old.resolved_at, old.ignore_until, old.regressed_at
)
INSERT INTO pattern_history (project_id, pattern_id, action, before)
SELECT project_id, id, CASE WHEN status = 'resolved' THEN 'regressed' ELSE 'reopened' END,
    jsonb_build_object('status', status, 'resolved_at', resolved_at, 'ignore_until', ignore_until,
        'regressed_at', regressed_at)
FROM reopened
RETURNING project_id, pattern_id, action;

-- name: ensure_partition
SELECT ensure_partition(%(day)s);

-- name: copy_errors
COPY project_errors (id, project_id, timestamp, message, stack_trace, module, error_code, manager_context, severity,
    created_at, event_id, group_id, fingerprint_version, occurrences, environment, release, user_key, dictionary_id,
    body, template_version) FROM STDIN (FORMAT BINARY);

-- name: copy_subjects
COPY subjects (project_id, subject_key, timestamp, error_id) FROM STDIN (FORMAT BINARY);

-- name: count_new_users
-- How many users of "came" (project_id, pattern_id, user_key) no group of their pattern has had on any day. The groups of
-- a small pattern are asked for the user, for a large one the groups of the user are looked at: 1,000 groups cost no more
-- than ten, and a user who is everywhere costs a small pattern nothing. The order is fixed (OFFSET 0, and subqueries that
-- return a value): left to the planner, one user with most of the rows made it compare each user with all rows.
patterns AS MATERIALIZED (
    SELECT p.project_id, p.pattern_id, (
        SELECT count(*) <= 16 FROM (
            SELECT FROM pattern_groups g WHERE g.project_id = p.project_id AND g.pattern_id = p.pattern_id LIMIT 17
        ) first
    ) AS is_small
    FROM (SELECT DISTINCT project_id, pattern_id FROM came) p
)
SELECT c.project_id, c.pattern_id, count(*)
FROM came c JOIN patterns p USING (project_id, pattern_id)
WHERE CASE WHEN p.is_small THEN NOT EXISTS (
    SELECT FROM pattern_groups o
    WHERE o.project_id = c.project_id AND o.pattern_id = c.pattern_id AND (
        SELECT true FROM users u
        WHERE u.project_id = o.project_id AND u.group_id = o.group_id AND u.user_key = c.user_key LIMIT 1)
    OFFSET 0
) ELSE NOT EXISTS (
    SELECT FROM users u
    WHERE u.project_id = c.project_id AND u.user_key = c.user_key AND c.pattern_id = (
        SELECT o.pattern_id FROM pattern_groups o WHERE o.project_id = u.project_id AND o.group_id = u.group_id)
    OFFSET 0
) END
GROUP BY c.project_id, c.pattern_id

-- name: add_users
-- Returns how many users each pattern gained. Asked with the patterns locked, so that two workers never both count the
-- same person.
WITH added AS (
    INSERT INTO users (project_id, group_id, user_key, day)
    SELECT * FROM unnest(%(projects)s::int[], %(groups)s::bytea[], %(users)s::bytea[], %(days)s::date[])
    ON CONFLICT DO NOTHING
    RETURNING project_id, group_id, user_key
), came AS MATERIALIZED (
    SELECT DISTINCT a.project_id, g.pattern_id, a.user_key
    FROM added a CROSS JOIN LATERAL (
        SELECT pattern_id FROM pattern_groups WHERE project_id = a.project_id AND group_id = a.group_id OFFSET 0
    ) g
), {count_new_users};

-- name: add_minutes
INSERT INTO rollup_minute (project_id, bucket, group_id, shard, count)
SELECT p, b, g, %(shard)s, c
FROM unnest(%(projects)s::int[], %(buckets)s::timestamptz[], %(groups)s::bytea[], %(counts)s::bigint[])
    AS d (p, b, g, c)
ON CONFLICT (project_id, bucket, group_id, shard) DO UPDATE SET count = rollup_minute.count + excluded.count;

-- name: add_minute_severities
INSERT INTO rollup_minute_severity (project_id, bucket, severity, shard, count)
SELECT p, b, s, %(shard)s, c
FROM unnest(%(projects)s::int[], %(buckets)s::timestamptz[], %(severities)s::text[], %(counts)s::bigint[])
    AS d (p, b, s, c)
ON CONFLICT (project_id, bucket, severity, shard) DO UPDATE SET count = rollup_minute_severity.count + excluded.count;

-- name: add_hours
INSERT INTO rollup_hour (project_id, group_id, bucket, environment, release, shard, count)
SELECT p, g, b, e, r, %(shard)s, c
FROM unnest(%(projects)s::int[], %(groups)s::bytea[], %(buckets)s::timestamptz[], %(environments)s::text[],
    %(releases)s::text[], %(counts)s::bigint[]) AS d (p, g, b, e, r, c)
ON CONFLICT (project_id, group_id, bucket, environment, release, shard)
    DO UPDATE SET count = rollup_hour.count + excluded.count;

-- name: add_days
INSERT INTO rollup_day (project_id, group_id, bucket, environment, release, shard, count)
SELECT p, g, b, e, r, %(shard)s, c
FROM unnest(%(projects)s::int[], %(groups)s::bytea[], %(buckets)s::timestamptz[], %(environments)s::text[],
    %(releases)s::text[], %(counts)s::bigint[]) AS d (p, g, b, e, r, c)
ON CONFLICT (project_id, group_id, bucket, environment, release, shard)
    DO UPDATE SET count = rollup_day.count + excluded.count;

-- name: add_day_tags
INSERT INTO rollup_day_tag (project_id, group_id, bucket, key, value, shard, count)
SELECT p, g, b, k, v, %(shard)s, c
FROM unnest(%(projects)s::int[], %(groups)s::bytea[], %(buckets)s::timestamptz[], %(keys)s::text[],
    %(values)s::text[], %(counts)s::bigint[]) AS d (p, g, b, k, v, c)
ON CONFLICT (project_id, group_id, bucket, key, value, shard)
    DO UPDATE SET count = rollup_day_tag.count + excluded.count;

-- name: known_tag_values
-- What these days already hold, so that the cap on distinct values survives a restart of the worker.
SELECT DISTINCT t.project_id, t.group_id, t.bucket, t.key, t.value
FROM unnest(%(projects)s::int[], %(groups)s::bytea[], %(buckets)s::timestamptz[]) AS d (project_id, group_id, bucket)
JOIN rollup_day_tag t USING (project_id, group_id, bucket);

-- name: known_releases
SELECT DISTINCT t.project_id, t.group_id, t.bucket, ''::text, t.release
FROM unnest(%(projects)s::int[], %(groups)s::bytea[], %(buckets)s::timestamptz[]) AS d (project_id, group_id, bucket)
JOIN rollup_day t USING (project_id, group_id, bucket);

-- name: add_outcomes
INSERT INTO outcomes (project_id, hour, category, outcome, reason, shard, quantity)
SELECT p, h, c, o, r, %(shard)s, q
FROM unnest(%(projects)s::int[], %(hours)s::timestamptz[], %(categories)s::text[], %(outcomes)s::text[],
    %(reasons)s::text[], %(quantities)s::bigint[]) AS d (p, h, c, o, r, q)
ON CONFLICT (project_id, hour, category, outcome, reason, shard)
    DO UPDATE SET quantity = outcomes.quantity + excluded.quantity;

-- name: add_received
-- The counts of a finished segment, once and for all.
INSERT INTO received (project_id, hour, category, slot, quantity)
SELECT p, h, c, %(slot)s, q
FROM unnest(%(projects)s::int[], %(hours)s::timestamptz[], %(categories)s::text[], %(quantities)s::bigint[])
    AS d (p, h, c, q)
ON CONFLICT (project_id, hour, category, slot) DO UPDATE SET quantity = received.quantity + excluded.quantity;

-- name: add_dead_letter
INSERT INTO dead_letters (project_id, received_at, kind, event_id, reason, detail, attempts, body)
VALUES (%(project_id)s, %(received_at)s, %(kind)s, %(event_id)s, %(reason)s, %(detail)s, %(attempts)s, %(body)s);

-- name: list_dead_letters
SELECT id, project_id, received_at, reason, detail, attempts, kind, event_id, ''::bytea AS body
FROM dead_letters WHERE %(project_id)s::int IS NULL OR project_id = %(project_id)s
ORDER BY id DESC LIMIT %(limit)s;

-- name: read_dead_letter
SELECT id, project_id, received_at, reason, detail, attempts, kind, event_id, body
FROM dead_letters WHERE id = %(id)s;

-- name: remove_dead_letter
DELETE FROM dead_letters WHERE id = %(id)s RETURNING project_id, received_at, reason;

-- name: read_projects
SELECT id, name, slug, platform, organization_id, subject_key FROM projects;

-- name: read_dictionaries
SELECT project_id, id, content FROM dictionaries;

-- name: add_dictionary
INSERT INTO dictionaries (project_id, id, content) VALUES (%(project_id)s, %(id)s, %(content)s)
ON CONFLICT DO NOTHING;

-- name: drop_partitions
SELECT drop_partitions(%(before)s);

-- name: trim_event_ids
DELETE FROM event_ids WHERE (project_id, event_id) IN (
    SELECT project_id, event_id FROM event_ids WHERE timestamp < %(before)s LIMIT %(limit)s);

-- name: trim_users
DELETE FROM users WHERE (project_id, group_id, user_key, day) IN (
    SELECT project_id, group_id, user_key, day FROM users WHERE day < %(before)s::date LIMIT %(limit)s);

-- name: trim_minutes
DELETE FROM rollup_minute WHERE (project_id, bucket, group_id, shard) IN (
    SELECT project_id, bucket, group_id, shard FROM rollup_minute WHERE bucket < %(before)s LIMIT %(limit)s);

-- name: trim_severities
DELETE FROM rollup_minute_severity WHERE (project_id, bucket, severity, shard) IN (
    SELECT project_id, bucket, severity, shard FROM rollup_minute_severity WHERE bucket < %(before)s
    LIMIT %(limit)s);

-- name: trim_anomalies
-- One that goes on stays.
DELETE FROM anomalies WHERE (project_id, id) IN (
    SELECT a.project_id, a.id
    FROM projects p CROSS JOIN LATERAL (
        SELECT o.project_id, o.id FROM anomalies o
        WHERE o.project_id = p.id AND o.started_at < %(before)s AND o.ended_at < %(before)s
        LIMIT %(limit)s
    ) a
    LIMIT %(limit)s);

-- name: trim_changes
-- A release that had errors in the last 32 days stays, else the analysis, which looks back 30 days, would note it anew; so
-- does the last one of each environment: without it the next would seem to be the first.
WITH live AS MATERIALIZED (
    SELECT DISTINCT d.project_id, d.environment, d.release FROM rollup_day d WHERE d.bucket >= now() - interval '32 days'
)
DELETE FROM changes WHERE (project_id, id) IN (
    SELECT c.project_id, c.id
    FROM projects p CROSS JOIN LATERAL (
        SELECT o.project_id, o.id, o.kind, o.environment, o.version, o.at FROM changes o
        WHERE o.project_id = p.id AND o.at < %(before)s
    ) c
    WHERE c.kind <> 'release' OR (
        EXISTS (
            SELECT FROM changes n
            WHERE n.project_id = c.project_id AND n.kind = 'release' AND n.environment = c.environment
                AND n.at < %(before)s AND (n.at, n.id) > (c.at, c.id)
        ) AND NOT EXISTS (
            SELECT FROM live l
            WHERE l.project_id = c.project_id AND l.environment = c.environment AND l.release = c.version
        )
    )
    LIMIT %(limit)s);

-- name: trim_spans
-- The first of all stays: what lies before it was imported, what lies after it and in no span is missing.
DELETE FROM collection_spans WHERE (slot, started_at) IN (
    SELECT slot, started_at FROM collection_spans
    WHERE ended_at < %(before)s AND started_at > (SELECT min(started_at) FROM collection_spans)
    LIMIT %(limit)s);

-- name: read_rule_sets
SELECT p.id, r.id, r.matchers, r.action
FROM projects p JOIN grouping_rules r ON r.project_id = p.id AND r.is_active
WHERE p.rules_version > 0
ORDER BY p.id, r.position, r.id;

-- name: read_rule_versions
SELECT id, rules_version FROM projects WHERE rules_version > 0;
