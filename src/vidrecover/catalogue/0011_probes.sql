-- Migration 11: what a search saw in single places, so that the next one need not look again.
CREATE TABLE probe (
    start  INTEGER NOT NULL CHECK (start >= 0),
    end_   INTEGER NOT NULL CHECK (end_ > start),
    run_id INTEGER NOT NULL REFERENCES run (id),       -- which read it, with which formats
    shown  TEXT NOT NULL CHECK (json_valid(shown)),    -- survey.Probe
    PRIMARY KEY (start, end_)
) STRICT, WITHOUT ROWID;
