"""Access units and audio frames of a recording in playing order, with their bytes.

`units` gives them one by one; `gathered` many at once where they are whole and lie together.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.clips._stretches import MOST_BYTES, Stretch, Stretches
from vidrecover.model import (
    NO_SEQUENCE,
    Codec,
    Extent,
    FrameFlag,
    Frames,
    Media,
    Progress,
    RecorderMs,
    Segment,
)

_LEAST = 4  # pictures of a batch: for fewer it does not pay
_DENSE = 2  # times the bytes of its rows that a batch may hold
_BY_COLUMNS = (int(Codec.H264), int(Codec.H265))
_MOST_OPEN = 64  # frames that wait for the rest of an earlier one
_LARGEST_LOSS = 1000  # more missing numbers than this are a restart of the counter
_KEY, _VIDEO = int(Media.KEY), (int(Media.KEY), int(Media.DELTA))
_CONTINUES, _MORE = int(FrameFlag.CONTINUES), int(FrameFlag.MORE)
_UNFINISHED = int(FrameFlag.UNFINISHED)
_INCOMPLETE = _CONTINUES | _MORE | _UNFINISHED
_CODECS = {int(one): one for one in Codec}
_PLACES = ("offset", "size", "payload_offset", "payload_size")


class Piece(NamedTuple):
    """A row's bytes: absolute offset, the bytes, and where in them the payload lies."""

    offset: int
    data: bytes
    payload: Extent


class Unit(NamedTuple):
    """An access unit or an audio frame.

    lost: frames that the sequence numbers show to be missing before it; torn: bytes of it are
    missing or unreadable; unreadable: because the device refused them; time_ms: resolved.
    """

    video: bool
    key: bool
    codec: Codec
    time_ms: RecorderMs
    flags: FrameFlag
    lost: int
    torn: bool
    unreadable: bool
    pieces: tuple[Piece, ...]

    @property
    def payload(self) -> bytes:
        """The payload bytes of all pieces."""
        if len(self.pieces) == 1:
            one = self.pieces[0]
            return one.data[one.payload.start : one.payload.end]
        return b"".join(one.data[one.payload.start : one.payload.end] for one in self.pieces)


class Batch(NamedTuple):
    """Pictures that are one row each, whole, with none lost before them.

    data: bytes that hold the rows, valid until the next is asked for; places: where in it each
    begins; rows: in order of place; times: resolved.
    """

    data: npt.NDArray[np.uint8]
    places: npt.NDArray[np.int64]
    rows: Frames
    times: npt.NDArray[np.int64]

    def unit(self, place: int) -> Unit:
        """One of them."""
        row = self.rows[place]
        offset, size, before, length = (int(row[name]) for name in _PLACES)
        start = int(self.places[place])
        data = self.data[start : start + size].tobytes()
        piece = Piece(offset, data, Extent(before, before + length))
        kind, codec, flags = int(row["kind"]), int(row["codec"]), int(row["flags"])
        return _alone(_Row(kind, codec, flags, int(self.times[place]), 0, piece, False))


class Turn(NamedTuple):
    """Says that bytes from an offset on are read next; others may read before."""

    offset: int


class _Row(NamedTuple):
    kind: int
    codec: int
    flags: int
    time_ms: RecorderMs
    lost: int
    piece: Piece
    unreadable: bool


@dataclass(slots=True)
class _Open:
    """A frame whose rows are being gathered."""

    video: bool
    parts: list[_Row]
    closed: bool


def is_video(rows: Frames) -> npt.NDArray[np.bool_]:
    """Which rows carry pictures."""
    return np.isin(rows["kind"], _VIDEO)


def begins(rows: Frames) -> npt.NDArray[np.bool_]:
    """Which rows begin a frame."""
    result: npt.NDArray[np.bool_] = (rows["flags"] & FrameFlag.CONTINUES) == 0
    return result


def units(
    tables: Iterator[tuple[Frames, npt.NDArray[np.int64]]],
    stretches: Stretches,
    *,
    counted: bool,
    progress: Progress | None,
) -> Iterator[Unit]:
    """Pictures and sound in playing order, one by one; see `gathered`."""
    for one in gathered(tables, stretches, counted=counted, progress=progress):
        if isinstance(one, Unit):
            yield one
        elif isinstance(one, Batch):
            yield from map(one.unit, range(len(one.rows)))


