"""Reading a little of a source to know where a span of recorder time lies on it.

A few hundred probes tell in which order the disk was written. Nothing here is an answer: what
the stretches hold is told by scanning them, and whether that is all by the frames themselves.
"""

from collections.abc import Iterable
from typing import NamedTuple

from vidrecover.extents import merged
from vidrecover.formats import FormatSet
from vidrecover.model import LISTED, Claim, Extent, RecorderMs, Source, TimeSpan
from vidrecover.survey import _blocks, _ring
from vidrecover.survey._chain import Chain
from vidrecover.survey._health import CameraHealth, Health, Pulse, health
from vidrecover.survey._probes import Probe, Prober, Sighting

__all__ = [
    "Answer", "CameraHealth", "Health", "Probe", "Prober", "Pulse", "Sighting", "Survey",
]  # fmt: skip

UNDATED = "no dated frame was found in the probes, so that nothing tells where the minutes lie"


class Answer(NamedTuple):
    """Where to read. reason: why the order of the disk does not tell, or None; is_all: False
    where more looking might tell more."""

    stretches: list[Extent]
    reason: str | None = None
    is_all: bool = True


class Survey:
    """What is known of the order of a source, growing with what is asked."""

    def __init__(self, source: Source, formats: FormatSet, claims: Iterable[Claim] = ()) -> None:
        self.prober = Prober(source, formats)
        self._claims = [one for one in claims if one.extents]
        self._order: _ring.Order | None = None
        self._blocks: _blocks.Blocks | None = None
        self._looked = False

    @property
    def order(self) -> _ring.Order | None:
        """What probes all over the disk tell; read once. None when no frame is dated."""
        if not self._looked:
            self._order, self._looked = _ring.first_order(self.prober), True
        return self._order

    def newest_ms(self) -> RecorderMs | None:
        """The newest time on the disk, as far as its order tells."""
        order = self.order
        if order is None:
            return None
        if order.is_ring:
            _ring.head(self.prober, order)
        elif (blocks := self._grid(order)) is not None:
            blocks.newest()
        return max(one.last_ms for one in self.prober.probes if one.sightings)

    def health(self, channels: Iterable[int], now_ms: RecorderMs | None = None) -> Health:
        """Whether every camera records, as far as probes tell; see `_health.health`."""
        order = self.order
        blocks = None if order is None or order.is_ring else self._grid(order)
        return health(self.prober, order, blocks, channels, now_ms)

    def claimed(self, channel: int, span: TimeSpan) -> list[Extent]:
        """Where the recorder says that a camera's frames of the span are, as far as the bytes
        there agree."""
        found: list[Extent] = []
        for one in self._claims:
            if one.kind not in LISTED or one.channel != channel:
                continue
            if one.start_ms is None or one.start_ms >= span.end_ms:
                continue
            if one.end_ms is not None and one.end_ms < span.start_ms and not one.open:
                continue
            found += Chain(self.prober, one.extents, channel).narrowed(span)
        return merged(found)

    def stretches(self, channel: int, span: TimeSpan, *, thorough: bool = True) -> Answer:
        """Where frames of the camera in the span may lie; thorough: with all looks that may
        tell, even behind an answer that seems to be all."""
        order = self.order
        if order is None:
            return Answer([], UNDATED)
        if order.is_ring:
            found = _ring.brackets(self.prober, order, span)
            if found is not None:
                return Answer(found)
        blocks = self._grid(order)
        if blocks is None:
            return Answer([], _blocks.NO_GRID)
        found, reason = blocks.stretches(channel, span, thorough=thorough)
        return Answer(found, reason, is_all=thorough or blocks.in_turn)

    def _grid(self, order: _ring.Order) -> _blocks.Blocks | None:
        if self._blocks is None:
            self._blocks = _blocks.learnt(self.prober, order)
        return self._blocks
