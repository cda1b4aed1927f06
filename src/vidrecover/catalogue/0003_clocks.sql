-- Migration 3: segments without a date whose pictures were asked for the clock burnt into them. What
-- was read stands in their frame tables; this remembers that nobody need ask again.
CREATE TABLE clock_asked (
    segment_id INTEGER PRIMARY KEY REFERENCES segment (id) ON DELETE CASCADE
) STRICT;
