"""Another source, whose reading is counted: how much was asked for, and how often elsewhere."""

from vidrecover.model import Extent, Source
from vidrecover.source._readable import Around
from vidrecover.source._reading import Buffer


class CountedSource(Around):
    """Passes every read on and adds it up.

    bytes_read: asked for, however often; jumps: reads that did not begin where the last one
    ended.
    """

    def __init__(self, inner: Source) -> None:
        super().__init__(inner)
        self.bytes_read = 0
        self.jumps = 0
        self._end = -1

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`."""
        refused = self.inner.read_into(offset, buffer)
        self.bytes_read += len(buffer)
        self.jumps += offset != self._end
        self._end = offset + len(buffer)
        return refused
