"""Files of a container format on the source: from the boxes that a scan saw to whole files.

A file begins at its `ftyp` and goes on box by box. Where a file system or the boxes themselves
do not say more, it lies in one piece and ends where the next file begins at the latest. What
belongs to no such file (an `mdat` or `moov` whose beginning is lost) is a file of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vidrecover import extents
from vidrecover.containers._boxes import MOST_BOXES, Box, chain
from vidrecover.containers._view import Column, View
from vidrecover.model import Extent, Source


class Anchors(NamedTuple):
    """Where the scan saw boxes, ordered: absolute positions, and their four-letter types."""

    places: Column
    kinds: Column

    def of(self, *kinds: bytes) -> Column:
        """The positions of these types."""
        found: Column = self.places[np.isin(self.kinds, [np.bytes_(one) for one in kinds])]
        return found


class File(NamedTuple):
    """A file found. view: its bytes; boxes: of its top level, in order."""

    view: View
    start: int
    boxes: tuple[Box, ...]


def files(
    source: Source, anchors: Anchors, known: Mapping[int, Sequence[Extent]]
) -> Iterator[File]:
    """Every file: those in several pieces first, then those that lie elsewhere, each ordered by
    first byte.

    known: extents of files in several pieces, as a file system lists them, by first byte.
    """
    listed = [one for one in anchors.places.tolist() if one in known]
    for place in listed:
        view = View(source, known[place])
        yield File(view, place, tuple(_boxes(view, anchors, None)))
    occupied = extents.merged(part for place in listed for part in known[place])
    for hole in extents.minus([Extent(0, source.size)], occupied):
        yield from _carved(source, anchors, hole)


def _carved(source: Source, anchors: Anchors, hole: Extent) -> Iterator[File]:
    """Files in one piece inside a stretch of the source."""
    begins = anchors.of(b"ftyp")
    inside = (anchors.places >= hole.start) & (anchors.places < hole.end)
    covered = hole.start
    for place in anchors.places[inside].tolist():
        if place < covered:
            continue
        following = begins[np.searchsorted(begins, place, side="right") :]
        limit = min(int(following[0]), hole.end) if len(following) else hole.end
        view = View(source, [Extent(place, limit)])
        boxes = tuple(_boxes(view, anchors, place))
        if boxes:
            yield File(view, place, boxes)
            covered = place + _reach(boxes)


def _reach(boxes: Sequence[Box]) -> int:
    return max(box.body if box.is_open else box.end for box in boxes)


def _boxes(view: View, anchors: Anchors, start: int | None) -> list[Box]:
    """The boxes of a file; behind one that is broken those that the scan saw further on.

    start: of a view in one piece, on the source; None for others.
    """
    at = 0
    seen = np.zeros(0, dtype=np.int64)
    if start is not None:
        seen = anchors.of(b"moov", b"moof", b"mdat") - start
        seen = seen[(seen >= 0) & (seen < view.size)]
    every = list[Box]()
    while len(every) < MOST_BOXES:
        found = chain(view, at, view.size)
        behind = found[-1].body if found else at + 1
        following = seen[np.searchsorted(seen, behind) :]
        if found and found[-1].is_open and len(following):
            found[-1] = found[-1]._replace(end=min(found[-1].end, int(following[0])))
        every += found
        if not len(following) or _is_whole(every) or _is_headless(every):
            break
        at = int(following[0])
    return every


def _is_headless(boxes: Sequence[Box]) -> bool:
    """Whether the first box is lost and nothing leads on: what follows may be another file's."""
    return bool(boxes) and boxes[0].kind != b"ftyp" and not boxes[-1].is_open


def _is_whole(boxes: Sequence[Box]) -> bool:
    """Whether the index of the file was met, and no fragments that go on."""
    kinds = {box.kind for box in boxes}
    return b"moov" in kinds and b"moof" not in kinds
