-- How much a project and a pattern matter to the business, set by a person: the risk goes by their product.
ALTER TABLE projects
    ADD COLUMN weight real NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0.25 AND 4);
ALTER TABLE error_patterns
    ADD COLUMN weight real NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0.25 AND 4);
ALTER TABLE pattern_history
    DROP CONSTRAINT pattern_history_action_check,
    ADD CONSTRAINT pattern_history_action_check CHECK (action IN ('resolved', 'ignored', 'reopened', 'regressed', 'undone',
        'merged', 'merged_into', 'split', 'split_off', 'weighted'));
