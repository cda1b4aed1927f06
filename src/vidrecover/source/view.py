"""The bytes of a file as one source: extents of another source, in logical order."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from vidrecover.extents import merged
from vidrecover.model import Extent, Source, SourceIdentity
from vidrecover.source._readable import Around
from vidrecover.source._reading import Buffer, writable_view


class ExtentsSource(Around):
    """Extents of another source, one behind the other, read as if they were contiguous.

    Positions here are logical, from 0; `absolute` leads back to the other source. What the
    extents say beyond its end is left out. Closing leaves the other source open.
    """

    def __init__(self, inner: Source, extents: Iterable[Extent]) -> None:
        """`extents`: absolute on `inner`, in logical order; they may lie anywhere."""
        super().__init__(inner)
        cut = (Extent(max(one.start, 0), min(one.end, inner.size)) for one in extents)
        self.extents = tuple(_touching_joined(one for one in cut if one.end > one.start))
        self._ends = list(accumulate(one.size for one in self.extents))

    @property
    def size(self) -> int:
        """Bytes of all extents."""
        return self._ends[-1] if self._ends else 0

    @property
    def identity(self) -> SourceIdentity:
        """That of the other source, with the size of the view."""
        whole = self.inner.identity
        return SourceIdentity(
            path=whole.path, kind="view", size=self.size, sector_size=whole.sector_size
        )

    @property
    def borders(self) -> tuple[int, ...]:
        """Logical positions at which one extent ends and the next begins."""
        return tuple(self._ends[:-1])

    def absolute(self, start: int, end: int) -> list[Extent]:
        """Where the logical bytes [start, end) lie on the other source, in logical order.

        Raises ValueError when they leave the view.
        """
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"bytes {start} to {end} leave the view of {self.size} bytes")
        found = []
        place = bisect_right(self._ends, start)
        while start < end:
            extent = self.extents[place]
            first = extent.end - (self._ends[place] - start)
            size = min(end - start, extent.end - first)
            found.append(Extent(first, first + size))
            start += size
            place += 1
        return found

    def logical(self, position: int) -> int | None:
        """The first logical position of an absolute one; None when it is in no extent."""
        for extent, end in zip(self.extents, self._ends, strict=True):
            if extent.start <= position < extent.end:
                return end - (extent.end - position)
        return None

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; the unreadable extents are logical, as the offset is."""
        writable_view(offset, buffer, self.size)
        bad: list[Extent] = []
        at = 0
        for extent in self.absolute(offset, offset + len(buffer)):
            shift = offset + at - extent.start
            refused = self.inner.read_into(extent.start, buffer[at : at + extent.size])
            bad += [Extent(one.start + shift, one.end + shift) for one in refused]
            at += extent.size
        return merged(bad)

    def close(self) -> None:
        """Nothing: the other source belongs to who opened it."""


def _touching_joined(extents: Iterable[Extent]) -> list[Extent]:
    """The extents in their order, those that go on where the one before ends made one."""
    found: list[Extent] = []
    for one in extents:
        if found and found[-1].end == one.start:
            found[-1] = Extent(found[-1].start, one.end)
        else:
            found.append(one)
    return found
