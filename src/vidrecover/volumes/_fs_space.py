"""Which clusters of a file system belong to files, as its own tables have it.

Byte facts: the tables of FAT12/16/32, the bitmaps of exFAT, NTFS and ext as their specifications
have them [A]. Every table is read once, in parts, into one bit for each cluster.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent
from vidrecover.volumes import _fs_geometry as geometry
from vidrecover.volumes._reading import Read

MOST_CLUSTERS = 1 << 30
"""Of a volume whose tables are read: 128 MiB of bits."""
MOST_FREE = 100_000
"""Unallocated stretches that are told; of more, the largest."""
_PART = 1 << 22  # bytes read at once
_CHUNK = 1 << 16  # bytes of bits unpacked at once
_EXFAT_BITMAP = 0x81
_EXT_UNINIT, _EXT_META_GROUPS, _EXT_BIGALLOC, _EXT_SPARSE = 0x2, 0x10, 0x200, 0x1


class Free(NamedTuple):
    """What of a volume belongs to files, and what does not, in bytes; extents: of the latter, in
    order of place, the largest of very many."""

    allocated: int
    unallocated: int
    extents: tuple[Extent, ...]


class Space:
    """One bit for each cluster: whether it is in use. start: of the first, absolute."""

    def __init__(self, start: int, cluster: int, count: int, used: npt.NDArray[np.uint8]) -> None:
        self._start, self._cluster, self._count, self._used = start, cluster, count, used

    @classmethod
    def of(
        cls,
        kind: str,
        read: Read,
        start: int,
        end: int,
        block: int,
        bitmap: Sequence[Extent] = (),
    ) -> Self | None:
        """From the tables of an open volume; None when they make no sense. bitmap: where NTFS
        keeps its own. block: as the walker has it, bytes; end: of the volume or the source, behind
        which no cluster is."""
        try:
            if kind == "fat":
                return cls._fat(read, start, end)
            if kind == "exfat":
                return cls._exfat(read, start, end)
            if kind == "ntfs":
                return cls._ntfs(read, start, end, block, bitmap)
            return cls._ext(read, start, end, block)
        except struct.error:
            return None

    @classmethod
    def _fat(cls, read: Read, start: int, end: int) -> Self | None:
        boot = read(start, geometry.SECTOR)
        place = geometry.geometry(read, start, 0, "fat")
        sector, reserved = struct.unpack_from("<H", boot, 11)[0], struct.unpack_from("<H", boot, 14)
        sectors = struct.unpack_from("<H", boot, 19)[0] or struct.unpack_from("<I", boot, 32)[0]
        if not place.cluster_size:
            return None
        count = (start + sectors * sector - place.cluster_start) // place.cluster_size
        if not 0 < count <= MOST_CLUSTERS:
            return None
        bits = geometry.fat_bits(count)
        count = min(count, max(end - place.cluster_start, 0) // place.cluster_size)
        size = (count + 2) * bits // 8 + 1
        parts = [
            _entries(raw, bits) for raw in _parts(read, start + reserved[0] * sector, size, 3 << 20)
        ]
        return cls(place.cluster_start, place.cluster_size, count, _packed(parts, count))

    @classmethod
    def _exfat(cls, read: Read, start: int, end: int) -> Self | None:
        boot = read(start, geometry.SECTOR)
        place = geometry.geometry(read, start, 0, "exfat")
        count, root = struct.unpack_from("<II", boot, 92)
        if not place.cluster_size or not 0 < count <= MOST_CLUSTERS:
            return None
        count = min(count, max(end - place.cluster_start, 0) // place.cluster_size)
        entries = read(place.cluster_start + (root - 2) * place.cluster_size, place.cluster_size)
        for at in range(0, min(len(entries), 1 << 12) - 31, 32):
            if entries[at] == _EXFAT_BITMAP:
                first, size = struct.unpack_from("<IQ", entries, at + 20)
                if size < -(-count // 8) or not 2 <= first < count + 2:
                    return None
                bitmap = place.cluster_start + (first - 2) * place.cluster_size
                used = _bits(_parts(read, bitmap, -(-count // 8), _PART))
                return cls(place.cluster_start, place.cluster_size, count, used)
        return None

    @classmethod
    def _ntfs(
        cls, read: Read, start: int, end: int, block: int, bitmap: Sequence[Extent]
    ) -> Self | None:
        boot = read(start, geometry.SECTOR)
        sector, sectors = struct.unpack_from("<H", boot, 11)[0], struct.unpack_from("<Q", boot, 40)
        count = min(sectors[0] * sector, end - start) // block
        if not 0 < count <= MOST_CLUSTERS or sum(one.size for one in bitmap) < -(-count // 8):
            return None
        parts = (raw for one in bitmap for raw in _parts(read, one.start, one.size, _PART))
        return cls(start, block, count, _bits(parts)[: -(-count // 8)])

    @classmethod
    def _ext(cls, read: Read, start: int, end: int, block: int) -> Self | None:
        """Group by group; a group whose bitmap was never written has only its own structures."""
        one = read(start + 1024, 1024)
        blocks, first, per_group = (struct.unpack_from("<I", one, at)[0] for at in (4, 20, 32))
        compatible, needed, optional = struct.unpack_from("<III", one, 92)
        wide = struct.unpack_from("<H", one, 254)[0] if needed & 0x80 else 32
        if needed & 0x80:
            blocks += struct.unpack_from("<I", one, 336)[0] << 32
        if needed & _EXT_META_GROUPS or optional & _EXT_BIGALLOC or per_group != block * 8:
            return None
        blocks = min(blocks, (end - start) // block)
        if not first < blocks <= MOST_CLUSTERS or not 32 <= wide <= 1024 or first > 1:
            return None
        groups = -(-(blocks - first) // per_group)
        reserved = struct.unpack_from("<H", one, 206)[0] if compatible & 0x10 else 0
        head = 1 + -(-groups * wide // block) + reserved
        table = b"".join(_parts(read, start + (first + 1) * block, groups * wide, _PART))
        used = np.zeros((groups, block), dtype=np.uint8)
        for group in range(groups):
            entry = table[group * wide : (group + 1) * wide]
            at = struct.unpack_from("<I", entry, 0)[0]
            if wide >= 64:
                at += struct.unpack_from("<I", entry, 32)[0] << 32
            if struct.unpack_from("<H", entry, 18)[0] & _EXT_UNINIT:
                kept = _keeps_copy(group) or not optional & _EXT_SPARSE
                bits = np.arange(block * 8) < (head if kept else 0)
                used[group] = np.packbits(bits, bitorder="little")
                continue
            raw = read(start + at * block, block)
            used[group, : len(raw)] = np.frombuffer(raw, dtype=np.uint8)
        return cls(start + first * block, block, blocks - first, used.reshape(-1))

    def free(self, end: int) -> Free:
        """What is allocated, up to `end`, the end of the volume or the source."""
        cut = max(min(self._count, (end - self._start) // self._cluster), 0)
        edges = np.concatenate([*self._edges(cut), [cut]]) if cut else np.zeros(0, dtype=np.int64)
        if len(edges) % 2:
            edges = edges[:-1]
        runs = edges.reshape(-1, 2)
        free = int((runs[:, 1] - runs[:, 0]).sum())
        if len(runs) > MOST_FREE:
            largest = np.argsort(runs[:, 0] - runs[:, 1], kind="stable")[:MOST_FREE]
            runs = runs[np.sort(largest)]
        places = (self._start + runs * self._cluster).tolist()
        inside = tuple(Extent(first, last) for first, last in places)
        return Free((cut - free) * self._cluster, free * self._cluster, inside)

    def _edges(self, cut: int) -> Iterator[npt.NDArray[np.int64]]:
        """Cluster numbers where free clusters begin and end in turn."""
        before = 1
        for at in range(0, -(-cut // 8), _CHUNK):
            bits = np.unpackbits(self._used[at : at + _CHUNK], bitorder="little")[: cut - at * 8]
            steps = np.flatnonzero(np.diff(bits.astype(np.int8), prepend=before))
            before = int(bits[-1])
            yield steps + at * 8

    def held(self, extents: Sequence[Extent]) -> int:
        """Clusters of these extents that belong to files."""
        found = 0
        for one in extents:
            first = max((one.start - self._start) // self._cluster, 0)
            last = min(-(-(one.end - self._start) // self._cluster), self._count)
            for at in range(first // 8, -(-last // 8), _CHUNK):
                bits = np.unpackbits(self._used[at : at + _CHUNK], bitorder="little")
                inside = bits[max(first - at * 8, 0) : max(last - at * 8, 0)]
                found += int(np.count_nonzero(inside))
        return found


def _parts(read: Read, offset: int, size: int, part: int) -> Iterator[bytes]:
    """A table in parts; what the source does not hold is zeros."""
    for at in range(0, size, part):
        wanted = min(part, size - at)
        yield read(offset + at, wanted).ljust(wanted, b"\0")


def _bits(parts: Iterator[bytes]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(parts), dtype=np.uint8)


def _entries(raw: bytes, bits: int) -> npt.NDArray[np.bool_]:
    """Whether each entry of a part of a FAT is in use. A part begins with a whole entry."""
    if bits == 32:
        table = np.frombuffer(raw[: len(raw) // 4 * 4], dtype="<u4")
        return np.asarray((table & 0x0FFFFFFF) != 0)
    if bits == 16:
        return np.asarray(np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<u2") != 0)
    three = np.frombuffer(raw.ljust(-(-len(raw) // 3) * 3, b"\0"), dtype=np.uint8)
    low, middle, high = three.reshape(-1, 3).T
    return np.stack([(low | middle & 0x0F) != 0, (middle & 0xF0 | high) != 0], axis=1).reshape(-1)


def _packed(parts: Sequence[npt.NDArray[np.bool_]], count: int) -> npt.NDArray[np.uint8]:
    """Bits of clusters 2 and on, of the entries from 0 on."""
    used = np.concatenate(parts)[2 : count + 2]
    return np.packbits(used, bitorder="little")


def _keeps_copy(group: int) -> bool:
    """Whether a group of a sparse ext volume holds a copy of the superblock: 0, 1 and powers of
    3, 5 and 7. [A]"""
    if group <= 1:
        return True
    for base in (3, 5, 7):
        power = base
        while power < group:
            power *= base
        if power == group:
            return True
    return False
