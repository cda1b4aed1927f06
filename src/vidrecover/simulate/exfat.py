"""An exFAT volume: made by the real mkfs.exfat, filled here from the exFAT specification.

A file whose clusters lie one behind the other has no chain in the table; what the table holds for
its clusters means nothing. Deleting clears the top bit of the entries' types and the bits in the
bitmap of clusters; chains stay as they are. All integers little-endian. [A: Microsoft exFAT
specification; that chains stay: B, the Linux driver]
"""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np

from vidrecover.simulate.disk import Disk
from vidrecover.simulate.heap import File, Heap, head, run
from vidrecover.simulate.times import iso

_END, _MEDIA = 0xFFFFFFFF, 0xFFFFFFF8
_FOLDER, _ARCHIVE = 0x10, 0x20
_BITMAP_ENTRY = 0x81
_NAME = 15  # characters in one entry
_BOOT = 12  # sectors of a boot region, its checksum in the last
_SERIAL_AT, _UNCHECKED = 100, (106, 107, 112)


class ExFat:
    """An empty volume over the whole image, and the files written into it."""

    def __init__(self, disk: Disk, path: Path, cluster: int, room: int) -> None:
        """cluster: bytes; room: bytes of footage that must fit."""
        self._disk, self._path, self._cluster = disk, path, cluster
        self.size = (room // cluster + 1024) * cluster + (8 << 20)
        self.size += -self.size % (1 << 20)
        disk.resize(self.size)
        self.format()
        boot = head(path)
        table, _, start, self._count, self._root = struct.unpack_from("<IIIII", boot, 80)
        sector = 1 << boot[108]
        assert sector << boot[109] == cluster
        self._table = table * sector
        self._chain = np.zeros(self._count + 2, dtype="<u4")
        self._chain[:2] = _MEDIA, _END
        self.heap = Heap(disk, start * sector, cluster, self._root + 1)
        for used in range(2, self._root + 1):  # bitmap and upcase table of mkfs lie before
            own = struct.unpack("<I", self._read(self._table + 4 * used, 4))[0]
            self._chain[used] = own
        entries = self._read(self.heap.place(self._root), 96)
        self._first_entries = entries
        bitmap = next(e for e in (entries[at : at + 32] for at in (0, 32, 64))
                      if e[0] == _BITMAP_ENTRY)  # fmt: skip
        self._bitmap = self.heap.place(struct.unpack_from("<I", bitmap, 20)[0])
        self._gone: set[int] = set()

    def format(self) -> None:
        """Run mkfs.exfat on the image; what lies in the clusters stays.

        It takes the serial number from the clock; here it is always the same.
        """
        words = ["-c", str(self._cluster), "-L", "VANCAM"]
        run("mkfs.exfat", "exfatprogs", *words, self._path)
        boot = bytearray(head(self._path, 512 * (_BOOT - 1)))
        struct.pack_into("<I", boot, _SERIAL_AT, 0x20260314)
        total = 0
        for place, byte in enumerate(boot):
            if place not in _UNCHECKED:
                total = ((total >> 1) | (total & 1) << 31) + byte & 0xFFFFFFFF
        whole = bytes(boot) + struct.pack("<I", total) * 128
        for at in (0, 512 * _BOOT):
            self._disk.write(at, whole)

    def close(self) -> int:
        """Write folders, table and bitmap; returns the byte behind the last cluster in use."""
        for file in self.heap.files:
            if not _is_unbroken(file.clusters):
                self._link(file.clusters)
            if file.is_deleted:
                self._gone |= set(file.clusters)
        self._write_folder("", [self._root])
        self._disk.write(self._table, self._chain.tobytes())
        used = np.zeros(-(-self._count // 8) * 8, dtype=bool)
        used[: self.heap.next - 2] = True
        used[[cluster - 2 for cluster in self._gone]] = False
        self._disk.write(self._bitmap, np.packbits(used, bitorder="little").tobytes())
        return self.heap.place(self.heap.next)

    def zero_tables(self) -> None:
        """Destroy the table of chains and the bitmap, as a failing card does."""
        self._disk.write(self._table, bytes(len(self._chain) * 4))
        self._disk.write(self._bitmap, bytes(-(-self._count // 8)))

    def destroy_start(self) -> None:
        """Overwrite the boot sector with zeros; its copy stays."""
        self._disk.write(0, bytes(512))

    def _read(self, offset: int, size: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def _link(self, clusters: list[int]) -> None:
        for cluster, following in pairwise([*clusters, _END]):
            self._chain[cluster] = following

    def _write_folder(self, path: str, clusters: list[int]) -> int:
        """A folder and all below it; returns the bytes that it takes."""
        inside, names = self.heap.below(path)
        entries = [] if path else [self._first_entries]
        for name in names:
            full = f"{path}/{name}"
            file = next((one for one in inside if one.path == full), None)
            if file is not None:
                entries.append(_entries(name, file, _ARCHIVE))
                continue
            folder = File(full, max(f.time_ms for f in inside if f.path.startswith(full)))
            folder.clusters = [self.heap.take()]
            folder.size = self._write_folder(full, folder.clusters)
            entries.append(_entries(name, folder, _FOLDER))
        self.heap.write_folder(clusters, b"".join(entries))
        if not path or not _is_unbroken(clusters):
            self._link(clusters)
        return len(clusters) * self._cluster


def _is_unbroken(clusters: list[int]) -> bool:
    return all(other == one + 1 for one, other in pairwise(clusters))


def _entries(name: str, file: File, kind: int) -> bytes:
    """The set of a file: its entry, its stream, its name."""
    text = name.encode("utf-16-le")
    parts = [text[at : at + 2 * _NAME] for at in range(0, len(text), 2 * _NAME)]
    moment = _time(file.time_ms)
    first = struct.pack(
        "<BBHHHIIIBBBBB7x", 0x85, 1 + len(parts), 0, kind, 0, moment, moment, moment, 0, 0, 0, 0, 0
    )
    size = 0 if file.is_unclosed else file.size
    cluster = file.clusters[0] if file.clusters and size else 0
    flags = 0x01 | (0x02 if cluster and _is_unbroken(file.clusters) else 0)
    stream = struct.pack(
        "<BBBBHHQIIQ", 0xC0, flags, 0, len(name), _sum(name.upper().encode("utf-16-le")), 0,
        size, 0, cluster, size,
    )  # fmt: skip
    named = b"".join(b"\xc1\0" + part.ljust(30, b"\0") for part in parts)
    whole = bytearray(first + stream + named)
    struct.pack_into("<H", whole, 2, _sum(bytes(whole[:2] + whole[4:])))
    if file.is_deleted:
        for at in range(0, len(whole), 32):
            whole[at] &= 0x7F
    return bytes(whole)


def _sum(data: bytes) -> int:
    total = 0
    for byte in data:
        total = ((total >> 1) | (total & 1) << 15) + byte & 0xFFFF
    return total


def _time(time_ms: int) -> int:
    """Date and time as FAT has them, the date in the upper half; two seconds fine."""
    text = iso(time_ms)
    year, month, day = (int(part) for part in text[:10].split("-"))
    hour, minute, second = (int(float(part)) for part in text[11:].split(":"))
    date = (year - 1980) << 9 | month << 5 | day
    return date << 16 | hour << 11 | minute << 5 | second // 2
