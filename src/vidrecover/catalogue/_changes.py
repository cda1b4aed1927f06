"""What is learnt of segments after their units were stored: dates, and what others hold of them."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from vidrecover.model import Seam, Segment


def date(conn: sqlite3.Connection, answers: Iterable[tuple[int, Segment | None]]) -> None:
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


def removed(
    conn: sqlite3.Connection, replaced: Iterable[tuple[int, Sequence[Segment]]]
) -> Iterator[tuple[int | None, Sequence[Segment]]]:
    """Remove segments, by id; gives for each its unit and what comes in its place."""
    for number, parts in replaced:
        (unit_id,) = conn.execute("SELECT unit_id FROM segment WHERE id = ?", [number]).fetchone()
        conn.execute("DELETE FROM segment WHERE id = ?", [number])
        yield unit_id, parts


def store_words(conn: sqlite3.Connection, seams: Iterable[Seam]) -> None:
    """Proofs and doubts of cut frames, in place of those before."""
    conn.execute("DELETE FROM seam")
    rows = ((one.start, one.joined, one.words) for one in seams)
    conn.executemany("INSERT INTO seam (start, joined, words) VALUES (?, ?, ?)", rows)


def words(conn: sqlite3.Connection) -> list[Seam]:
    """Proofs and doubts of cut frames, by place."""
    rows = conn.execute("SELECT start, joined, words FROM seam ORDER BY start, id")
    return [Seam(start=row[0], joined=bool(row[1]), words=row[2]) for row in rows]
