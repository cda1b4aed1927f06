-- The catalogue of one case: what was observed on the sources, and nothing computed from it.
-- Byte positions are absolute on the source, in bytes; extents are half-open [start, end_).
-- Times named *_ms are recorder time: milliseconds since 1970-01-01 as the recorder's own clock
-- showed them, without a zone. Unknown is NULL. Channels count from 1.
-- `end_` and `kind` in words are those of vidrecover.model. This file is migration 1; whatever
-- changes later is a numbered migration in catalogue.py.

-- The storage under examination.
CREATE TABLE source (
    id            INTEGER PRIMARY KEY,
    path          TEXT NOT NULL,                       -- where it was when first opened
    kind          TEXT NOT NULL,                       -- raw, split, ewf, device
    size          INTEGER NOT NULL CHECK (size >= 0),  -- bytes
    sector_size   INTEGER NOT NULL CHECK (sector_size > 0), -- bytes
    model         TEXT,                                -- as the device says
    serial        TEXT,                                -- as the device says
    stored_hashes TEXT NOT NULL CHECK (json_valid(stored_hashes)), -- object: name to hex digest
    fingerprint   TEXT NOT NULL                        -- digest of samples of the content
) STRICT;

-- One opening of the catalogue for work.
CREATE TABLE run (
    id             INTEGER PRIMARY KEY,
    source_id      INTEGER NOT NULL REFERENCES source (id),
    path           TEXT NOT NULL,                      -- where the source was this time
    started        TEXT NOT NULL,                      -- this computer's clock, UTC, ISO 8601
    tool_version   TEXT NOT NULL,
    formats_digest TEXT NOT NULL,                      -- of all descriptions of formats in use
    format_names   TEXT NOT NULL CHECK (json_valid(format_names)) -- array, in the order of indexes
) STRICT;

-- A recorder's layout or a file system.
CREATE TABLE volume (
    id             INTEGER PRIMARY KEY,
    source_id      INTEGER NOT NULL REFERENCES source (id),
    layout         TEXT NOT NULL,
    start          INTEGER NOT NULL CHECK (start >= 0),
    end_           INTEGER NOT NULL CHECK (end_ >= start),
    fragment_size  INTEGER CHECK (fragment_size > 0),   -- bytes of equal fragments, if any
    fragment_start INTEGER CHECK (fragment_start >= 0), -- where fragment 0 begins
    label          TEXT,
    damage         TEXT NOT NULL CHECK (json_valid(damage)), -- array of sentences
    ring           TEXT CHECK (ring IS NULL OR json_valid(ring)) -- model.Ring, if written in a circle
) STRICT;

-- What the recorder says of footage; never believed alone.
CREATE TABLE claim (
    id          INTEGER PRIMARY KEY,
    volume_id   INTEGER NOT NULL REFERENCES volume (id) ON DELETE CASCADE,
    volume      TEXT NOT NULL,                         -- the volume's name in the claim
    kind        TEXT NOT NULL
                CHECK (kind IN ('index', 'deleted', 'remnant', 'file', 'deleted_file')),
    channel     INTEGER CHECK (channel >= 1),
    stream      INTEGER NOT NULL CHECK (stream IN (0, 1, 2)), -- unknown, main, sub
    start_ms    INTEGER,
    end_ms      INTEGER,                               -- inclusive of its last second
    entry_start INTEGER NOT NULL CHECK (entry_start >= 0), -- where the claim itself stands
    entry_end   INTEGER NOT NULL CHECK (entry_end >= entry_start),
    name        TEXT,                                  -- file name, if it has one
    damage      TEXT,                                  -- what is wrong with it, a sentence
    open        INTEGER NOT NULL CHECK (open IN (0, 1)) -- 1: still being written
) STRICT;

-- Where the footage of a claim is said to lie, in logical order.
CREATE TABLE claim_extent (
    claim_id INTEGER NOT NULL REFERENCES claim (id) ON DELETE CASCADE,
    seq      INTEGER NOT NULL,                         -- from 0
    start    INTEGER NOT NULL CHECK (start >= 0),
    end_     INTEGER NOT NULL CHECK (end_ >= start),
    PRIMARY KEY (claim_id, seq)
) STRICT, WITHOUT ROWID;

