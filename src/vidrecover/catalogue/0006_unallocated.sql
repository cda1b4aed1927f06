-- Migration 6: what of a file system belongs to files, in bytes, and where the rest lies.
ALTER TABLE volume ADD COLUMN allocated INTEGER CHECK (allocated >= 0);     -- NULL: not told
ALTER TABLE volume ADD COLUMN unallocated INTEGER CHECK (unallocated >= 0);

-- Stretches of a file system that belong to no file; of very many, the largest.
CREATE TABLE free_extent (
    volume_id INTEGER NOT NULL REFERENCES volume (id) ON DELETE CASCADE,
    start     INTEGER NOT NULL CHECK (start >= 0),
    end_      INTEGER NOT NULL CHECK (end_ > start),
    PRIMARY KEY (volume_id, start)
) STRICT, WITHOUT ROWID;
