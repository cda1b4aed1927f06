"""A FAT32 volume: made by the real mkfs.vfat, filled here from the FAT specification.

All integers little-endian. [A: Microsoft FAT specification]
"""

import struct
from pathlib import Path

import numpy as np

from vidrecover.simulate.disk import Disk
from vidrecover.simulate.heap import File, Heap, head, run
from vidrecover.simulate.times import iso

_END = 0x0FFFFFFF
_LEAST_CLUSTERS = 65536  # fewer make a FAT16
_SPARE = 6  # clusters
_FOLDER, _ARCHIVE, _LONG = 0x10, 0x20, 0x0F


class Fat32:
    """An empty volume over the whole image, and the files written into it."""

    def __init__(self, disk: Disk, path: Path, cluster: int, room: int) -> None:
        """cluster: bytes; room: bytes of footage that must fit."""
        self._disk, self._path, self._cluster = disk, path, cluster
        clusters = max(room // cluster + 1024, _LEAST_CLUSTERS) + 64
        self.size = (clusters + 1024) * cluster + clusters * 8
        self.size += -self.size % cluster
        disk.resize(self.size)
        self.format()
        boot = head(path)
        sector, per_cluster, reserved, tables = struct.unpack_from("<HBHB", boot, 11)
        table, root = struct.unpack_from("<I", boot, 36)[0], struct.unpack_from("<I", boot, 44)[0]
        assert sector * per_cluster == cluster and root == 2
        self._tables = [(reserved + i * table) * sector for i in range(tables)]
        self._table_size = table * sector
        start = (reserved + tables * table) * sector
        sectors = struct.unpack_from("<I", boot, 32)[0]
        count = (sectors * sector - start) // cluster
        self._chain = np.zeros(count + 2, dtype="<u4")
        self._chain[:3] = 0x0FFFFFF8, _END, _END  # media, clean, the root
        self.heap = Heap(disk, start, cluster, 3)

    def format(self) -> None:
        """Run mkfs.vfat on the image; what lies in the clusters stays."""
        words = ["-F", "32", "-s", str(self._cluster // 512), "-n", "VANCAM", "--invariant"]
        run("mkfs.vfat", "dosfstools", *words, self._path)

    def fill(self, time_ms: int) -> None:
        """A file of somebody else in all clusters that are left, but for a few for folders."""
        file = self.heap.file("/BACKUP.BIN", time_ms)
        count = len(self._chain) - self.heap.next - _SPARE
        file.clusters = [self.heap.take() for _ in range(count)]
        file.size = count * self._cluster

    def close(self) -> int:
        """Write folders and both tables; returns the byte behind the last cluster in use."""
        for file in self.heap.files:
            self._link(file.clusters, is_free=file.is_deleted)
        self._write_folder("", 2, 0)
        used = self.heap.place(self.heap.next)
        table = self._chain.tobytes().ljust(self._table_size, b"\0")[: self._table_size]
        for at in self._tables:
            self._disk.write(at, table)
        free = int((self._chain == 0).sum())
        self._disk.write(512 + 488, struct.pack("<II", free, self.heap.next))
        return used

    def zero_tables(self) -> None:
        """Destroy both tables, as a failing card does."""
        for at in self._tables:
            self._disk.write(at, bytes(self._table_size))

    def destroy_start(self) -> None:
        """Overwrite the boot sector with zeros; its copy stays."""
        self._disk.write(0, bytes(512))

    def _link(self, clusters: list[int], *, is_free: bool) -> None:
        for cluster, following in zip(clusters, [*clusters[1:], _END], strict=True):
            self._chain[cluster] = 0 if is_free else following

    def _write_folder(self, path: str, first: int, parent: int) -> None:
        """A folder and all below it; it is written when its content is known."""
        inside, names = self.heap.below(path)
        entries = (
            [] if first == 2 else [_dot(b".", first), _dot(b"..", 0 if parent == 2 else parent)]
        )
        if first == 2:
            entries.append(b"VANCAM     " + bytes([8]) + bytes(20))
        folders = []
        for number, name in enumerate(names):
            files = [f for f in inside if f.path == f"{path}/{name}"]
            if files:
                entries += _entries(name, number, files[0], _ARCHIVE, files[0].clusters)
                continue
            start = self.heap.take()
            self._chain[start] = _END
            newest = File(name, max(f.time_ms for f in inside))
            entries += _entries(name, number, newest, _FOLDER, [start])
            folders.append((f"{path}/{name}", start))
        clusters = [first]
        self.heap.write_folder(clusters, b"".join(entries))
        self._link(clusters, is_free=False)
        for folder, start in folders:
            self._write_folder(folder, start, first)


def _dot(name: bytes, cluster: int) -> bytes:
    head = name.ljust(11) + bytes([_FOLDER]) + bytes(8)
    return head + struct.pack("<HHHHI", cluster >> 16, 0, 0, cluster & 0xFFFF, 0)


def _entries(name: str, number: int, file: File, kind: int, clusters: list[int]) -> list[bytes]:
    """The long name's entries, last part first, and the short one."""
    ending = name.rpartition(".")[2].upper()[:3] if kind == _ARCHIVE else ""
    short = f"VID{number:05}"[:8].ljust(8).encode() + ending.ljust(3).encode()
    total = 0
    for byte in short:
        total = ((total >> 1) | (total & 1) << 7) + byte & 0xFF
    text = name.encode("utf-16-le")
    if len(name) % 13:
        text += b"\0\0"
    count = -(-len(text) // 26)
    text = text.ljust(count * 26, b"\xff")
    found = []
    for part in range(count, 0, -1):
        piece = text[(part - 1) * 26 : part * 26]
        order = part | (0x40 if part == count else 0)
        head = bytes([order]) + piece[:10] + bytes([_LONG, 0, total]) + piece[10:22]
        found.append(head + bytes(2) + piece[22:])
    date, clock = _dos_time(file.time_ms)
    first = clusters[0] if clusters else 0
    size = 0 if kind == _FOLDER or file.is_unclosed else file.size
    tail = struct.pack("<BBHHHHHHHI", 0, 0, clock, date, date, first >> 16, clock, date,
                       first & 0xFFFF, size)  # fmt: skip
    found.append(short + bytes([kind]) + tail)
    if file.is_deleted:
        found = [b"\xe5" + entry[1:] for entry in found]
    return found


def _dos_time(time_ms: int) -> tuple[int, int]:
    text = iso(time_ms)
    year, month, day = (int(part) for part in text[:10].split("-"))
    hour, minute, second = (int(float(part)) for part in text[11:].split(":"))
    return (year - 1980) << 9 | month << 5 | day, hour << 11 | minute << 5 | second // 2
