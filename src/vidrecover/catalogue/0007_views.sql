-- Migration 7: what pictures show of footage whose bytes name no camera, and the camera it was sorted
-- to. Labels follow from all views together and are worked out anew after each scan.
CREATE TABLE view (
    segment_id INTEGER PRIMARY KEY REFERENCES segment (id) ON DELETE CASCADE,
    kind       BLOB NOT NULL,                          -- digest of its parameter sets; empty: none
    shown      BLOB,                                   -- see repair.cameras.View; NULL: nothing decodes
    label      TEXT                                    -- A, B, ...; NULL: of which camera is unknown
) STRICT;
