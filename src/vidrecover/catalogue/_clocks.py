"""Dates that the clocks in pictures gave to segments without any."""

import sqlite3
from collections.abc import Iterable

from vidrecover.model import Segment


def store(conn: sqlite3.Connection, answers: Iterable[tuple[int, Segment | None]]) -> None:
    """Remember what the segments of these ids were told: themselves with dates, or nothing."""
    for number, dated in answers:
        conn.execute("INSERT INTO clock_asked (segment_id) VALUES (?)", [number])
        if dated is not None:
            conn.execute(
                "UPDATE segment SET start_ms = ?, end_ms = ? WHERE id = ?",
                [dated.start_ms, dated.end_ms, number],
            )
            conn.execute(
                "UPDATE segment_rows SET rows = ? WHERE segment_id = ?", [dated.rows, number]
            )
