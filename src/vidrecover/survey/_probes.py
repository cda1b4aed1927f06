"""Probes: a little of the source read at a place, and what it shows of cameras and times."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np

from vidrecover.formats import FormatSet
from vidrecover.model import Extent, RecorderMs, Segment, Source, SourceIdentity, Stream
from vidrecover.scan import Scanner

HEAD = 64 << 10
"""Bytes of a first look where one dated frame tells enough."""
PROBE = 512 << 10
"""Bytes of a probe."""
WIDE = 4 << 20
"""Bytes of a probe where the first look shows no dated frame."""
LOOK = 32 << 20
"""Bytes of a long look, which shows how cameras are mixed."""


class Sighting(NamedTuple):
    """Dated frames of one camera in one place; channel None: the bytes name none."""

    channel: int | None
    start: int
    end: int
    first_ms: RecorderMs
    last_ms: RecorderMs
    stream: Stream = Stream.UNKNOWN


class Probe(NamedTuple):
    """What one probe shows, in place order; `is_blank`: nothing but bytes of a single value."""

    start: int
    end: int
    sightings: tuple[Sighting, ...]
    is_blank: bool = False
    has_undated: bool = False

    @property
    def first_ms(self) -> RecorderMs:
        """The earliest time in it."""
        return min(one.first_ms for one in self.sightings)

    @property
    def last_ms(self) -> RecorderMs:
        """The latest time in it."""
        return max(one.last_ms for one in self.sightings)

    @property
    def channels(self) -> frozenset[int | None]:
        """The cameras in it."""
        return frozenset(one.channel for one in self.sightings)


class Memory(Protocol):
    """What is known of places beyond one survey."""

    def recalled(self, place: Extent) -> Probe | None:
        """What reading the place would show; None where that is not known."""

    def keep(self, probe: Probe) -> None:
        """Remember what was read without a byte refused."""


class _Peephole:
    """A stretch of another source as if there were nothing else."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.stretch = Extent(0, 0)

    @property
    def size(self) -> int:
        return self.stretch.size

    @property
    def identity(self) -> SourceIdentity:
        return self._inner.identity

    def read_into(self, offset: int, buffer: "np.typing.NDArray[np.uint8]") -> list[Extent]:
        refused = self._inner.read_into(self.stretch.start + offset, buffer)
        shift = self.stretch.start
        return [Extent(one.start - shift, one.end - shift) for one in refused]

    def read(self, offset: int, size: int) -> bytes:
        size = max(min(size, self.size - offset), 0)
        return self._inner.read(self.stretch.start + offset, size)

    def close(self) -> None:
        """The other source stays open."""


class Prober:
    """Looks at places of a source; what was seen is kept.

    count: of the looks that read something.
    """

    def __init__(self, source: Source, formats: FormatSet, memory: Memory | None = None) -> None:
        self.size = source.size
        self.count = 0
        self._peephole = _Peephole(source)
        self._scanner = Scanner(self._peephole, formats)
        self._memory = memory
        self._seen: dict[Extent, Probe] = {}

    def at(self, start: int, size: int = PROBE) -> Probe:
        """What the place shows; a short probe without a dated frame is made longer."""
        start = max(min(start, self.size - 1), 0)
        found = self._look(Extent(start, min(start + size, self.size)))
        for wider in (PROBE, WIDE):
            if found.sightings or found.is_blank or size >= WIDE:
                break
            if wider > size:
                found = self._look(Extent(start, min(start + wider, self.size)))
        return found

    @property
    def probes(self) -> list[Probe]:
        """All that was seen, in place order."""
        return sorted(self._seen.values())

    def _look(self, stretch: Extent) -> Probe:
        known = self._seen.get(stretch)
        if known is None and self._memory is not None:
            known = self._memory.recalled(stretch)
        if known is not None:
            self._seen[stretch] = known
            return known
        self._peephole.stretch = stretch
        self._scanner.forget()
        unit = self._scanner.scan(Extent(0, stretch.size))
        self.count += 1
        blank = sum(one.size for one in unit.blank)
        found = Probe(
            *stretch,
            tuple(_sightings(unit.segments, stretch.start)),
            is_blank=blank >= stretch.size // 4096 * 4096,
            has_undated=any(one.start_ms is None for one in unit.segments),
        )
        self._seen[stretch] = found
        if self._memory is not None and not unit.unreadable:
            self._memory.keep(found)
        return found


def _sightings(found: Iterable[Segment], shift: int) -> list[Sighting]:
    """The dated segments of a probe, in place order."""
    return sorted(
        (
            Sighting(
                one.channel,
                one.start + shift,
                one.end + shift,
                one.start_ms,
                one.end_ms,
                one.stream,
            )
            for one in found
            if one.start_ms is not None and one.end_ms is not None
        ),
        key=lambda one: (one.start, one.first_ms),
    )
