-- What was regrouped since a minute ago is asked each minute of each project. Errors write 'regressed' lines only, which are
-- not in it.
CREATE INDEX pattern_history_regrouped ON pattern_history (project_id, at)
    WHERE action IN ('merged', 'merged_into', 'split', 'split_off', 'undone');
