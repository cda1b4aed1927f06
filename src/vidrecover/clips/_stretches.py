"""Stretches of a source in memory, which several that read in turn may share."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, Frames, Source

MOST_BYTES = 64 << 20
"""A larger frame is left out: no recorder writes such, and memory is bounded."""

_BRIDGED = 256 << 10  # bytes between two frames that are cheaper to read than to seek over
_MOST_ROWS = 4096  # looked at for one stretch


class Stretch(NamedTuple):
    """Bytes of the source. held: so many of the rows asked for are in it; refused: extents
    without data."""

    held: int
    extent: Extent
    data: npt.NDArray[np.uint8]
    refused: list[Extent]


class Stretches:
    """The stretch of a source that was read last; those who use it in turn read it once.

    readers: how many there are. What lies between the frames of one is likely of the others.
    most: bytes that are read at once, unless a frame is larger.
    """

    def __init__(self, source: Source, most: int = 4 << 20) -> None:
        self.size, self.readers = source.size, 1
        self._source = source
        self._buffer = np.empty(most, dtype=np.uint8)
        self._last = Stretch(0, Extent(0, 0), self._buffer[:0], [])

    def holds(self, row: np.void) -> bool:
        """Whether a row's bytes are in memory."""
        start, extent = int(row["offset"]), self._last.extent
        return extent.start <= start and start + int(row["size"]) <= extent.end

    def read(self, rows: Frames, place: int) -> Stretch:
        """As many rows from `place` on as lie together, valid until more is read."""
        if self.holds(rows[place]):
            return self._last._replace(held=self._count(rows, place))
        count, extent = self._together(rows, place)
        fits = extent.size <= len(self._buffer)
        data = (self._buffer if fits else np.empty(extent.size, dtype=np.uint8))[: extent.size]
        refused = self._source.read_into(extent.start, data) if extent.size else []
        self._last = Stretch(count, extent, data, refused)
        return self._last

    def _count(self, rows: Frames, place: int) -> int:
        """How many rows from `place` on are in memory."""
        part = rows[place : place + _MOST_ROWS]
        extent = self._last.extent
        outside = (part["offset"] < extent.start) | (part["offset"] + part["size"] > extent.end)
        return int(outside.argmax()) if outside.any() else len(part)

    def _together(self, rows: Frames, place: int) -> tuple[int, Extent]:
        """How many rows from `place` on are read at once, and the extent that holds them."""
        part = rows[place : place + _MOST_ROWS]
        offset = part["offset"]
        behind = offset + part["size"]
        start, end = int(offset[0]), int(behind[0])
        if end > self.size or end - start > MOST_BYTES:
            return 1, Extent(start, start)
        reached = np.maximum.accumulate(behind)
        most = len(self._buffer)
        apart = (offset[1:] < start) | (offset[1:] - reached[:-1] > _BRIDGED * self.readers)
        apart |= (behind[1:] > self.size) | (reached[1:] - start > max(most, end - start))
        count = 1 + (int(apart.argmax()) if apart.any() else len(apart))
        return count, Extent(start, int(reached[count - 1]))
