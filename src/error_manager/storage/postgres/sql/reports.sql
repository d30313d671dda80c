-- name: add_report
INSERT INTO analysis_reports (project_id, report_type, generated_at, total_errors, unique_patterns, file_path, status,
    metadata)
VALUES (%(project_id)s, %(report_type)s, %(generated_at)s, %(total_errors)s, %(unique_patterns)s, %(file_path)s,
    %(status)s, %(metadata)s)
RETURNING id;
