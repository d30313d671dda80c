-- What waits in the inbox of a receiving process, for an analysing process on another machine, which cannot see it.
CREATE TABLE inbox_waiting (
    slot      integer PRIMARY KEY,
    told_at   timestamptz NOT NULL,
    since     timestamptz                       -- when the oldest record was received; NULL = nothing waits
);
