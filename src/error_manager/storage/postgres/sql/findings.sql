-- name: move_state
-- Nothing is written when somebody else has moved the state on since it was read.
INSERT INTO analysis_state AS s (project_id, kind, version, through_at, content)
SELECT %(project)s, %(kind)s, %(version)s, %(through_at)s, %(content)s
WHERE %(before)s::timestamptz IS NULL
    OR EXISTS (SELECT FROM analysis_state WHERE project_id = %(project)s AND kind = %(kind)s)
ON CONFLICT (project_id, kind) DO UPDATE SET version = excluded.version, through_at = excluded.through_at,
    content = excluded.content, updated_at = now()
    WHERE s.through_at = %(before)s::timestamptz

-- name: read_state
SELECT version, through_at, content FROM analysis_state WHERE project_id = %(project)s AND kind = %(kind)s

-- name: read_reached
SELECT project_id, kind, through_at FROM analysis_state WHERE kind = ANY(%(kinds)s)

-- name: forget_state
DELETE FROM analysis_state WHERE project_id = %(project)s AND kind = %(kind)s

-- name: forget_states
DELETE FROM analysis_state WHERE project_id = %(project)s

-- name: drop_anomalies
DELETE FROM anomalies WHERE project_id = %(project)s

-- name: keep_anomalies
INSERT INTO anomalies AS a (project_id, scope_kind, scope_key, scale, kind, started_at, ended_at, detected_at, updated_at,
    observed, expected, lower, upper, score, evidence)
SELECT d.project_id, d.scope_kind, d.scope_key, d.scale, d.kind, d.started_at, d.ended_at, d.detected_at, d.updated_at,
    d.observed, d.expected, d.lower, d.upper, d.score, d.evidence
FROM jsonb_to_recordset(%(rows)s) AS d (project_id int, scope_kind text, scope_key text, scale text, kind text,
    started_at timestamptz, ended_at timestamptz, detected_at timestamptz, updated_at timestamptz,
    observed float8, expected float8, lower float8, upper float8, score float8, evidence jsonb)
ORDER BY d.project_id, d.scope_kind, d.scope_key, d.scale, d.started_at
ON CONFLICT (project_id, scope_kind, scope_key, scale, started_at) DO UPDATE SET kind = excluded.kind,
    ended_at = excluded.ended_at,
    updated_at = excluded.updated_at, observed = excluded.observed, expected = excluded.expected,
    lower = excluded.lower, upper = excluded.upper, score = excluded.score, evidence = excluded.evidence

-- name: keep_patterns
-- A pattern that is gone meanwhile is left out.
INSERT INTO pattern_analysis AS a (project_id, pattern_id, updated_at, state, state_since, rates, trend, season, risk,
    risk_factors, recommendations, neighbours, family, family_name)
SELECT p.project_id, p.id, d.updated_at, d.state, d.state_since, d.rates, d.trend, d.season, d.risk, d.risk_factors,
    d.recommendations, d.neighbours, d.family, d.family_name
FROM jsonb_to_recordset(%(rows)s) AS d (project_id int, pattern_id int, updated_at timestamptz, state text,
    state_since timestamptz, rates jsonb, trend jsonb, season jsonb, risk float8, risk_factors jsonb, recommendations jsonb,
    neighbours jsonb, family text, family_name text)
JOIN error_patterns p ON p.project_id = d.project_id AND p.id = d.pattern_id
ORDER BY p.project_id, p.id
ON CONFLICT (project_id, pattern_id) DO UPDATE SET updated_at = excluded.updated_at,
    state = coalesce(excluded.state, a.state), state_since = coalesce(excluded.state_since, a.state_since),
    rates = coalesce(excluded.rates, a.rates), trend = coalesce(excluded.trend, a.trend),
    season = coalesce(excluded.season, a.season), risk = coalesce(excluded.risk, a.risk),
    risk_factors = coalesce(excluded.risk_factors, a.risk_factors),
    recommendations = coalesce(excluded.recommendations, a.recommendations),
    neighbours = coalesce(excluded.neighbours, a.neighbours), family = coalesce(excluded.family, a.family),
    family_name = coalesce(excluded.family_name, a.family_name)

