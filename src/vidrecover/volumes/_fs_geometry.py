"""Where file systems begin, how large their clusters are, and where their entries stand.

Byte facts: the FAT, exFAT and NTFS boot sectors and the ext superblock as their specifications
have them [A]. Nothing here walks; pytsk3 does that in `_fs_walk`.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from vidrecover.model import Extent, Source
from vidrecover.volumes._fs_inodes import SUPERBLOCK, Inodes, is_superblock
from vidrecover.volumes._reading import Read

SECTOR = 512
STARTS = tuple(SECTOR * at for at in (0, 63, 2048, 8192, 32768, 128, 256, 512, 1024, 4096, 16384))
"""Where a volume without a partition table may begin, as formatters of cards and disks do. [C]"""
_FAT32_BACKUP, _EXFAT_BACKUP = 6 * SECTOR, 12 * SECTOR
_EXT_BLOCKS = (1024, 2048, 4096)


class Patch(NamedTuple):
    """Bytes that stand in for destroyed ones: a copy that the file system itself keeps."""

    offset: int
    data: bytes


class Geometry(NamedTuple):
    """Clusters stand from `cluster_start` on, each of `cluster_size` bytes; absolute."""

    cluster_start: int
    cluster_size: int


def may_hold(source: Source) -> bool:
    """Whether anything speaks for a partition table or a file system; reads some 100 KiB."""
    size = source.size
    if source.read(SECTOR - 2, 2) == b"\x55\xaa":
        return True
    if source.read(SECTOR, 8) == b"EFI PART":
        return True
    if size >= SECTOR and source.read(size // SECTOR * SECTOR - SECTOR, 8) == b"EFI PART":
        return True
    if any(is_volume(source.read, start) for start in STARTS if start < size):
        return True
    return any(_patches(source.read, start, size - start) for start in STARTS if start < size)


def is_volume(read: Read, start: int) -> bool:
    """Whether a FAT, exFAT, NTFS or ext volume seems to begin here."""
    return _is_boot_sector(read(start, SECTOR)) or is_superblock(read(start + SUPERBLOCK, 1024))


def patches(read: Read, start: int, size: int) -> tuple[list[Patch], str | None]:
    """What must be put in place of a destroyed boot sector or superblock, and that in words."""
    if is_volume(read, start):
        return [], None
    found = _patches(read, start, size)
    if not found:
        return [], None
    return found, "its first sectors are destroyed; read by the copy that the file system keeps"


def _patches(read: Read, start: int, size: int) -> list[Patch]:
    backups = [start + _FAT32_BACKUP, start + _EXFAT_BACKUP]
    if size >= SECTOR:
        backups.append(start + (size // SECTOR - 1) * SECTOR)
    for place in backups:
        boot = read(place, SECTOR)
        if _is_boot_sector(boot):
            return [Patch(start, boot)]
    for block in _EXT_BLOCKS:
        first = 1 if block == 1024 else 0
        place = start + (8 * block + first) * block
        superblock = read(place, 1024)
        if is_superblock(superblock) and superblock[90:92] == b"\1\0":
            return _ext_patches(read, start, place, block, superblock)
    return []


def _ext_patches(read: Read, start: int, place: int, block: int, found: bytes) -> list[Patch]:
    """The superblock of group 1 in place of the first, with the descriptors behind both."""
    blocks, per_group = (
        struct.unpack_from("<I", found, 4)[0],
        struct.unpack_from("<I", found, 32)[0],
    )
    groups = -(-blocks // max(per_group, 1))
    table = read(place + block, min(groups * 64, 1 << 22))
    first = bytearray(found)
    first[90:92] = b"\0\0"
    behind = start + (2 * block if block == 1024 else block)
    return [Patch(start + SUPERBLOCK, bytes(first)), Patch(behind, table)]


def _is_boot_sector(sector: bytes) -> bool:
    if len(sector) < SECTOR or sector[510:512] != b"\x55\xaa":
        return False
    named = sector[3:11] in (b"EXFAT   ", b"NTFS    ")
    return named or sector[82:87] == b"FAT32" or sector[54:59] in (b"FAT12", b"FAT16", b"FAT  ")


def geometry(read: Read, start: int, block_size: int, kind: str) -> Geometry:
    """The clusters of an open volume. block_size: as the walker has it, bytes."""
    if kind == "fat":
        return _fat_clusters(read(start, SECTOR), start) or Geometry(start, block_size)
    if kind == "exfat":
        boot = read(start, SECTOR)
        sector, cluster = boot[108], boot[108] + boot[109]
        if 9 <= sector <= 12 and cluster <= 25:
            heap = struct.unpack_from("<I", boot, 88)[0]
            return Geometry(start + (heap << sector), 1 << cluster)
    return Geometry(start, block_size)


def _fat_clusters(boot: bytes, start: int) -> Geometry | None:
    sector, per_cluster, reserved, tables, roots = struct.unpack_from("<HBHBH", boot, 11)
    size = struct.unpack_from("<H", boot, 22)[0] or struct.unpack_from("<I", boot, 36)[0]
    if sector not in (512, 1024, 2048, 4096) or not per_cluster:
        return None
    root = -(-roots * 32 // sector)
    return Geometry(start + (reserved + tables * size + root) * sector, sector * per_cluster)


def fat_bits(count: int) -> int:
    """Width of an entry of the table, by the number of clusters. [A]"""
    return 12 if count < 4085 else 16 if count < 65525 else 32


class Entries:
    """Where the entry of a file stands, by the number that the walker gives it.

    FAT and exFAT: 32 bytes, numbered from 3 at the first sector of the root directory or the
    clusters; NTFS: the record in the MFT; ext: the inode. [A: The Sleuth Kit's numbering, checked
    on real images]
    """

    def __init__(
        self, read: Read, start: int, kind: str, block_size: int, mft: tuple[Extent, ...] = ()
    ) -> None:
        self._read, self._start, self._kind = read, start, kind
        self._block = block_size
        self._mft = mft
        boot = read(start, SECTOR)
        self._first, self._size = start, 32
        if kind == "fat" and len(boot) == SECTOR:
            sector, _, reserved, tables, _ = struct.unpack_from("<HBHBH", boot, 11)
            size = struct.unpack_from("<H", boot, 22)[0] or struct.unpack_from("<I", boot, 36)[0]
            self._first = start + (reserved + tables * size) * sector
        elif kind == "exfat":
            self._first = geometry(read, start, block_size, kind).cluster_start
        elif kind == "ntfs" and len(boot) == SECTOR:
            per_record = struct.unpack_from("<b", boot, 64)[0]
            clusters = per_record * block_size if per_record > 0 else 1 << min(-per_record, 16)
            self._size = clusters
        elif kind == "ext":
            self._inodes = Inodes(read, start, block_size)
            self._size = self._inodes.size

    def place(self, number: int) -> Extent:
        """Absolute place of an entry; of the volume's first sector where it cannot be told."""
        offset = None
        if self._kind in ("fat", "exfat") and number >= 3:
            offset = self._first + (number - 3) * 32
        elif self._kind == "ntfs":
            offset = self._record(number)
        elif self._kind == "ext":
            offset = self._inodes.place(number)
        if offset is None:
            return Extent(self._start, self._start + SECTOR)
        return Extent(offset, offset + self._size)

    def _record(self, number: int) -> int | None:
        at = number * self._size
        for extent in self._mft:
            if at < extent.size:
                return extent.start + at
            at -= extent.size
        return None


