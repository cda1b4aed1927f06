"""Whether two media hold the same footage: key pictures of one camera and second compared.

Bytes tell it, not times: BLAKE3 over the payload of whole key pictures, kept in the case. A
sample of seconds that both media have is enough, spread over all, since media are copies or not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import combinations
from typing import NamedTuple, TypeVar

from vidrecover import clock
from vidrecover.case._opened import Opened
from vidrecover.case._prints import prints
from vidrecover.inspection import key_pictures
from vidrecover.model import NO_TIME, Frames, Segment, Source, Stream, TimeSpan

_MOST_SEGMENTS = 60  # of one camera that are looked into
_MOST_SECONDS = 5  # of one segment
_MINUTE_MS, _SECOND_MS = 60_000, 1000

_T = TypeVar("_T")
_Found = list[tuple[Segment, Frames]]
_Pictures = dict[int, _Found]
"""Rows of key pictures with their segment, by the recorder's second."""


class _Kind(NamedTuple):
    """What can be compared byte for byte."""

    channel: int
    stream: Stream
    format: str


class _Medium(NamedTuple):
    name: str
    case: Opened
    source: Source
    segments: dict[_Kind, list[Segment]]


def compared(
    cases: dict[str, Opened], channels: Sequence[int] | None, window: TimeSpan | None
) -> Iterator[str]:
    """For every two media and camera, a sentence: the same footage, or where it differs.

    Raises SourceError when a source is not where it was scanned.
    """
    with ExitStack() as stack:
        media = [
            _Medium(name, case, stack.enter_context(case.source()), _segments(case, window))
            for name, case in cases.items()
        ]
        for one, other in combinations(media, 2):
            kinds = sorted(one.segments.keys() & other.segments.keys())
            asked = [kind for kind in kinds if channels is None or kind.channel in channels]
            told = [words for kind in asked for words in _told(kind, one, other, window)]
            yield from told or [
                f"media {one.name} and {other.name}: nothing to compare; it takes dated key"
                " pictures of one camera, stream, format and second on both"
            ]


def _segments(case: Opened, window: TimeSpan | None) -> dict[_Kind, list[Segment]]:
    found: dict[_Kind, list[Segment]] = defaultdict(list)
    for one in case.segments(window):
        if one.channel is not None and one.keys and one.start_ms is not None:
            found[_Kind(one.channel, one.stream, one.format)].append(one)
    return found


def _told(kind: _Kind, one: _Medium, other: _Medium, window: TimeSpan | None) -> Iterator[str]:
    same, different = list[int](), list[int]()
    for second, own, theirs in _common(kind, one, other, window):
        alike = _digests(own, one) & _digests(theirs, other)
        (same if alike else different).append(second)
    count = len(same) + len(different)
    who = f"camera {kind.channel}: media {one.name} and {other.name}"
    if not count:
        return
    seconds = f"{count} second{'' if count == 1 else 's'} compared"
    if not different:
        yield f"{who} hold the same footage ({seconds}, byte for byte)"
        return
    first, last = (clock.spoken(time * _SECOND_MS) for time in (min(different), max(different)))
    yield (
        f"{who} hold different pictures of the same time in {len(different)} of {seconds},"
        f" {first} to {last}: another stream, a wrong clock, or damage; look at both"
    )


def _common(
    kind: _Kind, one: _Medium, other: _Medium, window: TimeSpan | None
) -> Iterator[tuple[int, _Found, _Found]]:
    """A sample of the seconds in which both have whole key pictures, with the pictures' rows."""
    by_minute: dict[int, list[Segment]] = defaultdict(list)
    for segment in other.segments[kind]:
        for minute in _minutes(segment):
            by_minute[minute].append(segment)
    near = [s for s in one.segments[kind] if any(m in by_minute for m in _minutes(s))]
    for segment in _sample(near, _MOST_SEGMENTS):
        beside = {s.id: s for minute in _minutes(segment) for s in by_minute.get(minute, ())}
        own = _pictures(one.case, [segment], window)
        theirs = _pictures(other.case, beside.values(), window)
        for second in _sample(sorted(own.keys() & theirs.keys()), _MOST_SECONDS):
            yield second, own[second], theirs[second]


def _minutes(segment: Segment) -> range:
    """The minutes that a segment touches; it lasts a minute at most, save with a wrong clock."""
    assert segment.start_ms is not None
    first = segment.start_ms // _MINUTE_MS
    last = (segment.start_ms if segment.end_ms is None else segment.end_ms) // _MINUTE_MS
    return range(first, min(last, first + 2) + 1)


def _pictures(case: Opened, segments: Iterable[Segment], window: TimeSpan | None) -> _Pictures:
    found: _Pictures = defaultdict(list)
    for segment in segments:
        rows = case.unpack(segment)
        for places in key_pictures(rows):
            time_ms = int(rows["time_ms"][places[0]])
            inside = window is None or window.start_ms <= time_ms < window.end_ms
            if time_ms != NO_TIME and inside:
                found[time_ms // _SECOND_MS].append((segment, rows[places]))
    return found


def _digests(pictures: _Found, medium: _Medium) -> set[bytes]:
    return {prints(medium.case, medium.source, one, [rows])[0] for one, rows in pictures}


def _sample(items: Sequence[_T], most: int) -> list[_T]:
    """At most so many, spread over all."""
    step = max(len(items) / most, 1)
    return [items[int(place * step)] for place in range(min(len(items), most))]
