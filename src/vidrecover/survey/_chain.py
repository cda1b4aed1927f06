"""Bytes in a known order, in which one camera's times rise: where a span lies in them."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from vidrecover.extents import merged
from vidrecover.model import Extent, RecorderMs, TimeSpan
from vidrecover.survey._probes import PROBE, Probe, Prober

FINE = 4 << 20
"""Bytes between the end of a search and what was searched."""
_FAR_MS = 1 << 60


class Chain:
    """A claim's extents in logical order, or one block; channel None: whatever camera."""

    def __init__(self, prober: Prober, extents: Sequence[Extent], channel: int | None) -> None:
        self._prober, self._channel = prober, channel
        self._extents = [
            Extent(one.start, min(one.end, prober.size))
            for one in extents
            if one.start < min(one.end, prober.size)
        ]
        self._ends = list(accumulate(one.size for one in self._extents))
        self.size = self._ends[-1] if self._ends else 0

    def narrowed(self, span: TimeSpan) -> list[Extent]:
        """The bytes in which frames of the span may lie; nothing where the first are later."""
        first = self._time(0) if self.size else None
        if first is None or first > span.end_ms:
            return []
        start = self._last_before(span.start_ms, first, 0)
        end = self._last_before(span.end_ms, first, start)
        return self._between(start, min(end + 2 * FINE, self.size))

    def until(self, time_ms: RecorderMs) -> RecorderMs | None:
        """How far its frames go on from the first ones, up to a time; None where the first are
        later."""
        first = self._time(0) if self.size else None
        if first is None or first > time_ms:
            return None
        place = self._last_before(time_ms, first, 0)
        behind = self._time(min(place + FINE, max(self.size - PROBE, 0)))
        if behind is not None and behind > time_ms:
            return time_ms
        known = [one for one in (self._time(place), behind) if one is not None and one >= first]
        return max(known, default=None)

    def end(self) -> int:
        """Where what began at its beginning ends, FINE bytes or less before the truth."""
        first = self._time(0) if self.size else None
        return 0 if first is None else self._last_before(_FAR_MS, first, 0)

    def _last_before(self, time_ms: RecorderMs, first: RecorderMs, low: int) -> int:
        """The last place, FINE bytes or less before the truth, whose frames are not later.

        Frames of another camera, or earlier than the first ones, are what an earlier use of
        the bytes left.
        """
        end = self.size
        while end - low > FINE:
            middle = self._begin((low + end) // 2)
            if middle <= low:
                break
            found = self._time(middle)
            if found is not None and first <= found <= time_ms:
                low = middle
            else:
                end = middle
        return low

    def _begin(self, place: int) -> int:
        """The place, or the beginning of its extent where that is near: extents may be short."""
        number = bisect_right(self._ends, place)
        begin = self._ends[number] - self._extents[number].size
        return begin if place - begin < FINE else place

    def _time(self, place: int) -> RecorderMs | None:
        number = bisect_right(self._ends, place)
        extent = self._extents[number]
        start = extent.end - (self._ends[number] - place)
        return seen_ms(self._prober.at(start, min(PROBE, extent.end - start)), self._channel)

    def _between(self, start: int, end: int) -> list[Extent]:
        parts = []
        for extent, behind in zip(self._extents, self._ends, strict=True):
            begin = behind - extent.size
            part = Extent(
                extent.start + max(start - begin, 0), extent.start + min(end - begin, extent.size)
            )
            if part.start < part.end:
                parts.append(part)
        return merged(parts)


def seen_ms(probe: Probe, channel: int | None) -> RecorderMs | None:
    """When the first frames of a camera, or of none that the bytes name, were recorded."""
    fitting = (
        one.first_ms
        for one in probe.sightings
        if channel is None or one.channel is None or one.channel == channel
    )
    return next(fitting, None)
