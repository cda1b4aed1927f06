-- Migration 9: where the vehicle was, by its satellite receiver. Follows from all units together.
CREATE TABLE position (
    id          INTEGER PRIMARY KEY,
    source_id   INTEGER NOT NULL REFERENCES source (id),
    kind        TEXT NOT NULL,                         -- what it was read from: nmea, freegps, xm, ...
    gps_ms      INTEGER,                               -- by the satellites' clock: UTC since 1970
    recorder_ms INTEGER,                               -- by the recorder's clock at the same moment
    latitude    REAL CHECK (latitude BETWEEN -90 AND 90),    -- degrees; NULL without a fix
    longitude   REAL CHECK (longitude BETWEEN -180 AND 180),
    speed_kmh   REAL,
    course      REAL,                                  -- degrees from north
    entry_start INTEGER NOT NULL CHECK (entry_start >= 0), -- where it stands on the source
    entry_end   INTEGER NOT NULL CHECK (entry_end >= entry_start)
) STRICT;
