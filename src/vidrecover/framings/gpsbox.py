"""Records of receivers outside of freeGPS blocks: boxes, subtitles and packets of dash cameras.

Each begins with a mark of its own, and is believed only when clock, place and course can be.
Facts: dashcam-mp4.md sections 3 to 5, with their marks.
"""

import re
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.framings import _fixes, nmea
from vidrecover.framings._columns import data_rows
from vidrecover.framings._fixes import KNOT
from vidrecover.model import Extent, FrameFlag, Frames, Position, Window

LARGEST = 1 << 16
"""Bytes of a record that are looked at."""
_MOST_CANDIDATES = 50_000
_MILE = 1.609344
_SINCE_1904_MS = 2_082_844_800_000  # to 1970
_EARLIEST_MS, _LATEST_MS = 1_104_537_600_000, 2_208_988_800_000  # 2005 to 2040
_NOWHERE = -(1 << 31)
_GARMIN = bytes.fromhex("9b630f8d637440ec8204bc5ff5091728")
_GARMIN_STARTS = (33, 41)  # behind the box's start: whether its head counts is not told
_KENWOOD = re.compile(rb"VIDEOU{22}\xfe\xfe(\d{14})\.(\d{14})(?:\x03|03)([NS])(\d{8})([EW])(\d{9})")
_THINKWARE = re.compile(rb"gsensori,4,-?\d{1,5},-?\d{1,5},-?\d{1,5};(G[NP]RMC,[0-9A-Z.,-]{20,90});")
_LIGO_HEAD, _LIGO_SIZE, _LIGO_MOST = 0x14, 0x84, 64


class _Kind(NamedTuple):
    """A kind of record. before: bytes of it before its mark; size: of a record that begins there,
    by as many bytes of it as `least` or all that there are, 0 where it is none; decode: what
    it says."""

    mark: bytes
    before: int
    least: int
    size: Callable[[bytes], int]
    decode: Callable[[bytes, int], Iterator[Position]]


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """One DATA row for each record or box of records; see `model.Reader`. Rows carry no time."""
    kept: list[tuple[int, int, int]] = []
    for place in candidates[:_MOST_CANDIDATES].tolist():
        kind = _marked(window.data[place : place + 32].tobytes())
        start = place - kind.before if kind is not None else -1
        if kind is None or not 0 <= start < window.limit:
            continue
        head = window.data[start : start + kind.least].tobytes()
        if len(head) < kind.least and not window.at_end:
            kept.append((start, kind.least, int(FrameFlag.OVERRUN)))
            continue
        size = kind.size(head)
        raw = window.data[start : start + size].tobytes()
        if len(raw) < size and not window.at_end:
            kept.append((start, size, int(FrameFlag.OVERRUN)))
        elif size and len(raw) == size and next(kind.decode(raw, 0), None) is not None:
            kept.append((start, size, 0))
    return data_rows(window, kept)


def positions(raw: bytes, start: int) -> Iterator[Position]:
    """The records of a row's bytes; start: where they stand on the source."""
    for kind in _KINDS:
        if raw.startswith(kind.mark, kind.before):
            yield from kind.decode(raw, start)
            return


def _marked(raw: bytes) -> _Kind | None:
    return next((kind for kind in _KINDS if raw.startswith(kind.mark)), None)


def _fixed(size: int) -> Callable[[bytes], int]:
    return lambda _: size


def _stream(raw: bytes, start: int) -> Iterator[Position]:
    """A private packet of Novatek's transport streams, by the camera's own clock. [A]"""
    hour, minute, second, year, month, day = struct.unpack_from("<6I", raw, 6)
    letters = (raw[31:32], raw[32:33])
    is_such = (
        raw[30:31] in (b"A", b"V") and letters[0] in (b"N", b"S") and letters[1] in (b"E", b"W")
    )
    time_ms = _fixes.moment((year + 2000 if year < 100 else year, month, day, hour, minute, second))
    if not is_such or time_ms is None:
        return
    north, east, speed, course = (_fixes.real(raw, "<f", 34 + 4 * one) for one in range(4))
    found = _fixes.position(
        "novatek-ts",
        Extent(start, start + len(raw)),
        times=(time_ms, None),
        latitude=_fixes.degrees(north),
        longitude=_fixes.degrees(east),
        letters=letters,
        speed_kmh=speed * KNOT,
        course=course,
        has_fix=raw[30:31] == b"A",
    )
    if found is not None:
        yield found


def _ligo_size(head: bytes) -> int:
    """Up to the last plain record, behind which none follows."""
    ends = [0]
    for number in range(_LIGO_MOST):
        at = _LIGO_HEAD + number * _LIGO_SIZE
        if _fixes.spoken("", head[at + 4 : at + _LIGO_SIZE], Extent(0, 0)) is None:
            break
        ends.append(at + _LIGO_SIZE)
    return ends[-1]


def _ligo(raw: bytes, start: int) -> Iterator[Position]:
    """Plain records of LIGOGPSINFO; disguised ones are none. [B]"""
    for at in range(_LIGO_HEAD, len(raw) - _LIGO_SIZE + 1, _LIGO_SIZE):
        place = Extent(start + at, start + at + _LIGO_SIZE)
        found = _fixes.spoken("ligo", raw[at + 4 : at + _LIGO_SIZE], place)
        if found is not None:
            yield found