def gathered(
    tables: Iterator[tuple[Frames, npt.NDArray[np.int64]]],
    stretches: Stretches,
    *,
    counted: bool,
    progress: Progress | None,
) -> Iterator[Unit | Batch | Turn]:
    """Pictures and sound in playing order; tables: wanted rows of each segment, with their times.

    counted: sequence numbers rise by one per frame, those of data rows included. progress counts
    bytes of rows read. A frame in several pieces may run on into the next table. Of the bytes one
    frame of each kind is kept while others use the stretches, which is in each Turn.
    """
    queue: deque[_Open] = deque()
    last, carried = NO_SEQUENCE, 0
    for all_rows, all_times in tables:
        missing, last = _lost(all_rows, last, counted)
        kept = is_video(all_rows) | (all_rows["kind"] == Media.AUDIO)
        rows, times = all_rows[kept], all_times[kept]
        so_far = carried + np.cumsum(missing)
        lost = np.diff(so_far[kept], prepend=0)
        carried += int(missing.sum() - lost.sum()) if len(lost) else int(missing.sum())
        goes_on = _goes_on(rows)
        table = _Table(rows, times, lost, goes_on, _together(rows, goes_on, lost, stretches.size))
        place = 0
        while place < len(rows):
            if not stretches.holds(rows[place]):
                yield Turn(int(rows["offset"][place]))
            read = stretches.read(rows, place)
            if progress is not None:
                progress(int(rows["size"][place : place + read.held].sum()))
            yield from _of(table, place, read, queue)
            place += read.held
    yield from (_unit(one) for one in queue)


class _Table(NamedTuple):
    """Rows with what is known of each; together: how many from it on may go into a batch."""

    rows: Frames
    times: npt.NDArray[np.int64]
    lost: npt.NDArray[np.int64]
    goes_on: npt.NDArray[np.bool_]
    together: npt.NDArray[np.int64]


def _of(table: _Table, first: int, read: Stretch, queue: deque[_Open]) -> Iterator[Unit | Batch]:
    """The units of the rows of a stretch, and those before that they end."""
    place, end = first, first + read.held
    while place < end:
        count = 0 if queue or read.refused else min(int(table.together[place]), end - place)
        if count >= _LEAST:
            part = slice(place, place + count)
            yield _batch(table.rows[part], table.times[part], read)
            place += count
            continue
        stop = min(place + max(count, 1), end)
        if read.refused:
            stop = end
        yield from _singly(table, place, stop, read, queue)
        place = stop


def _batch(rows: Frames, times: npt.NDArray[np.int64], read: Stretch) -> Batch:
    """The batch of some rows; between whom much else lies, they are brought together."""
    sizes = rows["size"].astype(np.int64)
    places = rows["offset"].astype(np.int64) - read.extent.start
    ends = places + sizes
    if _DENSE * int(sizes.sum()) >= int(ends[-1] - places[0]):
        return Batch(read.data, places, rows, times)
    parts = [
        read.data[place:end] for place, end in zip(places.tolist(), ends.tolist(), strict=True)
    ]
    return Batch(np.concatenate(parts), np.cumsum(sizes) - sizes, rows, times)


def _singly(
    table: _Table, first: int, end: int, read: Stretch, queue: deque[_Open]
) -> Iterator[Unit]:
    """The units of some rows, one by one."""
    rows = table.rows[first:end]
    columns = [rows[name].tolist() for name in ("kind", "codec", "flags", *_PLACES)]
    columns += [one[first:end].tolist() for one in (table.times, table.lost, table.goes_on)]
    for kind, codec, flags, *where, time_ms, gone, goes_on in zip(*columns, strict=True):
        piece, unreadable = _cut(where, read)
        one = _Row(kind, codec, flags, time_ms, gone, piece, unreadable)
        _place(queue, one, closed=not goes_on)
        while queue and (queue[0].closed or len(queue) > _MOST_OPEN):
            yield _unit(queue.popleft())


