"""A block device under Linux, read past its page cache.

Direct reads matter for bad sectors: with buffered reads a halving retry lost 2056 sectors where
9 were bad, because read-ahead turns one bad sector into a whole block. [A: measured on a device
with known defects] Direct reads need offset, length and memory aligned to the logical sector, so
they go through one page-aligned buffer. Each call that fails whole asks whether the device is
still there: an unplugged disk must not be counted as a disk of bad sectors.
"""

import mmap
import os
import stat
import struct
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceIdentity
from vidrecover.source._reading import (
    Buffer,
    ReadAt,
    cannot_open,
    cannot_read,
    clipped,
    merged,
    read_around,
    read_cut,
    writable_view,
)

BLOCK = 4 << 20
"""Bytes asked for at once, and the grid on which requests lie."""

BLKGETSIZE64 = 0x80081272
"""ioctl: size in bytes, u64, on 64-bit Linux. [A: kernel header and mlibc]"""

BLKSSZGET = 0x1268
"""ioctl: logical sector in bytes, int. [A: kernel header and mlibc]"""


class Names(NamedTuple):
    """Model and serial number as the system knows them, None where it does not."""

    model: str | None
    serial: str | None


class DeviceSource:
    """A block device (or anything that answers aligned reads), open for reading."""

    def __init__(self, descriptor: int, identity: SourceIdentity, *, read_at: ReadAt) -> None:
        """Owns the descriptor. `read_at` gets offsets and lengths on `identity.sector_size`."""
        self._descriptor: int | None = descriptor
        self._identity = identity
        self._read_at = read_at
        self._bytes = np.frombuffer(mmap.mmap(-1, BLOCK), dtype=np.uint8)

    @classmethod
    def open(cls, path: str) -> Self:
        """Open a block device; raises SourceError with what to do."""
        if sys.platform != "linux":
            raise SourceError(
                f"{path!r}: devices are read directly under Linux only;"
                " make an image of the disk first and give that",
                path,
            )
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise cannot_open(path, error) from error
        try:
            identity = _identity(path, descriptor)
            return cls(
                descriptor,
                identity,
                read_at=lambda offset, view: os.preadv(descriptor, [view], offset),
            )
        except BaseException:
            os.close(descriptor)
            raise

    @property
    def size(self) -> int:
        """Bytes."""
        return self._identity.size

    @property
    def identity(self) -> SourceIdentity:
        """Path, size, logical sector, and model and serial number where the system knows them."""
        return self._identity

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
            bad = read_around(self._read_at, start, view, sector)
        except OSError as error:
            raise cannot_read(self._identity.path, error) from error
        if bad == [Extent(start, end)]:
            self._require_presence()
        part[:] = self._bytes[offset - start : offset - start + len(part)]
        return clipped(bad, Extent(offset, offset + len(part)))

    def _require_presence(self) -> None:
        """Raise SourceError unless the path still leads to the device that was opened."""
        path, descriptor = self._identity.path, self._descriptor
        if descriptor is None:
            raise ValueError("the source is closed")
        try:
            opened, found = os.fstat(descriptor), Path(path).stat()
            same = (opened.st_rdev, opened.st_mode) == (found.st_rdev, found.st_mode)
            if same and stat.S_ISBLK(opened.st_mode):
                same = _geometry(descriptor)[0] == self.size
        except OSError as error:
            raise cannot_read(path, error) from error
        if not same:
            raise SourceError(
                f"{path!r}: the device has gone; connect it again and run the same command", path
            )

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`."""
        return read_cut(self, offset, size)

    def close(self) -> None:
        """Release the descriptor and the buffer; may be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._bytes = np.empty(0, dtype=np.uint8)

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _identity(path: str, descriptor: int) -> SourceIdentity:
    """What the system says of an open block device."""
    try:
        size, sector = _geometry(descriptor)
    except OSError as error:
        raise cannot_open(path, error) from error
    if size == 0:
        raise SourceError(f"{path!r}: no medium in the device; insert the disk or card", path)
    device = os.fstat(descriptor).st_rdev
    folder = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    model, serial = names(folder)
    return SourceIdentity(
        path=path, kind="device", size=size, sector_size=sector, model=model, serial=serial
    )


def _geometry(descriptor: int) -> tuple[int, int]:
    """Size and logical sector of an open block device, in bytes."""
    import fcntl  # not there on Windows

    size = struct.unpack("=Q", fcntl.ioctl(descriptor, BLKGETSIZE64, bytes(8)))[0]
    sector = struct.unpack("=i", fcntl.ioctl(descriptor, BLKSSZGET, bytes(4)))[0]
    return size, max(sector, 512)


def names(folder: Path) -> Names:
    """Model and serial number from a block device's folder in /sys, a partition's disk included.

    SCSI and ATA keep the serial number in the page vpd_pg80 (u16be length at 2, text from 4),
    NVMe and MMC in `serial`, MMC the model in `name`. [A: vpd_pg80 and serial, several public
    readers; B: name]
    """
    try:
        place = folder.resolve()
    except OSError:
        return Names(None, None)
    disk = place.parent if (place / "partition").exists() else place
    model = _text(disk / "device/model") or _text(disk / "device/name")
    serial = _text(disk / "device/serial") or _text(disk / "serial")
    return Names(model, serial or _text(disk / "device/vpd_pg80", skip=4))


def _text(path: Path, skip: int = 0) -> str | None:
    """A small file of /sys as printable text, None when absent or empty."""
    try:
        with path.open("rb") as stream:
            data = stream.read(512)[skip:]
    except OSError:
        return None
    text = "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F).strip()
    return text or None
