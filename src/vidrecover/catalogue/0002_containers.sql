-- Migration 2: files of container formats, read after the units because their index lies anywhere.
-- They follow from all units together: `Catalogue.store_unit` drops them.
CREATE TABLE container (
    id        INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source (id),
    unit_id   INTEGER NOT NULL REFERENCES unit (id) ON DELETE CASCADE, -- in which it starts
    start     INTEGER NOT NULL CHECK (start >= 0),        -- of its first byte
    damage    TEXT NOT NULL CHECK (json_valid(damage)),   -- array of sentences
    UNIQUE (source_id, start)
) STRICT;

-- All bytes that a container explains: boxes and samples.
CREATE TABLE container_extent (
    container_id INTEGER NOT NULL REFERENCES container (id) ON DELETE CASCADE,
    start        INTEGER NOT NULL,
    end_         INTEGER NOT NULL CHECK (end_ > start),
    PRIMARY KEY (container_id, start)
) STRICT, WITHOUT ROWID;

-- How one stream of a container is decoded; see model.Track.
CREATE TABLE track (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    container_id INTEGER NOT NULL REFERENCES container (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL CHECK (number >= 1),
    lengths      INTEGER NOT NULL CHECK (lengths BETWEEN 0 AND 4), -- bytes before each NAL unit
    sets         BLOB NOT NULL,                           -- parameter sets with start codes
    sets_start   INTEGER,                                 -- of the box that holds them
    sets_end     INTEGER,
    config       BLOB,                                    -- of the sound; NULL: without sound
    rate         INTEGER,                                 -- samples of sound per second
    channels     INTEGER,
    notes        TEXT NOT NULL CHECK (json_valid(notes)), -- array of sentences
    UNIQUE (container_id, number),
    CHECK ((sets_start IS NULL) = (sets_end IS NULL)),
    CHECK ((config IS NULL) = (rate IS NULL) AND (config IS NULL) = (channels IS NULL))
) STRICT;

-- NULL: not of a container.
ALTER TABLE segment ADD COLUMN track_id INTEGER REFERENCES track (id) ON DELETE CASCADE;
-- Footage of other formats among the samples of a container is an imitation of them there.
ALTER TABLE segment ADD COLUMN hidden_by INTEGER REFERENCES container (id) ON DELETE SET NULL;
CREATE INDEX segment_of_track ON segment (track_id);
CREATE INDEX segment_hidden ON segment (hidden_by);
