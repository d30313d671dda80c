-- Mined templates in the map of groups (ADR 0011).

CREATE TABLE template_snapshots (
    project_id          integer PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    version             bigint NOT NULL,            -- grows with each change of what the templates answer
    content             bytea NOT NULL,             -- zstd of the snapshot's JSON
    learned_pattern_id  integer NOT NULL,           -- mining has read the patterns up to this one
    updated_at          timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE template_snapshots ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE templates (
    project_id  integer NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    id          integer NOT NULL,
    text        text NOT NULL,                      -- for people: 'connection to <*> refused'
    PRIMARY KEY (project_id, id)
);

ALTER TABLE project_errors
    ADD COLUMN template_version bigint;             -- of the templates that gave it its group; NULL = none did

ALTER TABLE pattern_groups
    ADD COLUMN template_id       integer,           -- the template a group stands for; NULL = it is no template's group
    ADD COLUMN template_group_id bytea;             -- of a text: the group in which its later errors are counted
CREATE INDEX pattern_groups_template ON pattern_groups (project_id, template_id) WHERE template_id IS NOT NULL;
CREATE INDEX pattern_groups_text ON pattern_groups (project_id, template_group_id) WHERE template_group_id IS NOT NULL;

-- The patterns that mining reads: those of a bare message, and those of a template.
CREATE INDEX error_patterns_bare ON error_patterns (project_id, id)
    WHERE ((metadata #>> '{parts,0}') LIKE 'message: %' OR (metadata #>> '{parts,0}') LIKE 'template: #%')
        AND metadata -> 'rules' IS NULL;