-- Records of the recorder's log.
CREATE TABLE event (
    id          INTEGER PRIMARY KEY,
    volume_id   INTEGER NOT NULL REFERENCES volume (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,                         -- model.EventKind
    time_ms     INTEGER,
    channel     INTEGER CHECK (channel >= 1),
    code        INTEGER,                               -- as the recorder wrote it
    text        TEXT NOT NULL,
    entry_start INTEGER NOT NULL CHECK (entry_start >= 0),
    entry_end   INTEGER NOT NULL CHECK (entry_end >= entry_start)
) STRICT;

-- A stretch that was read by every format of its run. What a unit found refers to it and goes
-- with it, so that nothing is doubled when it is scanned again.
CREATE TABLE unit (
    id        INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source (id),
    run_id    INTEGER NOT NULL REFERENCES run (id),
    start     INTEGER NOT NULL CHECK (start >= 0),
    end_      INTEGER NOT NULL CHECK (end_ > start),
    UNIQUE (source_id, start)
) STRICT;

-- Frames of one channel, stream, format and codec, unbroken in time, at most a minute.
CREATE TABLE segment (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: reports name it
    source_id      INTEGER NOT NULL REFERENCES source (id),
    unit_id        INTEGER REFERENCES unit (id) ON DELETE CASCADE, -- NULL: glued over a border
    format         TEXT NOT NULL,
    channel        INTEGER CHECK (channel >= 1),       -- NULL: the bytes do not tell
    stream         INTEGER NOT NULL CHECK (stream IN (0, 1, 2)), -- unknown, main, sub
    codec          INTEGER NOT NULL CHECK (codec >= 0), -- model.Codec
    start_ms       INTEGER,                            -- of the first frame
    end_ms         INTEGER,                            -- of the last frame, not its end
    start          INTEGER NOT NULL CHECK (start >= 0), -- of its first byte
    end_           INTEGER NOT NULL,
    frames         INTEGER NOT NULL CHECK (frames >= 0), -- video frames
    keys           INTEGER NOT NULL CHECK (keys >= 0),
    audio          INTEGER NOT NULL CHECK (audio >= 0),
    size           INTEGER NOT NULL CHECK (size >= 0), -- bytes of all its frames
    first_sequence INTEGER,                            -- as stored in the frames
    last_sequence  INTEGER,
    missing        INTEGER NOT NULL CHECK (missing >= 0),    -- frames the numbers show as lost
    unfinished     INTEGER NOT NULL CHECK (unfinished >= 0), -- frames known to lack bytes
    joined         INTEGER NOT NULL CHECK (joined = (unit_id IS NULL)), -- 1: glued
    CHECK ((start_ms IS NULL) = (end_ms IS NULL)),
    CHECK (start_ms IS NULL OR end_ms >= start_ms),
    CHECK (joined OR end_ > start)
) STRICT;

-- The order in which segments are handed out: unknown channel last, unknown time last.
CREATE INDEX segment_in_time ON segment
    (channel IS NULL, channel, stream, format, codec, start_ms IS NULL, start_ms, start);
-- One camera in a span of time.
CREATE INDEX segment_of_camera ON segment (channel, start_ms, end_ms);
CREATE INDEX segment_of_unit ON segment (unit_id);

-- The table of frames of a segment, packed; apart, so that walking segments does not read it.
CREATE TABLE segment_rows (
    segment_id INTEGER PRIMARY KEY REFERENCES segment (id) ON DELETE CASCADE,
    rows       BLOB NOT NULL                           -- see segments.unpack
) STRICT;

-- Where an unbroken run of frames stops or begins without a neighbour.
CREATE TABLE loose_end (
    id       INTEGER PRIMARY KEY,
    unit_id  INTEGER NOT NULL REFERENCES unit (id) ON DELETE CASCADE,
    after    INTEGER NOT NULL CHECK (after IN (0, 1)), -- 1: a run stops here, 0: one begins
    position INTEGER NOT NULL CHECK (position >= 0),
    format   TEXT NOT NULL,
    channel  INTEGER CHECK (channel >= 1),
    codec    INTEGER NOT NULL CHECK (codec >= 0),
    sequence INTEGER,
    time_ms  INTEGER,
    edge     BLOB NOT NULL                            -- bytes beside the position, at most 64
) STRICT;
CREATE INDEX loose_end_of_unit ON loose_end (unit_id);

-- What key pictures show, judged once: of a segment, or of a part of it where they change.
CREATE TABLE picture (
    segment_id INTEGER NOT NULL REFERENCES segment (id) ON DELETE CASCADE,
    start_ms   INTEGER,                                -- NULL: the segment has no time
    end_ms     INTEGER,                                -- of the next part, or the last frame
    state      TEXT NOT NULL,                          -- model.PictureState
    certain    INTEGER NOT NULL CHECK (certain IN (0, 1)), -- 0: suspected
    pictures   INTEGER NOT NULL CHECK (pictures >= 0), -- how many were judged
    reason     TEXT NOT NULL,                          -- with the measured values
    width      INTEGER CHECK (width > 0),              -- of the pictures as coded
    height     INTEGER CHECK (height > 0),
    sharpness  REAL,                                   -- see picture.Measures
    scrambled  INTEGER NOT NULL CHECK (scrambled IN (0, 1)), -- 1: noise in place of pictures
    CHECK ((start_ms IS NULL) = (end_ms IS NULL)),
    CHECK (start_ms IS NULL OR end_ms >= start_ms)
) STRICT;
CREATE INDEX picture_of_segment ON picture (segment_id, start_ms);

-- Bytes of a unit that are no frames.
CREATE TABLE stretch (
    unit_id INTEGER NOT NULL REFERENCES unit (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL CHECK (kind IN ('unidentified', 'blank', 'unreadable')),
    start   INTEGER NOT NULL CHECK (start >= 0),
    end_    INTEGER NOT NULL CHECK (end_ > start),
    PRIMARY KEY (unit_id, kind, start)
) STRICT, WITHOUT ROWID;
