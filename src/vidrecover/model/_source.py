"""Bytes under examination: where they are, what they are, how they are read."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

Progress: TypeAlias = Callable[[int], None]
"""Told the number of bytes done since the last call."""


class Extent(NamedTuple):
    """A half-open run of bytes [start, end) on the source."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes in the extent."""
        return self.end - self.start


class Grid(NamedTuple):
    """Where a recorder's equal fragments begin: at `start` plus any multiple of `size`, bytes."""

    start: int
    size: int

    def border(self, position: int) -> int:
        """The first border behind a position."""
        return position + self.size - (position - self.start) % self.size


class SourceIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one source from another.

    kind: raw, split, ewf, device, ...; size: bytes; stored_hashes: digests the container itself
    carries, by lower-case name (md5, sha1, sha256), in hexadecimal.
    """

    path: str
    kind: str
    size: int
    sector_size: int = 512
    model: str | None = None
    serial: str | None = None
    stored_hashes: dict[str, str] = {}


class SourceRef(msgspec.Struct, frozen=True, kw_only=True):
    """How to open a source again, in this or another process; small and picklable.

    map_path: a ddrescue map whose bad ranges count as unreadable. faults: for tests, extents
    that a fault-injecting source refuses. read_limit_s: seconds after which a read of a device is
    given up; None: never.
    """

    path: str
    map_path: str | None = None
    faults: tuple[Extent, ...] = ()
    read_limit_s: float | None = None


class Source(Protocol):
    """Read-only bytes under examination. Safe to use from one thread at a time."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def identity(self) -> SourceIdentity:
        """What tells this source from another."""
        ...

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        """Fill the buffer from `offset`; return the absolute unreadable extents, zero-filled.

        Reading beyond the end raises ValueError: callers know the size.
        """
        ...

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`, cut at the end; unreadable bytes are zeros."""
        ...

    def close(self) -> None:
        """Release the handles."""
        ...
