"""The walk over file systems, by pytsk3, in a process of its own.

pytsk3 is C code that reads hostile structures: whatever happens to it happens to this process
alone, and what was told until then stays. It reads through our own source, never a path: it
takes an E01 image for raw bytes. [measured: DEPENDENCIES.md section 1]
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from vidrecover.model import Extent, Source, SourceRef
from vidrecover.source import open_source
from vidrecover.volumes import _fs_geometry as geometry
from vidrecover.volumes._fs_inodes import Inodes
from vidrecover.volumes._fs_listing import Entry, Listing, Volume
from vidrecover.volumes._reading import Read
from vidrecover.volumes._sides import is_side

_MOST_VOLUMES = 128
_MOST_HEADS = 20_000  # files of no known name whose first bytes are looked at
_LEAST_UNKNOWN = 1 << 16  # bytes of such a file
_BATCH = 500

VIDEO_ENDINGS = frozenset(
    {
        *(
            "264",
            "265",
            "266",
            "h264",
            "h265",
            "h26x",
            "26x",
            "avc",
            "hevc",
            "ivf",
            "mjpg",
            "mjpeg",
        ),
        *(
            "mp4",
            "m4v",
            "mov",
            "3gp",
            "avi",
            "mkv",
            "ts",
            "mts",
            "m2ts",
            "ps",
            "mpg",
            "mpeg",
            "vob",
        ),
        *("dav", "dat", "asd", "nvr", "grec", "mdv", "ifv"),
    }
)
"""Endings of files that may hold footage."""

Send: TypeAlias = Callable[[object], None]
Heads: TypeAlias = tuple[tuple[int, bytes], ...]
"""(position, bytes) by which the start of a file is known as video."""


class Trouble(NamedTuple):
    """What was wrong in the volume told last, or with the table of partitions."""

    words: str


def walk(send: Send, ref: SourceRef, heads: Heads) -> None:
    """Send every Volume with its entries in batches, in order of place; see `filesystem`."""
    os.environ["TZ"] = "UTC0"  # times of FAT are local: they shall stay as they stand
    if hasattr(time, "tzset"):
        time.tzset()
    import pytsk3

    with open_source(ref) as source:
        walker = _Walker(pytsk3, source, send, heads)
        end = 0
        for start, size in sorted(walker.volumes()):
            if start >= end:
                end = walker.walk(start, size)


def _image(tsk: Any, read: Read, whole: int) -> Any:
    """So many bytes as pytsk3 wants them."""

    class Image(tsk.Img_Info):  # type: ignore[misc]  # its base has no types
        def __init__(self) -> None:
            super().__init__(url="", type=tsk.TSK_IMG_TYPE_EXTERNAL)

        def read(self, offset: int, size: int) -> bytes:
            return read(offset, size)

        def get_size(self) -> int:
            return whole

        def close(self) -> None:
            pass

    return Image()


def _patched(source: Source, patches: list[geometry.Patch], offset: int, size: int) -> bytes:
    """Our source, with the patches in place of what stands there."""
    data = source.read(offset, size)
    for at, new in patches:
        first, last = max(at, offset), min(at + len(new), offset + len(data))
        if first < last:
            data = data[: first - offset] + new[first - at : last - at] + data[last - offset :]
    return data


class _Walker:
    """Walks the volumes of one source."""

    def __init__(self, tsk: Any, source: Source, send: Send, heads: Heads) -> None:
        self._tsk, self._source, self._send, self._heads = tsk, source, send, heads
        self._looked = 0
        self._batch: list[Entry] = []

    def volumes(self) -> list[tuple[int, int]]:
        """(start, size) of what may be a volume: the source itself, its partitions, or where
        volumes usually begin."""
        size = self._source.size
        if geometry.is_volume(self._source.read, 0) and self._opened(0, size) is not None:
            return [(0, size)]
        found = self._partitions()
        if found:
            return found
        places = [at for at in geometry.STARTS if at < size]
        return [(at, size - at) for at in places if self._speaks(at, size - at)]

    def _speaks(self, start: int, size: int) -> bool:
        read = self._source.read
        return geometry.is_volume(read, start) or bool(geometry.patches(read, start, size)[0])

    def _partitions(self) -> list[tuple[int, int]]:
        tsk, image = self._tsk, _image(self._tsk, self._source.read, self._source.size)
        for kind in (tsk.TSK_VS_TYPE_DETECT, tsk.TSK_VS_TYPE_GPT, tsk.TSK_VS_TYPE_DOS):
            try:
                table = tsk.Volume_Info(image, type=kind)
                parts = [
                    (part.start * geometry.SECTOR, part.len * geometry.SECTOR)
                    for _, part in zip(range(4 * _MOST_VOLUMES), table, strict=False)
                    if int(part.flags) & int(tsk.TSK_VS_PART_FLAG_ALLOC)
                ]
            except OSError:
                continue
            size = self._source.size
            inside = [(at, min(length, size - at)) for at, length in parts if at < size]
            if any(self._speaks(at, length) for at, length in inside):
                return inside[:_MOST_VOLUMES]
        return []

    def _opened(self, start: int, size: int) -> tuple[Any, Read, str | None] | None:
        """The file system that begins there, its bytes with the patches it needs, and why it
        needs them in words."""
        patches, words = geometry.patches(self._source.read, start, size)
        read = partial(_patched, self._source, patches)
        inodes = Inodes.of(read, start)
        try:
            bounded = read if inodes is None else partial(inodes.bounded, size)
            image = _image(self._tsk, bounded, self._source.size)
            return self._tsk.FS_Info(image, offset=start), read, words
        except OSError:
            return None

    def walk(self, start: int, size: int) -> int:
        """Send what one volume holds, or that it cannot be read though something speaks for it;
        returns where it ends."""
        opened = self._opened(start, size)
        if opened is None:
            if self._speaks(start, size):
                self._send(Volume("unknown", Extent(start, start + size), None, start, 0, (
                    "a file system seems to begin here, but it cannot be read: its files are found"
                    " by their bytes alone",
                )))  # fmt: skip
            return start
        system, read, words = opened
        volume = Listing(self._tsk, system, start, read)
        if volume.kind is None:
            return start
        told = volume.told(size, self._source.size, words)
        self._send(told)
        free = volume.free(told.extent.end)
        if free is not None:
            self._send(free)
        try:
            for entry in volume.entries():
                if self._is_wanted(entry):
                    self._batch.append(entry)
                if len(self._batch) >= _BATCH:
                    self._flush()
        except OSError as error:
            self._send(Trouble(f"its listing breaks off: {str(error)[:200]}"))
        finally:
            self._flush()
        for one in volume.troubles():
            self._send(Trouble(one))
        return told.extent.end

    def _flush(self) -> None:
        if self._batch:
            self._send(self._batch)
        self._batch = []

    def _is_wanted(self, entry: Entry) -> bool:
        """Whether a file may hold footage, by its ending or its first bytes."""
        name = entry.path.rpartition("/")[2]
        if name.rpartition(".")[2].lower() in VIDEO_ENDINGS or is_side(name):
            return True
        if entry.size < _LEAST_UNKNOWN or not entry.extents or self._looked >= _MOST_HEADS:
            return False
        self._looked += 1
        head = self._source.read(entry.extents[0].start, 512)
        return any(head.startswith(mark, at) for at, mark in self._heads)
