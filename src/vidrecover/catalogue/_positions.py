"""Positions of the vehicle, in the catalogue."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vidrecover.catalogue import _file, _rows
from vidrecover.model import Extent, Position, Segment

_COLUMNS = (
    "kind, gps_ms, recorder_ms, latitude, longitude, speed_kmh, course, entry_start, entry_end"
)
_SELECT = f"SELECT {_COLUMNS} FROM position ORDER BY id"
_INSERT = (
    f"INSERT INTO position (source_id, {_COLUMNS})"
    " VALUES ((SELECT min(id) FROM source), ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Positions:
    """Where the vehicle was; what is stored follows from all units together."""

    def __init__(self, path: Path, conn: sqlite3.Connection) -> None:
        self._path, self._conn = path, conn

    def records(self, name: str) -> list[Segment]:
        """The segments of a format of records, without their rows, those inside of container
        files included."""
        query = f"SELECT id, {_rows.SEGMENT}, track_id FROM segment WHERE format = ? ORDER BY start"
        with _file.told(self._path):
            found = self._conn.execute(query, [name]).fetchall()
        return [_rows.segment_of((*row, b"")) for row in found]

    def store(self, found: Iterable[Position]) -> None:
        """Put positions in the place of all that were stored."""
        with _file.told(self._path), self._conn:
            self._conn.execute("DELETE FROM position")
            self._conn.executemany(_INSERT, map(_row, found))

    def stored(self) -> list[Position]:
        """All of them, in the order stored."""
        with _file.told(self._path):
            return [
                _of(row)
                for row in self._conn.execute(f"SELECT {_COLUMNS} FROM position ORDER BY id")
            ]


def _row(one: Position) -> tuple[object, ...]:
    values = (one.kind, one.gps_ms, one.recorder_ms, one.latitude, one.longitude)
    return (*values, one.speed_kmh, one.course, *one.entry)


def _of(row: tuple[Any, ...]) -> Position:
    kind, gps, recorder, north, east, speed, course, start, end = row
    return Position(
        kind=kind,
        gps_ms=gps,
        recorder_ms=recorder,
        latitude=north,
        longitude=east,
        speed_kmh=speed,
        course=course,
        entry=Extent(start, end),
    )
