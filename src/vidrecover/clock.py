"""Recorder time: how recorders write dates, and how the times of frames follow from them.

Recorder time has no zone. Impossible dates are None (NO_TIME in columns), never "now" or 1970.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import NO_TIME, RecorderMs

Column = npt.NDArray[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # years 1 to 9999
_LARGEST_TICK_MS = 1 << 54  # no counter goes beyond; NO_TICK neither
_LARGEST_LAG_MS = 500  # between counter and stamp beyond the stamp's resolution
_DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_IN_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def iso(time_ms: RecorderMs) -> str:
    """Recorder time as the contract writes it: `2026-03-14T07:30:00.000`."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}"


def spoken(time_ms: RecorderMs) -> str:
    """Recorder time for people: `2026-03-14 07:30:00.000`."""
    return iso(time_ms).replace("T", " ")


def lasting(length_ms: int) -> str:
    """A length of time for people, two units at most: `800 ms`, `12 s`, `3 min 5 s`, `2 d 4 h`."""
    if length_ms < 1000:
        return f"{length_ms} ms"
    seconds = round(length_ms / 1000)
    for unit, size, small, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {small}" if rest else "")
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" + (f" {seconds % 60} s" if seconds % 60 else "")


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


def packed_dates(values: Column, *, first_year: int = 2000) -> Column:
    """A column of packed dates as RecorderMs, NO_TIME where impossible; see `packed_date`.

    first_year: the year that is stored as 0.
    """
    packed = values.astype(np.int64)
    return dates(
        first_year + (packed >> 26),
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
    section 4). Times are early by less than one frame interval where the stamps change at
    least once, else by less than the resolution. Rows without either, and those whose counter
    leads out of the calendar, are NO_TIME. Returns the times and the phase to hand to the next
    segment.
    """
    times = stamps.astype(np.int64).copy()
    usable = np.flatnonzero((ticks > -_LARGEST_TICK_MS) & (ticks < _LARGEST_TICK_MS))
    if not len(usable):
        return times, phase
    counter = ticks[usable].astype(np.int64)
    first = phase.tick_ms if phase is not None else int(counter[0])
    steps = np.diff(counter, prepend=first)
    if modulus is not None:
        steps = (steps + modulus // 2) % modulus - modulus // 2
    known = phase.time_ms if phase is not None else None
    found = _align(times[usable], steps, resolution, known)
    if found is None:
        return times, None
    last = int(found[-1])
    possible = (found >= _FIRST_MS) & (found <= _LAST_MS)
    times[usable] = np.where(possible, found, NO_TIME)
    return times, (Phase(int(counter[-1]), last) if possible[-1] else None)


def _align(
    stamps: Column, steps: Column, resolution: int, known: RecorderMs | None
) -> Column | None:
    """Times from stamps and steps of the counter, or None when nothing is dated.

    known: the time before the first step, if handed over. The rows are parted where counter
    and stamps disagree; each part has one base, the time at which its counter would be zero.
    """
    elapsed = np.cumsum(steps)
    dated = stamps != NO_TIME
    if not dated.any():
        return None if known is None else known + elapsed
    lowest = stamps - elapsed
    starts = _parts(lowest, dated, steps, resolution)
    sizes = np.diff(starts, append=len(stamps))
    limits = np.iinfo(np.int64)
    least = np.maximum.reduceat(np.where(dated, lowest, limits.min), starts)
    most = np.minimum.reduceat(np.where(dated, lowest, limits.max - resolution), starts)
    most += resolution - 1
    bases = least.copy()
    if known is not None and least[0] <= most[0]:
        bases[0] = min(max(known, int(least[0])), int(most[0]))
    for place in np.flatnonzero(least > most).tolist():
        part = slice(int(starts[place]), int(starts[place] + sizes[place]))
        bases[place] = int(np.median(lowest[part][dated[part]])) + resolution // 2
    result: Column = np.repeat(bases, sizes) + elapsed
    return result


def _parts(lowest: Column, dated: Column, steps: Column, resolution: int) -> Column:
    """Where parts begin: at rows whose stamp disagrees with the counter since the stamp before.

    Undated rows before such a row belong to it from the last step of the counter that no
    recording makes: they were written with it.
    """
    places = np.flatnonzero(dated)
    largest = resolution + _LARGEST_LAG_MS
    jumps = np.flatnonzero(np.abs(np.diff(lowest[places])) > largest)
    before, at = places[jumps], places[jumps + 1]
    breaks = np.flatnonzero(np.abs(steps) > largest)
    if len(breaks):
        nearest = breaks[np.maximum(np.searchsorted(breaks, at, side="right") - 1, 0)]
        at = np.where((nearest > before) & (nearest <= at), nearest, at)
    return np.concatenate([[0], at])
