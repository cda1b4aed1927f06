"""JPEG pictures outside of containers: MJPEG streams and lone pictures, one row each.

A picture is walked from marker to marker, all pictures of a window at once: by lengths up to its
coded data, there to the next marker that is no restart. That a frame header, a scan and the end
follow each other proves it. A small picture inside another's headers is no picture of its own.
Byte facts: ITU-T T.81 clauses B.1 and B.2 [A].
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.formats import MAX_FRAME_SIZE
from vidrecover.framings import _exif
from vidrecover.framings._columns import Bytes, Column, any_of, bytes_at, cut
from vidrecover.model import Codec, FrameFlag, Frames, Media, Window, no_frames

_START, _END, _SCAN, _FILL = 0xD8, 0xD9, 0xDA, 0xFF
_FRAMES = [0xC0, 0xC1, 0xC2]  # baseline to progressive; no recorder writes others
_WITH_LENGTH = [*_FRAMES, 0xC4, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE]
_FIRST = [0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE]
_APP1 = 0xE1
_SMALLEST, _LARGEST_SIDE = 48, 16384  # smaller ones are symbols, not footage
_LARGEST = MAX_FRAME_SIZE - 4096
_MOST_STEPS = 512  # markers of one picture
_MOST_DATES = 4096  # of one window that are looked for
_LARGEST_EXIF = 64 << 10
_SECTOR, _ZEROS = 512, 16
_NO_STOP = np.zeros(256, dtype=bool)  # bytes behind FF that do not end coded data
_NO_STOP[[0x00, _FILL, *range(0xD0, 0xD8)]] = True

_SEGMENT = np.dtype(
    {
        "names": ["ff", "marker", "length", "first", "height", "width", "parts"],
        "formats": ["u1", "u1", ">u2", "u1", ">u2", ">u2", "u1"],
        "offsets": [0, 1, 2, 4, 5, 7, 9],
        "itemsize": 10,
    }
)


class _Walk(NamedTuple):
    """Pictures as columns. at: the next marker; coded: where the first coded data begin, 0 none
    yet; framed: a frame header was seen; exif: where a segment with a date may be, 0 none."""

    start: Column
    at: Column
    coded: Column
    framed: Column
    exif: Column

    def where(self, kept: Column) -> "_Walk":
        return _Walk(*(column[kept] for column in self))


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """Whole pictures that start before the limit, ordered by offset.

    candidates: where the first three bytes of a picture stand in the window's data. Those of
    which the end is not there are OVERRUN, or left out where the source ends.
    """
    data = window.data
    starts = candidates[(candidates < window.limit) & (candidates + 4 <= len(data))]
    starts = starts[any_of(data[starts + 3], _FIRST)]
    late = candidates[(candidates < window.limit) & (candidates + 4 > len(data))]
    nothing = np.zeros(len(starts), dtype=np.int64)
    walk = _Walk(starts, starts + 2, nothing, nothing.astype(bool), nothing)
    ended, open_ = _ended(data, walk)
    ended = _outside(ended)
    ended = ended.where(~_blank_inside(window, ended))
    open_starts = np.concatenate([open_, late]) if not window.at_end else open_[:0]
    rows = no_frames(len(ended.start) + len(open_starts))
    rows["offset"] = np.concatenate([ended.start, open_starts]) + window.offset
    size = np.concatenate([ended.at - ended.start, np.ones(len(open_starts), dtype=np.int64)])
    rows["size"] = rows["payload_size"] = size
    rows["kind"], rows["codec"] = Media.KEY, Codec.MJPEG
    rows["flags"][len(ended.start) :] = FrameFlag.OVERRUN
    _date(data, ended, rows)
    return rows.take(np.argsort(rows["offset"], kind="stable"))


def _ended(data: Bytes, walk: _Walk) -> tuple[_Walk, Column]:
    """The pictures whose end is there, `at` behind it; and where those begin that go beyond the
    data."""
    ended = [walk.where(np.zeros(0, dtype=np.int64))]
    beyond = [np.zeros(0, dtype=np.int64)]
    stops: Column | None = None
    for _ in range(_MOST_STEPS):
        if not len(walk.start):
            break
        over = walk.at + _SEGMENT.itemsize > len(data)
        closing = over & (walk.at + 2 <= len(data))
        closing[closing] = data[walk.at[closing] + 1] == _END
        beyond.append(walk.start[over & ~closing])
        walk = walk.where(~over | closing)
        heads = cut(data, walk.at, _SEGMENT)
        done = (heads["ff"] == _FILL) & (heads["marker"] == _END) & (walk.coded > 0)
        found = walk.where(done)
        ended.append(found._replace(at=found.at + 2))
        going = (heads["ff"] == _FILL) & ~done & (walk.at - walk.start < _LARGEST)
        scan = going & _is_scan(heads, walk)
        if scan.any() and stops is None:
            stops = _stops(data, int(walk.start.min()))
        walk, onward = _onward(walk, heads, going, scan, stops)
        walk = walk.where(onward)
    parts = zip(*ended, strict=True)
    return _Walk(*(np.concatenate(columns) for columns in parts)), np.concatenate(beyond)


def _is_scan(heads: Column, walk: _Walk) -> Column:
    """Which headers begin a scan of one to four components behind a frame header."""
    fits = (heads["first"] >= 1) & (heads["first"] <= 4)
    fits &= heads["length"] == 6 + 2 * heads["first"].astype(np.int64)
    result: Column = (heads["marker"] == _SCAN) & walk.framed & fits
    return result


def _onward(
    walk: _Walk, heads: Column, going: Column, scan: Column, stops: Column | None
) -> tuple[_Walk, Column]:
    """The walks at their next markers, and which of them have one."""
    marker, length = heads["marker"], heads["length"].astype(np.int64)
    fill = going & (marker == _FILL)
    framing = any_of(marker, _FRAMES)
    right = ~framing | (_is_frame(heads) & ~walk.framed)
    plain = going & any_of(marker, _WITH_LENGTH) & (length >= 2) & right
    behind = walk.at + 2 + length
    at = np.where(fill, walk.at + 1, np.where(plain | scan, behind, walk.at))
    if stops is not None:
        at[scan] = np.append(stops, np.iinfo(np.int64).max >> 1)[np.searchsorted(stops, at[scan])]
    first = scan & (walk.coded == 0)
    dated = plain & (marker == _APP1) & (walk.exif == 0)
    onward = _Walk(
        walk.start,
        at,
        np.where(first, behind, walk.coded),
        walk.framed | (plain & framing),
        np.where(dated, walk.at, walk.exif),
    )
    return onward, fill | plain | scan


def _is_frame(heads: Column) -> Column:
    """Which frame headers are of a picture of eight bits and a sane size. [A: clause B.2.2]"""
    parts = heads["parts"].astype(np.int64)
    fits: Column = (heads["first"] == 8) & any_of(parts, [1, 3, 4])
    fits &= heads["length"] == 8 + 3 * parts
    for side in ("height", "width"):
        fits &= (heads[side] >= _SMALLEST) & (heads[side] <= _LARGEST_SIDE)
    return fits


def _stops(data: Bytes, start: int) -> Column:
    """Where coded data would end: markers that are no restart."""
    places = np.flatnonzero(data[start:-1] == _FILL) + start
    result: Column = places[~_NO_STOP[data[places + 1]]]
    return result


def _outside(walk: _Walk) -> _Walk:
    """The pictures that do not lie inside another."""
    order = np.argsort(walk.start, kind="stable")
    walk = walk.where(order)
    reach = np.maximum.accumulate(np.append(-1, walk.at))[:-1]
    return walk.where(walk.start >= reach)


def _blank_inside(window: Window, walk: _Walk) -> Column:
    """Pictures in whose coded data a sector begins with zeros: cleared or unwritten bytes."""
    data = window.data
    first = -window.offset % _SECTOR
    count = max((len(data) - first - _ZEROS) // _SECTOR + 1, 0)
    if not len(walk.start) or not count:
        return np.zeros(len(walk.start), dtype=bool)
    words: npt.NDArray[Any] = np.ndarray(
        (count, 2), "<u8", data.data, offset=first, strides=(_SECTOR, 8)
    )
    zeros = np.flatnonzero((words == 0).all(axis=1)) * _SECTOR + first
    counts = np.searchsorted(zeros, np.stack([walk.coded, walk.at]))
    result: Column = counts[1] > counts[0]
    return result


def _date(data: Bytes, walk: _Walk, rows: Frames) -> None:
    """Write the dates of pictures that carry one into their rows, in place."""
    places = np.flatnonzero(walk.exif > 0)[:_MOST_DATES]
    signed = bytes_at(data, walk.exif[places] + 4, len(_exif.SIGNATURE))
    wanted = np.frombuffer(_exif.SIGNATURE, dtype=np.uint8)
    for place in places[(signed == wanted).all(axis=1)].tolist():
        at = int(walk.exif[place]) + 4 + len(_exif.SIGNATURE)
        size = int.from_bytes(data[at - 8 : at - 6].tobytes(), "big")
        time_ms = _exif.taken(data[at : at + min(size, _LARGEST_EXIF)].tobytes())
        if time_ms is not None:
            rows["time_ms"][place] = time_ms
