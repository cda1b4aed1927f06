"""An ext4 volume: made and filled by mke2fs, its files deleted by debugfs.

debugfs leaves the extents in a deleted inode; the ext4 of Linux does not: it sets the size and the
number of extents to 0 and zeroes the extents. That is done here too, so that nothing but the bytes
of the footage is left. [B: the Linux driver, `ext4_truncate` and `ext4_ext_rm_leaf`]
"""

import os
import re
import tempfile
from pathlib import Path

from vidrecover.errors import ScenarioError
from vidrecover.simulate.disk import Disk
from vidrecover.simulate.heap import File, Staged, run

_TOOLS = "e2fsprogs"
_IDENTITY = "20260314-0000-4000-8000-000000000001"
_EMPTY_TREE = (0x0000F30A, 0x00000004)
"""An extent header: magic, no entries; room for four, depth 0. [A: ext4 documentation]"""
_ALWAYS_MS = 1_773_446_400_000  # what an empty volume takes for the present


class Ext4:
    """A volume over the whole image, and the files that are to be laid on it."""

    def __init__(self, disk: Disk, path: Path, cluster: int, room: int) -> None:
        """cluster: bytes; room: bytes of footage that must fit."""
        self._path = path
        self._folder = tempfile.TemporaryDirectory(prefix=".ext4-", dir=path.parent)
        self.heap = Staged(disk, Path(self._folder.name) / "files", cluster)
        self.heap.folder.mkdir()
        self.size = room + room // 8 + (16 << 20)
        self.size += -self.size % (1 << 20)
        disk.resize(self.size)

    def close(self) -> int:
        """Make the volume, fill it and delete; the byte behind the last cluster with footage."""
        with self._folder:
            self._set_times()
            self._format()
            inodes = self._find()
            self._finish(inodes)
        return self.heap.footage()[1]

    @property
    def _now_s(self) -> int:
        return max((one.time_ms for one in self.heap.files), default=_ALWAYS_MS) // 1000

    def _format(self) -> None:
        """Run mke2fs with what was gathered; the same files give the same bytes."""
        words = ["-q", "-F", "-t", "ext4", "-b", str(self.heap.cluster), "-L", "VANCAM"]
        words += ["-U", _IDENTITY, "-d", str(self.heap.folder)]
        words += ["-E", f"hash_seed={_IDENTITY},lazy_itable_init=0,root_owner=0:0"]
        run("mke2fs", _TOOLS, *words, self._path, now_s=self._now_s)

    def _set_times(self) -> None:
        """Files are as old as their last frame, folders as their newest file; all may be read."""
        for file in sorted(self.heap.files, key=lambda one: one.time_ms):
            place = self.heap.gathered(file)
            while place != self.heap.folder.parent:
                os.utime(place, (file.time_ms // 1000, file.time_ms // 1000))
                place.chmod(0o755 if place.is_dir() else 0o644)
                place = place.parent

    def _find(self) -> dict[str, int]:
        """The inode of every file and folder, by its path; files learn their clusters."""
        inodes = {}
        for path in self._paths():
            told = self._debug(f"stat {path}", f"blocks {path}")
            number = re.search(r"Inode: (\d+)", told)
            if number is None:
                raise ScenarioError(f"debugfs does not find {path} in the volume that it made")
            inodes[path] = int(number[1])
            if (file := self._file(path)) is not None:
                self.heap.lay(file, [int(one) for one in told.rpartition("\n")[2].split()])
        return inodes

    def _paths(self) -> list[str]:
        found = (one.relative_to(self.heap.folder) for one in self.heap.folder.rglob("*"))
        return sorted(f"/{one.as_posix()}" for one in found)

    def _file(self, path: str) -> File | None:
        return next((one for one in self.heap.files if one.path == path), None)

    def _finish(self, inodes: dict[str, int]) -> None:
        """Delete as Linux does; and set owners and times of change, which were ours."""
        commands = []
        for path, inode in inodes.items():
            file = self._file(path)
            changed_s = file.time_ms // 1000 if file is not None else self._now_s
            commands.append(f"sif <{inode}> ctime @{changed_s}")
            commands += [f"sif <{inode}> {owner} 0" for owner in ("uid", "gid")]
            if file is not None and file.is_deleted:
                commands += [f"rm {path}", f"sif <{inode}> size 0"]
                words = [*_EMPTY_TREE, *[0] * 13]
                commands += [f"sif <{inode}> block[{i}] {word}" for i, word in enumerate(words)]
        if commands:
            self._debug(*commands)

    def _debug(self, *commands: str) -> str:
        """What debugfs says to some commands, without the commands."""
        batch = self.heap.folder.parent / "commands"
        batch.write_text("".join(f"{one}\n" for one in commands))
        told = run("debugfs", _TOOLS, "-w", "-f", batch, self._path, now_s=self._now_s)
        lines = (one.strip() for one in told.splitlines())
        return "\n".join(one for one in lines if one and not one.startswith("debugfs:"))
