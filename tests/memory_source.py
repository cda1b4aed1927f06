"""A source in memory, for tests of what reads structures."""

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, SourceIdentity


class MemorySource:
    """Bytes followed by zeros up to `size`; refuses some extents, counts what is read."""

    def __init__(self, data: bytes, size: int, refused: tuple[Extent, ...] = ()) -> None:
        self.data, self.size, self.refused, self.bytes_read = data, size, refused, 0

    @property
    def identity(self) -> SourceIdentity:
        return SourceIdentity(path="memory", kind="raw", size=self.size)

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        end = offset + len(buffer)
        if offset < 0 or end > self.size:
            raise ValueError("beyond the end")
        part = np.frombuffer(self.data[offset:end], dtype=np.uint8)
        buffer[: len(part)] = part
        buffer[len(part) :] = 0
        self.bytes_read += len(buffer)
        bad = [
            Extent(max(offset, extent.start), min(end, extent.end))
            for extent in self.refused
            if extent.start < end and offset < extent.end
        ]
        for extent in bad:
            buffer[extent.start - offset : extent.end - offset] = 0
        return bad

    def read(self, offset: int, size: int) -> bytes:
        buffer = np.zeros(max(0, min(size, self.size - offset)), dtype=np.uint8)
        self.read_into(offset, buffer)
        return buffer.tobytes()

    def close(self) -> None:
        """Nothing to release."""
