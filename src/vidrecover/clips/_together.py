"""Clips of many recordings in one pass over the source.

Frames of all cameras lie between each other on a disk. So recordings of several cameras are built
side by side, and the one goes on whose bytes come next in the direction of reading.
"""

from collections import defaultdict, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

from msgspec.structs import replace

from vidrecover.clips._build import Build
from vidrecover.clips._job import Job, LeftOut
from vidrecover.clips._units import Turn
from vidrecover.model import Clip, Recording, TimeSpan

_MOST = 32  # clips in the making at a time


class Wish(NamedTuple):
    """A recording of which clips are wanted. span: only this; notes: for its clips."""

    recording: Recording
    span: TimeSpan | None = None
    notes: tuple[str, ...] = ()


class Made(NamedTuple):
    """What came of a wish. number: of the wish."""

    number: int
    what: Clip | LeftOut


_Lane = Generator[Made | Turn]


def side_by_side(job: Job, wishes: Sequence[Wish]) -> Iterator[Made]:
    """What comes of all wishes, as soon as it is made; those of one camera and stream in order."""
    with ExitStack() as stack:  # ends what is in the making when the caller stops
        waiting = deque(stack.enter_context(closing(one)) for one in _lanes(job, wishes))
        reading, place = dict[_Lane, int](), 0
        while waiting or reading:
            is_new = bool(waiting) and len(reading) < _MOST
            lane = waiting.popleft() if is_new else _next(reading, place)
            place = place if is_new else reading.pop(lane)
            job.stretches.readers = len(reading) + 1
            for one in lane:
                if isinstance(one, Turn):
                    reading[lane] = one.offset
                    break
                yield one


def _next(reading: dict[_Lane, int], place: int) -> _Lane:
    """Who reads next from the place of the last reading on; where nobody does, from the front."""
    return min(reading, key=lambda lane: (reading[lane] < place, reading[lane]))


def _lanes(job: Job, wishes: Sequence[Wish]) -> list[_Lane]:
    """Wishes of one camera and stream after each other, since the names of clips count; so do
    those of unknown cameras."""
    lanes: dict[object, list[tuple[int, Wish]]] = defaultdict(list)
    for number, wish in enumerate(wishes):
        one = wish.recording
        is_known = one.channel is not None or one.label is not None
        key = (one.channel, one.label, one.stream) if is_known else None
        lanes[key].append((number, wish))
    return [_lane(job, own) for own in lanes.values()]


def _lane(job: Job, wishes: Sequence[tuple[int, Wish]]) -> _Lane:
    for number, wish in wishes:
        for one in Build(job._replace(span=wish.span), wish.recording).clips():
            yield one if isinstance(one, Turn) else Made(number, _noted(one, wish))


def _noted(one: Clip | LeftOut, wish: Wish) -> Clip | LeftOut:
    if isinstance(one, LeftOut) or not wish.notes:
        return one
    return replace(one, notes=one.notes + wish.notes)
