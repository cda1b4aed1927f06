"""Stretches of time."""

from bisect import bisect_right
from collections.abc import Iterable

from vidrecover.model import RecorderMs, TimeSpan

MOST = 2000
"""So that hostile input cannot make millions of spans."""


class Spells:
    """Stretches of time. coarse: there were too many, so that gaps between them were closed."""

    def __init__(self, spans: Iterable[TimeSpan], *, bridge_ms: int = 0) -> None:
        found = _joined(sorted(spans), bridge_ms)
        self.coarse = len(found) > MOST
        while len(found) > MOST:
            bridge_ms = 2 * bridge_ms + 1000
            found = _joined(found, bridge_ms)
        self.spans = found
        self._starts = [span.start_ms for span in found]
        self.borders = [time for span in found for time in span]

    def around(self, time_ms: RecorderMs) -> TimeSpan | None:
        """The stretch in which a moment lies."""
        i = bisect_right(self._starts, time_ms) - 1
        return self.spans[i] if i >= 0 and time_ms < self.spans[i].end_ms else None

    def holds(self, span: TimeSpan) -> bool:
        """Whether a span that crosses no border lies inside."""
        return self.around(span.start_ms) is not None


def _joined(spans: Iterable[TimeSpan], bridge_ms: int) -> list[TimeSpan]:
    found: list[TimeSpan] = []
    for span in spans:
        if found and span.start_ms <= found[-1].end_ms + bridge_ms:
            found[-1] = TimeSpan(found[-1].start_ms, max(found[-1].end_ms, span.end_ms))
        elif span.end_ms > span.start_ms:
            found.append(span)
    return found
