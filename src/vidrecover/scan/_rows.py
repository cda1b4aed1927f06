"""Which rows of a unit stand, and what its other bytes are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import extents, segments
from vidrecover.model import Extent, FrameFlag, Frames, Grid, together

Column = npt.NDArray[Any]

_NOWHERE = np.iinfo(np.int64).max
_ZEROS = 4  # behind a payload, in which so many cannot be
_SMALLEST_GAP = 512  # shorter runs between frames are not listed
_LOOKED_BACK, _MOST_BEFORE = 192 << 10, 64  # bytes and rows that tell how large one can be


def in_order(rows: Frames) -> Frames:
    """The rows ordered by offset."""
    if (rows["offset"][1:] >= rows["offset"][:-1]).all():
        return rows
    return rows.take(np.argsort(rows["offset"], kind="stable"))


def held_by(rows: Frames, positions: Column) -> Column:
    """Whether each position lies inside a row; rows: ordered by offset."""
    if not len(rows):
        return np.zeros(len(positions), dtype=bool)
    place = np.searchsorted(rows["offset"], positions, side="right") - 1
    reach = np.maximum.accumulate(rows["offset"] + rows["size"])
    result: Column = (place >= 0) & (reach[np.maximum(place, 0)] > positions)
    return result


def settled(rows: Frames, yielding: Sequence[int], grids: Sequence[Grid] = ()) -> Frames:
    """The rows that stand, ordered by offset; grids: see `consistent`.

    yielding: numbers of the formats that take only what no other frame holds. Their rows end
    where another format's begin. One that nothing proves stays only behind its neighbour, at
    most twice as large as those before it: foreign bytes have no end.
    """
    soft = np.isin(rows["format"], yielding) if len(yielding) else np.zeros(len(rows), dtype=bool)
    if not soft.any():
        return consistent(rows, grids)
    firm = consistent(rows.compress(~soft), grids)
    parts = [firm]
    for number in yielding:
        own = rows.compress(rows["format"] == number)
        parts.append(_yielded(own, in_order(together(parts))))
    return in_order(together(parts))


def _yielded(rows: Frames, others: Frames) -> Frames:
    """Rows of one yielding format that stand beside the rows of others."""
    rows = rows.compress(~held_by(others, rows["offset"]) & outermost(rows))
    if not len(rows):
        return rows
    starts, ends = rows["offset"], rows["offset"] + rows["size"]
    following = np.append(others["offset"], _NOWHERE)
    border = following[np.searchsorted(following, starts)]
    _cut_off(rows, np.flatnonzero(border < ends), border)
    unproven = (rows["flags"] & FrameFlag.END_UNPROVEN) != 0
    touching = (starts + rows["size"])[:-1] == starts[1:]
    behind, after = np.append(False, touching), np.append(touching, False)
    limits = np.append(-1 << 60, others["offset"] + others["size"])
    last = np.maximum.accumulate(limits)[np.searchsorted(others["offset"], starts)]
    torn = ~behind & ~after & (starts - last <= _SMALLEST_GAP)
    stands = (~unproven | behind) & ~torn
    _shorten(rows, np.flatnonzero(unproven & behind))
    return rows.compress(stands)


def outermost(rows: Frames) -> Column:
    """Which rows, ordered by offset, do not begin inside one before: a picture whose delimiter
    stands in the window before is seen twice."""
    result = np.ones(len(rows), dtype=bool)
    ends = np.maximum.accumulate(rows["offset"] + rows["size"])
    result[1:] = rows["offset"][1:] >= ends[:-1]
    return result


def _cut_off(rows: Frames, places: Column, border: Column) -> None:
    """End rows at a border, in place."""
    size = border[places] - rows["offset"][places]
    payload = rows["payload_offset"][places].astype(np.int64)
    rows["size"][places] = size
    rows["payload_size"][places] = np.minimum(
        rows["payload_size"][places], np.maximum(size - payload, 0)
    )
    rows["flags"][places] |= np.uint16(FrameFlag.END_UNPROVEN)


def _shorten(rows: Frames, places: Column) -> None:
    """Give rows whose end nothing shows at most twice the size of the largest before, in place.

    Zeros behind the payload do show it, unless they begin with a sector: then the rest of the
    picture may never have been written.

    Only neighbours that begin a little before count, so that a unit's border changes nothing.
    """
    for place in places.tolist():
        row = rows[place : place + 1]
        end = int(row["payload_offset"][0]) + int(row["payload_size"][0])
        is_aligned = (int(row["offset"][0]) + end) % _SMALLEST_GAP == 0
        if int(row["size"][0]) - end >= _ZEROS and not is_aligned:
            row["flags"] &= ~np.uint16(FrameFlag.END_UNPROVEN)
            continue
        first = np.searchsorted(rows["offset"], int(row["offset"][0]) - _LOOKED_BACK)
        near = rows["size"][max(int(first), place - _MOST_BEFORE) : place]
        most = 2 * int(near.max()) if len(near) else _LOOKED_BACK
        if int(row["size"][0]) > most:
            _cut_off(rows, np.array([place]), rows["offset"] + most)


def consistent(rows: Frames, grids: Sequence[Grid] = ()) -> Frames:
    """The rows without those that contradict better ones; ordered by offset.

    A row whose end nothing proves stays only behind a neighbour of its format, or before a row
    that is proven; and not where a proven frame of its format begins inside it, or a border of
    the grids lies: a fragment's border cuts it there. Of rows that overlap, the one of the longer
    unbroken run stays: in `xm` and `dahua-old` the same marks mean different things, and only the
    run tells.
    """
    unproven = (rows["flags"] & FrameFlag.END_UNPROVEN) != 0
    if unproven.any():
        stands = _supported(rows, unproven) & ~_over_a_border(rows, grids)
        rows = rows.compress(~unproven | stands)
    ends = rows["offset"] + rows["size"]
    if not (rows["offset"][1:] < np.maximum.accumulate(ends)[:-1]).any():
        return rows
    return rows.take(_longest_runs(rows, ends))


def _supported(rows: Frames, unproven: Column) -> Column:
    """Unproven rows that stand; see `consistent`."""
    starts, ends = rows["offset"], rows["offset"] + rows["size"]
    stands = np.zeros(len(rows), dtype=bool)
    proven_starts = starts[~unproven]
    doubtful = np.flatnonzero(unproven)
    for number in segments.numbers_of(rows.take(doubtful)):
        own = rows["format"] == number
        places = doubtful[own[doubtful]]
        supported = _among(starts[places], np.sort(ends[own]))
        supported |= _among(ends[places], proven_starts)
        following = np.append(starts[own & ~unproven], _NOWHERE)
        cut = following[np.searchsorted(following, starts[places], side="right")] < ends[places]
        stands[places] = supported & ~cut
    return stands


def _over_a_border(rows: Frames, grids: Sequence[Grid]) -> Column:
    """Rows inside which a border of one of the grids lies."""
    found = np.zeros(len(rows), dtype=bool)
    last = rows["offset"] + rows["size"] - 1
    for grid in grids:
        border = last - (last - grid.start) % grid.size
        found |= (border > rows["offset"]) & (border >= grid.start)
    return found


def _among(values: Column, ordered: Column) -> Column:
    """Whether each value is one of the ordered ones."""
    ordered = np.append(ordered, _NOWHERE)
    found: Column = ordered[np.searchsorted(ordered, values)] == values
    return found


def _longest_runs(rows: Frames, ends: Column) -> list[int]:
    """Indices of rows that do not overlap, those of longer runs preferred."""
    score = np.zeros(len(rows), dtype=np.int64)
    for number in segments.numbers_of(rows):
        own = np.flatnonzero(rows["format"] == number)
        begins = np.ones(len(own), dtype=bool)
        begins[1:] = rows["offset"][own[1:]] != ends[own[:-1]]
        run = np.cumsum(begins) - 1
        score[own] = np.bincount(run)[run]
    kept: list[int] = []
    offsets, limits, scores = rows["offset"].tolist(), ends.tolist(), score.tolist()
    for place, offset in enumerate(offsets):
        beaten = False
        while kept and limits[kept[-1]] > offset:
            if scores[kept[-1]] >= scores[place]:
                beaten = True
                break
            kept.pop()
        if not beaten:
            kept.append(place)
    return kept


def unexplained(
    unit: Extent, tables: list[Frames], refused: list[Extent], size: int
) -> list[Extent]:
    """The unit's bytes that are neither frames nor refused, without short runs between frames.

    tables: frames of the unit and those around it; size: of the source.
    """
    frames = [one for rows in tables for one in segments.extents(rows, smallest_gap=_SMALLEST_GAP)]
    around = Extent(max(unit.start - _SMALLEST_GAP, 0), min(unit.end + _SMALLEST_GAP, size))
    rest = extents.minus([around], extents.merged([*frames, *refused]))
    return extents.common([one for one in rest if one.size >= _SMALLEST_GAP], [unit])


def mark_unreadable(rows: Frames, refused: list[Extent]) -> None:
    """Frames with unreadable bytes lack them: zeros read there are not the recorder's."""
    ends = rows["offset"] + rows["size"]
    for one in refused:
        first = int(np.searchsorted(ends, one.start, side="right"))
        last = int(np.searchsorted(rows["offset"], one.end, side="left"))
        rows["flags"][first:last] |= int(FrameFlag.UNFINISHED)
