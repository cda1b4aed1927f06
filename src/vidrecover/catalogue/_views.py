"""Views of footage of unknown camera, and the labels of the cameras it was sorted to."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vidrecover.catalogue import _file
from vidrecover.catalogue._rows import Shown


class Views:
    """The part of a catalogue that remembers views; one transaction for each call."""

    def __init__(self, path: Path, conn: sqlite3.Connection) -> None:
        self._path, self._conn = path, conn

    def stored(self) -> list[Shown]:
        """All views, of segments that are not hidden, by place on the source."""
        rows = self._all(
            "SELECT view.segment_id, kind, shown FROM view"
            " JOIN segment ON segment.id = view.segment_id"
            " WHERE hidden_by IS NULL ORDER BY segment.start, segment.id"
        )
        return [Shown(*row) for row in rows]

    def store(self, views: Iterable[Shown]) -> None:
        """Remember what segments show, in place of what was known of them."""
        with _file.told(self._path), self._conn:
            self._conn.executemany(
                "INSERT OR REPLACE INTO view (segment_id, kind, shown) VALUES (?, ?, ?)", views
            )

    def label(self, labels: Mapping[int, str], numbers: Mapping[str, int]) -> None:
        """Say of which camera segments are, by id, and the numbers of labels that their pictures
        show; all others are of an unknown one."""
        with _file.told(self._path), self._conn:
            self._conn.execute("UPDATE view SET label = NULL, number = NULL")
            self._conn.executemany(
                "INSERT INTO view (segment_id, kind, label, number) VALUES (?, x'', ?, ?)"
                " ON CONFLICT (segment_id) DO UPDATE"
                " SET label = excluded.label, number = excluded.number",
                ((segment, label, numbers.get(label)) for segment, label in labels.items()),
            )

    def labels(self) -> dict[int, str]:
        """Labels by id of segment."""
        return dict(self._all("SELECT segment_id, label FROM view WHERE label IS NOT NULL"))

    def numbers(self) -> dict[str, int]:
        """The numbers that the pictures of labelled cameras show, by label."""
        query = "SELECT DISTINCT label, number FROM view WHERE label IS NOT NULL"
        return dict(self._all(f"{query} AND number IS NOT NULL"))

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        with _file.told(self._path):
            return self._conn.execute(query).fetchall()
