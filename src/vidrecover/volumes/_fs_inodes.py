"""Where the inodes of an ext2, ext3 or ext4 volume stand, and sizes in them that cannot be.

Superblock: inodes at 0, size of a block at 24, inodes per group at 40, magic at 56, size of an
inode at 88, features at 96, size of a group's descriptor at 254. Descriptor: block of the inode
table at 8, its high half at 40. Inode: mode at 0, low half of the size at 4, its high half at 108,
of files only. [A: Linux, fs/ext4/ext4.h]
"""

import struct
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from vidrecover.volumes._reading import Read

SUPERBLOCK = 1024
_MAGIC, _MAGIC_AT = b"\x53\xef", 56
_LARGEST = 6  # block of 64 KiB: 1024 shifted so often
_WIDE = 0x80  # descriptors are larger than 32 bytes
_MOST_GROUPS = 1 << 18
_MOST_TABLES = 64  # in what is read at once; more only lie over each other
_LEAST = 128  # bytes of an inode
_KIND, _FILE = 0xF000, 0x8000


def is_superblock(found: bytes) -> bool:
    """Whether these 1024 bytes are an ext superblock."""
    return len(found) >= 92 and found[_MAGIC_AT : _MAGIC_AT + 2] == _MAGIC


class Inodes:
    """The tables of inodes of a volume that begins at `start` and has blocks of this size."""

    def __init__(self, read: Read, start: int, block: int) -> None:
        self._read, self._start, self._block = read, start, block
        found = read(start + SUPERBLOCK, 1024).ljust(1024, b"\0")
        self._count = int(struct.unpack_from("<I", found, 0)[0])
        self._per_group = int(struct.unpack_from("<I", found, 40)[0])
        self.size = int(struct.unpack_from("<H", found, 88)[0]) or 128
        is_wide = struct.unpack_from("<I", found, 96)[0] & _WIDE
        self._descriptor = int(struct.unpack_from("<H", found, 254)[0]) if is_wide else 32

    @classmethod
    def of(cls, read: Read, start: int) -> Self | None:
        """Those of the volume that begins there; None: it seems to be of another kind."""
        found = read(start + SUPERBLOCK, 1024)
        shift = struct.unpack_from("<I", found, 24)[0] if is_superblock(found) else _LARGEST + 1
        return cls(read, start, 1024 << shift) if shift <= _LARGEST else None

    def place(self, number: int) -> int | None:
        """Where an inode stands on the source; None where nothing tells."""
        if number < 1 or not self._per_group or not 32 <= self._descriptor <= 1024:
            return None
        group, inside = divmod(number - 1, self._per_group)
        entry = self._read(self._descriptors + group * self._descriptor, 64)
        if len(entry) < 64:
            return None
        table = int(struct.unpack_from("<I", entry, 8)[0])
        if self._descriptor >= 64:
            table += int(struct.unpack_from("<I", entry, 40)[0]) << 32
        return self._start + table * self._block + inside * self.size

    @property
    def _descriptors(self) -> int:
        return self._start + (2 if self._block == 1024 else 1) * self._block

    @cached_property
    def _tables(self) -> npt.NDArray[np.int64]:
        """Where the tables begin, in order of place; inodes of one stand behind each other."""
        if not self._per_group or self.size < _LEAST or not 32 <= self._descriptor <= 1024:
            return np.zeros(0, dtype=np.int64)
        groups = min(-(-self._count // self._per_group), _MOST_GROUPS)
        raw = self._read(self._descriptors, groups * self._descriptor)
        rows = np.frombuffer(raw[: len(raw) // self._descriptor * self._descriptor], np.uint8)
        rows = rows.reshape(-1, self._descriptor)
        tables = rows[:, 8:12].copy().view("<u4")[:, 0].astype(np.int64)
        if self._descriptor >= 64:
            high = rows[:, 40:44].copy().view("<u4")[:, 0].astype(np.int64) & 0xFFFF
            tables += high << 32
        return np.unique(self._start + tables * self._block)

    def bounded(self, most: int, offset: int, size: int) -> bytes:
        """So many bytes from `offset` on, with `most` in place of larger sizes in the inodes
        among them: a walker that believes a size of petabytes reckons for half a minute."""
        data = self._read(offset, size)
        room = self._per_group * self.size
        first, last = np.searchsorted(self._tables, [offset - room, offset + len(data)])
        changed = None
        for table in self._tables[first : min(last, first + _MOST_TABLES)].tolist():
            begin = table + -(-max(offset - table, 0) // self.size) * self.size
            for at in range(begin - offset, min(table + room - offset, len(data)), self.size):
                if at + _LEAST > len(data):
                    break
                new = _bounded(data[at : at + _LEAST], most)
                if new is not None:
                    changed = bytearray(data) if changed is None else changed
                    changed[at : at + _LEAST] = new
        return data if changed is None else bytes(changed)


def _bounded(inode: bytes, most: int) -> bytes | None:
    """An inode with a size that may be, None where it has one."""
    mode, _, low = struct.unpack_from("<HHI", inode, 0)
    is_file = mode & _KIND == _FILE
    size = low + (int(struct.unpack_from("<I", inode, 108)[0]) << 32 if is_file else 0)
    if size <= most:
        return None
    new = bytearray(inode)
    struct.pack_into("<I", new, 4, min(most, size) & 0xFFFFFFFF)
    if is_file:
        struct.pack_into("<I", new, 108, most >> 32)
    return bytes(new)
