"""Blocks `freeGPS ` of dash cameras: one a second between the pictures of their MP4 files.

Types and their fields: dashcam-mp4.md section 2.3, with its marks. Only types with a clock whose
values are not disguised; the clock is the camera's own, not the satellites'. [A]
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import (
    NO_TIME,
    Extent,
    FrameFlag,
    Frames,
    Media,
    Position,
    Window,
    no_frames,
)

SIZE = 256
"""Bytes of a block that are looked at: all fields of every type stand in them."""
_HEAD = 4
_LEAST, _MOST = 0x60, 0x10000
_MOST_CANDIDATES = 50_000
_KNOT = 1.852


class _Type(NamedTuple):
    """Where a type has its parts. fix: of A or V, then the letters of latitude and longitude;
    clock: of hour, minute, second, and date: of year, month, day, in 32 bits; century: added to
    the year; real: format of latitude, longitude, speed and course; knots: of the speed."""

    name: str
    fix: tuple[int, int, int]
    clock: int
    date: int
    century: int
    real: str
    places: tuple[int, int, int, int]
    knots: bool = True


_TYPES = (
    _Type("viofo-a119", (40, 41, 42), 16, 28, 0, "<f", (44, 48, 52, 56)),  # type 3
    _Type("akaso", (60, 68, 76), 48, 88, 0, "<f", (64, 72, 80, 84), knots=False),  # type 6
    _Type("doubles", (60, 72, 88), 48, 112, 2000, "<d", (64, 80, 96, 104)),  # type 12
    _Type("vantrue-n4", (28, 40, 56), 16, 80, 2000, "<d", (32, 48, 64, 72)),  # type 15
    _Type("novatek", (72, 73, 74), 48, 60, 2000, "<f", (76, 80, 84, 88)),  # type 17
)


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """One DATA row for each block of a known type, of its first bytes; see `model.Reader`."""
    kept: list[tuple[int, int]] = []
    for place in candidates[:_MOST_CANDIDATES].tolist():
        start = place - _HEAD
        if not 0 <= start < window.limit:
            continue
        raw = window.data[start : start + SIZE].tobytes()
        if len(raw) < SIZE and not window.at_end:
            kept.append((start, int(FrameFlag.OVERRUN)))
        elif decoded(raw, Extent(0, 0)) is not None:
            kept.append((start, 0))
    rows = no_frames(len(kept))
    if kept:
        columns = np.array(kept, dtype=np.int64).T
        rows["offset"], rows["flags"] = columns[0] + window.offset, columns[1]
        rows["size"], rows["payload_size"] = SIZE, SIZE
        rows["kind"] = Media.DATA
    return rows


def decoded(raw: bytes, entry: Extent) -> Position | None:
    """The record of a block from its first bytes, SIZE of them; None for one that is not known.

    A block without a fix has its time alone. Its clock is that of the camera.
    """
    if len(raw) < SIZE or not _LEAST <= int.from_bytes(raw[:4], "big") <= _MOST:
        return None
    for kind in _TYPES:
        fix = tuple(raw[at : at + 1] for at in kind.fix)
        if fix[0] in (b"A", b"V") and fix[1] in (b"N", b"S") and fix[2] in (b"E", b"W"):
            found = _of_type(raw, kind, fix, entry)
            if found is not None:
                return found
    return None


def _of_type(raw: bytes, kind: _Type, fix: tuple[bytes, ...], entry: Extent) -> Position | None:
    hour, minute, second = struct.unpack_from("<3I", raw, kind.clock)
    year, month, day = struct.unpack_from("<3I", raw, kind.date)
    year += kind.century if year < 100 else 0
    if max(hour, minute, second, month, day) > 60 or not 2005 <= year < 2040:
        return None
    parts = (np.array([one]) for one in (year, month, day, hour, minute, second))
    time_ms = int(clock.dates(*parts)[0])
    reals = list(_reals(raw, kind))
    latitude, longitude = (_degrees(value) for value in reals[:2])
    sane = latitude is not None and latitude <= 90 and longitude is not None and longitude <= 180
    if time_ms == NO_TIME or not sane or not 0 <= reals[3] <= 360 or not 0 <= reals[2] < 400:
        return None
    has_fix = fix[0] == b"A" and bool(latitude or longitude)
    speed = reals[2] * (_KNOT if kind.knots else 1)
    return Position(
        kind="freegps",
        recorder_ms=time_ms,
        latitude=_signed(latitude, fix[1] == b"S") if has_fix else None,
        longitude=_signed(longitude, fix[2] == b"W") if has_fix else None,
        speed_kmh=round(speed, 2) if has_fix else None,
        course=round(reals[3], 2) if has_fix else None,
        entry=entry,
    )


def _reals(raw: bytes, kind: _Type) -> Iterator[float]:
    for at in kind.places:
        value = struct.unpack_from(kind.real, raw, at)[0]
        yield value if value == value and abs(value) < 1e6 else -1.0  # not a number


def _degrees(value: float) -> float | None:
    """Degrees of DDMM.mmmm."""
    if not 0 <= value < 18_100 or value % 100 >= 60:
        return None
    return value // 100 + value % 100 / 60


def _signed(value: float | None, negative: bool) -> float | None:
    return None if value is None else round(-value if negative else value, 7)
