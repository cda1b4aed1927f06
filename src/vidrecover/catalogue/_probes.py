"""What searches saw in single places, in the catalogue."""

import sqlite3
from pathlib import Path

from vidrecover.catalogue import _file, _rows
from vidrecover.model import Extent, Segment

_STORED = """
    SELECT shown FROM probe JOIN run ON run.id = run_id WHERE (formats_digest, tool_version) =
    (SELECT formats_digest, tool_version FROM run ORDER BY id DESC LIMIT 1) ORDER BY start, end_"""
_SEGMENTS = f"""
    SELECT id, {_rows.SEGMENT}, track_id, rows FROM segment JOIN segment_rows ON segment_id = id
    WHERE unit_id IN (SELECT id FROM unit WHERE start < ? AND end_ > ?) AND start < ? AND end_ > ?
    AND NOT joined AND track_id IS NULL AND hidden_by IS NULL ORDER BY start, id"""


class Probes:
    """Probes of the survey, and the segments that may stand for one."""

    def __init__(self, path: Path, conn: sqlite3.Connection) -> None:
        self._path, self._conn = path, conn

    def stored(self) -> list[str]:
        """What was seen with the formats and the vidrecover of the last run, by place."""
        with _file.told(self._path):
            return [shown for (shown,) in self._conn.execute(_STORED)]

    def store(self, place: Extent, shown: str) -> None:
        """Keep what the last run saw, as JSON, in the place of what was seen there before."""
        query = "INSERT OR REPLACE INTO probe VALUES (?, ?, (SELECT max(id) FROM run), ?)"
        with _file.told(self._path), self._conn:
            self._conn.execute(query, (*place, shown))

    def segments(self, place: Extent) -> list[Segment]:
        """The segments with bytes in a place, with rows, by first byte, as the scan saw them:
        without frames that were joined, and without the streams of containers."""
        values = (place.end, place.start) * 2
        with _file.told(self._path):
            return [_rows.segment_of(row) for row in self._conn.execute(_SEGMENTS, values)]
