"""Block devices under Linux: direct reads, what the system knows of a disk, which there are."""

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from vidrecover.errors import SourceError
from vidrecover.model import SourceIdentity
from vidrecover.source._drive import Names
from vidrecover.source._reading import ReadAt, cannot_open

BLKGETSIZE64 = 0x80081272
"""ioctl: size in bytes, u64, on 64-bit Linux. [A: kernel header and mlibc]"""

BLKSSZGET = 0x1268
"""ioctl: logical sector in bytes, int. [A: kernel header and mlibc]"""

_SECTOR = 512  # /sys counts in these whatever the disk's own sector is [A: kernel documentation]
_NOT_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")


class LinuxDrive:
    """An open block device; owns its descriptor."""

    def __init__(
        self, descriptor: int, identity: SourceIdentity, *, read_at: ReadAt | None = None
    ) -> None:
        """read_at: another way to read, for tests."""
        self._descriptor: int | None = descriptor
        self._read_at = read_at
        self.identity = identity

    def read_at(self, offset: int, view: memoryview) -> int:
        """Fill the view by one request; see `Drive.read_at`."""
        if self._descriptor is None:
            raise ValueError("the source is closed")
        if self._read_at is not None:
            return self._read_at(offset, view)
        return os.preadv(self._descriptor, [view], offset)

    def is_present(self) -> bool:
        """Whether the path still leads to the device that was opened; raises OSError."""
        if self._descriptor is None:
            raise ValueError("the source is closed")
        opened, found = os.fstat(self._descriptor), Path(self.identity.path).stat()
        same = (opened.st_rdev, opened.st_mode) == (found.st_rdev, found.st_mode)
        if same and stat.S_ISBLK(opened.st_mode):
            same = _geometry(self._descriptor)[0] == self.identity.size
        return same

    def close(self) -> None:
        """Release the descriptor; may be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_drive(path: str) -> LinuxDrive:
    """Open a block device past its page cache; raises SourceError with what to do."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from error
    try:
        return LinuxDrive(descriptor, _identity(path, descriptor))
    except BaseException:
        os.close(descriptor)
        raise


def drives(folder: Path = Path("/sys/block")) -> Iterator[SourceIdentity]:
    """The disks of this machine with a medium in them, by name; no permission is needed.

    folder: where the kernel lists them. Loop devices, memory and compounds of disks are left out.
    """
    for one in sorted(folder.iterdir()) if folder.is_dir() else []:
        size = _number(one / "size") * _SECTOR
        if size and not one.name.startswith(_NOT_DISKS):
            model, serial = names(one)
            yield SourceIdentity(
                path=f"/dev/{one.name.replace('!', '/')}",
                kind="device",
                size=size,
                sector_size=_number(one / "queue/logical_block_size") or _SECTOR,
                model=model,
                serial=serial,
            )


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


def _text(path: Path, skip: int = 0) -> str | None:
    """A small file of /sys as printable text, None when absent or empty."""
    try:
        with path.open("rb") as stream:
            data = stream.read(512)[skip:]
    except OSError:
        return None
    text = "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F).strip()
    return text or None


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text is not None and text.isdecimal() else 0
