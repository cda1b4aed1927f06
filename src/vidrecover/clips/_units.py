"""Access units and audio frames of a recording in playing order, with their bytes."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
    Source,
)

MOST_BYTES = 64 << 20
"""A larger frame is left out: no recorder writes such, and memory is bounded."""

_STRETCH = 4 << 20
_BRIDGED = 256 << 10  # bytes between two frames that are cheaper to read than to seek over
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
    source: Source,
    *,
    counted: bool,
    progress: Progress | None,
) -> Iterator[Unit]:
    """Pictures and sound in playing order; tables: wanted rows of each segment, with their times.

    counted: sequence numbers rise by one per frame, those of data rows included. progress counts
    bytes of rows read. A frame in several pieces may run on into the next table. At most one
    stretch of the source and one frame of each kind is held in memory.
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
        goes_on = _goes_on(rows).tolist()
        columns = [rows[name].tolist() for name in ("kind", "codec", "flags")]
        columns += [times.tolist(), lost.tolist()]
        for place, (piece, unreadable) in enumerate(_pieces(rows, source)):
            if progress is not None:
                progress(int(rows["size"][place]))
            kind, codec, flags, time_ms, gone = (column[place] for column in columns)
            one = _Row(kind, codec, flags, time_ms, gone, piece, unreadable)
            _place(queue, one, closed=not goes_on[place])
            while queue and (queue[0].closed or len(queue) > _MOST_OPEN):
                yield _unit(queue.popleft())
    yield from (_unit(one) for one in queue)


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


def _pieces(rows: Frames, source: Source) -> Iterator[tuple[Piece, bool]]:
    """Bytes of each row, and whether some of them could not be read; read in stretches."""
    place = 0
    while place < len(rows):
        count, stretch = _stretch(rows, place, source.size)
        buffer = np.empty(stretch.size, dtype=np.uint8)
        refused = source.read_into(stretch.start, buffer) if stretch.size else []
        part = rows[place : place + count]
        for row in zip(*(part[name].tolist() for name in _PLACES), strict=True):
            yield _cut(row, buffer, stretch, refused)
        place += count


def _stretch(rows: Frames, place: int, limit: int) -> tuple[int, Extent]:
    """How many rows from `place` on are read at once, and the extent that holds them."""
    start = int(rows["offset"][place])
    end = start + int(rows["size"][place])
    if end > limit or end - start > MOST_BYTES:
        return 1, Extent(start, start)
    count = 1
    for offset, size in zip(
        rows["offset"][place + 1 : place + 4096].tolist(),
        rows["size"][place + 1 : place + 4096].tolist(),
        strict=True,
    ):
        behind = offset + size
        if offset < start or offset - end > _BRIDGED or behind > limit:
            break
        if max(end, behind) - start > _STRETCH:
            break
        end = max(end, behind)
        count += 1
    return count, Extent(start, end)


def _cut(
    row: tuple[int, int, int, int],
    buffer: npt.NDArray[np.uint8],
    stretch: Extent,
    refused: list[Extent],
) -> tuple[Piece, bool]:
    start, size, before, length = row
    at = start - stretch.start
    data = buffer[at : at + size].tobytes() if stretch.size else b""
    first = min(before, len(data))
    end = min(first + length, len(data))
    missing = len(data) < size or (
        bool(refused) and any(bad.start < start + size and start < bad.end for bad in refused)
    )
    return Piece(start, data, Extent(first, end)), missing


Unpack = Callable[[Segment], Frames]
"""Gives the rows of a segment in playing order, times as stored."""
