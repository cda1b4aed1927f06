"""What a device must be able to do, whatever system it hangs on."""

import mmap
from typing import NamedTuple, Protocol

import numpy as np

from vidrecover.model import SourceIdentity
from vidrecover.source._reading import Buffer


def aligned(size: int) -> Buffer:
    """Memory that begins on a page, as reads past the cache want it."""
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype=np.uint8)[:size]


class Names(NamedTuple):
    """Model and serial number as the system knows them, None where it does not."""

    model: str | None
    serial: str | None


class Drive(Protocol):
    """An open device that answers aligned reads."""

    @property
    def identity(self) -> SourceIdentity:
        """Path, size, logical sector, names."""
        ...

    def read_at(self, offset: int, view: memoryview) -> int:
        """Fill the view from an absolute offset by one request; gives the bytes read.

        Offset, length and memory lie on `identity.sector_size`. Raises OSError: with one of
        `UNREADABLE_ERRORS` where this place cannot be read, else for the whole device.
        """
        ...

    def is_present(self) -> bool:
        """Whether the device that was opened is still there; raises OSError."""
        ...

    def close(self) -> None:
        """Release the handle; may be called again."""
        ...
