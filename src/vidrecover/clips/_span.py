"""Which rows of a recording belong to a span of recorder time."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.clips._times import TickClock, Timeline, Times, survey
from vidrecover.clips._units import Unpack, begins
from vidrecover.model import FrameFlag, Frames, Media, Recording, TimeSpan

_MOST_RATE = 30  # pictures in a second


class Wanted(NamedTuple):
    """Rows with first <= time < end; noted: why that is not what was asked for."""

    first: int
    end: int
    notes: tuple[str, ...] = ()

    def holds(self, rows: Frames, times: Times) -> npt.NDArray[np.bool_]:
        """Which rows are wanted; a piece belongs where its frame begins, whatever its time."""
        starts = np.maximum.accumulate(np.where(begins(rows), np.arange(len(rows)), 0))
        own = times[starts]
        result: npt.NDArray[np.bool_] = (own >= self.first) & (own < self.end)
        return result


ALL = Wanted(-(1 << 62), 1 << 62)


def wanted(tables: Iterable[Frames], timeline: Timeline, span: TimeSpan | None) -> Wanted:
    """The span asked for, begun at the last whole key frame before it.

    tables: all rows of the recording; timeline: a fresh one of it.
    """
    if span is None:
        return ALL
    if not timeline.dated:
        return ALL._replace(notes=("the whole recording: without dates no span can be cut out",))
    first = ALL.first
    for rows in tables:
        times = timeline.times(rows)
        torn = (rows["flags"] & FrameFlag.UNFINISHED) != 0
        keys = times[(rows["kind"] == Media.KEY) & ~torn & (times <= span.start_ms)]
        first = max(first, int(keys.max())) if len(keys) else first
    return Wanted(first, span.end_ms)


class Chosen(NamedTuple):
    """The rows of a segment in playing order, their times, and which of them are wanted."""

    rows: Frames
    times: Times
    kept: npt.NDArray[np.bool_]


def chosen(
    recording: Recording, unpack: Unpack, ticks: TickClock, span: TimeSpan | None
) -> Iterator[Chosen]:
    """Every segment of a recording with the choice that a clip of this span makes.

    `NO_TIME` never stands among the times; without dates they count from the first frame.
    """

    def tables() -> Iterator[Frames]:
        return (unpack(one) for one in recording.segments)

    facts = survey(tables())
    limits = wanted(tables(), Timeline(facts, ticks, None), span)
    timeline = Timeline(facts, ticks, None)
    for rows in tables():
        times = timeline.times(rows)
        yield Chosen(rows, times, limits.holds(rows, times))


def within(
    recording: Recording, unpack: Unpack, ticks: TickClock, span: TimeSpan | None
) -> Iterator[tuple[Frames, Times]]:
    """All rows of a recording that belong to a span, of every kind, in playing order.

    Yields the rows of one segment after the other with their times, see `chosen`; nothing is left
    out, also what no player takes. Segments without such rows are passed over.
    """
    for rows, times, kept in chosen(recording, unpack, ticks, span):
        if kept.any():
            yield rows[kept], times[kept]


def expected(recording: Recording, span: TimeSpan | None) -> int:
    """About how many pictures will come; in a span whatever is known beside it, so that its clips
    are the same byte for byte when more of the disk was read."""
    if span is None:
        return sum(one.frames for one in recording.segments)
    return (span.end_ms - span.start_ms) * _MOST_RATE // 1000
