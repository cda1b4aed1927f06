"""Which rows of a unit stand, and what its other bytes are."""

from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import extents, segments
from vidrecover.model import Extent, FrameFlag, Frames

Column = npt.NDArray[Any]

_SMALLEST_GAP = 512  # shorter runs between frames are not listed


def consistent(rows: Frames) -> Frames:
    """The rows without those that contradict better ones; ordered by offset.

    Of rows that overlap, the one of the longer unbroken run stays: in `xm` and `dahua-old` the
    same marks mean different things, and only the run tells.
    """
    if not len(rows):
        return rows
    rows = rows[_supported(rows)]
    ends = rows["offset"] + rows["size"]
    if not (rows["offset"][1:] < np.maximum.accumulate(ends)[:-1]).any():
        return rows
    return rows[_longest_runs(rows, ends)]


def _supported(rows: Frames) -> Column:
    """Rows whose end is proven, or that stand behind a neighbour of their format or before a
    proven row. Where a proven frame of the format begins inside, the row was cut there."""
    starts, ends = rows["offset"], rows["offset"] + rows["size"]
    unproven = (rows["flags"] & FrameFlag.END_UNPROVEN) != 0
    stands: Column = ~unproven
    if not unproven.any():
        return stands
    supported = np.isin(ends, starts[~unproven])
    cut = np.zeros(len(rows), dtype=bool)
    for number in np.unique(rows["format"][unproven]):
        own = rows["format"] == number
        supported |= own & np.isin(starts, ends[own])
        proven = np.append(starts[own & ~unproven], np.iinfo(np.int64).max)
        cut |= own & (proven[np.searchsorted(proven, starts, side="right")] < ends)
    stands |= supported & ~cut
    return stands


def _longest_runs(rows: Frames, ends: Column) -> list[int]:
    """Indices of rows that do not overlap, those of longer runs preferred."""
    score = np.zeros(len(rows), dtype=np.int64)
    for number in np.unique(rows["format"]):
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
