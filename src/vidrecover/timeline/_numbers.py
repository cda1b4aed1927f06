"""What frame numbers tell of the time between frames: how many were recorded there, or none."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum, auto
from itertools import accumulate, pairwise
from typing import NamedTuple

from vidrecover.model import RecorderMs, Segment, TimeSpan

_SHORTEST_MS = 500  # between two frames; a shorter loss is told by the grade of a clip [C]
_ERROR_MS = 1000  # of a time between frames: short rests are dated to a second only
_NEIGHBOURS = 16  # segments on each side from which the usual rate is taken
_LEAST, _MOST = 0.9, 2.0  # of the numbers expected at the slower and the faster rate beside [C]


class Told(Enum):
    """NONE: the numbers follow each other; FILLED: as many are missing as such a time takes;
    SOME: some are missing, but they do not tell how much of the time they took."""

    NONE = auto()
    SOME = auto()
    FILLED = auto()


class Step(NamedTuple):
    """From the last frame of one segment to the first of the next. frames: missing between them;
    size: bytes that so many take in the segments beside them."""

    span: TimeSpan
    told: Told
    frames: int
    size: int


class Numbers:
    """Steps of more than half a second in formats whose numbers rise by one with every frame.

    segments: of all cameras, those without pictures included; counted: names of such formats.
    Numbers that fall tell nothing: the recorder began anew, or the frames are another copy.
    """

    def __init__(self, segments: Iterable[Segment], counted: Collection[str]) -> None:
        tracks: dict[tuple[object, ...], list[Segment]] = {}
        for one in segments:
            if one.format in counted and one.channel is not None and one.start_ms is not None:
                tracks.setdefault((one.channel, one.format, one.stream), []).append(one)
        self._tracks: dict[int, list[list[Step]]] = {}
        for members in tracks.values():
            channel = members[0].channel
            assert channel is not None
            self._tracks.setdefault(channel, []).append(list(_steps(members)))
        self.channels = frozenset(self._tracks)

    def over(self, channel: int, time_ms: RecorderMs) -> Step | None:
        """The step of a camera at a moment without its frames, None when numbers tell nothing.

        NONE is told only when all streams of the camera tell it.
        """
        found = [_at(steps, time_ms) for steps in self._tracks.get(channel, ())]
        known = [step for step in found if step is not None]
        if not known or (len(known) < len(found) and all(s.told is Told.NONE for s in known)):
            return None
        return max(known, key=lambda step: (step.told.value, step.frames))

    def steps(self, channel: int | None) -> list[Step]:
        """All steps of a camera, stream by stream."""
        tracks = self._tracks.get(channel, ()) if channel is not None else ()
        return [step for steps in tracks for step in steps]


def _at(steps: Sequence[Step], time_ms: RecorderMs) -> Step | None:
    i = bisect_right(steps, time_ms, key=lambda step: step.span.start_ms) - 1
    return steps[i] if i >= 0 and time_ms < steps[i].span.end_ms else None


def _steps(members: list[Segment]) -> Iterator[Step]:
    """The steps of one stream, in order of time and apart from each other."""
    members.sort(key=lambda one: (one.start_ms, one.first_sequence or 0, one.start))
    numbers = list(accumulate((_rise(one) for one in members), initial=0))
    times = list(accumulate((_lasting(one) for one in members), initial=0))
    sizes = list(accumulate((one.size for one in members), initial=0))
    last = 0
    for place, one in enumerate(members):
        before = members[last]
        span = TimeSpan(before.end_ms or 0, one.start_ms or 0)
        if span.end_ms - span.start_ms > _SHORTEST_MS:
            beside = [max(last - _NEIGHBOURS + 1, 0), place, min(place + _NEIGHBOURS, len(members))]
            rates = [
                (numbers[b] - numbers[a]) / (times[b] - times[a])
                for a, b in pairwise(beside)
                if times[b] > times[a] and numbers[b] > numbers[a]
            ]
            frames = numbers[beside[2]] - numbers[beside[0]] + beside[2] - beside[0]
            step = _step(before, one, span, rates)
            if step is not None:
                size = sizes[beside[2]] - sizes[beside[0]]
                yield step._replace(size=step.frames * size // frames)
        if (one.end_ms or 0) >= (before.end_ms or 0):
            last = place


def _rise(one: Segment) -> int:
    return max((one.last_sequence or 0) - (one.first_sequence or 0), 0)


def _lasting(one: Segment) -> int:
    return (one.end_ms or 0) - (one.start_ms or 0)


def _step(before: Segment, after: Segment, span: TimeSpan, rates: Sequence[float]) -> Step | None:
    """The step without its bytes; rates: numbers a millisecond, before and after it."""
    if before.last_sequence is None or after.first_sequence is None:
        return None
    frames = after.first_sequence - before.last_sequence - 1
    if frames < 0:
        return None
    if frames == 0:
        return Step(span, Told.NONE, 0, 0)
    time = span.end_ms - span.start_ms
    least, most = max(time - _ERROR_MS, 0), time + _ERROR_MS
    fits = rates and _LEAST * min(rates) * least <= frames + 1 <= _MOST * max(rates) * most
    return Step(span, Told.FILLED if fits else Told.SOME, frames, 0)
