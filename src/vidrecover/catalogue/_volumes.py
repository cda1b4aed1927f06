"""What recorders' structures say, in the catalogue: volumes, claims, events."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from vidrecover.catalogue import _rows
from vidrecover.model import Claim, Event, Extent, VolumeReport


def store(conn: sqlite3.Connection, source_id: int, report: VolumeReport) -> None:
    """Stores a report with its claims and events."""
    _insert(conn, "volume", f"source_id, {_rows.VOLUME}", [(source_id, *_rows.volume_row(report))])
    volume_id = conn.execute("SELECT last_insert_rowid()").fetchone()[0]
    first = conn.execute("SELECT coalesce(max(id), 0) + 1 FROM claim").fetchone()[0]
    claims = ((first + i, volume_id, *_rows.claim_row(c)) for i, c in enumerate(report.claims))
    _insert(conn, "claim", f"id, volume_id, {_rows.CLAIM}", claims)
    extents = (
        (first + i, place, *extent)
        for i, claim in enumerate(report.claims)
        for place, extent in enumerate(claim.extents)
    )
    _insert(conn, "claim_extent", "claim_id, seq, start, end_", extents)
    free = ((volume_id, *extent) for extent in report.free)
    _insert(conn, "free_extent", "volume_id, start, end_", free)
    events = ((volume_id, *_rows.event_row(one)) for one in report.events)
    _insert(conn, "event", f"volume_id, {_rows.EVENT}", events)


def volumes(conn: sqlite3.Connection) -> list[VolumeReport]:
    """All of them with their claims and events, in the order stored."""
    rows = conn.execute(f"SELECT id, {_rows.VOLUME} FROM volume ORDER BY id").fetchall()
    return [
        _rows.volume_of(
            row[1:],
            claims(conn, "volume_id = ?", [row[0]]),
            events(conn, "WHERE volume_id = ? ORDER BY id", [row[0]]),
            conn.execute(
                "SELECT start, end_ FROM free_extent WHERE volume_id = ? ORDER BY start", [row[0]]
            ),
        )
        for row in rows
    ]


def claims(conn: sqlite3.Connection, test: str, values: Sequence[Any]) -> list[Claim]:
    """Claims that meet a test, in the order stored."""
    extents: dict[int, list[Extent]] = {}
    for number, start, end in conn.execute(
        "SELECT claim_id, claim_extent.start, claim_extent.end_ FROM claim_extent"
        f" JOIN claim ON claim.id = claim_id WHERE {test} ORDER BY claim_id, seq",
        values,
    ):
        extents.setdefault(number, []).append(Extent(start, end))
    chosen = f"SELECT id, {_rows.CLAIM} FROM claim WHERE {test} ORDER BY id"
    return [_rows.claim_of(row, extents.get(row[0], ())) for row in conn.execute(chosen, values)]


def events(conn: sqlite3.Connection, rest: str, values: Sequence[Any] = ()) -> list[Event]:
    """Events, as the rest of a query chooses and orders them."""
    query = f"SELECT id, {_rows.EVENT} FROM event {rest}"
    return [_rows.event_of(row) for row in conn.execute(query, values)]


def _insert(
    conn: sqlite3.Connection, table: str, columns: str, rows: Iterable[Sequence[Any]]
) -> None:
    marks = ", ".join("?" * len(columns.split(",")))
    conn.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
