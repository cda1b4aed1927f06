"""The sample tables of a `moov` box as columns: where each sample lies, its size and its time.

Byte facts: ISO/IEC 14496-12 clauses 8.2 to 8.7 [A], unless another mark stands beside them. No
table is believed beyond the bytes it has, and none makes more than MOST_SAMPLES rows.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.containers._boxes import Box, child, children
from vidrecover.containers._descriptions import Description, description
from vidrecover.model import RecorderMs

Column = npt.NDArray[Any]

MOST_SAMPLES = 1 << 22
"""Of all tracks of a file together: 15 hours of 30 pictures and 47 pieces of sound a second."""
MOST_TRACKS = 64
MOST_MOOV = 64 << 20
"""Bytes of a `moov` that are read; tables of MOST_SAMPLES fit."""

_1904_S = 2_082_844_800  # from 1904-01-01 to 1970-01-01
_FIRST_S, _LAST_S = 1_104_537_600, 2_208_988_800  # 2005 to 2040: dates that are believed


class Samples(NamedTuple):
    """One row a sample, in order of decoding. offsets: in the file; times: milliseconds of
    showing from the beginning of the file; keys: decodes alone."""

    offsets: Column
    sizes: Column
    times: Column
    keys: Column


class TrackTable(NamedTuple):
    """A track: its number in the file (track_ID), what its samples are, and where they lie.

    created_ms: see `creation`; shift: milliseconds by which an edit list moves its samples.
    """

    id: int
    what: Description
    timescale: int
    created_ms: RecorderMs | None
    shift_ms: int
    samples: Samples


class Movie(NamedTuple):
    """What a `moov` says. defaults: of `trex` by track: duration, size, flags."""

    tracks: tuple[TrackTable, ...]
    defaults: dict[int, tuple[int, int, int]]
    damage: tuple[str, ...]


def nothing() -> Samples:
    """No samples."""
    none = np.zeros(0, dtype=np.int64)
    return Samples(none, none, none, np.zeros(0, dtype=bool))


def creation(seconds: int) -> RecorderMs | None:
    """Recorder time of a creation time, None for one that no clock showed.

    Seconds since 1904-01-01 [A]; some recorders count from 1970 [C]. 0, and what is outside of
    2005 to 2040, is a clock that was never set: 1970 counted from 1904 is that, and not 2036.
    """
    since_1970 = seconds - _1904_S if seconds >= _1904_S else seconds
    return since_1970 * 1000 if _FIRST_S <= since_1970 < _LAST_S else None


def movie(data: bytes, start: int) -> Movie:
    """The tracks of a `moov` whose bytes are `data`; start: where it stands in the file."""
    whole = Box(b"moov", 0, 8 if data[:4] != b"\0\0\0\1" else 16, len(data))
    head = child(data, whole, b"mvhd")
    scale, created = _times(data, head) if head is not None else (0, None)
    tracks, damage = list[TrackTable](), list[str]()
    room = MOST_SAMPLES
    for one in children(data, whole.body, whole.end):
        if one.kind == b"trak" and len(tracks) < MOST_TRACKS:
            found = _track(data, one, start, scale, created, room)
            if found is None:
                damage.append("a track's tables are damaged: its samples are not known")
            else:
                tracks.append(found)
                room -= len(found.samples.sizes)
    return Movie(tuple(tracks), dict(_defaults(data, whole)), tuple(damage))


def _defaults(data: bytes, whole: Box) -> "list[tuple[int, tuple[int, int, int]]]":
    extends = child(data, whole, b"mvex")
    found = []
    for one in children(data, extends.body, extends.end) if extends is not None else ():
        if one.kind == b"trex" and one.end - one.body >= 24:
            number, _, duration, size, flags = np.frombuffer(data, ">u4", 5, one.body + 4).tolist()
            found.append((number, (duration, size, flags)))
    return found


def _times(data: bytes, head: Box) -> tuple[int, RecorderMs | None]:
    """Time scale and creation time of an `mvhd` or `mdhd`."""
    wide = data[head.body : head.body + 1] == b"\1"
    at = head.body + 4
    created = int.from_bytes(data[at : at + (8 if wide else 4)], "big")
    at += 16 if wide else 8
    return int.from_bytes(data[at : at + 4], "big"), creation(created)


def _track(
    data: bytes,
    trak: Box,
    start: int,
    movie_scale: int,
    created: RecorderMs | None,
    room: int,
) -> TrackTable | None:
    head, media = child(data, trak, b"tkhd"), child(data, trak, b"mdia", b"mdhd")
    table = child(data, trak, b"mdia", b"minf", b"stbl")
    if media is None or table is None:
        return None
    at = (12 if data[head.body] == 0 else 20) if head is not None and head.end > head.body else 0
    number = int.from_bytes(data[head.body + at : head.body + at + 4], "big") if head else 0
    scale, own = _times(data, media)
    handler = child(data, trak, b"mdia", b"hdlr")
    kind = data[handler.body + 8 : handler.body + 12] if handler is not None else b""
    boxes = {one.kind: one for one in children(data, table.body, table.end)}
    what = description(data, boxes.get(b"stsd"), kind, start)
    edits = child(data, trak, b"edts", b"elst")
    return TrackTable(
        number,
        what,
        scale,
        created if created is not None else own,
        _shift_ms(data, edits, scale, movie_scale),
        _samples(data, boxes, scale, what, room) if scale else nothing(),
    )


def _shift_ms(data: bytes, edits: Box | None, scale: int, movie_scale: int) -> int:
    """Milliseconds by which the edit list moves samples: empty edits before the first real one,
    less where that begins in the media. Later edits are not followed."""
    if edits is None or not scale or edits.end - edits.body < 8:
        return 0
    wide = data[edits.body] == 1
    kind = np.dtype([("length", ">u8"), ("begin", ">i8"), ("rate", ">u4")] if wide
                    else [("length", ">u4"), ("begin", ">i4"), ("rate", ">u4")])  # fmt: skip
    count = int.from_bytes(data[edits.body + 4 : edits.body + 8], "big")
    room = (edits.end - edits.body - 8) // kind.itemsize
    delay = 0
    for one in np.frombuffer(data, kind, min(count, room, 64), edits.body + 8):
        if int(one["begin"]) >= 0:
            return delay - int(one["begin"]) * 1000 // scale
        if movie_scale:
            delay += min(int(one["length"]), 1 << 40) * 1000 // movie_scale
    return delay


def _column(data: bytes, box: Box | None, kind: str, skip: int, count: int | None = None) -> Column:
    """The numbers of a table behind `skip` bytes, as many as it says and has; int64."""
    item = np.dtype(kind)
    if box is None or box.end - box.body < skip:
        return np.zeros(0, dtype=np.int64)
    said = count if count is not None else int.from_bytes(
        data[box.body + skip - 4 : box.body + skip], "big"
    )  # fmt: skip
    room = (box.end - box.body - skip) // item.itemsize
    found = np.frombuffer(data, item, min(said, room), box.body + skip)
    result: Column = found.astype(np.int64) if item.names is None else found
    return result


_PAIR = [("count", ">u4"), ("value", ">i4")]
_RUN = [("first", ">u4"), ("samples", ">u4"), ("description", ">u4")]


def _samples(
    data: bytes, boxes: dict[bytes, Box], scale: int, what: Description, room: int
) -> Samples:
    sizes = _sizes(data, boxes, room)
    chunks = _column(data, boxes.get(b"stco"), ">u4", 8)
    if b"co64" in boxes:
        chunks = _column(data, boxes[b"co64"], ">u8", 8)
    per_chunk = _per_chunk(_column(data, boxes.get(b"stsc"), _RUN, 8), len(chunks))  # type: ignore[arg-type]
    if isinstance(sizes, int):
        return _constant(sizes, chunks, per_chunk, data, boxes, scale, what, room)
    number, inside = _spread(per_chunk, len(sizes))
    sizes = sizes[: len(number)]
    before = np.cumsum(sizes) - sizes
    first = np.flatnonzero(inside == 0)
    offsets = chunks[number] + before - np.repeat(before[first], np.diff(first, append=len(number)))
    times = _shown(data, boxes, len(sizes), scale)
    return Samples(offsets, sizes, times, _sync(data, boxes, len(sizes)))


def _sizes(data: bytes, boxes: dict[bytes, Box], room: int) -> Any:
    """The size of each sample, or of every one as a single number."""
    box = boxes.get(b"stsz")
    if box is not None and box.end - box.body >= 12:
        same = int.from_bytes(data[box.body + 4 : box.body + 8], "big")
        return same if same else _column(data, box, ">u4", 12)[:room]
    box = boxes.get(b"stz2")
    if box is None or box.end - box.body < 12:
        return np.zeros(0, dtype=np.int64)
    bits = data[box.body + 7]
    if bits in (8, 16):
        return _column(data, box, f">u{bits // 8}", 12)[:room]
    count = min(int.from_bytes(data[box.body + 8 : box.body + 12], "big"), room)
    packed = np.frombuffer(data, np.uint8, box.end - box.body - 12, box.body + 12)
    packed = packed[: (count + 1) // 2]
    halves = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)
    return halves[:count].astype(np.int64) if bits == 4 else np.zeros(0, dtype=np.int64)


def _per_chunk(runs: Column, chunks: int) -> Column:
    """Samples in each chunk; of a run that does not rise nothing behind it is believed."""
    first = runs["first"].astype(np.int64) - 1 if len(runs) else np.zeros(0, dtype=np.int64)
    rising = len(first) if (np.diff(first) > 0).all() else int(np.argmin(np.diff(first) > 0)) + 1
    first = np.minimum(first[:rising], chunks)
    if not rising or first[0] != 0:
        return np.zeros(0, dtype=np.int64)
    counts = np.minimum(runs["samples"][:rising].astype(np.int64), MOST_SAMPLES)
    found: Column = np.repeat(counts, np.diff(first, append=chunks))
    return found


def _spread(per_chunk: Column, count: int) -> tuple[Column, Column]:
    """The chunk of each sample and its place in it, of `count` samples at most."""
    ends = np.minimum(np.cumsum(per_chunk), count)
    each = np.diff(ends, prepend=0)
    number = np.repeat(np.arange(len(each)), each)
    return number, np.arange(len(number)) - np.repeat(ends - each, each)


def _constant(
    size: int,
    chunks: Column,
    per_chunk: Column,
    data: bytes,
    boxes: dict[bytes, Box],
    scale: int,
    what: Description,
    room: int,
) -> Samples:
    """Samples of one size. Those of uncompressed sound are single values: a chunk is one row."""
    said = int.from_bytes(data[boxes[b"stsz"].body + 8 : boxes[b"stsz"].body + 12], "big")
    per_chunk = np.minimum(per_chunk, said)
    before = np.cumsum(per_chunk) - per_chunk
    kept = before < said
    chunks, per_chunk, before = chunks[: len(per_chunk)][kept], per_chunk[kept], before[kept]
    per_chunk = np.minimum(per_chunk, said - before)
    if what.sample_bytes is not None:
        chunks, per_chunk, before = chunks[:room], per_chunk[:room], before[:room]
        sizes = np.minimum(per_chunk * what.sample_bytes, 1 << 31)
        times = before * 1000 // max(scale, 1)
        return Samples(chunks, sizes, times, np.ones(len(chunks), dtype=bool))
    number, inside = _spread(per_chunk, room)
    times = _shown(data, boxes, len(number), scale)
    return Samples(
        chunks[number] + inside * size,
        np.full(len(number), size, dtype=np.int64),
        times,
        np.ones(len(number), dtype=bool)
        if b"stss" not in boxes
        else _sync(data, boxes, len(number)),
    )


def _sync(data: bytes, boxes: dict[bytes, Box], count: int) -> Column:
    """Which samples the table of key pictures names; without it all are."""
    if b"stss" not in boxes:
        return np.ones(count, dtype=bool)
    keys = np.zeros(count, dtype=bool)
    sync = _column(data, boxes[b"stss"], ">u4", 8) - 1
    keys[sync[(sync >= 0) & (sync < count)]] = True
    return keys


def _shown(data: bytes, boxes: dict[bytes, Box], count: int, scale: int) -> Column:
    """Milliseconds at which each sample is shown: durations added up, with its offset."""
    steps = _runs(_column(data, boxes.get(b"stts"), _PAIR, 8), count)  # type: ignore[arg-type]
    steps &= 0xFFFFFFFF
    ticks = np.cumsum(steps) - steps
    ticks += _runs(_column(data, boxes.get(b"ctts"), _PAIR, 8), count)  # type: ignore[arg-type]
    return milliseconds(ticks, scale)


def milliseconds(ticks: Column, scale: int) -> Column:
    """Units of a time scale as milliseconds; beyond what a counter can hold, cut off."""
    found: Column = np.clip(ticks, -(1 << 52), 1 << 52) * 1000 // max(scale, 1)
    return found


def _runs(pairs: Column, count: int) -> Column:
    """Values repeated as their counts say, the last one up to `count` values."""
    if not len(pairs):
        return np.zeros(count, dtype=np.int64)
    ends = np.minimum(np.cumsum(pairs["count"].astype(np.int64)), count)
    each = np.diff(ends, prepend=0)
    values = np.repeat(pairs["value"].astype(np.int64), each)
    return np.concatenate([values, np.full(count - len(values), values[-1] if len(values) else 0)])
