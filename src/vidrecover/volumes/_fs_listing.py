"""What an open file system lists: every file, live and deleted, with its extents."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vidrecover.model import Extent
from vidrecover.volumes import _fs_geometry as geometry
from vidrecover.volumes._fs_chains import exfat_chain, fat_chain
from vidrecover.volumes._fs_space import Free, Space
from vidrecover.volumes._reading import Read

MOST_ENTRIES = 8_000_000
"""Names looked at in one volume; more are made by hostile bytes only."""
_MOST_RUNS = 1 << 20  # of one file
_LONGEST_PATH = 4096
_NTFS_VOLUME, _NTFS_BITMAP, _NTFS_VOLUME_NAME = 3, 6, 96  # two records, and an attribute [A]
_LABEL = "(Volume Label Entry)"  # as pytsk3 marks the entry that is no file


class Volume(NamedTuple):
    """A file system that could be opened; what follows is in it."""

    kind: str
    extent: Extent
    label: str | None
    cluster_start: int
    cluster_size: int
    damage: tuple[str, ...]


class Entry(NamedTuple):
    """A file. written_s: last change, as the file system has it; guessed: nothing tells where its
    clusters are, and they are taken as lying one behind the other."""

    path: str
    is_deleted: bool
    size: int
    written_s: int | None
    entry: Extent
    extents: tuple[Extent, ...]
    guessed: bool = False
    damage: str | None = None


class Listing:
    """An open file system of one of the kinds that are read."""

    def __init__(self, tsk: Any, system: Any, start: int, read: Read) -> None:
        self._tsk, self._system, self._start, self._read = tsk, system, start, read
        self._block = int(system.info.block_size)
        self.kind, self.name = _kind(tsk, int(system.info.ftype))
        self._broken = 0
        mft = tuple(self._runs(system.open_meta(0), None)[0]) if self.kind == "ntfs" else ()
        self._places = geometry.Entries(read, start, self.kind or "", self._block, mft)
        self._space: Space | None = None
        self._is_read = False
        self._end = start + int(system.info.block_count) * self._block

    def told(self, size: int, source_size: int, words: str | None) -> Volume:
        """What is known of the volume before it is walked."""
        end = min(self._start + int(self._system.info.block_count) * self._block, source_size)
        clusters = geometry.geometry(self._read, self._start, self._block, self.kind or "")
        label = next((one for one in self._labels() if one), None)
        damage = [words] if words else []
        if end > self._start + size:
            damage.append("it is larger than its partition or the source: its end is missing")
        self._end = end
        extent = Extent(self._start, max(end, self._start + geometry.SECTOR))
        return Volume(self.name, extent, label, *clusters, tuple(damage))

    def free(self, end: int) -> Free | None:
        """What belongs to files and what does not, up to the end of the volume; None where the
        tables do not tell."""
        space = self._tables()
        return None if space is None else space.free(end)

    def _tables(self) -> Space | None:
        """The allocation of the volume, read once."""
        if not self._is_read:
            self._is_read = True
            bitmap: Sequence[Extent] = ()
            try:
                if self.kind == "ntfs":
                    bitmap = self._runs(self._system.open_meta(_NTFS_BITMAP), None)[0]
            except OSError:
                return None
            kind, start = self.kind or "", self._start
            self._space = Space.of(kind, self._read, start, self._end, self._block, bitmap)
        return self._space

    def _labels(self) -> Iterator[str]:
        """The volume's name: where its first sectors hold it, or in a folder or file of its own."""
        yield from geometry.labels(self._read, self._start, self.kind or "")
        try:
            if self.kind == "ntfs":
                for one in self._system.open_meta(_NTFS_VOLUME):
                    if int(one.info.type) == _NTFS_VOLUME_NAME and one.info.size <= 256:
                        raw = self._system.open_meta(_NTFS_VOLUME).read_random(
                            0, one.info.size, one.info.type, one.info.id
                        )
                        yield raw.decode("utf-16-le", "replace").strip()
        except OSError:
            return

    def troubles(self) -> Iterator[str]:
        """What went wrong while it was walked."""
        if self._broken:
            yield f"{self._broken} of its folders or files could not be read"

    def entries(self) -> Iterator[Entry]:
        """All files, live and deleted."""
        return self._by_record() if self.kind == "ntfs" else self._by_folder()

    def _by_folder(self) -> Iterator[Entry]:
        """Folder by folder, from the root; each is visited once."""
        waiting = [("", int(self._system.info.root_inum))]
        visited: set[int] = set()
        count = 0
        while waiting:
            path, number = waiting.pop()
            if number in visited:
                continue
            visited.add(number)
            try:
                for found in self._system.open_dir(inode=number):
                    count += 1
                    if count > MOST_ENTRIES:
                        return
                    yield from self._named(found, path, waiting)
            except OSError:
                self._broken += 1

    def _named(self, found: Any, path: str, waiting: list[tuple[str, int]]) -> Iterator[Entry]:
        tsk, name = self._tsk, found.info.name
        text = name.name.decode("utf-8", "replace") if name.name else ""
        if text in ("", ".", "..") or text.startswith("$") or text.endswith(_LABEL):
            return
        meta, full = found.info.meta, f"{path}/{text}"[-_LONGEST_PATH:]
        kind = int(meta.type) if meta is not None else int(name.type)
        if meta is not None and kind == int(tsk.TSK_FS_META_TYPE_DIR):
            if len(full) < _LONGEST_PATH:
                waiting.append((full, int(name.meta_addr)))
        elif meta is not None and kind == int(tsk.TSK_FS_META_TYPE_REG):
            gone = int(name.flags) & int(tsk.TSK_FS_NAME_FLAG_UNALLOC)
            try:
                file = self._system.open_meta(int(name.meta_addr))
                yield self._entry(full, bool(gone), file)
            except OSError:
                self._broken += 1

    def _by_record(self) -> Iterator[Entry]:
        """NTFS: every record of the MFT, so that deleted files are found whose folder is gone."""
        tsk, info = self._tsk, self._system.info
        last = min(int(info.last_inum), MOST_ENTRIES)
        folders: dict[int, tuple[str, int]] = {}
        files: list[tuple[int, str, int, bool]] = []
        for number in range(16, last + 1):
            try:
                file = self._system.open_meta(number)
                name, parent = self._name_of(file)
            except (OSError, struct.error):
                continue
            kind = int(file.info.meta.type)
            gone = not int(file.info.meta.flags) & int(tsk.TSK_FS_META_FLAG_ALLOC)
            if name is None:
                continue
            if kind == int(tsk.TSK_FS_META_TYPE_DIR):
                folders[number] = name, parent
            elif kind == int(tsk.TSK_FS_META_TYPE_REG) and not name.startswith("$"):
                files.append((number, name, parent, gone))
        for number, name, parent, gone in files:
            try:
                yield self._entry(
                    _path(folders, parent, name), gone, self._system.open_meta(number)
                )
            except OSError:
                self._broken += 1

    def _name_of(self, file: Any) -> tuple[str | None, int]:
        """The long name of an NTFS record and the number of its folder.

        $FILE_NAME: parent reference at 0 (48 bits), length in characters at 64, name space at 65
        (2: the short name), UTF-16 from 66. [A]
        """
        best: tuple[str | None, int] = None, 5
        for one in file:
            if int(one.info.type) != 48 or not 66 <= one.info.size <= 66 + 512:
                continue
            raw = file.read_random(0, one.info.size, one.info.type, one.info.id)
            parent = struct.unpack_from("<Q", raw)[0] & ((1 << 48) - 1)
            name = raw[66 : 66 + 2 * raw[64]].decode("utf-16-le", "replace")
            if best[0] is None or raw[65] != 2:
                best = name, parent
        return best

    def _entry(self, path: str, gone: bool, file: Any) -> Entry:
        meta = file.info.meta
        size = max(int(meta.size), 0)
        extents, words = self._runs(file, size)
        place = self._places.place(int(meta.addr))
        if not size and not gone and self.kind == "fat":
            extents = list(fat_chain(self._read, self._start, place.start))
        held = sum(one.size for one in extents)
        if words is None and size > held and not gone:
            words = f"its clusters hold {held} of {size} bytes"
        guessed = gone and self._guesses(place)
        if guessed and self.kind == "exfat" and (chain := self._chain(place)) is not None:
            extents, guessed = list(chain), False
        if gone and words is None and not guessed and (space := self._tables()) is not None:
            taken = space.held(extents)
            words = f"{taken} of its clusters belong to other files now" if taken else None
        return Entry(
            path=path,
            is_deleted=gone,
            size=size,
            written_s=int(meta.mtime) or None,
            entry=place,
            extents=tuple(extents),
            guessed=guessed,
            damage=words,
        )

    def _chain(self, place: Extent) -> tuple[Extent, ...] | None:
        """The chain of a deleted exFAT file that the table still holds, if all of it is free."""
        chain = exfat_chain(self._read, self._start, place.start)
        space = self._tables()
        return chain if chain and space is not None and not space.held(chain) else None

    def _guesses(self, place: Extent) -> bool:
        """Whether the clusters of a deleted file are a guess: its chain is gone. An exFAT file
        without a chain says so in its stream entry: type 0x40 when deleted, flag 0x02. [A]"""
        if self.kind == "exfat":
            stream = self._read(place.end, 2)
            return not (len(stream) == 2 and stream[0] & 0x7F == 0x40 and stream[1] & 2)
        return self.kind == "fat"

    def _runs(self, file: Any, size: int | None) -> tuple[list[Extent], str | None]:
        """The extents of a file's content in logical order, and what is wrong with them."""
        tsk = self._tsk
        found: list[Extent] = []
        words = None
        for one in file:
            if int(one.info.type) not in (1, 128) or one.info.name:
                continue
            flags = int(one.info.flags)
            if flags & int(tsk.TSK_FS_ATTR_RES):
                continue
            if flags & (int(tsk.TSK_FS_ATTR_COMP) | int(tsk.TSK_FS_ATTR_ENC)):
                return (
                    [],
                    "it is compressed or encrypted by the file system: its bytes are not read",
                )
            left = int(one.info.size) if size is None else size
            for run in one:
                if left <= 0 or len(found) >= _MOST_RUNS:
                    break
                length = min(int(run.len) * self._block, left)
                left -= length
                start = self._start + int(run.addr) * self._block
                if int(run.flags) & int(
                    tsk.TSK_FS_ATTR_RUN_FLAG_SPARSE | tsk.TSK_FS_ATTR_RUN_FLAG_FILLER
                ):
                    words = "parts of it were never written"
                elif found and found[-1].end == start:
                    found[-1] = Extent(found[-1].start, start + length)
                else:
                    found.append(Extent(start, start + length))
            break
        return found, words


def _path(folders: dict[int, tuple[str, int]], parent: int, name: str) -> str:
    parts = [name]
    visited: set[int] = set()
    while parent in folders and parent not in visited and len(parts) < 64:
        visited.add(parent)
        part, parent = folders[parent]
        parts.append(part)
    return "/" + "/".join(reversed(parts))


def _kind(tsk: Any, number: int) -> tuple[str | None, str]:
    """How a file system is walked, and its name."""
    for kind, names in {
        "fat": ("FAT12", "FAT16", "FAT32"),
        "exfat": ("EXFAT",),
        "ntfs": ("NTFS",),
        "ext": ("EXT2", "EXT3", "EXT4"),
    }.items():
        for name in names:
            if number == int(getattr(tsk, f"TSK_FS_TYPE_{name}")):
                return kind, name.lower()
    return None, "unknown"
