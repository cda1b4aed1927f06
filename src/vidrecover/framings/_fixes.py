"""What records of satellite receivers have in common: clocks, degrees, limits of what can be.

Facts: dashcam-mp4.md sections 2.3 and 2.4.
"""

import re
import struct
from collections.abc import Sequence

import numpy as np

from vidrecover import clock
from vidrecover.model import NO_TIME, Extent, Position, RecorderMs

KNOT = 1.852
"""Kilometres an hour."""
_FIRST_YEAR, _LAST_YEAR = 2005, 2039
_SPOKEN = re.compile(
    rb"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)"
    rb" ([NS]):(\d{1,2}\.\d{1,8}) ([EW]):(\d{1,3}\.\d{1,8}) (\d{1,3}(?:\.\d{1,4})?) km/h"
)


def moment(parts: Sequence[int]) -> RecorderMs | None:
    """Milliseconds of year, month, day, hour, minute and second; None for an impossible date and
    outside of the years 2005 to 2039, when no such camera was."""
    if len(parts) != 6 or not _FIRST_YEAR <= parts[0] <= _LAST_YEAR:
        return None
    if min(parts) < 0 or max(parts[1:]) > 60:
        return None
    time_ms = int(clock.dates(*(np.array([one]) for one in parts))[0])
    return None if time_ms == NO_TIME else time_ms


def digits(text: bytes) -> RecorderMs | None:
    """Milliseconds of YYYYMMDDhhmmss."""
    if not re.fullmatch(rb"\d{14}", text):
        return None
    return moment([int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2))])


def degrees(value: float) -> float | None:
    """Degrees of DDMM.mmmm; None for what has no place on the globe."""
    if not 0 <= value < 18_100 or value % 100 >= 60:
        return None
    return value // 100 + value % 100 / 60


def real(raw: bytes, form: str, at: int) -> float:
    """A real number in the bytes; -1 for what is none, or too large to mean anything."""
    value = float(struct.unpack_from(form, raw, at)[0])
    return value if value == value and abs(value) < 1e6 else -1.0


def position(
    kind: str,
    entry: Extent,
    *,
    times: tuple[RecorderMs | None, int | None],
    latitude: float | None,
    longitude: float | None,
    letters: tuple[bytes, bytes] = (b"N", b"E"),
    speed_kmh: float | None = None,
    course: float | None = None,
    has_fix: bool = True,
) -> Position | None:
    """The record, or None where its values cannot be. times: of the recorder and in UTC.

    letters: north or south, east or west, of values without a sign. Without a fix, or at zero
    degrees, the times alone count: that is how these cameras write that they know no place.
    """
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    if speed_kmh is not None and not 0 <= speed_kmh < 740:
        return None
    if course is not None and not 0 <= course <= 360:
        return None
    has_fix = has_fix and latitude != 0 and longitude != 0
    north = -latitude if letters[0] == b"S" else latitude
    east = -longitude if letters[1] == b"W" else longitude
    return Position(
        kind=kind,
        recorder_ms=times[0],
        gps_ms=times[1],
        latitude=round(north, 7) if has_fix else None,
        longitude=round(east, 7) if has_fix else None,
        speed_kmh=round(speed_kmh, 2) if has_fix and speed_kmh is not None else None,
        course=round(course, 2) if has_fix and course is not None else None,
        entry=entry,
    )


def spoken(kind: str, raw: bytes, entry: Extent, *, unit: float = 1) -> Position | None:
    """The record of a text `2026/03/14 07:30:05 N:52.51 W:13.40 50.0 km/h`, by the camera's own
    clock. unit: of the speed in km/h. [A, B: types 5 and 18]"""
    match = _SPOKEN.match(raw)
    if match is None:
        return None
    time_ms = moment([int(one) for one in match.groups()[:6]])
    if time_ms is None:
        return None
    return position(
        kind,
        entry,
        times=(time_ms, None),
        latitude=float(match[8]),
        longitude=float(match[10]),
        letters=(match[7], match[9]),
        speed_kmh=float(match[11]) * unit,
    )
