"""An Expert Witness image (E01, S01): libewf reads it, our own section walk checks it.

libewf gives zeros for a chunk whose checksum fails and says nothing. So every chunk that it reads
as zeros is looked up by its table entry and checked by its own stored bytes. Where the sections
show damage (an image that is cut off, a broken table), or libewf refuses, the chunks are read by
our own walk alone: each proves itself by its checksum, and what does not is unreadable.
[A: measured with flipped and cut files]
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyewf

from vidrecover.errors import SourceError
from vidrecover.extents import merged
from vidrecover.model import Extent, Progress, SourceIdentity
from vidrecover.source._digest import ALGORITHMS, HashCheck, RunningDigest
from vidrecover.source._ewfchunks import Chunks
from vidrecover.source._ewfsections import (
    FILE_HEADER,
    Structure,
    Volume,
    read_at,
    segment_number,
    structure,
)
from vidrecover.source._readable import Readable
from vidrecover.source._reading import Buffer, clipped, writable_view

PIECE = 4 << 20
"""Bytes asked of libewf at once."""

LOOK_AHEAD = 100
"""How many segment names behind a missing one are tried, to tell a gap from the end."""

_FIRST = re.compile("[A-Za-z]01")


def segments_of(path: str) -> list[str]:
    """All segments of an image in order, `path` being the first: .E01 to .E99, .EAA to .EZZ,
    .FAA and so on to .ZZZ, in the case of the given name.

    Raises SourceError when one between two others is missing, or `path` is a later one.
    """
    number = segment_number(read_at(path, 0, FILE_HEADER.size))
    stem, _, suffix = path.rpartition(".")
    if number is not None and number > 1:
        first = f"{stem}.{suffix[:1]}01"
        raise SourceError(
            f"{path!r} is segment {number} of an E01 image; give the first, most likely {first!r}",
            path,
        )
    if not _FIRST.fullmatch(suffix):
        return [path]
    found = [path]
    names = [f"{stem}.{one}" for one in _suffixes(suffix[0])]
    for index, name in enumerate(names):
        if Path(name).is_file():
            found.append(name)
            continue
        later = next((one for one in names[index : index + LOOK_AHEAD] if Path(one).is_file()), "")
        if later:
            raise _missing(name, f"while {later!r} is there")
        break
    return found


def _suffixes(letter: str) -> Iterator[str]:
    """Suffixes behind the first one, for a first letter such as E, e or s."""
    last = "Z" if letter.isupper() else "z"
    base = ord("A" if letter.isupper() else "a")
    yield from (f"{letter}{number:02d}" for number in range(2, 100))
    for first in range(ord(letter), ord(last) + 1):
        for rest in range(26 * 26):
            yield chr(first) + chr(base + rest // 26) + chr(base + rest % 26)


def _following(segments: list[str]) -> str:
    """The name that the segment behind these has."""
    stem, _, suffix = segments[0].rpartition(".")
    if not _FIRST.fullmatch(suffix):
        return f"{segments[0]}, segment {len(segments) + 1}"
    return f"{stem}.{next(itertools.islice(_suffixes(suffix[0]), len(segments) - 1, None))}"


def _missing(name: str, why: str) -> SourceError:
    """A segment is not there; the message says what can be done when it is lost for good."""
    return SourceError(
        f"{name!r}, a segment of an E01 image, is missing, {why}; put it beside the others."
        " If it is lost, an empty file of that name in a copy of the folder lets the rest be read",
        name,
    )


class EwfSource(Readable):
    """An E01 image, open for reading.

    damage: sentences on what is broken in the container; empty for a sound one, whose chunks may
    still fail when they are read.
    """

    def __init__(self, path: str) -> None:
        """Open the image whose first segment is `path`; raises SourceError with what to do."""
        segments = segments_of(path)
        found = structure(segments)
        if found.open_ended:
            raise _missing(_following(segments), f"though {segments[-1]!r} says that it follows")
        if found.volume is None:
            raise SourceError(
                f"{path!r}: the section that tells the disk's size is broken or cut off;"
                " copy the image again, or get it from whoever made it",
                path,
            )
        self.damage = found.damage
        self._volume: Volume = found.volume
        self._refused = found.refused
        self._chunks = Chunks(segments, found.volume, found.pieces)
        self._handle = None if found.damage else _opened(segments, found.volume)
        stored = _library_digests(self._handle) | found.stored
        self._digest = RunningDigest(stored, found.volume.size)
        self._identity = _identity(path, found, self._handle, stored)

    @property
    def hash_check(self) -> HashCheck:
        """How the content read so far, in order from 0, compares with the stored digests."""
        return self._digest.check()

    def verify(self, progress: Progress | None = None) -> HashCheck:
        """Read everything and compare with the stored digests; the result stays `hash_check`."""
        self._digest = RunningDigest(self._identity.stored_hashes, self.size)
        buffer = np.empty(PIECE, dtype=np.uint8)
        for offset in range(0, self.size, PIECE):
            part = buffer[: min(PIECE, self.size - offset)]
            self.read_into(offset, part)
            if progress is not None:
                progress(len(part))
        return self.hash_check

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; chunks whose checksum fails are unreadable, whole, and so are
        the sectors that the image itself says could not be read from the disk.
        """
        writable_view(offset, buffer, self.size)
        bad: list[Extent] = []
        for start in range(0, len(buffer), PIECE):
            part = buffer[start : start + PIECE]
            if not self._read_by_library(offset + start, part):
                part[:] = 0
            bad += self._check(offset + start, part)
        self._digest.feed(offset, buffer)
        refused = clipped(self._refused, Extent(offset, offset + len(buffer)))
        for start, end in refused:
            buffer[start - offset : end - offset] = 0
        return merged([*bad, *refused])

    def _read_by_library(self, offset: int, part: Buffer) -> bool:
        """Fill the part by libewf; False when it refuses."""
        if self._handle is None:
            return False
        try:
            data = self._handle.read_buffer_at_offset(len(part), offset)
        except OSError:
            return False
        if len(data) != len(part):
            return False
        part[:] = np.frombuffer(data, dtype=np.uint8)
        return True

    def _check(self, offset: int, part: Buffer) -> list[Extent]:
        """Read each chunk that is all zeros in the part on our own; what fails is unreadable."""
        bad: list[Extent] = []
        chunk_size = self._volume.chunk_size
        end = offset + len(part)
        for number in range(offset // chunk_size, -(-end // chunk_size)):
            base = number * chunk_size
            start, stop = max(offset, base), min(end, base + chunk_size)
            target = part[start - offset : stop - offset]
            if target[0] or target.any():
                continue
            content = self._chunks.read(number)
            if content is None:
                bad.append(Extent(start, stop))
            else:
                target[:] = np.frombuffer(content, dtype=np.uint8)[start - base : stop - base]
        return bad

    def close(self) -> None:
        """Release libewf's handles; may be called again."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _opened(segments: list[str], volume: Volume) -> Any:
    """libewf's handle, None when it refuses the image or sees another disk in it than we do."""
    handle = pyewf.handle()
    try:
        handle.open(segments)
        if (handle.get_media_size(), handle.get_chunk_size()) == (volume.size, volume.chunk_size):
            return handle
        handle.close()
    except OSError:
        pass
    return None


def _library_digests(handle: Any) -> dict[str, str]:
    """Digests that libewf finds where our walk does not look (the XML of some writers)."""
    if handle is None:
        return {}
    try:
        values: dict[str, str] = handle.get_hash_values()
    except OSError:
        return {}
    named = {name.lower().replace("-", ""): value.lower() for name, value in values.items()}
    return {name: named[name] for name in ALGORITHMS if name in named}


def _identity(path: str, found: Structure, handle: Any, stored: dict[str, str]) -> SourceIdentity:
    """What the image says of the disk."""
    headers: dict[str, str] = {}
    if handle is not None:
        try:
            headers = handle.get_header_values()
        except OSError:
            headers = {}
    volume = found.volume
    return SourceIdentity(
        path=path,
        kind="ewf",
        size=volume.size if volume else 0,
        sector_size=volume.sector_size if volume else 512,
        model=headers.get("model") or None,
        serial=headers.get("serial_number") or None,
        stored_hashes=stored,
    )
