"""Recorder time inside the simulator: ISO text, times of day, packed dates, spans.

All times are integer milliseconds since 1970 as the recorder's clock shows them, without a zone.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """Recorder time [start_ms, end_ms)."""

    start_ms: int
    end_ms: int


def calendar(time_ms: int) -> datetime:
    """The calendar fields of a recorder time (the zone of the result means nothing)."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def iso(time_ms: int) -> str:
    """`2026-03-14T07:30:00.000`."""
    return calendar(time_ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}"


def spoken(time_ms: int) -> str:
    """`2026-03-14 07:30:00`, as recorders burn it into their pictures."""
    return calendar(time_ms).strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str, day_ms: int | None = None) -> int:
    """Milliseconds from ISO date and time, or from a time of day when `day_ms` names the day.

    Raises ValueError on anything else, on a zone, and outside 2000 to 2063 (packed dates).
    """
    if day_ms is not None and "T" not in text and "-" not in text:
        text = f"{calendar(day_ms):%Y-%m-%d}T{text}"
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is not None:
        raise ValueError(f"recorder time has no zone, but {text!r} names one")
    if not 2000 <= parsed.year <= 2063:
        raise ValueError(f"{text!r} lies outside the years 2000 to 2063 that recorders can write")
    return round((parsed.replace(tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1))


def packed(time_ms: int) -> int:
    """32-bit packed date: year-2000 (6 bits), month (4), day (5), hour (5), minute (6), second (6).

    [A: dhav.md section 4]
    """
    when = calendar(time_ms)
    value = when.year - 2000
    for field, bits in (
        (when.month, 4),
        (when.day, 5),
        (when.hour, 5),
        (when.minute, 6),
        (when.second, 6),
    ):
        value = value << bits | field
    return value


def without(span: Span, holes: Iterable[Span]) -> list[Span]:
    """What remains of `span` when the holes are cut out, in time order."""
    left, at = [], span.start_ms
    for hole in sorted(holes):
        if hole.end_ms <= at or hole.start_ms >= span.end_ms:
            continue
        if hole.start_ms > at:
            left.append(Span(at, hole.start_ms))
        at = max(at, hole.end_ms)
    if at < span.end_ms:
        left.append(Span(at, span.end_ms))
    return left


def overlaps(span: Span, others: Iterable[Span]) -> list[Span]:
    """The parts of `span` that lie in one of the others, in time order and joined."""
    return without(span, without(span, others))