-- name: riskiest
SELECT a.pattern_id FROM pattern_analysis a
WHERE a.project_id = %(project)s
ORDER BY (round(coalesce(a.risk, 0) * 1000)::bigint) DESC, a.pattern_id DESC
LIMIT %(limit)s

-- name: lock_risks
-- Held before the weights are read: who sets one meanwhile comes after this, and sees what it has written.
SELECT a.pattern_id FROM pattern_analysis a
WHERE a.project_id = %(project)s AND (%(chosen)s::int[] IS NULL OR a.pattern_id = ANY (%(chosen)s::int[]))
    AND a.pattern_id > %(after)s AND a.risk_factors IS NOT NULL
ORDER BY a.pattern_id
LIMIT %(limit)s
FOR NO KEY UPDATE

-- name: read_risks
-- Weights by subquery: a join of what nobody has analyzed yet takes the square of the patterns.
SELECT a.pattern_id, a.updated_at, a.risk, a.risk_factors, (SELECT j.weight FROM projects j WHERE j.id = %(project)s),
    (SELECT p.weight FROM error_patterns p WHERE p.project_id = a.project_id AND p.id = a.pattern_id)
FROM pattern_analysis a
WHERE a.project_id = %(project)s AND a.pattern_id = ANY (%(patterns)s::int[])

-- name: set_risks
UPDATE pattern_analysis a SET risk = d.risk, risk_factors = d.risk_factors
FROM jsonb_to_recordset(%(rows)s) AS d (project_id int, pattern_id int, risk float8, risk_factors jsonb)
WHERE a.project_id = d.project_id AND a.pattern_id = d.pattern_id

-- name: keep_changes
INSERT INTO changes (project_id, at, kind, version, environment, source, note)
SELECT d.project_id, d.at, d.kind, d.version, d.environment, d.source, d.note
FROM jsonb_to_recordset(%(rows)s) AS d (project_id int, at timestamptz, kind text, version text, environment text,
    source text, note text)
ON CONFLICT (project_id, environment, version) WHERE kind = 'release' DO NOTHING
RETURNING id

-- name: find_release
SELECT id, project_id, at, kind, version, environment, source, note FROM changes
WHERE project_id = %(project_id)s AND kind = 'release' AND environment = %(environment)s AND version = %(version)s

-- name: lock_forecasts
-- Of two that replace the same at once, the later one must see what the former has put there.
SELECT o.id
FROM organizations o
JOIN projects p ON p.organization_id = o.id
WHERE p.id = %(project)s
FOR NO KEY UPDATE OF o

-- name: drop_forecasts
DELETE FROM forecasts WHERE project_id = %(project)s

-- name: add_forecast
INSERT INTO forecasts (project_id, scope_kind, scope_key, step_s, start_at, made_at, point, lower80, upper80, lower95,
    upper95, sums)
VALUES (%(project_id)s, %(scope_kind)s, %(scope_key)s, %(step_s)s, %(start_at)s, %(made_at)s, %(point)s, %(lower80)s,
    %(upper80)s, %(lower95)s, %(upper95)s, %(sums)s)

-- name: lock_correlations
-- As lock_forecasts. It keeps nobody from adding a project meanwhile.
SELECT id FROM organizations WHERE id = %(organization)s FOR NO KEY UPDATE

-- name: drop_correlations
DELETE FROM error_correlations WHERE organization_id = %(organization)s

-- name: add_correlations
INSERT INTO error_correlations (organization_id, error_code_1, error_code_2, module_1, module_2, correlation_score,
    time_window_seconds, occurrence_gap_seconds, gap_ms, created_at, project_id_1, pattern_id_1, project_id_2,
    pattern_id_2, kind, support, trials, base, lift, q_value, gap_low_ms, gap_high_ms, change_id)
