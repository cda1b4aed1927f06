"""The records of an NTFS volume, from the specification: read, changed, deleted.

A record of the MFT and a block of an index carry the last two bytes of each sector in an array at
their head; on the disk a check value stands in their place. All integers little-endian. [A: the
NTFS documentation of the Linux-NTFS project]
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from vidrecover.errors import ScenarioError
from vidrecover.simulate.disk import Disk

_SECTOR = 512
_STANDARD, _FILE_NAME, _DATA, _ALLOCATION, _BITMAP = 0x10, 0x30, 0x80, 0xA0, 0xB0
_LAST_ATTRIBUTE = 0xFFFFFFFF
ROOT, _CLUSTERS = 5, 6  # numbers of records: the root folder, the bitmap of clusters
_IN_USE = 0x01
_INDEX = 0x18  # of an index block: where its header begins, from which its offsets count
_LAST_ENTRY = 0x02
_EPOCH_MS = 11_644_473_600_000  # from 1601 to 1970

Runs = list[tuple[int, int]]
"""Clusters of an attribute in order: first one, and how many."""


class Volume:
    """A finished NTFS volume over a whole image. cluster, record: bytes."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk, self._path = disk, path
        boot = self._read(0, _SECTOR)
        self.cluster: int = struct.unpack_from("<H", boot, 11)[0] * boot[13]
        sizes = struct.unpack_from("<bxxxb", boot, 64)
        self.record, self._block = (1 << -one if one < 0 else one * self.cluster for one in sizes)
        start: int = struct.unpack_from("<Q", boot, 48)[0] * self.cluster
        first = self._unpacked(self._read(start, self.record))
        self._mft = _runs(first, _attribute(first, _DATA))

    def files(self) -> dict[str, int]:
        """The record number of each name in the root folder."""
        found = {}
        for _, block in self._blocks():
            for at, _ in _entries(block):
                name = block[at + 82 : at + 82 + 2 * block[at + 80]].decode("utf-16-le")
                found[name] = struct.unpack_from("<Q", block, at)[0] & (1 << 48) - 1
        return found

    def clusters(self, number: int) -> list[int]:
        """The clusters of a file's data in their order; none when the record holds it itself."""
        record = self._unpacked(self._read(self._place(number), self.record))
        at = _attribute(record, _DATA)
        runs = _runs(record, at) if record[at + 8] else []
        return [one for first, count in runs for one in range(first, first + count)]

    def set_times(self, number: int, time_ms: int) -> None:
        """Set all times of a record and of its name. time_ms: since 1970."""
        times = struct.pack("<Q", (time_ms + _EPOCH_MS) * 10_000) * 4

        def change(record: bytearray) -> None:
            for kind, inside in ((_STANDARD, 0), (_FILE_NAME, 8)):
                at = _attribute(record, kind)
                at += struct.unpack_from("<H", record, at + 20)[0] + inside
                record[at : at + 32] = times

        self._change(self._place(number), self.record, change)
        for place, block in self._blocks():
            for at in _of(block, number):
                block[at + 24 : at + 56] = times
                self._write(place, block)

    def delete(self, number: int) -> None:
        """Delete as the drivers do: the name leaves the index, record and clusters become free;
        what the record says stays. [A: libntfs-3g, `ntfs_delete` and `ntfs_mft_record_free`]"""
        for cluster in self.clusters(number):
            self._clear(_CLUSTERS, _DATA, cluster)
        self._clear(0, _BITMAP, number)
        self._change(self._place(number), self.record, _free)
        removed = 0
        for place, block in self._blocks():
            while entries := _of(block, number):
                _remove(block, entries[0])
                self._write(place, block)
                removed += 1
        if not removed:
            raise ScenarioError("the folder has too many files: their index is a tree")

    def _blocks(self) -> Iterator[tuple[int, bytearray]]:
        """The blocks of the root folder's index, with their places; a tree has no others here."""
        record = self._unpacked(self._read(self._place(ROOT), self.record))
        for first, count in _runs(record, _attribute(record, _ALLOCATION)):
            for at in range(first * self.cluster, (first + count) * self.cluster, self._block):
                block = self._unpacked(self._read(at, self._block))
                if block[:4] == b"INDX":
                    yield at, block

    def _place(self, number: int) -> int:
        """Where a record begins, bytes."""
        return self._inside(self._mft, number * self.record)

    def _inside(self, runs: Runs, offset: int) -> int:
        for first, count in runs:
            if offset < count * self.cluster:
                return first * self.cluster + offset
            offset -= count * self.cluster
        raise ScenarioError("a table of the NTFS volume ends before what is wanted of it")

    def _clear(self, number: int, kind: int, bit: int) -> None:
        """Clear a bit of a bitmap that has clusters of its own."""
        record = self._unpacked(self._read(self._place(number), self.record))
        at = self._inside(_runs(record, _attribute(record, kind)), bit // 8)
        self._disk.write(at, bytes([self._read(at, 1)[0] & ~(1 << bit % 8)]))

    def _change(self, place: int, size: int, change: Callable[[bytearray], None]) -> None:
        record = self._unpacked(self._read(place, size))
        change(record)
        self._write(place, record)

    def _write(self, place: int, record: bytearray) -> None:
        """Write a record or block, its sectors' ends exchanged for the check value."""
        packed = bytearray(record)
        array, count = struct.unpack_from("<HH", packed, 4)
        for sector in range(1, count):
            end = sector * _SECTOR
            packed[array + 2 * sector : array + 2 * sector + 2] = packed[end - 2 : end]
            packed[end - 2 : end] = packed[array : array + 2]
        self._disk.write(place, packed)

    def _unpacked(self, data: bytes) -> bytearray:
        """A record or block with the ends of its sectors put back."""
        record = bytearray(data)
        array, count = struct.unpack_from("<HH", record, 4)
        if bytes(record[:4]) in (b"FILE", b"INDX"):
            for sector in range(1, count):
                end = sector * _SECTOR
                record[end - 2 : end] = record[array + 2 * sector : array + 2 * sector + 2]
        return record

    def _read(self, offset: int, size: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)


def _attribute(record: bytes | bytearray, kind: int) -> int:
    """Where the first attribute of a kind begins."""
    at: int = struct.unpack_from("<H", record, 20)[0]
    while (found := struct.unpack_from("<I", record, at)[0]) != _LAST_ATTRIBUTE:
        if found == kind:
            return at
        at += struct.unpack_from("<I", record, at + 4)[0]
    raise ScenarioError(f"a record of the NTFS volume has no attribute {kind:#x}")


def _runs(record: bytes | bytearray, at: int) -> Runs:
    """The runs of a non-resident attribute: nibbles give the bytes of length and of the signed
    distance from the start of the run before."""
    at += struct.unpack_from("<H", record, at + 32)[0]
    runs, first = [], 0
    while record[at]:
        wide, far = record[at] & 15, record[at] >> 4
        count = int.from_bytes(record[at + 1 : at + 1 + wide], "little")
        at += 1 + wide
        first += int.from_bytes(record[at : at + far], "little", signed=True)
        at += far
        runs.append((first, count))
    return runs


def _free(record: bytearray) -> None:
    """Not in use, no links, used once more."""
    used, links, _, flags = struct.unpack_from("<HHHH", record, 16)
    struct.pack_into("<HH", record, 16, used + 1, links - 1)
    struct.pack_into("<H", record, 22, flags & ~_IN_USE)


def _entries(block: bytearray) -> Iterator[tuple[int, int]]:
    """Place and size of each entry with a name."""
    at = _INDEX + struct.unpack_from("<I", block, _INDEX)[0]
    while not struct.unpack_from("<H", block, at + 12)[0] & _LAST_ENTRY:
        size = struct.unpack_from("<H", block, at + 8)[0]
        yield at, size
        at += size


def _of(block: bytearray, number: int) -> list[int]:
    """The places of a record's entries."""
    mask = (1 << 48) - 1
    return [
        at for at, _ in _entries(block) if struct.unpack_from("<Q", block, at)[0] & mask == number
    ]


def _remove(block: bytearray, at: int) -> None:
    """Take an entry out of a leaf; the ones behind move up, what lay last stays behind the end."""
    size = struct.unpack_from("<H", block, at + 8)[0]
    length = struct.unpack_from("<I", block, _INDEX + 4)[0]
    end = _INDEX + length
    block[at : end - size] = block[at + size : end]
    struct.pack_into("<I", block, _INDEX + 4, length - size)
