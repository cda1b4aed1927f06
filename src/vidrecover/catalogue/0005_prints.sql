-- Migration 5: digests of key pictures, made when several media are compared.
CREATE TABLE print (
    segment_id INTEGER PRIMARY KEY REFERENCES segment (id) ON DELETE CASCADE,
    packed     BLOB NOT NULL  -- per picture: u64 LE offset of its first piece on the source,
                              -- then the first 16 bytes of BLAKE3 over its payload
) STRICT;
