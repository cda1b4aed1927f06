"""An NTFS volume: made by mkntfs, filled by ntfscp, files deleted here from the specification.

No tool deletes a file on NTFS without mounting the volume.
"""

import struct
import tempfile
from pathlib import Path

from vidrecover.simulate.disk import Disk
from vidrecover.simulate.heap import File, Staged, head, run
from vidrecover.simulate.mft import ROOT, Volume

_TOOLS = "ntfs-3g"
_SERIAL_AT, _SERIAL = 72, 0x2026031400000001
_SECTOR = 512


class Ntfs:
    """A volume over the whole image, and the files that are to be laid in its root folder:
    ntfscp makes no folders."""

    def __init__(self, disk: Disk, path: Path, cluster: int, room: int) -> None:
        """cluster: bytes; room: bytes of footage that must fit."""
        self._disk, self._path = disk, path
        self._folder = tempfile.TemporaryDirectory(prefix=".ntfs-", dir=path.parent)
        self.heap = Staged(disk, Path(self._folder.name), cluster)
        self.size = room + room // 8 + (16 << 20)
        self.size += -self.size % (1 << 20)
        disk.resize(self.size)

    def close(self) -> int:
        """Make the volume, fill it and delete; the byte behind the last cluster with footage."""
        with self._folder:
            self._format()
            for file in self.heap.files:
                run("ntfscp", _TOOLS, "-q", self._path, self.heap.gathered(file), _name(file))
            self._finish()
        return self.heap.footage()[1]

    def _format(self) -> None:
        """Run mkntfs; the serial number is always the same, here and in the boot sector's copy."""
        words = ["-q", "-F", "-T", "-f", "-c", str(self.heap.cluster), "-L", "VANCAM"]
        run("mkntfs", _TOOLS, *words, self._path)
        boot = bytearray(head(self._path, _SECTOR))
        struct.pack_into("<Q", boot, _SERIAL_AT, _SERIAL)
        sectors = struct.unpack_from("<Q", boot, 40)[0]
        for at in (0, sectors * _SECTOR):
            self._disk.write(at, boot)

    def _finish(self) -> None:
        """Where the files lie; their times, which were those of the copying; deletions."""
        volume = Volume(self._disk, self._path)
        numbers = volume.files()
        volume.set_times(ROOT, max((one.time_ms for one in self.heap.files), default=0))
        for file in self.heap.files:
            number = numbers[_name(file)]
            self.heap.lay(file, volume.clusters(number))
            volume.set_times(number, file.time_ms)
        for file in self.heap.files:  # behind all times: the index keeps what deleting shifts
            if file.is_deleted:
                volume.delete(numbers[_name(file)])


def _name(file: File) -> str:
    return file.path.rpartition("/")[2]