SELECT %(organization)s, d.error_code_1, d.error_code_2, d.module_1, d.module_2, d.score, d.window_s,
    round(d.gap_ms / 1000.0), d.gap_ms, d.created_at, d.project_id_1, d.pattern_id_1, d.project_id_2, d.pattern_id_2,
    d.kind, d.support, d.trials, d.base, d.lift, d.q_value, d.gap_low_ms, d.gap_high_ms, d.change_id
FROM jsonb_to_recordset(%(rows)s) AS d (error_code_1 text, error_code_2 text, module_1 text, module_2 text,
    score numeric, window_s int, gap_ms bigint, created_at timestamptz, project_id_1 int, pattern_id_1 int,
    project_id_2 int, pattern_id_2 int, kind text, support bigint, trials bigint, base float8, lift float8,
    q_value float8, gap_low_ms bigint, gap_high_ms bigint, change_id bigint)

-- name: add_run
INSERT INTO analysis_runs (step, started_at, took_s, cpu_s, items, outcome, detail)
VALUES (%(step)s, %(started_at)s, %(took_s)s, %(cpu_s)s, %(items)s, %(outcome)s, %(detail)s)

-- name: drop_runs
DELETE FROM analysis_runs WHERE started_at < %(before)s

-- name: add_feedback
INSERT INTO recommendation_feedback (project_id, pattern_id, recommendation, has_helped, person_id, at)
SELECT p.project_id, p.id, %(recommendation)s, %(has_helped)s, %(person)s, %(at)s
FROM error_patterns p WHERE p.project_id = %(project)s AND p.id = %(pattern)s
ON CONFLICT (project_id, pattern_id, recommendation, person_id) DO UPDATE SET has_helped = excluded.has_helped,
    at = excluded.at

-- name: read_anomalies
SELECT a.id, a.project_id, a.scope_kind, a.scope_key, a.scale, a.kind, a.started_at, a.ended_at, a.detected_at,
    a.updated_at, a.observed, a.expected, a.lower, a.upper, a.score, a.evidence
FROM anomalies a
WHERE a.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND (%(id)s::bigint IS NULL OR a.id = %(id)s)
    AND (%(scope_kind)s::text IS NULL OR a.scope_kind = %(scope_kind)s)
    AND (%(scope_key)s::text IS NULL OR a.scope_key = %(scope_key)s)
    AND (%(scale)s::text IS NULL OR a.scale = %(scale)s)
    AND (%(since)s::timestamptz IS NULL OR coalesce(a.ended_at > %(since)s, true))
    AND (%(until)s::timestamptz IS NULL OR a.started_at < %(until)s)
    AND (%(is_open)s::boolean IS NULL OR (a.ended_at IS NULL) = %(is_open)s)
    AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
    AND a.score >= %(min_score)s
    AND (%(after)s::timestamptz IS NULL OR (a.started_at, a.id) < (%(after)s, %(after_id)s::bigint))
ORDER BY a.started_at DESC, a.id DESC
LIMIT %(limit)s

-- name: read_forecasts
SELECT step_s, start_at, made_at, point, lower80, upper80, lower95, upper95, sums FROM forecasts
WHERE project_id = %(project)s AND scope_kind = %(kind)s AND scope_key = %(key)s
ORDER BY step_s

-- name: read_correlations
SELECT c.id, c.organization_id, c.project_id_1, c.pattern_id_1, c.error_code_1, c.module_1, c.project_id_2, c.pattern_id_2,
    c.error_code_2, c.module_2, c.kind, c.correlation_score::float8, c.time_window_seconds, c.gap_ms, c.gap_low_ms,
    c.gap_high_ms, c.support, c.trials, c.base, c.lift, c.q_value, c.created_at, c.change_id
