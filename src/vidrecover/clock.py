"""Recorder time: how recorders write dates, and how the times of frames follow from them.

Recorder time has no zone. Impossible dates are None (NO_TIME in columns), never "now" or 1970.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import NO_TICK, NO_TIME, RecorderMs

Column = npt.NDArray[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_IN_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def iso(time_ms: RecorderMs) -> str:
    """Recorder time as the contract writes it: `2026-03-14T07:30:00.000`."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}"


def spoken(time_ms: RecorderMs) -> str:
    """Recorder time for people: `2026-03-14 07:30:00.000`."""
    return iso(time_ms).replace("T", " ")


def parse_iso(text: str) -> RecorderMs:
    """Recorder time from ISO text without a zone; raises ValueError on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(f"recorder time has no zone, but {text!r} names one")
    delta = moment.replace(tzinfo=UTC) - _EPOCH
    return round(delta / timedelta(milliseconds=1))


def packed_date(value: int) -> RecorderMs | None:
    """Recorder time from a 32-bit packed date, or None for an impossible one.

    Bits, high to low: year-2000 (6), month (4), day (5), hour (5), minute (6), second (6).
    [A: dhav.md section 4]
    """
    time_ms = int(packed_dates(np.array([value], dtype=np.uint32))[0])
    return None if time_ms == NO_TIME else time_ms


def packed_dates(values: Column) -> Column:
    """A column of packed dates as RecorderMs, NO_TIME where impossible; see `packed_date`."""
    packed = values.astype(np.int64)
    return dates(
        2000 + (packed >> 26),
        (packed >> 22) & 15,
        (packed >> 17) & 31,
        (packed >> 12) & 31,
        (packed >> 6) & 63,
        packed & 63,
    )


def dates(
    year: Column, month: Column, day: Column, hour: Column, minute: Column, second: Column
) -> Column:
    """Columns of calendar fields as RecorderMs, NO_TIME where a field is impossible."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    safe_month = np.where((month >= 1) & (month <= 12), month, 1)
    last_day = _DAYS_IN_MONTH[safe_month] + (leap & (safe_month == 2))
    valid = (
        (month == safe_month)
        & (day >= 1)
        & (day <= last_day)
        & (hour < 24)
        & (minute < 60)
        & (second < 60)
    )
    before = year - 1
    days = (
        before * 365
        + before // 4
        - before // 100
        + before // 400
        - 719162
        + _DAYS_BEFORE_MONTH[safe_month]
        + (leap & (safe_month > 2))
        + day
        - 1
    )
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return np.where(valid, seconds * 1000, NO_TIME)


class Phase(NamedTuple):
    """How a free-running counter stands to the recorder's clock at some frame.

    tick_ms: that frame's counter as stored; time_ms: its resolved time. Handed from one
    segment to the next of the same recording so that their times fit together.
    """

    tick_ms: int
    time_ms: RecorderMs


def resolve(
    stamps: Column,
    ticks: Column,
    *,
    modulus: int | None,
    resolution: int,
    phase: Phase | None = None,
) -> tuple[Column, Phase | None]:
    """Times of frames in storage order, from dates of whole seconds and a counter of milliseconds.

    stamps: RecorderMs as stored or NO_TIME; ticks: counter or NO_TICK, wrapping at `modulus`;
    resolution: of the stamps in milliseconds. The date wins: the counter only fills in what
    lies below its resolution, and is set anew where both differ by more than 1.5 s (dhav.md
    section 4). Accuracy: one frame interval. Rows without either stay NO_TIME. Returns the
    times and the phase to hand to the next segment.
    """
    times = stamps.astype(np.int64).copy()
    usable = np.flatnonzero(ticks != NO_TICK)
    if not len(usable):
        return times, None
    counter = ticks[usable].astype(np.int64)
    first = phase.tick_ms if phase is not None else int(counter[0])
    steps = np.diff(counter, prepend=first)
    if modulus is not None:
        steps = (steps + modulus // 2) % modulus - modulus // 2
    elapsed = np.cumsum(steps)
    known = phase.time_ms if phase is not None else None
    times[usable], last = _align(times[usable], elapsed, resolution, known)
    return times, (None if last is None else Phase(int(counter[-1]), last))


def _align(
    stamps: Column, elapsed: Column, resolution: int, known: RecorderMs | None
) -> tuple[Column, RecorderMs | None]:
    """Times from elapsed counter and stamps; `known`: time at elapsed zero, if handed over."""
    dated = stamps != NO_TIME
    if not dated.any():
        if known is None:
            return stamps, None
        times = known + elapsed
        return times, int(times[-1])
    lowest = np.where(dated, stamps - elapsed, 0)
    anchors = lowest[dated]
    jump = np.flatnonzero(np.abs(np.diff(anchors)) > resolution + 500)
    places = np.flatnonzero(dated)[jump + 1]
    times = np.empty_like(elapsed)
    edges = [0, *places.tolist(), len(elapsed)]
    base = known
    for start, end in pairwise(edges):
        part = lowest[start:end][dated[start:end]]
        base = _base(part, resolution, base)
        times[start:end] = base + elapsed[start:end]
    return times, int(times[-1])


def _base(lowest: Column, resolution: int, known: RecorderMs | None) -> RecorderMs:
    """The time at elapsed zero that agrees with the stamps, nearest to the known one."""
    least, most = int(lowest.max()), int(lowest.min()) + resolution - 1
    if known is not None and least <= known <= most:
        return known
    if least <= most:
        return least
    return int(np.median(lowest)) + resolution // 2