def labels(read: Read, start: int, kind: str) -> Iterator[str]:
    """Names of a volume where its first sectors or its root folder hold them: FAT, exFAT, ext.

    FAT: an entry of the root with attribute 8, then the boot sector; exFAT: the entry 0x83, a
    length and UTF-16. [A]
    """
    if kind == "ext":
        yield _text(read(start + SUPERBLOCK, 1024)[120:136])
    elif kind in ("fat", "exfat"):
        for entry in _root(read, start, kind):
            if kind == "exfat" and entry[0] == 0x83 and entry[1] <= 11:
                yield entry[2 : 2 + 2 * entry[1]].decode("utf-16-le", "replace").strip()
            if kind == "fat" and entry[11] & 0x3F == 8 and entry[0] != 0xE5:
                yield _text(entry[:11])
    if kind == "fat":
        boot = read(start, SECTOR)
        at = 71 if boot[82:87] == b"FAT32" else 43
        if (name := _text(boot[at : at + 11])) != "NO NAME":
            yield name


def _root(read: Read, start: int, kind: str) -> Iterator[bytes]:
    """The first entries of the root folder."""
    boot, place = read(start, SECTOR), geometry(read, start, 0, kind)
    if len(boot) < SECTOR or not place.cluster_size:
        return
    at = place.cluster_start
    if kind == "exfat":
        at += (struct.unpack_from("<I", boot, 96)[0] - 2) * place.cluster_size
    elif boot[82:87] == b"FAT32":
        at += (struct.unpack_from("<I", boot, 44)[0] - 2) * place.cluster_size
    else:
        at -= struct.unpack_from("<H", boot, 17)[0] * 32
    data = read(max(at, start), 1 << 12)
    for one in range(0, len(data) - 31, 32):
        if not data[one]:
            return
        yield data[one : one + 32]


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace").strip()
