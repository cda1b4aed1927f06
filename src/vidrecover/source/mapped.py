"""A source of which some extents are known to be unreadable: they are never asked for.

Serves the bad ranges of a ddrescue map, and the faults that tests inject.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from vidrecover.extents import merged
from vidrecover.model import Extent, Source
from vidrecover.source._readable import Around
from vidrecover.source._reading import Buffer, clipped, writable_view


class MappedSource(Around):
    """Another source, whose given extents are zero-filled and reported unreadable.

    Owns the inner source and closes it.
    """

    def __init__(self, inner: Source, unreadable: Iterable[Extent]) -> None:
        """`unreadable`: absolute extents in any order; what lies outside the source is ignored."""
        super().__init__(inner)
        self._unreadable = tuple(clipped(unreadable, Extent(0, inner.size)))
        self._starts = [one.start for one in self._unreadable]

    @property
    def unreadable(self) -> tuple[Extent, ...]:
        """The extents that are never read: merged, in order, within the source."""
        return self._unreadable

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; only what lies between the known bad extents is read."""
        writable_view(offset, buffer, self.size)
        end = offset + len(buffer)
        refused = self._within(offset, end)
        bad = list(refused)
        position = offset
        for hole in [*refused, Extent(end, end)]:
            if position < hole.start:
                part = buffer[position - offset : hole.start - offset]
                bad += self.inner.read_into(position, part)
            buffer[hole.start - offset : hole.end - offset] = 0
            position = hole.end
        return merged(bad)

    def _within(self, start: int, end: int) -> list[Extent]:
        """The known bad extents inside [start, end), cut to it."""
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_left(self._starts, end)
        return clipped(self._unreadable[first:last], Extent(start, end))
