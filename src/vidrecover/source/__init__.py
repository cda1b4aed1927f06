"""Bytes under examination, strictly read-only: `open_source` picks the kind by the bytes.

| kind | what |
|---|---|
| `raw` | a regular file, sector by sector; anything that is no known container is read as such |
| `vhd` | a fixed VHD: raw with a footer of 512 bytes, which is left out |
| `split` | `.001 .002`, `.000 .001` or `.aa .ab`; the first part is given |
| `ewf` | E01 or S01; damaged chunks are unreadable, never zeros |
| `object` | a raw image in object storage, read by ranges |
| `device` | a block device under Linux, a physical drive under Windows, read directly |

A ddrescue map, or the faults of a test, make their extents unreadable without asking for them.
Nothing here is global: a `SourceRef` opens the same source in any process.
"""

import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vidrecover.errors import SourceError
from vidrecover.model import Extent, Source, SourceRef
from vidrecover.source import ddrescue
from vidrecover.source._digest import HashCheck, HashState
from vidrecover.source._ewfsections import looks_like_segment
from vidrecover.source._patience import Hurry
from vidrecover.source._place import lies_on
from vidrecover.source._reading import (
    cannot_open,
    cannot_read,
    file_reader,
    open_read_only,
    read_around,
)
from vidrecover.source._recognition import (
    MAGIC_SIZE,
    VHD_FOOTER_SIZE,
    foreign,
    is_fixed_vhd,
)
from vidrecover.source._windows import is_device_path
from vidrecover.source.counted import CountedSource
from vidrecover.source.device import DeviceSource, devices
from vidrecover.source.ewf import EwfSource
from vidrecover.source.imaging import ImagingSource
from vidrecover.source.mapped import MappedSource
from vidrecover.source.raw import SECTOR, RawSource
from vidrecover.source.remote import RemoteSource, is_remote
from vidrecover.source.split import SplitSource, parts_of
from vidrecover.source.view import ExtentsSource

__all__ = [
    "CountedSource",
    "ExtentsSource",
    "HashCheck",
    "HashState",
    "Hurry",
    "OpenSource",
    "device_of",
    "devices",
    "ewf_of",
    "is_device_path",
    "lies_on",
    "open_source",
]


class OpenSource(Source, Protocol):
    """A source that can stand in a `with`."""

    def __enter__(self) -> Self:
        """The source itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        ...


def open_source(ref: SourceRef) -> OpenSource:
    """Open a source read-only; raises SourceError that says what is wrong and what to do."""
    source = _open(ref)
    try:
        refused = list(ref.faults)
        if ref.map_path is not None:
            refused += _refused_by_map(ref.map_path, source)
        return MappedSource(source, refused) if refused else source
    except BaseException:
        source.close()
        raise


def is_file_name(path: str) -> bool:
    """Whether a source is named by a path, relative or absolute, and not by another address."""
    return not (is_device_path(path) or is_remote(path))


def ewf_of(source: Source) -> EwfSource | None:
    """The E01 image under a source: its `hash_check`, `verify` and `damage`; None for others."""
    inner = _innermost(source)
    return inner if isinstance(inner, EwfSource) else None


def device_of(source: Source) -> DeviceSource | None:
    """The device under a source, whose reading can be made to hurry; None for others."""
    inner = _innermost(source)
    return inner if isinstance(inner, DeviceSource) else None


def _innermost(source: Source) -> Source:
    while isinstance(source, MappedSource | ImagingSource | CountedSource):
        source = source.inner
    return source


def _refused_by_map(map_path: str, source: Source) -> list[Extent]:
    """The bad extents of a map; raises SourceError when it speaks of another, larger image."""
    found = ddrescue.load(map_path)
    if found.rescued_end > source.size:
        raise SourceError(
            f"{map_path!r} says that {found.rescued_end} bytes were rescued, but"
            f" {source.identity.path!r} has {source.size}: the image is cut off or the map belongs"
            " to another one; copy the image again, or give its own map",
            map_path,
        )
    return found.unreadable(source.size)


def _open(ref: SourceRef) -> OpenSource:
    """A source by what the path leads to."""
    path = ref.path
    if is_remote(path):
        return RemoteSource(path)
    if sys.platform == "win32" and is_device_path(path):  # Windows has no `stat` of a device
        return DeviceSource.open(path, limit_s=ref.read_limit_s)
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:
        raise cannot_open(path, error) from error
    if stat.S_ISBLK(found.st_mode):
        return DeviceSource.open(path, limit_s=ref.read_limit_s)
    if stat.S_ISDIR(found.st_mode):
        raise SourceError(
            f"{path!r} is a folder; give the disk (such as /dev/sdb) or an image file", path
        )
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(
            f"{path!r} is neither a file nor a disk; give the disk or an image file", path
        )
    return _open_file(path, found.st_size)


def _open_file(path: str, size: int) -> OpenSource:
    """A source by the bytes of a regular file."""
    head, footer = _ends(path, size)
    if looks_like_segment(head):
        return EwfSource(path)
    container = foreign(head, path)
    if container is not None:
        title, advice = container
        raise SourceError(f"{path!r} is a {title}, not the disk's own bytes; {advice}", path)
    parts = parts_of(path)
    if parts is not None:
        return SplitSource(parts)
    if size == 0:
        raise SourceError(f"{path!r} is empty; copy the image again", path)
    if is_fixed_vhd(footer):
        return RawSource(path, size=size - VHD_FOOTER_SIZE, kind="vhd")
    return RawSource(path)


def _ends(path: str, size: int) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file; zeros where they cannot be read."""
    descriptor = open_read_only(path)
    try:
        read_at = file_reader(descriptor)
        head, footer = bytearray(min(size, MAGIC_SIZE)), bytearray(min(size, VHD_FOOTER_SIZE))
        read_around(read_at, 0, memoryview(head), SECTOR)
        read_around(read_at, size - len(footer), memoryview(footer), SECTOR)
        return bytes(head), bytes(footer)
    except OSError as error:
        raise cannot_read(path, error) from error
    finally:
        os.close(descriptor)
