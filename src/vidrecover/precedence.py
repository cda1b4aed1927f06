"""What gives way after a scan: naked frames to glued ones, unnamed frames to the file system."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from vidrecover import extents, segments
from vidrecover.formats import FormatSet
from vidrecover.framings import SCATTERED
from vidrecover.model import Extent, FrameFlag, Frames, Segment


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


def contradicted(
    found: Iterable[Segment],
    files: Iterable[Sequence[Extent]],
    formats: FormatSet,
    unpack: Callable[[Segment], Frames],
) -> Iterator[tuple[Segment, Sequence[Segment]]]:
    """Segments with a frame that runs over the border of a live file's extent into bytes that are
    not the file's next ones, each without such frames.

    Several cameras that count alike can make such a frame look whole. Only of formats of which
    nothing but the next frame's header proves a frame, and frames that name no camera; where
    frames lie in many packets, only rows whose end nothing proves. found: without their rows, which
    `unpack` gives; files: extents in logical order.
    """
    borders = np.unique([a.end for one in files for a, b in pairwise(one) if a.end != b.start])
    numbers = {one.name: n for n, one in enumerate(formats.formats)}
    questioned = _in_question(formats)
    for one in found:
        first, last = np.searchsorted(borders, [one.start + 1, one.end])
        if one.channel is not None or one.format not in questioned or first == last:
            continue
        rows = unpack(one)
        rows["format"] = numbers[one.format]
        ends = rows["offset"] + rows["size"].astype(np.int64)
        torn = np.searchsorted(borders, ends) > np.searchsorted(borders, rows["offset"], "right")
        if formats[one.format].framing.reader in SCATTERED:
            torn &= (rows["flags"] & FrameFlag.END_UNPROVEN) != 0
        if torn.any():
            rest = rows.compress(~torn)
            yield one, segments.assemble(rest, formats.formats).segments if len(rest) else ()


def _in_question(formats: FormatSet) -> frozenset[str]:
    """Names of formats of which only the next frame's header proves a frame."""
    return frozenset(
        one.name
        for one in formats.formats
        if one.framing.reader not in ("mp4", "avi")
        and not one.framing.yields
        and not any(layout.trailer for layout in one.layouts)
    )
