"""What every source shares: ranges checked and cut, and reading that goes on behind bad sectors.

Files and devices are opened here and in `device` with O_RDONLY, and nowhere else.
"""

import errno
import os
from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidrecover.errors import SourceError
from vidrecover.extents import common, merged
from vidrecover.model import Extent, Source

ReadAt: TypeAlias = Callable[[int, memoryview], int]
"""Fills the view from an absolute offset; gives the bytes read, 0 at the end; raises OSError."""

Buffer: TypeAlias = npt.NDArray[np.uint8]

UNREADABLE_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("EIO", "ENODATA", "EREMOTEIO", "EILSEQ", "ETIMEDOUT")
    if hasattr(errno, name)
)
"""Errors that mean "this place cannot be read". Direct reads of a Linux block device say ENODATA
for a medium error, EREMOTEIO for a target error, EILSEQ for a protection error and ETIMEDOUT.
[A: the kernel's table
blk_errors in block/blk-core.c, and a disk's ENODATA on its mailing list; only EIO was seen here]"""

SLOW_GRAIN = 64 << 10
"""Bytes that are given up together when the device does not answer in time."""


def clipped(extents: Iterable[Extent], within: Extent) -> list[Extent]:
    """The parts of the extents that lie within another, merged and in order."""
    return common(merged(extents), [within])


def writable_view(offset: int, buffer: Buffer, size: int) -> memoryview:
    """The buffer's bytes; raises ValueError when [offset, offset + len) leaves a source of `size`.

    Also raises ValueError for a buffer that is not one contiguous row of bytes.
    """
    if buffer.dtype != np.uint8 or buffer.ndim != 1 or not buffer.flags.c_contiguous:
        raise ValueError("a source is read into a contiguous one-dimensional array of uint8")
    if offset < 0 or offset + len(buffer) > size:
        raise ValueError(
            f"bytes {offset} to {offset + len(buffer)} leave the source of {size} bytes"
        )
    return buffer.data


def read_cut(source: Source, offset: int, size: int) -> bytes:
    """What `Source.read` gives: at most `size` bytes, cut at the end, unreadable bytes zero."""
    if offset < 0 or size < 0:
        raise ValueError(f"offset {offset} and size {size} must not be negative")
    buffer = np.empty(max(0, min(size, source.size - offset)), dtype=np.uint8)
    if len(buffer):
        source.read_into(offset, buffer)
    return buffer.tobytes()


def read_around(read_at: ReadAt, offset: int, view: memoryview, sector: int) -> list[Extent]:
    """Fill the view from `offset`; what cannot be read is halved down to the sector and zeroed.

    What is given up for want of an answer is halved down to SLOW_GRAIN only: each half may cost
    the whole time again.
    Each half that can be read keeps its bytes. Where `read_at` gives 0 the source ends early,
    and the rest is unreadable. Returns the absolute unreadable extents, merged and in order.
    An error that speaks of the whole source, not of a place, is raised on as OSError.
    """
    bad: list[Extent] = []
    waiting = [(0, len(view))] if len(view) else []
    while waiting:
        start, end = waiting.pop()
        try:
            count = read_at(offset + start, view[start:end])
        except OSError as error:
            if error.errno not in UNREADABLE_ERRORS:
                raise
            middle = _middle(offset + start, offset + end, sector) - offset
            slow = error.errno == errno.ETIMEDOUT and end - start <= SLOW_GRAIN
            if start < middle < end and not slow:
                waiting += [(middle, end), (start, middle)]
                continue
            count = 0
        if count <= 0:
            view[start:end] = bytes(end - start)
            bad.append(Extent(offset + start, offset + end))
        elif start + count < end:
            waiting.append((start + count, end))
    return merged(bad)


def _middle(start: int, end: int, sector: int) -> int:
    """The sector border nearest below the middle, or the first one behind `start`."""
    below = (start + end) // 2 // sector * sector
    return below if below > start else (start // sector + 1) * sector


def open_read_only(path: str) -> int:
    """A descriptor that can only read; raises SourceError with what to do."""
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from error


def cannot_open(path: str, error: OSError | ValueError) -> SourceError:
    """The error for a path that cannot be opened: what, where and what to do."""
    if isinstance(error, FileNotFoundError):
        text = "there is no such file or device; check the path, and that the disk is connected"
    elif isinstance(error, PermissionError):
        text = "no permission to read it; run vidrecover as administrator (sudo), or copy the image"
    elif isinstance(error, OSError):
        text = f"cannot be opened ({error.strerror}); check the disk that holds it"
    else:
        text = f"is not a possible path ({error})"
    return SourceError(f"{path!r}: {text}", path)


def cannot_read(path: str, error: OSError) -> SourceError:
    """The error for a source that stopped answering as a whole."""
    return SourceError(
        f"{path!r}: reading stopped ({error.strerror}); check the cable or the network share,"
        " then run the same command again",
        path,
    )


def file_reader(descriptor: int) -> ReadAt:
    """Positioned reads of an open file, straight into the caller's memory.

    Where the system has no preadv (Windows): seek and readinto.
    """
    if hasattr(os, "preadv"):
        return lambda offset, view: os.preadv(descriptor, [view], offset)
    return seeking_reader(descriptor)


def seeking_reader(descriptor: int) -> ReadAt:
    """Positioned reads by seek and readinto; the descriptor stays the caller's to close."""
    stream = open(descriptor, "rb", buffering=0, closefd=False)  # noqa: SIM115 closed by its owner

    def read_at(offset: int, view: memoryview) -> int:
        stream.seek(offset)
        return stream.readinto(view)

    return read_at
