"""A raw image: a regular file that holds the bytes of a disk, sector by sector.

A fixed VHD is raw too, with a footer of 512 bytes behind the disk. A file that is shorter than
when it was opened is unreadable where it ends, never an exception.
"""

import os

from vidrecover.model import Extent, SourceIdentity
from vidrecover.source._readable import Readable
from vidrecover.source._reading import (
    Buffer,
    cannot_read,
    file_reader,
    open_read_only,
    read_around,
    writable_view,
)

SECTOR = 512
"""Bytes; how far a part of a file that cannot be read is narrowed down."""


class RawSource(Readable):
    """A raw image, open for reading. One descriptor, no cache of its own."""

    def __init__(self, path: str, *, size: int | None = None, kind: str = "raw") -> None:
        """Open the file; `size`: of the disk where the file holds more behind it.

        Raises SourceError with what to do.
        """
        self._descriptor: int | None = open_read_only(path)
        self._read_at = file_reader(self._descriptor)
        whole = os.fstat(self._descriptor).st_size
        size = whole if size is None else min(size, whole)
        self._identity = SourceIdentity(path=path, kind=kind, size=size)

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; raises SourceError when the file system stops answering."""
        view = writable_view(offset, buffer, self.size)
        try:
            return read_around(self._read_at, offset, view, SECTOR)
        except OSError as error:
            raise cannot_read(self._identity.path, error) from error

    def close(self) -> None:
        """Release the descriptor; may be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
