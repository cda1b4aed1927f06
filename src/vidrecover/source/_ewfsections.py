"""The section chain of Expert Witness (E01) segments, walked on our own.

libewf hides damage: it returns zeros for a chunk whose checksum fails, and refuses a cut-off
image whole. So where chunks lie is learnt here. A segment is a file header of 13 bytes (magic,
1, segment number u16, 0 u16) and sections. A section has a descriptor of 76 bytes: type 16s,
offset of the next section u64, own size u64, 40 unused, Adler-32 of the 72 bytes before it.
Everything is little-endian. [A: libewf's format document, files of
ewfacquire and of dfvfs's collection]
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from vidrecover.model import Extent
from vidrecover.source._reading import clipped
from vidrecover.source._recognition import EWF_MAGIC

FILE_HEADER = struct.Struct("<8sBHH")
DESCRIPTOR = struct.Struct("<16sQQ40xI")
VOLUME = struct.Struct("<4xIIIQ")
"""chunk count, sectors per chunk, bytes per sector, sector count; the body ends in an Adler-32."""
SHORT_VOLUME = struct.Struct("<4xIIII")
"""The same in the 94-byte body of SMART, its sector count 32 bits. [B: files of ewfacquire]"""
TABLE_HEADER = struct.Struct("<I4xQ4xI")
"""Entry count, base offset, Adler-32 of the 20 bytes before it."""
ERRORS_HEADER = struct.Struct("<I512xI")
"""Entry count, Adler-32 of the 516 bytes before it; entries are start sector and count, u32."""

_SHORT_VOLUME_SIZE = 94
_LARGEST_BODY = 1 << 16
LARGEST_CHUNK = 64 << 20
"""Bytes; EnCase goes to 16 MiB, the format's field further."""
MOST_SECTIONS = 1 << 18
"""In one segment. 2 TiB in chunks of 8 KiB take about 50,000."""
MOST_ENTRIES = 1 << 22
"""In one table. Writers use 16,375 or 65,534."""
SMALLEST_SECTOR, LARGEST_SECTOR = 512, 65536