def _box_size(head: bytes) -> int:
    return min(int.from_bytes(head[:4], "big"), LARGEST)


def _garmin(raw: bytes, start: int) -> Iterator[Position]:
    """Garmin's box, in UTC. The one beginning of its records counts at which all can be. [A]"""
    tables = [list(_garmin_rows(raw, first, start)) for first in _GARMIN_STARTS]
    whole = [table for table in tables if table and None not in table]
    if len(whole) == 1:
        yield from (one for one in whole[0] if one is not None)


def _garmin_rows(raw: bytes, first: int, start: int) -> Iterator[Position | None]:
    before = 0
    for at in range(first, len(raw) - 19, 20):
        seconds, miles, north, east = struct.unpack_from(">IH6xii", raw, at)
        time_ms = seconds * 1000 - _SINCE_1904_MS
        if not _EARLIEST_MS <= time_ms < _LATEST_MS or time_ms < before:
            yield None
            return
        before = time_ms
        has_fix = _NOWHERE not in (north, east)
        yield _fixes.position(
            "garmin",
            Extent(start + at, start + at + 20),
            times=(None, time_ms),
            latitude=north * 180 / (1 << 31) if has_fix else 0,
            longitude=east * 180 / (1 << 31) if has_fix else 0,
            speed_kmh=miles * _MILE,
        )


def _kenwood(raw: bytes, start: int) -> Iterator[Position]:
    """The user data of Kenwood's files, by the camera's own clock. [B]"""
    match = _KENWOOD.match(raw)
    time_ms = _fixes.digits(match[1]) if match is not None else None
    if match is None or time_ms is None:
        return
    north, east = (_fixes.degrees(int(match[at]) / 1e4) for at in (4, 6))
    found = _fixes.position(
        "kenwood",
        Extent(start, start + match.end()),
        times=(time_ms, None),
        latitude=north,
        longitude=east,
        letters=(match[3], match[5]),
    )
    if found is not None:
        yield found


def _ambarella(raw: bytes, start: int) -> Iterator[Position]:
    """The box `gps0`, in UTC. Rows that go back in time are stale. [A]"""
    if (len(raw) - 8) % 32:
        return
    found = [_ambarella_row(raw, at, start) for at in range(8, len(raw), 32)]
    if None in found[:3]:
        return
    sound = [one for one in found if one is not None]
    yield from sound[:1]
    newest = sound[0].gps_ms or 0
    for before, one in pairwise(sound):
        newest = max(newest, before.gps_ms or 0)
        if (one.gps_ms or 0) > newest:
            yield one


def _ambarella_row(raw: bytes, at: int, start: int) -> Position | None:
    north, east = (_fixes.real(raw, "<d", at + 8 * one) for one in range(2))
    year, month, day, hour, minute, second, course = raw[at + 22 : at + 29]
    time_ms = _fixes.moment((2000 + year, month, day, hour, minute, second))
    if time_ms is None:
        return None
    return _fixes.position(
        "gps0",
        Extent(start + at, start + at + 32),
        times=(None, time_ms),
        latitude=_fixes.degrees(abs(north)),
        longitude=_fixes.degrees(abs(east)),
        letters=(b"S" if north < 0 else b"N", b"W" if east < 0 else b"E"),
        speed_kmh=int.from_bytes(raw[at + 20 : at + 22], "little"),
        course=2 * course,
    )


def _thinkware_size(head: bytes) -> int:
    match = _THINKWARE.match(head)
    return match.end() if match is not None else 0


def _thinkware(raw: bytes, start: int) -> Iterator[Position]:
    """A sample of Thinkware's text track: a sentence without its sum. [B]"""
    match = _THINKWARE.match(raw)
    if match is None:
        return
    place = Extent(start, start + match.end())
    found = nmea.position(b"$" + match[1] + b"*00", place, kind="thinkware", strict=False)
    if found is not None and found.gps_ms is not None:
        yield found


def _nextbase(raw: bytes, start: int) -> Iterator[Position]:
    """A sample of the subtitles of Nextbase's 322GW: the camera's own clock, three accelerations,
    and a sentence whose sum does not hold. [A]"""
    time_ms = _fixes.digits(raw[6:20]) if raw.startswith(b"\x01\x20") else None
    if time_ms is None:
        return
    place = Extent(start, start + len(raw))
    found = nmea.position(raw[32:], place, kind="nextbase", strict=False)
    if found is not None and found.gps_ms is not None:
        yield msgspec.structs.replace(found, recorder_ms=time_ms)


_KINDS = (
    _Kind(bytes.fromhex("000001BF03F0"), 0, 50, _fixed(50), _stream),
    _Kind(b"LIGOGPSINFO\0", 0, _LIGO_HEAD + _LIGO_MOST * _LIGO_SIZE, _ligo_size, _ligo),
    _Kind(_GARMIN, 8, 8, _box_size, _garmin),
    _Kind(b"VIDEO" + b"U" * 22, 0, 79, _fixed(79), _kenwood),
    _Kind(b"gps0", 4, 8, _box_size, _ambarella),
    _Kind(b"gsensori,4,", 0, 160, _thinkware_size, _thinkware),
    _Kind(b"$GPRMC,", 32, 160, _fixed(160), _nextbase),
)
