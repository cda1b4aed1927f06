"""Container files in the catalogue: rows in, values out, and what they hide."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from vidrecover.catalogue._rows import json
from vidrecover.extents import common, merged, total
from vidrecover.model import Container, Extent, Sound, Track

_TRACK = "number, lengths, sets, sets_start, sets_end, config, rate, channels, notes"
_OVERLAPPING = """
    SELECT id, start, end_ FROM segment
    WHERE unit_id IN (SELECT id FROM unit WHERE source_id = ? AND start < ? AND end_ > ?)
      AND track_id IS NULL AND hidden_by IS NULL AND start < ? AND end_ > ?
      AND (frames > 0 OR audio > 0)"""


def drop(conn: sqlite3.Connection, source_id: int) -> bool:
    """Forget all containers of a source with their segments; whether there were any."""
    where = (source_id,)
    return conn.execute("DELETE FROM container WHERE source_id = ?", where).rowcount > 0


def insert(
    conn: sqlite3.Connection, source_id: int, found: Container
) -> tuple[int, int, dict[int, int]]:
    """Stores a container without its segments: its id, that of the unit in which it starts, and
    ids of its tracks by number."""
    where = (source_id, found.start, found.start)
    query = "SELECT id FROM unit WHERE source_id = ? AND start <= ? AND end_ > ?"
    unit_id = int(conn.execute(query, where).fetchone()[0])
    number = conn.execute(
        "INSERT INTO container (source_id, unit_id, start, damage) VALUES (?, ?, ?, ?)",
        (source_id, unit_id, found.start, json(found.damage)),
    ).lastrowid
    assert number is not None
    conn.executemany(
        "INSERT INTO container_extent (container_id, start, end_) VALUES (?, ?, ?)",
        ((number, *one) for one in merged(found.claims)),
    )
    tracks = dict[int, int]()
    for one in found.tracks:
        track_id = conn.execute(
            f"INSERT INTO track (container_id, {_TRACK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, *_track_row(one)),
        ).lastrowid
        assert track_id is not None
        tracks[one.number] = track_id
    return number, unit_id, tracks


def hide(conn: sqlite3.Connection, source_id: int, number: int, found: Container) -> None:
    """Hides footage of other formats of which at least half lies in the container's bytes."""
    claims = merged(found.claims)
    if not claims:
        return
    hull = (claims[-1].end, claims[0].start)
    hidden = [
        (number, segment)
        for segment, start, end in conn.execute(_OVERLAPPING, (source_id, *hull, *hull))
        if 2 * total(common([Extent(start, end)], claims)) >= end - start
    ]
    conn.executemany("UPDATE segment SET hidden_by = ? WHERE id = ?", hidden)


def stored(conn: sqlite3.Connection) -> Iterator[Container]:
    """All containers without their segments, ordered by first byte."""
    rows = conn.execute("SELECT id, start, damage FROM container ORDER BY start").fetchall()
    for number, start, damage in rows:
        claims = conn.execute(
            "SELECT start, end_ FROM container_extent WHERE container_id = ? ORDER BY start",
            (number,),
        )
        tracks = conn.execute(
            f"SELECT {_TRACK} FROM track WHERE container_id = ? ORDER BY number", (number,)
        )
        yield Container(
            start=start,
            claims=tuple(Extent(*one) for one in claims),
            tracks=tuple(_track_of(one) for one in tracks),
            damage=msgspec.json.decode(damage, type=tuple[str, ...]),
        )


def tracks(conn: sqlite3.Connection) -> dict[int, Track]:
    """All tracks by the number that segments name."""
    rows = conn.execute(f"SELECT id, {_TRACK} FROM track ORDER BY id").fetchall()
    return {row[0]: _track_of(row[1:]) for row in rows}


def claims(conn: sqlite3.Connection) -> list[Extent]:
    """The bytes that containers explain, merged and ordered."""
    rows = conn.execute("SELECT start, end_ FROM container_extent").fetchall()
    return merged(Extent(*one) for one in rows)


def _track_row(one: Track) -> tuple[Any, ...]:
    sound = (one.sound.config, one.sound.rate, one.sound.channels) if one.sound else (None,) * 3
    place = one.sets_at or (None, None)
    return (one.number, one.lengths, one.sets, *place, *sound, json(one.notes))


def _track_of(row: Sequence[Any]) -> Track:
    number, lengths, sets, start, end, config, rate, channels, notes = row
    return Track(
        number=number,
        lengths=lengths,
        sets=bytes(sets),
        sets_at=None if start is None else Extent(start, end),
        sound=None if config is None else Sound(config=bytes(config), rate=rate, channels=channels),
        notes=msgspec.json.decode(notes, type=tuple[str, ...]),
    )
