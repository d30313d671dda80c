-- name: read_projects
SELECT id, name, slug, platform, organization_id, subject_key, weight FROM projects ORDER BY id

-- name: next_project_id
SELECT nextval(pg_get_serial_sequence('projects', 'id'))::int

-- name: add_project
-- A taken slug gets the id as suffix.
INSERT INTO projects (id, organization_id, name, slug, platform, subject_key)
OVERRIDING SYSTEM VALUE
VALUES (%(id)s, %(organization_id)s, %(name)s,
    CASE WHEN EXISTS (SELECT FROM projects WHERE slug = %(slug)s) THEN %(slug)s || '-' || %(id)s::text ELSE %(slug)s END,
    %(platform)s, %(subject_key)s)
RETURNING id, name, slug, platform, organization_id, subject_key, weight

-- name: set_weight
UPDATE projects SET weight = %(weight)s WHERE id = %(id)s
RETURNING id, name, slug, platform, organization_id, subject_key, weight

-- name: pass_project_id
-- Ids given by hand must not be handed out again.
SELECT setval(pg_get_serial_sequence('projects', 'id'), greatest(max(id), 1)) FROM projects

-- name: read_ingest_keys
SELECT k.id, k.key, k.project_id, k.label, k.is_active, k.quota_limit, k.quota_window_s, p.quota_limit, p.quota_window_s
FROM ingest_keys k JOIN projects p ON p.id = k.project_id
WHERE %(project_id)s::int IS NULL OR k.project_id = %(project_id)s
ORDER BY k.project_id, k.id

-- name: add_ingest_key
INSERT INTO ingest_keys (project_id, key, label) VALUES (%(project_id)s, %(key)s, %(label)s)

-- name: announce
SELECT pg_notify('em_keys', '')

-- name: read_persons
SELECT id, name FROM persons ORDER BY id

-- name: add_person
INSERT INTO persons (name) VALUES (%(name)s) RETURNING id, name

-- name: add_api_key
INSERT INTO api_keys (person_id, label, key_hash, expires_at)
VALUES (%(person_id)s, %(label)s, %(key_hash)s, %(expires_at)s)
RETURNING id, person_id, label, created_at, expires_at, revoked_at

-- name: read_api_key
SELECT id, person_id, label, created_at, expires_at, revoked_at FROM api_keys WHERE key_hash = %(key_hash)s

-- name: read_api_keys
SELECT id, person_id, label, created_at, expires_at, revoked_at FROM api_keys ORDER BY id DESC

-- name: revoke_api_key
UPDATE api_keys SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL

-- name: add_login_link
WITH gone AS (DELETE FROM login_links WHERE expires_at < now() - interval '1 day')
INSERT INTO login_links (token_hash, person_id, expires_at) VALUES (%(token_hash)s, %(person_id)s, %(expires_at)s)

-- name: use_login_link
UPDATE login_links SET used_at = %(now)s
WHERE token_hash = %(token_hash)s AND used_at IS NULL AND expires_at > %(now)s
RETURNING person_id

-- name: add_session
WITH gone AS (DELETE FROM sessions WHERE expires_at < now())
INSERT INTO sessions (id_hash, person_id, created_at, seen_at, expires_at, user_agent)
VALUES (%(id_hash)s, %(person_id)s, %(now)s, %(now)s, %(expires_at)s, %(user_agent)s)

-- name: read_session
SELECT person_id, created_at, seen_at, expires_at, user_agent FROM sessions WHERE id_hash = %(id_hash)s

-- name: touch_session
UPDATE sessions SET seen_at = %(now)s WHERE id_hash = %(id_hash)s AND seen_at < %(now)s

-- name: end_session
DELETE FROM sessions WHERE id_hash = %(id_hash)s
