"""Reading a little of a source to know where a span of recorder time lies on it.

A few hundred probes tell in which order the disk was written. Nothing here is an answer: what
the stretches hold is told by scanning them, and whether that is all by the frames themselves.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vidrecover.extents import merged, total
from vidrecover.formats import FormatSet
from vidrecover.model import LISTED, Claim, ClaimKind, Extent, Grid, RecorderMs, Source, TimeSpan
from vidrecover.survey import _blocks, _ring
from vidrecover.survey._chain import Chain
from vidrecover.survey._health import CameraHealth, Health, Pulse, health
from vidrecover.survey._probes import Memory, Probe, Prober, Sighting

__all__ = [
    "Answer", "CameraHealth", "Health", "Memory", "Probe", "Prober", "Pulse", "Sighting", "Survey",
]  # fmt: skip

UNDATED = "no dated frame was found in the probes, so that nothing tells where the minutes lie"
_MOST_WHOLE = 2 << 30  # bytes of files that are read whole for one camera
_LONGEST_MS = 7_200_000  # of what tells its beginning alone [C]


class Answer(NamedTuple):
    """Where to read. reason: why the order of the disk does not tell, or None; is_all: False
    where more looking might tell more."""

    stretches: list[Extent]
    reason: str | None = None
    is_all: bool = True


class Survey:
    """What is known of the order of a source, growing with what is asked.

    memory: of places that were looked at before, which are not read again.
    """

    def __init__(
        self,
        source: Source,
        formats: FormatSet,
        claims: Iterable[Claim] = (),
        memory: Memory | None = None,
    ) -> None:
        self.prober = Prober(source, formats, memory)
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

    def borders(self) -> list[Grid]:
        """Where frames may be cut, as far as what was asked until now tells it to the byte."""
        blocks = self._blocks
        return [blocks.grid] if blocks is not None and blocks.is_exact else []

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
        return merged(
            place
            for one in self._listed(channel, span)
            for place in Chain(self.prober, one.extents, channel).narrowed(span)
        )

    def files(self, channel: int, span: TimeSpan) -> list[Extent]:
        """Files whose names tell the camera and a time in the span, and whose first bytes show
        no dated frame: containers, which have to be read whole. The first ones, 2 GiB in all."""
        found, size = list[Extent](), 0
        for one in self._listed(channel, span):
            if one.kind is not ClaimKind.FILE or self.prober.at(one.extents[0].start).sightings:
                continue
            size += total(one.extents)
            if size > _MOST_WHOLE:
                break
            found += one.extents
        return merged(found)

    def _listed(self, channel: int, span: TimeSpan) -> list[Claim]:
        """What the recorder lists of a camera in a span, in order of time."""
        own = [
            (one.start_ms, one)
            for one in self._claims
            if one.kind in LISTED and one.channel == channel and one.start_ms is not None
        ]
        own.sort(key=lambda pair: pair[0])
        starts = sorted({start for start, _ in own})
        return [
            one
            for start, one in own
            if start < span.end_ms and (one.open or _until(one, start, starts) >= span.start_ms)
        ]

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


def _until(claim: Claim, start: RecorderMs, starts: Sequence[RecorderMs]) -> RecorderMs:
    """When a claim ends; one that tells its beginning alone, when the camera's next begins."""
    if claim.end_ms is not None:
        return claim.end_ms
    place = bisect_right(starts, start)
    longest = start + _LONGEST_MS
    return min(starts[place], longest) if place < len(starts) else longest
