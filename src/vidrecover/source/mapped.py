"""A source of which some extents are known to be unreadable: they are never asked for.

Serves the bad ranges of a ddrescue map, and the faults that tests inject.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from vidrecover.extents import merged
from vidrecover.model import Extent, Source, SourceIdentity
from vidrecover.source._reading import Buffer, clipped, read_cut, writable_view


class MappedSource:
    """Another source, whose given extents are zero-filled and reported unreadable.

    Owns the inner source and closes it.
    """

    def __init__(self, inner: Source, unreadable: Iterable[Extent]) -> None:
        """`unreadable`: absolute extents in any order; what lies outside the source is ignored."""
        self.inner = inner
        self._unreadable = tuple(clipped(unreadable, Extent(0, inner.size)))
        self._starts = [one.start for one in self._unreadable]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.inner.size

    @property
    def identity(self) -> SourceIdentity:
        """That of the inner source."""
        return self.inner.identity

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

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`."""
        return read_cut(self, offset, size)

    def close(self) -> None:
        """Close the inner source."""
        self.inner.close()

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
