-- Merging and splitting patterns (ADR 0009): where groups came from, which change put them where they are, and where
-- the patterns lead that hold none.

ALTER TABLE error_patterns
    ADD COLUMN merged_into integer;             -- the pattern that has its errors now; NULL = it has groups itself
CREATE INDEX error_patterns_merged_into ON error_patterns (project_id, merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE pattern_groups
    ADD COLUMN origin_id     integer,           -- the pattern it was first in; NULL = it never moved
    ADD COLUMN change_id     bigint,            -- the line of pattern_history that put it here; NULL = its fingerprint
    ADD COLUMN first_seen    timestamptz,       -- as they were while the group was alone in its pattern; NULL = the
    ADD COLUMN last_seen     timestamptz,       -- pattern itself says them
    ADD COLUMN severity_rank smallint,
    ADD COLUMN first_release text;

ALTER TABLE pattern_history
    DROP CONSTRAINT pattern_history_action_check,
    ADD CONSTRAINT pattern_history_action_check CHECK (action IN ('resolved', 'ignored', 'reopened', 'regressed', 'undone',
        'merged', 'merged_into', 'split', 'split_off'));
