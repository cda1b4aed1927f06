"""What every source does alike, so that each holds only its own way of reading."""

from abc import ABC, abstractmethod

from vidrecover.closing import Closing
from vidrecover.model import Extent, Source, SourceIdentity
from vidrecover.source._reading import Buffer, read_cut


class Readable(Closing, ABC):
    """A `model.Source` and context manager; a subclass sets `_identity` and reads."""

    _identity: SourceIdentity

    @property
    def size(self) -> int:
        """Bytes, as they were when the source was opened."""
        return self.identity.size

    @property
    def identity(self) -> SourceIdentity:
        """Path, kind and size, and what else is known of where the bytes come from."""
        return self._identity

    @abstractmethod
    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`."""

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`."""
        return read_cut(self, offset, size)

    @abstractmethod
    def close(self) -> None:
        """Release what is held open; may be called again."""


class Around(Readable):
    """Passes on to another source, which it closes unless a subclass says otherwise."""

    def __init__(self, inner: Source) -> None:
        """Owns the other source."""
        self.inner = inner

    @property
    def identity(self) -> SourceIdentity:
        """That of the other source."""
        return self.inner.identity

    def close(self) -> None:
        """Close the other source."""
        self.inner.close()