def _together(
    rows: Frames,
    goes_on: npt.NDArray[np.bool_],
    lost: npt.NDArray[np.int64],
    limit: int,
) -> npt.NDArray[np.int64]:
    """From each row on, how many pictures are whole and lie one behind the other."""
    offset, size = rows["offset"], rows["size"].astype(np.int64)
    behind = offset + size
    inside = rows["payload_offset"].astype(np.int64) + rows["payload_size"] <= size
    plain = is_video(rows) & (rows["flags"] & _INCOMPLETE == 0) & ~goes_on & (lost == 0) & inside
    plain &= np.isin(rows["codec"], _BY_COLUMNS) & (rows["payload_size"] > 0)
    plain &= (behind <= limit) & (size <= MOST_BYTES)
    ends = ~plain
    ends[1:] |= offset[1:] < behind[:-1]
    places = np.arange(len(rows))
    cut = np.append(np.flatnonzero(ends), len(rows))
    following = cut[np.searchsorted(cut, places + plain, "left")] if len(rows) else places
    return np.where(plain, following - places, 0)


def _goes_on(rows: Frames) -> npt.NDArray[np.bool_]:
    """Whether the frame of each row goes on in a later row, as far as the table shows."""
    goes_on: npt.NDArray[np.bool_] = (rows["flags"] & FrameFlag.MORE) != 0
    video = is_video(rows)
    for places in (np.flatnonzero(video), np.flatnonzero(~video)):
        goes_on[places[:-1]] = ~begins(rows)[places[1:]]
    return goes_on


def _place(queue: deque[_Open], one: _Row, *, closed: bool) -> None:
    """Adds a row to the frame it belongs to, or begins a frame with it."""
    video = one.kind in _VIDEO
    same = next((each for each in queue if each.video == video and not each.closed), None)
    if same is not None and one.flags & _CONTINUES:
        same.parts.append(one)
        same.closed = closed
        return
    if same is not None:
        same.closed = True
    queue.append(_Open(video, [one], closed))


def _lost(rows: Frames, last: int, counted: bool) -> tuple[npt.NDArray[np.int64], int]:
    """Frames missing before each row, and the last sequence number."""
    missing = np.zeros(len(rows), dtype=np.int64)
    number = rows["sequence"]
    places = np.flatnonzero(number != NO_SEQUENCE)
    if not counted or not len(places):
        return missing, last
    known = number[places]
    steps = np.diff(known, prepend=known[0] if last == NO_SEQUENCE else last) - 1
    missing[places] = np.where((steps > 0) & (steps <= _LARGEST_LOSS), steps, 0)
    return missing, int(known[-1])


def _alone(one: _Row) -> Unit:
    """A frame that is one row, as nearly all are: `_unit` in a quarter of its time."""
    flags = one.flags
    return Unit(
        video=one.kind in _VIDEO,
        key=one.kind == _KEY,
        codec=_CODECS[one.codec],
        time_ms=one.time_ms,
        flags=FrameFlag(flags) if flags else FrameFlag.NONE,
        lost=one.lost,
        torn=one.unreadable or bool(flags & _INCOMPLETE),
        unreadable=one.unreadable,
        pieces=(one.piece,),
    )


def _unit(frame: _Open) -> Unit:
    parts = frame.parts
    if len(parts) == 1:
        return _alone(parts[0])
    flags = 0
    for one in parts:
        flags |= one.flags
    unreadable = any(one.unreadable for one in parts)
    cut = bool(parts[0].flags & _CONTINUES or parts[-1].flags & _MORE)
    return Unit(
        video=frame.video,
        key=any(one.kind == _KEY for one in parts),
        codec=Codec(parts[0].codec),
        time_ms=parts[0].time_ms,
        flags=FrameFlag(flags),
        lost=sum(one.lost for one in parts),
        torn=cut or unreadable or bool(flags & _UNFINISHED),
        unreadable=unreadable,
        pieces=tuple(one.piece for one in parts),
    )


def _cut(row: list[int], read: Stretch) -> tuple[Piece, bool]:
    start, size, before, length = row
    at = start - read.extent.start
    data = read.data[at : at + size].tobytes() if read.extent.size else b""
    first = min(before, len(data))
    end = min(first + length, len(data))
    missing = len(data) < size or any(
        bad.start < start + size and start < bad.end for bad in read.refused
    )
    return Piece(start, data, Extent(first, end)), missing


Unpack = Callable[[Segment], Frames]
"""Gives the rows of a segment in playing order, times as stored."""
