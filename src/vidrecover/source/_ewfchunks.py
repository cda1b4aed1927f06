"""Single chunks of an Expert Witness image, read and checked by their own stored bytes.

A table entry is u32: the top bit says compressed (zlib), the rest is the offset from the table's
base. An uncompressed chunk has its Adler-32 behind it, zlib carries its own; so a chunk proves
itself, with a table or without. [A: libewf's format document, and files of two writers]
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.source._ewfsections import Hole, Loose, Piece, Structure, Table, Volume, read_at

COMPRESSED = 0x80000000
NEAR_31_BITS = 0x7C000000
MOST_LOOSE_CHUNKS = 1 << 22


class _Run(NamedTuple):
    """Chunks from number `first`, as one piece holds them; end: behind the last possible one."""

    first: int
    end: int
    piece: Table | Loose


class _Stored(NamedTuple):
    """A chunk found at a place: its content, and the bytes that it takes there."""

    data: bytes
    taken: int


class _Entries(NamedTuple):
    """A table's entries; from `wide_from` on all 32 bits are the offset."""

    table: Table
    values: npt.NDArray[np.uint32]
    wide_from: int


class Chunks:
    """Random access to the chunks of all segments. Opens a segment for each read, keeps none."""

    def __init__(self, segments: Sequence[str], volume: Volume, pieces: Sequence[Piece]) -> None:
        """`pieces` as the section walk found them, in order."""
        self._segments = segments
        self._volume = volume
        self._runs = _numbered(pieces, volume.chunk_count)
        self._firsts = [run.first for run in self._runs]
        self._entries: _Entries | None = None
        self._ends: dict[Loose, list[int]] = {}
        self._last: tuple[int, bytes | None] = (-1, None)

    @classmethod
    def of(cls, segments: Sequence[str], found: Structure) -> "Chunks | None":
        """The chunks of a structure, None when no volume section tells their size."""
        return None if found.volume is None else cls(segments, found.volume, found.pieces)

    def read(self, number: int) -> bytes | None:
        """A chunk's content (the disk's last one may be shorter), None when it is not there whole.

        The last chunk asked for is kept, for small reads in a row.
        """
        if self._last[0] != number:
            self._last = (number, self._find(number))
        return self._last[1]

    def expected(self, number: int) -> int:
        """Bytes of the disk in a chunk."""
        return min(self._volume.chunk_size, self._volume.size - number * self._volume.chunk_size)

    def _find(self, number: int) -> bytes | None:
        """A chunk by the run that holds it."""
        index = bisect_right(self._firsts, number) - 1
        if index < 0 or number >= self._runs[index].end:
            return None
        run = self._runs[index]
        if isinstance(run.piece, Loose):
            return self._walk_to(run.piece, number, run.first)
        entries = self._load(run.piece)
        index = number - run.first
        if index >= len(entries.values):
            return None
        entry, wide = int(entries.values[index]), index >= entries.wide_from
        offset = run.piece.base + (entry if wide else entry & ~COMPRESSED)
        path = self._segments[run.piece.segment]
        stored = self._stored(path, offset, number, None if wide else bool(entry & COMPRESSED))
        return None if stored is None else stored.data

    def _load(self, table: Table) -> _Entries:
        """The entries of a table; those asked for last are kept."""
        if self._entries is None or self._entries.table != table:
            raw = read_at(self._segments[table.segment], table.entries, 4 * table.entry_count)
            values = np.frombuffer(raw[: len(raw) // 4 * 4], dtype="<u4")
            self._entries = _Entries(table, values, _wide_from(values))
        return self._entries

    def _stored(self, path: str, offset: int, number: int, packed: bool | None) -> _Stored | None:
        """The chunk at a place of a segment, None when its checksum fails; packed None: try both.

        Writers may pad the disk's last chunk to full length.
        """
        full, expected = self._volume.chunk_size, self.expected(number)
        raw = read_at(path, offset, full + full // 128 + 128)
        for length in dict.fromkeys((expected, full)):
            found = None if packed is False else _inflated(raw, length)
            if found is None and packed is not True:
                found = _plain(raw, length)
            if found is not None:
                return _Stored(found.data[:expected], found.taken)
        return None

    def _walk_to(self, piece: Loose, number: int, first: int) -> bytes | None:
        """A chunk of a piece without a table: go from chunk to chunk, as each proves its end."""
        ends = self._ends.setdefault(piece, [piece.start])
        path = self._segments[piece.segment]
        index = number - first
        if index >= MOST_LOOSE_CHUNKS:
            return None
        stored: _Stored | None = None
        for current in range(min(index, len(ends) - 1), index + 1):
            stored = None
            if current >= len(ends) or ends[current] >= piece.end:
                return None
            stored = self._stored(path, ends[current], first + current, None)
            if stored is None or ends[current] + stored.taken > piece.end:
                del ends[current + 1 :]
                ends.append(piece.end)
                return None
            if current + 1 == len(ends):
                ends.append(ends[current] + stored.taken)
        return None if stored is None else stored.data


def _wide_from(entries: npt.NDArray[np.uint32]) -> int:
    """Index of the first entry whose top bit is no mark but part of the offset.

    EnCase 6.7 lets offsets run over 31 bits. It shows as an offset near the limit with a lower
    one behind it. [B: libewf's source; no such file
    was at hand]
    """
    offsets = entries & np.uint32(COMPRESSED - 1)
    falls = np.flatnonzero((offsets[1:] < offsets[:-1]) & (offsets[:-1] > NEAR_31_BITS))
    return int(falls[0]) + 1 if len(falls) else len(entries)


def _inflated(raw: bytes, length: int) -> _Stored | None:
    """A zlib stream at the start of `raw` that gives exactly `length` bytes."""
    if raw[:1] != b"\x78":
        return None
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(raw, length + 1)
    except zlib.error:
        return None
    if not stream.eof or len(data) != length:
        return None
    return _Stored(data, len(raw) - len(stream.unused_data))


def _plain(raw: bytes, length: int) -> _Stored | None:
    """Bytes with their Adler-32 behind them."""
    data = raw[:length]
    checksum = raw[length : length + 4]
    if len(checksum) < 4 or zlib.adler32(data) != int.from_bytes(checksum, "little"):
        return None
    return _Stored(data, length + 4)


def _numbered(pieces: Sequence[Piece], count: int) -> list[_Run]:
    """Runs of chunks whose numbers are certain, in order.

    From the front up to the first piece without a certain count (its own chunks are still
    certain), and from the end back to the last such piece.
    """
    stop = next((at for at, one in enumerate(pieces) if not isinstance(one, Table)), len(pieces))
    front = list(_forward(pieces[:stop]))
    reached = front[-1].end if front else 0
    back: list[_Run] = []
    if stop < len(pieces):
        back = _backward(pieces[stop:], count, reached)
        limit = back[0].first if back else count
        piece = pieces[stop]
        if isinstance(piece, Loose) and reached < limit:
            front.append(_Run(reached, limit, piece))
    return [*front, *back]


def _forward(tables: Iterable[Piece]) -> Iterable[_Run]:
    """Tables numbered from 0."""
    number = 0
    for piece in tables:
        if isinstance(piece, Table):
            yield _Run(number, number + piece.entry_count, piece)
            number += piece.entry_count


def _backward(pieces: Sequence[Piece], count: int, reached: int) -> list[_Run]:
    """The tables behind the last uncertain piece, numbered so that the last one ends the disk.

    None when they would reach into chunks that are numbered from the front.
    """
    runs: list[_Run] = []
    end = count
    for piece in reversed(pieces):
        if isinstance(piece, Hole | Loose):
            break
        runs.append(_Run(end - piece.entry_count, end, piece))
        end -= piece.entry_count
    return runs[::-1] if end >= reached else []
