"""Blocks `freeGPS ` of dash cameras: one a second between the pictures of their MP4 files.

Types and their fields: dashcam-mp4.md section 2.3, with its marks. Types whose values are
disguised by an unknown key, and those without a clock, are not read. The clock is the camera's
own, not the satellites', except in sentences. [A]
"""

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.framings import _fixes, nmea
from vidrecover.framings._fixes import KNOT
from vidrecover.model import (
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
_KIND = "freegps"
_HEAD = 4
_LEAST, _MOST = 0x60, 0x10000
_IN_DEGREES = 0x4000  # of blocks of type 17c, whose size is little-endian
_MOST_CANDIDATES = 50_000
_DISGUISED = bytes.fromhex("AAAAF2E1F0EE5454")
_AZDOME = re.compile(rb"(\d{14}).(.{15})([NS])(\d{8})([EW])(\d{9})", re.DOTALL)
_SHIFTED = bytes(byte + 16 for byte in b"$GPRMC,")


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
_VANTRUE_S1 = _Type("vantrue-s1", (64, 65, 66), 80, 68, 0, "<f", (96, 92, 100, 104))  # type 10


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

    A block without a fix has its time alone.
    """
    if len(raw) < SIZE or not _LEAST <= int.from_bytes(raw[:4], "big") <= _MOST:
        return None
    for read in _MARKED:
        found = read(raw, entry)
        if found is not None:
            return found
    for kind in _TYPES:
        found = _of_type(raw, kind, entry)
        if found is not None:
            return found
    return None


def _of_type(raw: bytes, kind: _Type, entry: Extent) -> Position | None:
    fix = tuple(raw[at : at + 1] for at in kind.fix)
    if fix[0] not in (b"A", b"V") or fix[1] not in (b"N", b"S") or fix[2] not in (b"E", b"W"):
        return None
    year, month, day = struct.unpack_from("<3I", raw, kind.date)
    year += kind.century if year < 100 else 0
    time_ms = _fixes.moment((year, month, day, *struct.unpack_from("<3I", raw, kind.clock)))
    north, east, speed, course = (_fixes.real(raw, kind.real, at) for at in kind.places)
    if time_ms is None or course < 0:
        return None
    size = int.from_bytes(raw[:4], "big")
    if kind.name == "novatek" and size == _IN_DEGREES and 0 <= north <= 90 and 0 <= east <= 180:
        places: tuple[float | None, float | None] = (north, east)
    else:
        places = (_fixes.degrees(north), _fixes.degrees(east))
        speed *= KNOT if kind.knots else 1
    return _fixes.position(
        _KIND,
        entry,
        times=(time_ms, None),
        latitude=places[0],
        longitude=places[1],
        letters=(fix[1], fix[2]),
        speed_kmh=speed,
        course=course,
        has_fix=fix[0] == b"A",
    )


def _azdome(raw: bytes, entry: Extent) -> Position | None:
    """Type 1: text under a mask; the unit of its speed is not told. [A]"""
    if raw[18:26] != _DISGUISED:
        return None
    match = _AZDOME.match(bytes(byte ^ 0xAA for byte in raw[26:96]))
    time_ms = _fixes.digits(match[1]) if match is not None else None
    if match is None or time_ms is None:
        return None
    places = (_fixes.degrees(int(match[at]) / 1e4) for at in (4, 6))
    north, east = places
    letters = (match[3], match[5])
    times = (time_ms, None)
    return _fixes.position(
        _KIND, entry, times=times, latitude=north, longitude=east, letters=letters
    )


def _nextbase_512gw(raw: bytes, entry: Extent) -> Position | None:
    """Type 2: the camera's own clock, and a sentence with that of the satellites. [A]"""
    time_ms = _fixes.digits(raw[52:66])
    place = raw.find(b"$G", 80, 96)
    found = nmea.position(raw[max(place, 0) :], entry, kind=_KIND, strict=False)
    if time_ms is None or place < 0 or found is None:
        return None
    return msgspec.structs.replace(found, recorder_ms=time_ms)


def _shifted(raw: bytes, entry: Extent) -> Position | None:
    """Types 7 and 9: a sentence, each byte 16 more than it is. [A]"""
    if not raw.startswith(_SHIFTED, 60):
        return None
    text = bytes((byte - 16) & 0xFF for byte in raw[60:160])
    found = nmea.position(text, entry, kind=_KIND, strict=False)
    return found if found is not None and found.gps_ms is not None else None


def _vantrue_s1(raw: bytes, entry: Extent) -> Position | None:
    """Type 10. [A]"""
    return _of_type(raw, _VANTRUE_S1, entry) if raw.startswith(b"horsontech", 48) else None


def _iqs(raw: bytes, entry: Extent) -> Position | None:
    """Type 16: as type 17, but degrees in whole numbers; the form of its course is not told. [B]"""
    letters = (raw[73:74], raw[74:75])
    is_such = raw.startswith(b"IQS", 16) and raw[72:73] in (b"A", b"V")
    if not is_such or letters[0] not in (b"N", b"S") or letters[1] not in (b"E", b"W"):
        return None
    hour, minute, second, year, month, day = struct.unpack_from("<6I", raw, 48)
    time_ms = _fixes.moment((year + 2000 if year < 100 else year, month, day, hour, minute, second))
    north, east, speed = struct.unpack_from("<3i", raw, 76)
    if time_ms is None:
        return None
    return _fixes.position(
        _KIND,
        entry,
        times=(time_ms, None),
        latitude=abs(north) / 1e7,
        longitude=abs(east) / 1e7,
        letters=letters,
        speed_kmh=abs(speed) / 100 * 3.6,
        has_fix=raw[72:73] == b"A",
    )


def _xgody(raw: bytes, entry: Extent) -> Position | None:
    """Type 18: text; what it calls km/h are knots. [B]"""
    return _fixes.spoken(_KIND, raw[23:], entry, unit=KNOT)


def _nextbase_512g(raw: bytes, entry: Extent) -> Position | None:
    """Type 20: the first of its records, which are big-endian. [A]"""
    if raw[48:50] != b"$S":
        return None
    speed, course, year, *rest = struct.unpack_from(">HhH4B", raw, 50)
    tenths, north, east = struct.unpack_from(">Hxii", raw, 60)
    time_ms = _fixes.moment((year, *rest, tenths // 10))
    if time_ms is None:
        return None
    return _fixes.position(
        _KIND,
        entry,
        times=(time_ms + tenths % 10 * 100, None),
        latitude=north / 1e7,
        longitude=east / 1e7,
        speed_kmh=speed / 100 * 3.6,
        course=course / 100 % 360,
    )


_MARKED: tuple[Callable[[bytes, Extent], Position | None], ...] = (
    _azdome,
    _nextbase_512gw,
    _shifted,
    _vantrue_s1,
    _iqs,
    _xgody,
    _nextbase_512g,
)
"""Types that a mark of their own tells, before those that only their values do."""
