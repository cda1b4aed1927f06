"""Causes that lie with the recorder's clock: dates of a lost clock, and leaps in time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from vidrecover import clock
from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis.causes._signs import (
    TOGETHER_MS,
    Sign,
    named_event,
    named_segments,
    overlap,
    recurring,
)
from vidrecover.model import CauseKind, Certainty, EventKind, RecorderMs, Segment, TimeSpan
from vidrecover.timeline import covered, followers
from vidrecover.wording import said

_RESET_DAYS = 3
_RESET_YEARS = (1970, 1980, 2000, 2010, 2015)
_FIRST_IMPOSSIBLE = 2036
"""Where clocks begin whose battery is dead. [A: 1970, 1980, 2000, else B: vehicle-faults.md 5]"""
_SURE_YEARS = (1970, 1980, 2000)
_BACK_MS = 500  # by which time steps back in frames that follow each other
_FORWARD_MS = 10_000  # by which it leaps forward in all cameras at once
_SAME_MS = 2000  # in which all cameras leap


class Leap(NamedTuple):
    """A step of the clock, in milliseconds, between two segments; time_ms: of the first's end."""

    time_ms: RecorderMs
    step: int
    before: Segment
    after: Segment


def _ms(year: int) -> RecorderMs:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000


_RESETS = [(year, _ms(year), _ms(year) + _RESET_DAYS * 86_400_000) for year in _RESET_YEARS]


def is_reset(time_ms: RecorderMs) -> bool:
    """Whether this is a date at which clocks begin that have lost their time."""
    return _reset_year(time_ms) is not None or time_ms >= _ms(_FIRST_IMPOSSIBLE)


def _reset_year(time_ms: RecorderMs) -> int | None:
    return next((year for year, start, end in _RESETS if start <= time_ms < end), None)


def signs(facts: Facts, found: Sequence[Leap]) -> Iterator[Sign]:
    """Signs that dates are not what they seem; found: see `leaps`."""
    yield from _resets(facts)
    yield from map(_leapt, found)
    for time_ms, event in facts.events:
        if event.kind is EventKind.CLOCK_SET:
            told = (said("logged", text=event.text[:80]),)
            at = TimeSpan(time_ms, time_ms)
            yield Sign(CauseKind.CLOCK_JUMP, (), at, Certainty.CERTAIN, told, (named_event(event),))


def _resets(facts: Facts) -> Iterator[Sign]:
    dated = [s for s in facts.shelf.segments if s.start_ms is not None]
    found = [one for one in dated if is_reset(one.start_ms or 0)]
    if not found:
        return
    first = min(one.start_ms or 0 for one in found)
    span = TimeSpan(first, max(covered(one).end_ms for one in found))
    year = _reset_year(first)
    sure = year in _SURE_YEARS and len(found) < len(dated)
    date = clock.spoken(first)
    why = said("reset_year", year=date[:4]) if year is None else said("reset_date", date=date[:10])
    yield Sign(
        CauseKind.CLOCK_RESET,
        (),
        span,
        Certainty.CERTAIN if sure else Certainty.SUSPECTED,
        (why,),
        named_segments(found[:10]),
    )


def leaps(facts: Facts) -> list[Leap]:
    """Where frames follow each other by number and place, but their times leap, in order.

    Back is certain by one camera; forward only where all cameras leap together, and suspected: a
    recorder that paused without a new start would look the same. It did pause where the log notes
    that the power was gone, and where the same hours of several days are leapt over.
    """
    back: list[Leap] = []
    forward: dict[int | None, list[Leap]] = {}
    for one in followers(facts.shelf, facts.evidence.counted):
        leap = Leap(one.end_ms, one.start_ms - one.end_ms, one.before, one.after)
        if leap.step < -_BACK_MS:
            if not any(_same(leap, other) for other in back):
                back.append(leap)
        elif leap.step > _FORWARD_MS:
            forward.setdefault(one.before.channel, []).append(leap)
    together: list[Leap] = []
    if len(forward) >= max(2, len(facts.cameras)):
        together = [
            leap
            for leap in min(forward.values(), key=len)
            if all(any(_same(leap, other) for other in others) for others in forward.values())
        ]
    paused = {*recurring(TimeSpan(one.time_ms, one.time_ms + one.step) for one in together)}
    paused |= {*facts.off.spans}
    found = [one for one in together if not any(_is_pause(one, pause) for pause in paused)]
    return sorted([*back, *found])


def _is_pause(leap: Leap, pause: TimeSpan) -> bool:
    """Whether a leap forward is over nothing but a pause."""
    shared = overlap(TimeSpan(leap.time_ms, leap.time_ms + leap.step), pause)
    return abs(leap.step - shared) <= TOGETHER_MS


def _same(one: Leap, other: Leap) -> bool:
    differences = (one.time_ms - other.time_ms, one.step - other.step)
    return all(abs(difference) <= _SAME_MS for difference in differences)


def _leapt(leap: Leap) -> Sign:
    way = "back" if leap.step < 0 else "forward"
    return Sign(
        CauseKind.CLOCK_JUMP,
        (),
        TimeSpan(leap.time_ms, leap.time_ms),
        Certainty.CERTAIN if leap.step < 0 else Certainty.SUSPECTED,
        (said(f"set_{way}", step=abs(leap.step)),),
        named_segments([leap.before, leap.after]),
    )
