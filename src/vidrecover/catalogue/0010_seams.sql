-- Migration 8: what proves each frame that was put together over a border, and what speaks against
-- putting together the others.
CREATE TABLE seam (
    id     INTEGER PRIMARY KEY,
    start  INTEGER NOT NULL CHECK (start >= 0),        -- of the frame's first byte
    joined INTEGER NOT NULL CHECK (joined IN (0, 1)),  -- 1: put together
    words  TEXT NOT NULL                               -- the proof or the doubt, a sentence
) STRICT;
CREATE INDEX seam_at ON seam (start);
