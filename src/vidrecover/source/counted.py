"""Another source, whose reading is counted: how much was asked for, and how often elsewhere."""

from vidrecover.model import Extent, Source, SourceIdentity
from vidrecover.source._reading import Buffer, read_cut


class CountedSource:
    """Passes every read on and adds it up; owns nothing.

    bytes_read: asked for, however often; jumps: reads that did not begin where the last one
    ended.
    """

    def __init__(self, inner: Source) -> None:
        self.inner = inner
        self.bytes_read = 0
        self.jumps = 0
        self._end = -1

    @property
    def size(self) -> int:
        """Bytes of the other source."""
        return self.inner.size

    @property
    def identity(self) -> SourceIdentity:
        """That of the other source."""
        return self.inner.identity

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`."""
        refused = self.inner.read_into(offset, buffer)
        self.bytes_read += len(buffer)
        self.jumps += offset != self._end
        self._end = offset + len(buffer)
        return refused

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`."""
        return read_cut(self, offset, size)

    def close(self) -> None:
        """Close the other source."""
        self.inner.close()
