"""A block device, read past the system's cache.

Direct reads matter for bad sectors: with buffered reads a halving retry lost 2056 sectors where
9 were bad, because read-ahead turns one bad sector into a whole block. [A: measured on a device
with known defects] Direct reads need offset, length and memory aligned to the logical sector, so
they go through one page-aligned buffer. Each call that fails whole asks whether the device is
still there, and whether it still reads what it read before: a disk that was unplugged or died must
not be counted as a disk of bad sectors.
"""

import sys
from collections.abc import Iterator
from typing import Self

import numpy as np

from vidrecover.errors import SourceError
from vidrecover.extents import merged
from vidrecover.model import Extent, SourceIdentity
from vidrecover.source import _linux, _windows
from vidrecover.source._drive import Drive, aligned
from vidrecover.source._patience import Hurry, TimedDrive
from vidrecover.source._readable import Readable
from vidrecover.source._reading import (
    Buffer,
    cannot_read,
    clipped,
    read_around,
    writable_view,
)

BLOCK = 4 << 20
"""Bytes asked for at once, and the grid on which requests lie."""


def devices() -> Iterator[SourceIdentity]:
    """The disks of this machine: path, size, sector, model and serial number."""
    yield from _windows.drives() if sys.platform == "win32" else _linux.drives()


class DeviceSource(Readable):
    """A block device (or anything that answers aligned reads), open for reading."""

    def __init__(self, drive: Drive) -> None:
        """Owns the drive. `hurry`, when set, makes a first pass of the reading: see `Hurry`."""
        self._drive = drive
        self._identity = drive.identity
        self._bytes = aligned(BLOCK)
        self.hurry: Hurry | None = None
        self._good: list[int] = []  # the first and the last place that were read without failing

    @classmethod
    def open(cls, path: str, *, limit_s: float | None = None) -> Self:
        """Open a block device; raises SourceError with what to do.

        limit_s: seconds after which a read is given up; None: never.
        """
        drive = _drive(path)
        return cls(drive if limit_s is None else TimedDrive(drive, limit_s))

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; raises SourceError when the device has gone."""
        writable_view(offset, buffer, self.size)
        end = offset + len(buffer)
        bad: list[Extent] = []
        position = offset
        while position < end:
            stop = min(end, (position // BLOCK + 1) * BLOCK)
            part = buffer[position - offset : stop - offset]
            bad += self._read_block(position, part)
            position = stop
        return merged(bad)

    def _read_block(self, offset: int, part: Buffer) -> list[Extent]:
        """Fill `part`, which crosses no border of the grid, by one aligned request."""
        sector = self._identity.sector_size
        start = offset // sector * sector
        end = min(-(-(offset + len(part)) // sector) * sector, self.size)
        view = self._bytes.data[: end - start]
        try:
            if self.hurry is not None:
                bad = self.hurry.read(self._drive.read_at, start, view)
            else:
                bad = read_around(self._drive.read_at, start, view, sector)
        except OSError as error:
            raise cannot_read(self._identity.path, error) from error
        if not bad:
            self._good = [*self._good[:1], start]
        elif bad == [Extent(start, end)]:
            self._require_presence()
        part[:] = self._bytes[offset - start : offset - start + len(part)]
        return clipped(bad, Extent(offset, offset + len(part)))

    def _require_presence(self) -> None:
        """Raise SourceError unless the device that was opened is still there."""
        path = self._identity.path
        try:
            present = self._drive.is_present()
        except OSError as error:
            raise cannot_read(path, error) from error
        if not present:
            raise SourceError(
                f"{path!r}: the device has gone; connect it again and run the same command", path
            )
        if self._good and not any(map(self._answers, self._good)):
            raise SourceError(
                f"{path!r}: the device reads nothing any more, not even what it read before; switch"
                " it off and on, and run the same command again: it goes on where it was",
                path,
            )

    def _answers(self, offset: int) -> bool:
        """Whether the sector at an offset can be read."""
        try:
            size = self._identity.sector_size
            return self._drive.read_at(offset, aligned(size).data) == size
        except OSError:
            return False

    def close(self) -> None:
        """Release the drive and the buffer; may be called again."""
        self._drive.close()
        self._bytes = np.empty(0, dtype=np.uint8)


def _drive(path: str) -> Drive:
    if sys.platform == "win32":
        return _windows.open_drive(path)
    if sys.platform != "linux":
        raise SourceError(
            f"{path!r}: devices are read directly under Linux and Windows only;"
            " make an image of the disk first and give that",
            path,
        )
    return _linux.open_drive(path)