FROM error_correlations c
WHERE (%(projects)s::int[] IS NULL OR c.project_id_1 = ANY (%(projects)s) OR c.project_id_2 = ANY (%(projects)s))
    AND (%(pattern)s::int IS NULL OR c.pattern_id_1 = %(pattern)s OR c.pattern_id_2 = %(pattern)s)
    AND c.correlation_score >= %(min_score)s::float8
    AND (%(after)s::bigint IS NULL
        OR (c.correlation_score * 10000, -c.id) < (%(after)s::numeric, -(%(after_id)s::bigint)))
ORDER BY c.correlation_score DESC, c.id
LIMIT %(limit)s

-- name: read_analysis
SELECT a.project_id, a.pattern_id, a.updated_at, a.state, a.state_since, a.rates, a.trend, a.season, a.risk, a.risk_factors,
    a.recommendations, a.neighbours, a.family, a.family_name
FROM pattern_analysis a
WHERE a.project_id = ANY (ARRAY(SELECT id FROM projects)) AND a.pattern_id = ANY (%(patterns)s::int[])

-- name: read_analyses
-- Of patterns that were merged into others the analysis is history.
SELECT a.project_id, a.pattern_id, a.updated_at, a.state, a.state_since, a.rates, a.trend, a.season, a.risk, a.risk_factors,
    a.recommendations, a.neighbours, a.family, a.family_name
FROM pattern_analysis a
JOIN error_patterns p ON p.project_id = a.project_id AND p.id = a.pattern_id AND p.merged_into IS NULL
WHERE a.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND (%(states)s::text[] IS NULL OR a.state = ANY (%(states)s))
    AND (%(state_since)s::timestamptz IS NULL OR a.state_since >= %(state_since)s)
    AND (%(family)s::text IS NULL OR a.family = %(family)s)
    AND coalesce(a.risk, 0) >= %(min_risk)s
    AND (%(after)s::bigint IS NULL
        OR (round(coalesce(a.risk, 0) * 1000)::bigint, a.pattern_id) < (%(after)s, %(after_id)s::bigint))
ORDER BY round(coalesce(a.risk, 0) * 1000)::bigint DESC, a.pattern_id DESC
LIMIT %(limit)s

-- name: read_changes
SELECT c.id, c.project_id, c.at, c.kind, c.version, c.environment, c.source, c.note
FROM changes c
WHERE c.project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
    AND (%(since)s::timestamptz IS NULL OR c.at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s)
    AND (%(kinds)s::text[] IS NULL OR c.kind = ANY (%(kinds)s))
    AND (%(after)s::timestamptz IS NULL OR (c.at, c.id) < (%(after)s, %(after_id)s::bigint))
ORDER BY c.at DESC, c.id DESC
LIMIT %(limit)s

-- name: read_runs
SELECT step, started_at, took_s, cpu_s, items, outcome = 'done', detail FROM analysis_runs
ORDER BY started_at DESC, id DESC
LIMIT %(limit)s

-- name: read_latest_runs
SELECT DISTINCT ON (step) step, started_at, took_s, cpu_s, items, outcome = 'done', detail FROM analysis_runs
ORDER BY step, started_at DESC, id DESC

-- name: read_feedback
SELECT recommendation, count(*) FILTER (WHERE has_helped), count(*) FILTER (WHERE NOT has_helped)
FROM recommendation_feedback
WHERE project_id = ANY (coalesce(%(projects)s::int[], ARRAY(SELECT id FROM projects)))
GROUP BY recommendation

-- name: read_fixes
SELECT DISTINCT ON (h.pattern_id) h.pattern_id, h.at, h.note, h.release
FROM pattern_history h
JOIN error_patterns p ON p.project_id = h.project_id AND p.id = h.pattern_id
WHERE h.project_id = ANY (ARRAY(SELECT id FROM projects)) AND h.pattern_id = ANY (%(patterns)s::int[])
    AND h.action = 'resolved' AND p.status = 'resolved'
ORDER BY h.pattern_id, h.id DESC