class Volume(NamedTuple):
    """The disk inside: sizes in bytes."""

    chunk_size: int
    sector_size: int
    size: int

    @property
    def chunk_count(self) -> int:
        """Chunks of the disk, the last one maybe shorter."""
        return -(-self.size // self.chunk_size)


class Table(NamedTuple):
    """A chunk table: `entry_count` numbers u32 at `entries`, relative to `base`."""

    segment: int
    entries: int
    entry_count: int
    base: int


class Loose(NamedTuple):
    """Chunks that lie one behind the other in [start, end) of a segment, without a table."""

    segment: int
    start: int
    end: int


class Hole(NamedTuple):
    """A place where an unknown number of chunks is lost."""


Piece: TypeAlias = Table | Loose | Hole


class Structure(NamedTuple):
    """What the sections of all segments say. pieces: in order; stored: digests; damage: words;
    refused: extents of the disk that could not be read when the image was made.

    open_ended: the last section of the last segment says that another segment follows.
    """

    volume: Volume | None
    pieces: tuple[Piece, ...]
    stored: dict[str, str]
    damage: tuple[str, ...]
    refused: tuple[Extent, ...]
    open_ended: bool


class _Walk:
    """What was learnt so far, and the sectors section that still waits for its table."""

    def __init__(self) -> None:
        self.volume: Volume | None = None
        self.pieces: list[Piece] = []
        self.stored: dict[str, str] = {}
        self.damage: list[str] = []
        self.error_sectors: list[Extent] = []
        self.sectors: Loose | None = None
        self.table: Table | None = None
        self.table_expected = False
        self.table_sound = False

    def flush(self) -> None:
        """End a group of sectors, table and table2."""
        if self.table is not None:
            self.pieces.append(self.table)
        elif self.sectors is not None:
            self.pieces.append(self.sectors)
        elif self.table_expected:
            self.pieces.append(Hole())
        self.sectors = self.table = None
        self.table_expected = self.table_sound = False


def read_at(path: str, offset: int, size: int) -> bytes:
    """At most `size` bytes of a segment; empty where it cannot be read."""
    try:
        with Path(path).open("rb", buffering=0) as stream:
            stream.seek(offset)
            parts = []
            while size > 0 and (part := stream.read(size)):
                parts.append(part)
                size -= len(part)
            return b"".join(parts)
    except OSError:
        return b""


def segment_number(head: bytes) -> int | None:
    """The number in the first 13 bytes of a segment, None when it is none."""
    if len(head) < FILE_HEADER.size:
        return None
    magic, _, number, _ = FILE_HEADER.unpack_from(head)
    return int(number) if magic == EWF_MAGIC else None


def looks_like_segment(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a segment, its magic maybe damaged: a sound
    section descriptor behind the file header is enough."""
    if segment_number(head) is not None:
        return True
    raw = head[FILE_HEADER.size : FILE_HEADER.size + DESCRIPTOR.size]
    return _descriptor(raw, FILE_HEADER.size)[0] is not None


def structure(segments: Sequence[str]) -> Structure:
    """Walk the sections of all segments, given in order. Never raises on any bytes."""
    walk = _Walk()
    ending = b""
    for index, path in enumerate(segments):
        ending = _walk_segment(walk, index, path)
        if ending == b"done" and index < len(segments) - 1:
            walk.damage.append(f"the image ends in {path!r}; the segments behind it are left out")
            break
    _compare_counts(walk)
    return Structure(
        volume=walk.volume,
        pieces=tuple(walk.pieces),
        stored=walk.stored,
        damage=tuple(walk.damage),
        refused=_refused(walk),
        open_ended=ending == b"next",
    )


def _refused(walk: _Walk) -> tuple[Extent, ...]:
    """The sectors with read errors as extents of the disk."""
    if walk.volume is None:
        return ()
    sector, size = walk.volume.sector_size, walk.volume.size
    extents = (Extent(start * sector, end * sector) for start, end in walk.error_sectors)
    return tuple(clipped(extents, Extent(0, size)))


def _compare_counts(walk: _Walk) -> None:
    """Note when the tables, all of them there, do not hold the disk's number of chunks."""
    counts = [piece.entry_count for piece in walk.pieces if isinstance(piece, Table)]
    if walk.volume is None or len(counts) < len(walk.pieces):
        return
    if sum(counts) != walk.volume.chunk_count:
        walk.damage.append(
            f"the tables hold {sum(counts)} chunks, the disk has {walk.volume.chunk_count}"
        )


def _walk_segment(walk: _Walk, index: int, path: str) -> bytes:
    """Follow one segment's chain; gives the type of its last section, empty when it breaks."""
    try:
        size = Path(path).stat().st_size
    except OSError:
        size = 0
    number = segment_number(read_at(path, 0, FILE_HEADER.size))
    if number != index + 1:
        walk.damage.append(f"{path!r} does not begin as segment {index + 1} of an E01")
        if number is not None:
            walk.pieces.append(Hole())
            return b""
    position = FILE_HEADER.size
    for _ in range(MOST_SECTIONS):
        raw = read_at(path, position, DESCRIPTOR.size)
        kind, following, end = _descriptor(raw, position)
        if kind is None:
            _break_off(walk, Loose(index, position + DESCRIPTOR.size, size), path, len(raw))
            return b""
        if kind in (b"next", b"done"):
            walk.flush()
            return kind
        body = Loose(index, position + DESCRIPTOR.size, min(end, size))
        _take(walk, kind, body, path)
        position = following
    walk.damage.append(f"{path!r} has more than {MOST_SECTIONS} sections")
    walk.flush()
    walk.pieces.append(Hole())
    return b""


def _descriptor(raw: bytes, position: int) -> tuple[bytes | None, int, int]:
    """Type (None when broken), position of the next section, and end of this one."""
    if len(raw) < DESCRIPTOR.size:
        return None, 0, 0
    name, following, size, checksum = DESCRIPTOR.unpack(raw)
    kind = name.rstrip(b"\0")
    if zlib.adler32(raw[:72]) != checksum:
        return None, 0, 0
    if kind not in (b"next", b"done") and following < position + DESCRIPTOR.size:
        return None, 0, 0
    end = position + size if size > DESCRIPTOR.size else following
    return kind, following, min(end, following)


def _break_off(walk: _Walk, rest: Loose, path: str, seen: int) -> None:
    """The chain ends at a descriptor that is cut or broken: only loose chunks may follow."""
    place = rest.start - DESCRIPTOR.size
    if seen < DESCRIPTOR.size:
        walk.damage.append(f"{path!r} is cut off: no section at {place:#x}, where one must follow")
    else:
        walk.damage.append(f"{path!r}: the section descriptor at {place:#x} is broken")
    walk.flush()
    if rest.start < rest.end:
        walk.pieces.append(rest)
    walk.pieces.append(Hole())


def _take(walk: _Walk, kind: bytes, body: Loose, path: str) -> None:
    """Learn from one section; unknown ones say nothing."""
    if kind == b"sectors":
        walk.flush()
        walk.sectors = body
    elif kind in (b"table", b"table2"):
        _take_table(walk, kind, body, path)
    elif kind in (b"volume", b"disk", b"data"):
        found = _volume(read_at(path, body.start, min(body.end - body.start, _LARGEST_BODY)))
        if found is None:
            walk.damage.append(f"{path!r}: the {kind.decode()} section is broken")
        walk.volume = walk.volume or found
    elif kind in (b"hash", b"digest"):
        digests = _digests(kind, read_at(path, body.start, min(body.end - body.start, 80)))
        if digests is None:
            walk.damage.append(f"{path!r}: the {kind.decode()} section is broken")
        walk.stored |= digests or {}
    elif kind == b"error2":
        sectors = _error_sectors(path, body)
        if sectors is None:
            walk.damage.append(f"{path!r}: the list of sectors with read errors is broken")
        walk.error_sectors += sectors or []


def _take_table(walk: _Walk, kind: bytes, body: Loose, path: str) -> None:
    """A table ends the group before it unless sectors wait for it; table2 is its copy."""
    if kind == b"table":
        if walk.table_expected:
            walk.flush()
        walk.table_expected = True
    if walk.table is not None and walk.table_sound:
        return
    table, sound = _table(path, body, checksummed=walk.sectors is not None)
    if not sound:
        walk.damage.append(f"{path!r}: the {kind.decode()} section at {body.start:#x} is broken")
    if table is not None and (walk.table is None or sound):
        walk.table, walk.table_sound = table, sound


def _table(path: str, body: Loose, *, checksummed: bool) -> tuple[Table | None, bool]:
    """A table whose header holds and whose entries are there, and whether the entries hold.

    Where a table keeps its chunks behind its entries (SMART), the entries have no checksum, and
    no sectors section comes before. [B: libewf's format document, files of ewfacquire]
    """
    raw = read_at(path, body.start, TABLE_HEADER.size)
    if len(raw) < TABLE_HEADER.size:
        return None, False
    count, base, checksum = TABLE_HEADER.unpack(raw)
    entries = body.start + TABLE_HEADER.size
    fits = count <= MOST_ENTRIES and entries + 4 * count <= body.end
    if zlib.adler32(raw[:20]) != checksum or not fits:
        return None, False
    table = Table(body.segment, entries, count, base)
    if entries + 4 * count + 4 > body.end or not checksummed:
        return table, True
    stored = read_at(path, entries, 4 * count + 4)
    sound = len(stored) == 4 * count + 4 and zlib.adler32(stored[:-4]) == _u32(stored[-4:])
    return table, sound


def _volume(body: bytes) -> Volume | None:
    """The disk's sizes, None when the checksum or a size is impossible."""
    layout = SHORT_VOLUME if len(body) <= _SHORT_VOLUME_SIZE else VOLUME
    if len(body) < layout.size + 4 or zlib.adler32(body[:-4]) != _u32(body[-4:]):
        return None
    _, sectors_per_chunk, sector_size, sectors = layout.unpack_from(body)
    chunk_size = sectors_per_chunk * sector_size
    size = sectors * sector_size
    if not SMALLEST_SECTOR <= sector_size <= LARGEST_SECTOR:
        return None
    if not 0 < chunk_size <= LARGEST_CHUNK or not 0 < size < 1 << 60:
        return None
    return Volume(chunk_size, sector_size, size)


def _digests(kind: bytes, body: bytes) -> dict[str, str] | None:
    """Digests of a `hash` section (MD5 16, 16 unused) or `digest` section (MD5 16, SHA-1 20, 40
    unused), each with an Adler-32 behind it. [A: libewf's format document, files of two writers]

    None when the checksum fails; all zeros mean that none was stored.
    """
    size = 32 if kind == b"hash" else 76
    if len(body) < size + 4 or zlib.adler32(body[:size]) != _u32(body[size : size + 4]):
        return None
    found = {"md5": body[:16]} | ({"sha1": body[16:36]} if kind == b"digest" else {})
    return {name: value.hex() for name, value in found.items() if any(value)}


def _error_sectors(path: str, body: Loose) -> list[Extent] | None:
    """Sectors, not bytes, that could not be read when the image was made; the writer put zeros
    there. None when the list is broken. [A: libewf's format document, an image made by ewfacquire
    of a device with known defects]
    """
    raw = read_at(path, body.start, min(body.end - body.start, ERRORS_HEADER.size))
    if len(raw) < ERRORS_HEADER.size:
        return None
    count, checksum = ERRORS_HEADER.unpack(raw)
    if zlib.adler32(raw[:-4]) != checksum or count > MOST_ENTRIES:
        return None
    stored = read_at(path, body.start + ERRORS_HEADER.size, 8 * count + 4)
    if len(stored) < 8 * count + 4 or zlib.adler32(stored[:-4]) != _u32(stored[-4:]):
        return None
    return [Extent(first, first + size) for first, size in struct.iter_unpack("<II", stored[:-4])]


def _u32(raw: bytes) -> int:
    """A little-endian number of 4 bytes."""
    return int.from_bytes(raw, "little")
