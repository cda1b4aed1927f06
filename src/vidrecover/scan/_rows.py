"""Which rows of a unit stand, and what its other bytes are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import extents, segments
from vidrecover.model import Extent, FrameFlag, Frames, Grid

Column = npt.NDArray[Any]

_NOWHERE = np.iinfo(np.int64).max
_SMALLEST_GAP = 512  # shorter runs between frames are not listed


def in_order(rows: Frames) -> Frames:
    """The rows ordered by offset."""
    if (rows["offset"][1:] >= rows["offset"][:-1]).all():
        return rows
    return rows.take(np.argsort(rows["offset"], kind="stable"))


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
