"""Formats that take only what no other format holds give way to frames that were glued later."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from vidrecover import extents, segments
from vidrecover.formats import FormatSet
from vidrecover.model import Extent, Segment


def surrendered(
    found: Iterable[Segment], joined: Iterable[Segment], formats: FormatSet
) -> Iterator[tuple[Segment, Sequence[Segment]]]:
    """Segments of yielding formats in whose bytes glued frames lie, each with what is left of it.

    found: with their rows; joined: the segments that gluing made.
    """
    taken = extents.merged(
        Extent(int(row["offset"]), int(row["offset"]) + int(row["size"]))
        for one in joined
        for row in segments.unpack(one.rows)
    )
    yielding = {one.name: n for n, one in enumerate(formats.formats) if one.framing.yields}
    starts = np.array([one.start for one in taken], dtype=np.int64)
    ends = np.array([one.end for one in taken], dtype=np.int64)
    for one in found:
        if one.format not in yielding or not extents.common(taken, [Extent(one.start, one.end)]):
            continue
        rows = segments.unpack(one.rows)
        rows["format"] = yielding[one.format]
        before = np.searchsorted(starts, rows["offset"] + rows["size"].astype(np.int64)) - 1
        held = (before >= 0) & (ends[np.maximum(before, 0)] > rows["offset"])
        if held.any():
            rest = rows.compress(~held)
            yield one, segments.assemble(rest, formats.formats).segments if len(rest) else ()
