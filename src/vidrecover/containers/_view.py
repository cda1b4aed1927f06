"""Bytes of a file in logical order, wherever they lie on the source."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, Source

Bytes = npt.NDArray[np.uint8]
Column = npt.NDArray[Any]


class View:
    """A file laid over extents of the source; positions are bytes from its beginning.

    extents: in logical order, inside the source, none empty.
    """

    def __init__(self, source: Source, extents: Sequence[Extent]) -> None:
        self._source = source
        self.extents = tuple(extents)
        sizes = np.array([one.size for one in self.extents], dtype=np.int64)
        self._ends = np.cumsum(sizes)
        self._starts = self._ends - sizes
        self._places = np.array([one.start for one in self.extents], dtype=np.int64)
        self.size = int(self._ends[-1]) if len(sizes) else 0

    def parts(self, start: int, end: int) -> Iterator[tuple[int, Extent]]:
        """The stretch as (position, extent on the source), in logical order, cut at the end."""
        end = min(end, self.size)
        place = int(np.searchsorted(self._ends, start, side="right"))
        while start < end:
            stop = min(end, int(self._ends[place]))
            first = int(self._places[place]) + start - int(self._starts[place])
            yield start, Extent(first, first + stop - start)
            start, place = stop, place + 1

    def on_source(self, start: int, end: int) -> list[Extent]:
        """Where the stretch lies on the source, in logical order."""
        return [part for _, part in self.parts(start, end)]

    def read(self, start: int, size: int) -> bytes:
        """At most `size` bytes, cut at the end; unreadable ones are zeros."""
        size = max(min(size, self.size - start), 0)
        return b"".join(
            self._source.read(part.start, part.size) for _, part in self.parts(start, start + size)
        )

    def array(self, start: int, end: int, padding: int = 0) -> tuple[Bytes, list[Extent]]:
        """The stretch, cut at the end, and which positions of it could not be read.

        padding: zeros behind it.
        """
        size = max(min(end, self.size) - start, 0)
        data = np.empty(size + padding, dtype=np.uint8)
        data[size:] = 0
        refused = []
        for at, part in self.parts(start, start + size):
            room = data[at - start : at - start + part.size]
            for bad in self._source.read_into(part.start, room):
                shift = at - part.start
                refused.append(Extent(bad.start + shift, bad.end + shift))
        return data, refused

    def places(self, positions: Column) -> Column:
        """Where each position lies on the source; all must be inside the view."""
        number = np.searchsorted(self._ends, positions, side="right")
        found: Column = self._places[number] + positions - self._starts[number]
        return found

    def borders(self) -> Column:
        """Positions at which one extent ends and another begins elsewhere."""
        return self._ends[:-1]
